"""The rules of the tests themselves (CONTRIBUTING, "Tests"), held by reading them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = sorted(HERE.rglob("*.py"))
# What waits for others needs a bound.
MAY_LOOK_AT_THE_CLOCK = {HERE / "waiting.py"}
CLOCKS = {"monotonic", "perf_counter", "process_time", "thread_time"}


def place(path: Path) -> str:
    return str(path.relative_to(HERE))


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def called(function: ast.FunctionDef) -> set[str]:
    """The names of what a function calls, and of the fixtures that it takes."""
    calls = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
    names = {call.id if isinstance(call, ast.Name) else getattr(call, "attr", "") for call in calls}
    return names | {argument.arg for argument in function.args.args}


def asserting() -> set[str]:
    """The names of all functions of the tests that assert something, by themselves or by what they call."""
    every = [function for path in FILES for function in functions(path)]
    found = {"raises", "fail", *(f.name for f in every if any(isinstance(node, ast.Assert) for node in ast.walk(f)))}
    while more := {f.name for f in every if f.name not in found and called(f) & found}:
        found |= more
    return found


ASSERTING = asserting()


@pytest.mark.parametrize("path", [path for path in FILES if path.name.startswith("test_")], ids=place)
def test_every_test_asserts_something(path: Path) -> None:
    tests = [function for function in functions(path) if function.name.startswith("test_")]
    assert [test.name for test in tests if test.name not in ASSERTING] == []


@pytest.mark.parametrize("path", sorted({*FILES} - MAY_LOOK_AT_THE_CLOCK), ids=place)
def test_no_test_measures_time(path: Path) -> None:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    assert not [node.lineno for node in nodes if isinstance(node, ast.Attribute) and node.attr in CLOCKS]


@pytest.mark.parametrize("path", FILES, ids=place)
def test_nothing_is_patched(path: Path) -> None:
    names = {argument.arg for function in functions(path) for argument in function.args.args}
    assert not names & {"monkeypatch", "mocker"}
