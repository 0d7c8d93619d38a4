"""Putting partial answers together: each says a part of a bank, the later one wins where both speak."""

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any, TypeVar

from .battery import Bank, Module

T = TypeVar("T", Bank, Module)

# topology and silent are decided by who joins, not told in answers.
_FIELDS = {
    kind: tuple(field.name for field in fields(kind) if field.name not in ("modules", "silent", "topology"))
    for kind in (Bank, Module)
}


def joined(parts: Iterable[Bank]) -> Bank:
    """Return one bank that says what the parts say; modules are joined by their number and stand in its order."""
    whole = Bank()
    modules: dict[int, Module] = {}
    for part in parts:
        whole = _over(whole, part)
        for module in part.modules:
            before = modules.get(module.number)
            modules[module.number] = module if before is None else _over(before, module)
    return replace(whole, modules=tuple(modules[number] for number in sorted(modules)))


def _over(below: T, above: T) -> T:
    """``below`` with every field that ``above`` reports."""
    told: dict[str, Any] = {name: value for name in _FIELDS[type(above)] if (value := getattr(above, name)) is not None}
    return replace(below, **told)
