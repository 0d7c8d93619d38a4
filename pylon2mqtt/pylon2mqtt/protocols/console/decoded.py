"""The result of reading one answer of a text console."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from pylon2mqtt.model import Bank

from .text import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """What one answer says: ``bank`` in the model's words, and beside it what the model has no place for.

    ``unknown``: the columns, keys and lines that nobody knows. ``doubts``: the forms in it that are a known one which
    was damaged on the line, or one that this firmware has of its own; one answer alone cannot tell which. Their values
    are left out of ``bank``. ``clocks``: the modules' own times, by number; local, often wrong. ``counts``: how many
    modules ``pwrsys`` counts (``total``, ``present``, ``sleeping``). ``dates``: of ``euro``, as printed.
    """

    bank: Bank
    unknown: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    clocks: Mapping[int, datetime] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    dates: Mapping[str, str] = field(default_factory=dict)


Reader = Callable[[Answer, int | None], Decoded]
"""It gets the lines of an answer, and the number that was asked for, None where none was; raises ProtocolError."""


def with_clocks(decoded: Decoded, now: datetime) -> Bank:
    """Return the bank with how far each module's clock is ahead of ``now``, to the minute."""
    ahead_s = {number: (at - now).total_seconds() for number, at in decoded.clocks.items()}
    to_the_minute = {number: 60.0 * round(seconds / 60) for number, seconds in ahead_s.items()}
    modules = (replace(module, clock_offset=to_the_minute.get(module.number)) for module in decoded.bank.modules)
    return replace(decoded.bank, modules=tuple(modules))


def without_voltages(bank: Bank) -> Bank:
    """Return what `soh` says without its voltages: it is remembered for so long that they are those of another hour."""
    modules = (
        replace(module, cells=tuple(replace(cell, voltage=None) for cell in module.cells or ()) or None)
        for module in bank.modules
    )
    return replace(bank, modules=tuple(modules))
