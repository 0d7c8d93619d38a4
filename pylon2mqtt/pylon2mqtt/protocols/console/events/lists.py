"""What is new in the battery's own lists, reported once: the recorded events and the log.

::

    data event       the newest record, with its number       log    all entries, the newest first, three on a page
    data event 41    the one before, and so on

Both lists are short and roll over: then every number stays, and the records move. So an entry is known again by what it
says, not by its number. What stands in a list at the first look is from before, and is not reported.
"""

from collections.abc import Callable
from dataclasses import replace
from operator import attrgetter

from pylon2mqtt.errors import DeviceError, FrameError
from pylon2mqtt.model import Bank, Event
from pylon2mqtt.protocols.console.commands import LOG, ConsoleCommand
from pylon2mqtt.protocols.console.session import twice
from pylon2mqtt.protocols.schedule import Schedule

Events = tuple[Event, ...]
Ask = Callable[[ConsoleCommand, int | None], Events]

# The most records that a list is walked back; between two looks there are hardly ever more than one or two.
_MOST_NEW = 32


class EventLists:
    """The two lists of one console, as they were at the last look: ``record``, asked in its own period, and `log`."""

    def __init__(self, slow: Schedule, record: ConsoleCommand) -> None:
        self._slow = slow
        self._record = record
        self._newest: Event | None = None
        self._log: Events | None = None
        self._new: list[Event] | None = None

    def news(self, ask: Ask) -> Events | None:
        """Return what is new, the oldest first; None as long as the battery has not shown a list.

        ``ask`` returns the entries that a command shows, with the number of a record or without.
        """
        self._slow.answer(str(self._record), self._record.every_s, lambda: self._look_at_records(ask))
        self._slow.answer(str(LOG), LOG.every_s, lambda: self._look_at_log(ask))
        if self._new is None:
            return None
        new, self._new = self._new, []
        return tuple(new)

    def _look_at_records(self, ask: Ask) -> Bank:
        before = self._newest
        newest = self._shown(ask, None, before)
        new = [] if before is None or _same(newest, before) else self._since(ask, newest, before)
        self._newest = newest
        self._new = (self._new or []) + new
        return Bank()

    def _since(self, ask: Ask, newest: Event, before: Event) -> list[Event]:
        """The records that are newer than the one known ``before``, the oldest first."""
        new = [newest]
        for number in range(newest.number - 1, max(-1, newest.number - _MOST_NEW), -1):
            try:
                record = self._shown(ask, number)
            except DeviceError:  # The list was cleared, and begins later.
                break
            if _same(record, before):
                break
            new.insert(0, record)
        return new

    def _look_at_log(self, ask: Ask) -> Bank:
        before = self._log
        self._log = twice(str(LOG), lambda: ask(LOG, None), before)
        self._new = (self._new or []) + _ahead(self._log, self._log if before is None else before)
        return Bank()

    def _shown(self, ask: Ask, number: int | None, last: Event | None = None) -> Event:
        known: Events | None = None if last is None else (last,)
        shown = twice(self._record.asked(number), lambda: ask(self._record, number), known)
        if len(shown) != 1 or number not in (None, shown[0].number):
            raise FrameError(f"{self._record.asked(number)} shows no whole record: ask again")
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
