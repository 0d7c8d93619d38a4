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
"""Happenings that are kept for a match."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmatched:
    """An alarm that began, or an entry of the list, without the other one yet.

    ``id`` is that of its happening, ``at`` is in the owner's zone. ``sure``: our own time, or a stamp put right.
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


def match(new: Unmatched, before: tuple[Unmatched, ...]) -> Unmatched | None:
    """Return the one before that is the same happening, the nearest in time."""
    found = [one for one in before if _is_same(one, new)]
    return min(found, key=lambda one: abs(one.at - new.at), default=None)


def _is_same(earlier: Unmatched, later: Unmatched) -> bool:
    if (earlier.module, earlier.alarm) != (later.module, later.alarm) or earlier.entry == later.entry:
        return False
    if earlier.sure and later.sure:
        return abs(earlier.at - later.at) <= _SAME
    return later.entry and earlier.at <= later.at <= earlier.at + _NEXT


def recent(unmatched: tuple[Unmatched, ...], at: datetime) -> tuple[Unmatched, ...]:
    """Return those that may still be matched."""
    return tuple(one for one in unmatched if at - one.at <= _NEXT)[-_MOST:]
