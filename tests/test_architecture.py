"""The house rules, held by reading the source."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from pylon2mqtt.protocols import registry as protocols

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pylon2mqtt" / "pylon2mqtt"
FILES = sorted(PACKAGE.rglob("*.py"))

# Room -> what it may import of the package: rooms, or single modules of another room.
MAY_IMPORT = {
    "errors": set(),
    "options": set(),
    "model": {"model"},
    "transports": {"transports", "errors", "options"},
    "protocols": {"protocols", "model", "errors", "options", "transports.base"},
    "outputs": {"outputs", "model", "errors", "options", "__version__"},
    "config": {
        "config",
        "errors",
        "options",
        "outputs.base",
        "outputs.registry",
        "protocols.registry",
        "transports.registry",
        "transports.lines",
        "transports.can.options",
    },
    "supervisor": {"errors", "options"},
    "simulator": {"simulator", "model", "errors", "transports", "protocols.binary.frame"},
}
EVERYTHING = {"app", "cli", "__main__", "__init__"}

# Library -> the rooms that are its only home.
HOMES = {
    "serial": {"transports"},
    "can": {"transports", "simulator"},
    "pyroute2": {"transports"},
    "construct": {"protocols"},
    "cantools": {"protocols"},
    "paho": {"outputs"},
    "voluptuous": {"config"},
    "urllib": {"supervisor", "transports"},
    "http": {"supervisor", "outputs"},
    "amqtt": {"simulator"},
    "asyncio": {"simulator"},
    "threading": {"app", "cli"},
    "multiprocessing": set(),
    "subprocess": set(),
}

LONGEST_FUNCTION = 60
LONGEST_FILE, LONGEST_PROTOCOL = 300, 400


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> list[str]:
    """Every imported name, absolute: ``pylon2mqtt.model.units`` or ``serial``."""
    package = ["pylon2mqtt", *path.relative_to(PACKAGE).parts[:-1]]
    found = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found += [f"{module}.{alias.name}" for alias in node.names] if module else []
    return found


def functions(path: Path) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef)]


def length(node: ast.FunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_room_imports_only_what_it_may(path: Path) -> None:
    if room(path) in EVERYTHING:
        assert path.parent in (PACKAGE, PACKAGE / "cli", PACKAGE / "app")
        return
    own = [name.removeprefix("pylon2mqtt.") for name in imports(path) if name.startswith("pylon2mqtt")]
    allowed = MAY_IMPORT[room(path)]
    strange = [n for n in own if not any(n == a or n.startswith(f"{a}.") for a in allowed)]
    assert not strange, f"{room(path)} may not import {strange}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_library_has_one_home(path: Path) -> None:
    libraries = {name.partition(".")[0] for name in imports(path)}
    lodgers = {name for name in libraries & set(HOMES) if room(path) not in HOMES[name]}
    assert not lodgers
    foreign = libraries - set(sys.stdlib_module_names) - {"pylon2mqtt"} - set(HOMES)
    assert not foreign, f"{foreign} has no home: name one"


def test_a_declaration_imports_no_library() -> None:
    """What is switched off costs nothing: reading the options loads neither an output nor a driver."""
    script = (
        "import sys; from pylon2mqtt.config import parse\n"
        "parse({'batteries': [{'name': 'House', 'address': 'can0'}, {'name': 'B', 'device': '/dev/a'}]})\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & set(sys.argv[1:])))"
    )
    libraries = ["serial", "can", "pyroute2", "construct", "cantools", "paho"]
    done = subprocess.run([sys.executable, "-P", "-c", script, *libraries], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_nobody_imports_the_app() -> None:
    others = [path for path in FILES if room(path) not in EVERYTHING]
    assert len(others) > 20
    assert not [
        path for path in others if any(n.startswith(("pylon2mqtt.app", "pylon2mqtt.cli")) for n in imports(path))
    ]


def test_the_model_needs_only_the_standard_library() -> None:
    names = {n.partition(".")[0] for path in FILES if room(path) == "model" for n in imports(path)}
    assert names <= set(sys.stdlib_module_names) | {"pylon2mqtt"}


def test_every_protocol_is_registered_and_has_recordings() -> None:
    folders = {path.parent.name for path in (PACKAGE / "protocols").glob("*/__init__.py")}
    registered = {target.partition(".")[0] for target in protocols.PROTOCOLS.values()}
    assert folders == registered
    for name in protocols.PROTOCOLS:
        assert list((ROOT / "tests" / "captures" / name).glob("*.txt")), f"{name} has no recordings"


def test_functions_and_files_are_short() -> None:
    lengths = [length(node) for path in FILES for node in functions(path)]
    lengths.sort()
    assert lengths[len(lengths) // 2] <= 10
    assert lengths[len(lengths) * 9 // 10] < 30
    long = [f"{path.name}:{f.name}" for path in FILES for f in functions(path) if length(f) > LONGEST_FUNCTION]
    assert not long
    for path in FILES:
        limit = LONGEST_PROTOCOL if room(path) == "protocols" else LONGEST_FILE
        assert path.read_text(encoding="utf-8").count("\n") <= limit, path.name


def test_no_assert_checks_data() -> None:
    guilty = [path.name for path in FILES if any(isinstance(node, ast.Assert) for node in ast.walk(tree(path)))]
    assert not guilty


def test_broad_except_only_at_the_top_of_a_thread() -> None:
    broad = [
        path.name
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException"))
    ]
    assert broad == ["line_reader.py", "output_runner.py"]


def test_nothing_does_io_at_import() -> None:
    """Import every module under an audit hook that sees files, sockets and processes."""
    modules = [".".join(("pylon2mqtt", *p.relative_to(PACKAGE).with_suffix("").parts)) for p in FILES]
    names = [name.removesuffix(".__init__") for name in modules]
    script = f"""
import importlib, sys
for name in {names!r}:  # once without the hook: what libraries do at their import is not ours
    importlib.import_module(name)
for name in [n for n in sys.modules if n.partition(".")[0] == "pylon2mqtt"]:
    del sys.modules[name]
seen = []
def hook(event, args):
    source = event == "open" and str(args[0]).endswith((".py", ".pyc", ".so"))
    if not source and event.partition(".")[0] in ("open", "socket", "subprocess"):
        seen.append((event, args))
sys.addaudithook(hook)
for name in {names!r}:
    importlib.import_module(name)
print(seen)
"""
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
