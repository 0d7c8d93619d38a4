"""Putting answers together: parts of a bank, of which the later one wins, and two readings that have to agree."""

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any

from .battery import Bank, Cell, Module

# A counter of seconds, or of charge, goes on between two readings: by so much, and this part of itself.
_STEPS, _SHARE = 5.0, 0.001

_TABLES = ("parameters", "counters", "registers", "words")

# topology, silent and events are decided by who joins: no single answer reports them.
_FIELDS = {
    kind: tuple(field.name for field in fields(kind) if field.name not in ("modules", "silent", "events", "topology"))
    for kind in (Bank, Module, Cell)
}


def joined(parts: Iterable[Bank]) -> Bank:
    """Return one bank that says what the parts say; modules and their cells are joined by number, tables by key."""
    whole: dict[str, Any] = {}
    modules: dict[int, dict[str, Any]] = {}
    for part in parts:
        whole = _over(whole, _reported(part))
        for module in part.modules:
            modules[module.number] = _over(modules.get(module.number, {}), _reported(module))
    return Bank(**whole, modules=tuple(Module(**modules[number]) for number in sorted(modules)))


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """What both say of one bank or module; where both speak, ``above`` does."""
    both = below | above
    for table in _TABLES:
        if table in below and table in above:
            both[table] = {**below[table], **above[table]}
    if "cells" in below and "cells" in above:
        cells = {cell.number: cell for cell in below["cells"]}
        for cell in above["cells"]:
            before = cells.get(cell.number, cell)
            alarms = {"alarms": tuple(dict.fromkeys((*(before.alarms or ()), *(cell.alarms or ()))))}
            cells[cell.number] = replace(before, **(_reported(cell) | (alarms if before.alarms else {})))
        both["cells"] = tuple(cells[number] for number in sorted(cells))
    return both


def _reported(part: Bank | Module | Cell) -> dict[str, Any]:
    """The fields that a part reports; ``at_once`` is no report, and stays true where one part makes it so."""
    values = {name: getattr(part, name) for name in _FIELDS[type(part)]}
    return {name: value for name, value in values.items() if value is not None and (value or name != "at_once")}


def reported_fields(kind: type[Bank] | type[Module] | type[Cell]) -> tuple[str, ...]:
    """Return the names of the fields that an answer can report."""
    return _FIELDS[kind]


def agreed(one: Bank, other: Bank) -> Bank:
    """Return what two readings of the same both say; what differs is not reported. A counter may have gone on."""
    modules = {module.number: module for module in one.modules}
    pairs = [(modules[module.number], module) for module in other.modules if module.number in modules]
    bank: Bank = _common(one, other)
    return replace(bank, modules=tuple(_common(*pair) for pair in pairs))


def _common(one: Any, other: Any) -> Any:
    """The later of two banks or modules, without what they do not agree on."""
    differing = [name for name in _FIELDS[type(one)] if getattr(one, name) != getattr(other, name)]
    changes: dict[str, Any] = dict.fromkeys(differing)
    for name in {"alarms", *_TABLES} & changes.keys():
        changes[name] = _kept(name, getattr(one, name), getattr(other, name))
    return replace(other, **changes)


def _kept(name: str, one: Any, other: Any) -> Any:
    """The members of two tuples or tables that both have."""
    if one is None or other is None:
        return None
    if isinstance(one, tuple):
        return tuple(member for member in other if member in one)
    return {key: value for key, value in other.items() if key in one and _goes_on(name, one[key], value)}


def _goes_on(name: str, before: Any, now: Any) -> bool:
    """Whether two readings of one entry agree: a counter may have gone on."""
    if name != "counters":
        return bool(before == now)
    return bool(0 <= now - before <= _STEPS + _SHARE * abs(before))
