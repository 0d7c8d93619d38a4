"""The house rules, held by reading the source."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from pylon2mqtt.protocols import registry as protocols
from pylon2mqtt.protocols.binary.dialect import BinaryDialect
from pylon2mqtt.protocols.binary.dialects import DIALECTS, tried_on
from pylon2mqtt.protocols.binary.recorded import probes

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pylon2mqtt" / "pylon2mqtt"
FILES = sorted(PACKAGE.rglob("*.py"))

# Room -> what it may import of the package: rooms, or single modules of another room.
MAY_IMPORT = {
    "errors": set(),
    "options": set(),
    "model": {"model"},
    "insight": {"insight", "model"},
    "records": {"records", "model", "errors"},
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

LONGEST_FUNCTION = 50
LONGEST_FILE, LONGEST_TABLE = 300, 400
# A file of a dialect or a layout is mostly a table.
OF_TABLES = {"dialects", "layouts"}
MOST_FILES = 15


def room(path: Path) -> str:
    return (path.relative_to(PACKAGE).parts or ("__init__",))[0].removesuffix(".py")


def relative(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def neighbour(path: Path) -> str | None:
    """The language or the output that a file belongs to; None for what all of a room share."""
    parts = path.relative_to(PACKAGE).parts
    if parts[0] == "protocols" and len(parts) == 2:
        return None
    name = parts[1].removesuffix(".py")
    return None if name in ("__init__", "base", "registry") else name


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


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.title)
def test_every_dialect_of_the_binary_frame_is_asked_probed_hidden_and_recorded(dialect: BinaryDialect) -> None:
    """A driver tries it, `auto` finds it or it says why not, its barcode is hidden, and there is a recording of it."""
    drivers = [line for line in protocols.PROTOCOLS if dialect in tried_on(line)]
    assert set(drivers) == set(dialect.lines) != set()
    if isinstance(dialect.probe, str):
        assert dialect.probe, "why there is none"
    else:
        assert dialect.title in [probe.title for probe in probes(dialect.probe.protocol)]
    assert dialect.needed, "what a module needs to exist"
    assert dialect.identity is None or dialect.identity in dialect.barcodes
    asked = {dialect.needed[0], *dialect.of_module, *dialect.of_bank, *filter(None, (dialect.identity, dialect.count))}
    assert asked <= dialect.commands
    assert any(_speaks(dialect, path) for path in (ROOT / "tests" / "captures").glob("rs*/*.txt"))


def _speaks(dialect: BinaryDialect, path: Path) -> bool:
    """Whether answers in a recording are a dialect's: to its own question for the values of a first module."""
    first = dialect.question(dialect.needed[0], dialect.stacks[0][0].first)
    text = path.read_text(encoding="ascii")
    return f"> {first.to_bytes().decode()[:-1]}" in text


def test_functions_are_short() -> None:
    lengths = sorted(length(node) for path in FILES for node in functions(path))
    assert lengths[len(lengths) // 2] <= 8
    assert lengths[len(lengths) * 9 // 10] < 20
    assert not [f"{path.name}:{f.name}" for path in FILES for f in functions(path) if length(f) > LONGEST_FUNCTION]


ROOMS = sorted({room(path) for path in FILES})


@pytest.mark.parametrize("name", ROOMS)
def test_files_are_short(name: str) -> None:
    for path in (path for path in FILES if room(path) == name):
        limit = LONGEST_TABLE if path.parent.name in OF_TABLES else LONGEST_FILE
        assert path.read_text(encoding="utf-8").count("\n") <= limit, relative(path)


@pytest.mark.parametrize("name", ROOMS)
def test_a_folder_can_be_seen_at_once(name: str) -> None:
    for folder in {path.parent for path in FILES if room(path) == name}:
        assert len(list(folder.glob("*.py"))) <= MOST_FILES, relative(folder)


def test_no_class_name_stands_for_two_things() -> None:
    homes: dict[str, list[str]] = {}
    for path in FILES:
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(relative(path))
    assert not {name: paths for name, paths in homes.items() if len(paths) > 1}


@pytest.mark.parametrize("name", ["protocols", "outputs"])
def test_neighbours_do_not_know_each_other(name: str) -> None:
    """No language imports another one, and no output another one; only their registries know them all."""
    owners = {path: owner for path in FILES if room(path) == name and (owner := neighbour(path))}
    prefix = f"pylon2mqtt.{name}."
    for path, owner in owners.items():
        imported = {each.removeprefix(prefix).partition(".")[0] for each in imports(path) if each.startswith(prefix)}
        assert not imported & (set(owners.values()) - {owner}), relative(path)


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
