"""Putting partial answers together: each says a part of a bank, the later one wins where both speak."""

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any

from .battery import Bank, Cell, Module

# topology, silent and events are decided by who joins: no answer alone tells them.
_FIELDS = {
    kind: tuple(field.name for field in fields(kind) if field.name not in ("modules", "silent", "events", "topology"))
    for kind in (Bank, Module, Cell)
}


def joined(parts: Iterable[Bank]) -> Bank:
    """Return one bank that says what the parts say; modules and their cells are joined by number, tables by key."""
    whole: dict[str, Any] = {}
    modules: dict[int, dict[str, Any]] = {}
    for part in parts:
        whole |= _told(part)
        for module in part.modules:
            modules[module.number] = _over(modules.get(module.number, {}), _told(module))
    return Bank(**whole, modules=tuple(Module(**modules[number]) for number in sorted(modules)))


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """What both say of one module; where both speak, ``above`` does."""
    both = below | above
    for table in ("parameters", "counters"):
        if table in below and table in above:
            both[table] = {**below[table], **above[table]}
    if "cells" in below and "cells" in above:
        cells = {cell.number: cell for cell in below["cells"]}
        for cell in above["cells"]:
            before = cells.get(cell.number, cell)
            alarms = {"alarms": tuple(dict.fromkeys((*(before.alarms or ()), *(cell.alarms or ()))))}
            cells[cell.number] = replace(before, **(_told(cell) | (alarms if before.alarms else {})))
        both["cells"] = tuple(cells[number] for number in sorted(cells))
    return both


def _told(part: Bank | Module | Cell) -> dict[str, Any]:
    """The fields that a part reports."""
    return {name: value for name in _FIELDS[type(part)] if (value := getattr(part, name)) is not None}
