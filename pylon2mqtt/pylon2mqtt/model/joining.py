"""Putting partial answers together: each says a part of a bank, the later one wins where both speak."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from .battery import Bank, Module

# topology and silent are decided by who joins, not told in answers.
_FIELDS = {
    kind: tuple(field.name for field in fields(kind) if field.name not in ("modules", "silent", "topology"))
    for kind in (Bank, Module)
}


def joined(parts: Iterable[Bank]) -> Bank:
    """Return one bank that says what the parts say; modules are joined by their number and stand in its order."""
    whole: dict[str, Any] = {}
    modules: dict[int, dict[str, Any]] = {}
    for part in parts:
        whole |= _told(part)
        for module in part.modules:
            modules[module.number] = modules.get(module.number, {}) | _told(module)
    return Bank(**whole, modules=tuple(Module(**modules[number]) for number in sorted(modules)))


def _told(part: Bank | Module) -> dict[str, Any]:
    """The fields that a part reports."""
    return {name: value for name in _FIELDS[type(part)] if (value := getattr(part, name)) is not None}
