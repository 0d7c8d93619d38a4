"""What is new in the battery's own lists, told once: the recorded events and the log.

::

    data event       the newest record, with its number       log    all entries, the newest first, three on a page
    data event 41    the one before, and so on

Both lists are short and roll over: then every number stays, and the records move. So an entry is known again by what it
says, not by its number. What stands in a list at the first look is from before, and is not told.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from operator import attrgetter

from pylon2mqtt.errors import DeviceError, FrameError
from pylon2mqtt.model import Bank, Event
from pylon2mqtt.protocols.schedule import Schedule

from .commands import Command, twice

Events = tuple[Event, ...]
Ask = Callable[[Command, int | None], Events]

# The most records that a list is walked back; between two looks there are hardly ever more than one or two.
_MOST_NEW = 32


class History:
    """The two lists of one console, as they were at the last look; ``slow`` says when that is due, by ``every_s``."""

    def __init__(self, slow: Schedule, every_s: Mapping[Command, float]) -> None:
        self._slow = slow
        self._every_s = every_s
        self._newest: Event | None = None
        self._log: Events | None = None
        self._new: list[Event] | None = None

    def news(self, ask: Ask) -> Events | None:
        """Return what is new, the oldest first; None as long as the battery has not shown a list.

        ``ask`` returns the entries that a command shows, with the number of a record or without.
        """
        self._slow.answer(Command.RECORD, self._every_s[Command.RECORD], lambda: self._look_at_records(ask))
        self._slow.answer(Command.LOG, self._every_s[Command.LOG], lambda: self._look_at_log(ask))
        if self._new is None:
            return None
        new, self._new = self._new, []
        return tuple(new)

    def _look_at_records(self, ask: Ask) -> Bank:
        before, new = self._newest, []
        newest = _record(ask, None, before)
        if before is not None and not _same(newest, before):
            new = [newest]
            for number in range(newest.number - 1, max(-1, newest.number - _MOST_NEW), -1):
                try:
                    record = _record(ask, number)
                except DeviceError:  # The list was cleared, and begins later.
                    break
                if _same(record, before):
                    break
                new.insert(0, record)
        self._newest = newest
        self._new = (self._new or []) + new
        return Bank()

    def _look_at_log(self, ask: Ask) -> Bank:
        before = self._log
        self._log = twice(Command.LOG, lambda: ask(Command.LOG, None), before)
        self._new = (self._new or []) + _ahead(self._log, self._log if before is None else before)
        return Bank()


def _record(ask: Ask, number: int | None, last: Event | None = None) -> Event:
    known: Events | None = None if last is None else (last,)
    shown = twice(Command.RECORD, lambda: ask(Command.RECORD, number), known)
    if len(shown) != 1 or number not in (None, shown[0].number):
        raise FrameError(f"{Command.RECORD} {'' if number is None else number} shows no whole record: ask again")
    return shown[0]


def _ahead(entries: Events, known: Events) -> list[Event]:
    """The entries of a list that are newer than those known of it, the oldest first."""
    newest_first = sorted(entries, key=attrgetter("number"), reverse=True)
    now = [replace(entry, number=0) for entry in newest_first]
    before = [replace(entry, number=0) for entry in sorted(known, key=attrgetter("number"), reverse=True)]
    new = next(n for n in range(len(now) + 1) if now[n:] == before[: len(now) - n])
    return newest_first[:new][::-1]


def _same(one: Event, other: Event) -> bool:
    return replace(one, number=other.number) == other
