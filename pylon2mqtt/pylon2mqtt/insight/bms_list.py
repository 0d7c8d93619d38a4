"""The BMS's own list of events beside our own view: what both saw is one happening.

Method: an entry of the list and an alarm that we saw begin are one where module and kind are the same, and the entry's
stamp, put right by how far the BMS's clock is off, is within 2 minutes of our reading. Where the offset is not known,
it is the next entry of that kind within a day after the alarm began. The later of the two completes the earlier one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pylon2mqtt.model import AlarmKind, Event, Module
from pylon2mqtt.model.units import Seconds

_SAME = timedelta(minutes=2)
_NEXT = timedelta(days=1)
_MOST = 24
"""Happenings that wait for their other half."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """A happening that may have another half: an alarm that began, or an entry of the list.

    ``at`` is in the owner's zone; ``sure``: an entry whose stamp could be put right, or an alarm of our own.
    """

    id: str
    module: int | None
    alarm: AlarmKind
    at: datetime
    entry: bool
    sure: bool = True


def put_right(event: Event, module: Module | None, at: datetime) -> datetime | None:
    """Return when an entry was made by the owner's clock; None where that is not known."""
    offset_s: Seconds | None = module.clock_offset if module else None
    if event.at is None or offset_s is None:
        return None
    return (event.at - timedelta(seconds=offset_s)).replace(tzinfo=at.tzinfo)


def other_half(half: Half, waiting: tuple[Half, ...]) -> Half | None:
    """Return the earlier half of the same happening, the nearest in time."""
    found = [one for one in waiting if _belong(one, half)]
    return min(found, key=lambda one: abs(one.at - half.at), default=None)


def _belong(earlier: Half, later: Half) -> bool:
    if (earlier.module, earlier.alarm) != (later.module, later.alarm) or earlier.entry == later.entry:
        return False
    if earlier.sure and later.sure:
        return abs(earlier.at - later.at) <= _SAME
    return later.entry and earlier.at <= later.at <= earlier.at + _NEXT


def waiting_on(halves: tuple[Half, ...], at: datetime) -> tuple[Half, ...]:
    """Return those that may still find their other half."""
    return tuple(one for one in halves if at - one.at <= _NEXT)[-_MOST:]
