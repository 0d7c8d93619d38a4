"""Finding a stack: its dialect, its rate, its groups and its modules; and looking for more of them later."""

import logging
from collections.abc import Callable, Iterable
from itertools import takewhile

from pylon2mqtt.errors import DecodeError, DeviceError, FrameError, ProtocolError, TransportTimeoutError
from pylon2mqtt.protocols.base import Clock
from pylon2mqtt.protocols.roster import Roster
from pylon2mqtt.transports.base import ByteTransport

from .asking import Asking
from .dialect import BinaryDialect, Group
from .stack import CHECK, Stack

_LOG = logging.getLogger(__name__)

LOST_AFTER = 3
"""So many reads without any answer, and the battery is looked for anew, at all its rates."""

# New modules are looked for so often: sooner at first, because slaves wake up after their master. Each look costs two
# time-outs.
_LOOK_AGAIN_S = (20.0, 60.0, 300.0)
# So many silent places in a row are the end of a stack.
_SILENT_IN_A_ROW = 2

Trouble = FrameError | DecodeError


class Finder:
    """Finds one stack and remembers it; what answered last is tried first.

    ``addresses`` are places that are asked whether the search reaches them or not. ``settle`` is called when somebody
    answers, before all modules are looked for.
    """

    def __init__(
        self,
        dialects: Iterable[BinaryDialect],
        roster: Roster,
        *,
        name: str | None,
        clock: Clock,
        addresses: frozenset[int],
        settle: Callable[[ByteTransport, Stack], None],
    ) -> None:
        self._name = name
        self._clock = clock
        self._roster = roster
        self._addresses = addresses
        self._settle = settle
        self._asking = [Asking(dialect, clock) for dialect in dialects]
        self._stack: Stack | None = None
        self._lost_reads = LOST_AFTER
        self._searches = 0
        self._looks = 0
        self._look_at = 0.0

    def stack(self, line: ByteTransport) -> Stack:
        """Return the stack that is on the line; look for it, or for more of its modules, where that is due.

        Raises what was wrong with the answers where none is good, TransportTimeoutError where nobody answers.
        """
        if self._stack is None or self._lost_reads >= LOST_AFTER:
            self._stack = self._find(line)
        elif self._clock.now() >= self._look_at:
            self._look_for_more(line, self._stack)
        return self._stack

    def missed(self) -> None:
        """Note that nobody of the stack answered."""
        self._lost_reads += 1

    def answered(self) -> None:
        """Note that somebody of the stack answered."""
        self._lost_reads = 0

    def lose(self) -> None:
        """Look for everything anew at the next read."""
        self._lost_reads = LOST_AFTER

    # -------------------- dialect, rate and groups

    def _find(self, line: ByteTransport) -> Stack:
        """Try the dialects at their rates until a module answers."""
        trouble: Trouble | None = None
        for asking in sorted(self._asking, key=lambda asking: self._stack is None or asking is not self._stack.asking):
            last, asking.master = asking.baudrate, None
            for baudrate in asking.rates(line):
                asking.baudrate = baudrate
                line.set_baudrate(baudrate)
                try:
                    groups = self._groups(line, asking)
                except (FrameError, DecodeError) as error:
                    trouble = trouble or error
                    continue
                if groups:
                    return self._found(line, asking, groups)
            asking.baudrate = last
        self._searches += 1
        raise trouble or self._silence(line)

    def _silence(self, line: ByteTransport) -> TransportTimeoutError:
        tried = []
        for asking in self._asking:
            *places, last = (str(stack[0].first) for stack in asking.dialect.stacks)
            where = f"{', '.join(places)} and {last}" if places else last
            tried.append(f"{asking.dialect.title} at {where}")
        return TransportTimeoutError(f"no battery answers on {line.line}, asked in {'; '.join(tried)}: {CHECK}")

    def _groups(self, line: ByteTransport, asking: Asking) -> list[Group]:
        """The groups that are there, one behind the other; where the first is not, one of the others in each search."""
        for stack in asking.dialect.stacks:
            found = list(takewhile(lambda group: self._is_there(line, asking, group), stack))
            if found:
                return self._wider(line, asking, found)
            if self._is_bank(line, asking, stack[0]):
                return [stack[0]]
            if len(stack) > 1:
                other = stack[1 + self._searches % (len(stack) - 1)]
                if self._is_there(line, asking, other):
                    return [other]
        return []

    def _wider(self, line: ByteTransport, asking: Asking, found: list[Group]) -> list[Group]:
        """The group that the found one is only a part of, where there is such a one."""
        wider = (group for (group, *_) in asking.dialect.stacks if group.contains_others)
        for group in wider:
            if found[0].first in group.places[1:] and self._answers_at_all(line, asking, group):
                return [group]
        return found

    def _answers_at_all(self, line: ByteTransport, asking: Asking, group: Group) -> bool:
        try:
            return self._is_there(line, asking, group)
        except (FrameError, DecodeError) as error:
            _LOG.debug("%s: looking for more groups: %s", self._name, error)
            return False

    def _is_there(self, line: ByteTransport, asking: Asking, group: Group) -> bool:
        """Whether somebody answers in a group. A damaged answer is raised: then this is hardly the right rate."""
        wait_s = asking.dialect.first_wait_s(asking.baudrate)
        for place in group.places[: group.tries]:
            try:
                asking.ask(line, asking.dialect.needed[0], place, timeout_s=wait_s)
            except (TransportTimeoutError, DeviceError):
                continue
            return True
        return False

    def _is_bank(self, line: ByteTransport, asking: Asking, group: Group) -> bool:
        """Emulations of a whole bank name no single modules."""
        if asking.dialect.bank_only is None:
            return False
        try:
            asking.ask(line, asking.dialect.bank_only, group.first)
        except (TransportTimeoutError, DeviceError):
            return False
        return True

    def _found(self, line: ByteTransport, asking: Asking, groups: list[Group]) -> Stack:
        """Look for all modules of the groups; who was known before is not forgotten, unless the dialect is another."""
        if self._stack is not None and self._stack.asking is not asking:
            self._roster.forget()
        stack = Stack(asking, groups, name=self._name, now=self._clock.now)
        self._settle(line, stack)
        self._lost_reads = self._looks = 0
        self._look_at = self._clock.now() + _LOOK_AGAIN_S[0]
        for group in groups:
            self._search(line, stack, group, anew=True)
        self._ask_named(line, stack)
        self._say_found(line, stack)
        return stack

    # -------------------- modules

    def _look_for_more(self, line: ByteTransport, stack: Stack) -> None:
        """Look for modules behind the known ones, and for one group that was not there."""
        self._looks += 1
        self._look_at = self._clock.now() + _LOOK_AGAIN_S[min(self._looks, len(_LOOK_AGAIN_S) - 1)]
        before = set(self._roster.slots)
        for group in stack.groups:
            self._search(line, stack, group, anew=False)
        if missing := stack.missing:
            self._look_for_group(line, stack, missing[self._looks % len(missing)])
        self._ask_named(line, stack)
        if set(self._roster.slots) != before:
            self._say_found(line, stack)

    def _look_for_group(self, line: ByteTransport, stack: Stack, group: Group) -> None:
        if self._answers_at_all(line, stack.asking, group):
            stack.groups = sorted((*stack.groups, group), key=lambda group: group.first)
            self._search(line, stack, group, anew=True)

    def _search(self, line: ByteTransport, stack: Stack, group: Group, *, anew: bool) -> None:
        """Look for the modules of a group that do not answer yet; ``anew`` asks all.

        Modules that the master counts and that do not answer themselves are asked through it, or told of by it, or
        silent: no sum may be taken over the others.
        """
        count = self._count(line, stack, group)
        heard = self._heard(line, stack, group, count, anew=anew)
        counted = set(group.places[: count or 0])
        if counted - heard and heard <= {group.first}:
            heard |= self._heard_through_master(line, stack, group, counted)
        if anew or counted <= stack.told_of | {group.first}:
            for place in counted:
                self._roster.found(place, stack.number(place))

    def _heard(self, line: ByteTransport, stack: Stack, group: Group, count: int | None, *, anew: bool) -> set[int]:
        """Ask the places of a group, up to two silent ones; those that answer already only ``anew``."""
        heard = {place for place in group.places if self._answers(place) and place not in stack.told_of and not anew}
        silent = 0
        for place in group.places[:count] if count else group.places:
            if place in heard or place in stack.told_of or self._try(line, stack, place):
                heard.add(place)
                silent = 0
                continue
            silent += 1
            if silent == _SILENT_IN_A_ROW:
                break
        return heard - stack.told_of

    def _answers(self, place: int) -> bool:
        slot = self._roster.slots.get(place)
        return slot is not None and not slot.misses

    def _try(self, line: ByteTransport, stack: Stack, place: int) -> bool:
        """Ask whether a module is at a place; then it belongs to the bank."""
        try:
            stack.ask(line, stack.dialect.needed[0], place)
        except (TransportTimeoutError, ProtocolError) as error:
            _LOG.debug("%s: nobody at %d: %s", self._name, place, error)
            return False
        self._roster.found(place, stack.number(place))
        return True

    def _heard_through_master(self, line: ByteTransport, stack: Stack, group: Group, counted: set[int]) -> set[int]:
        """The modules that can only be reached through their master; it is asked for each, or else for all at once."""
        if stack.told_of:
            return set()
        if stack.dialect.through_master and group.number == group.first:  # INFO names it by its number
            stack.asking.master = group.first
            heard = {place for place in counted if self._try(line, stack, place)}
            if heard > {group.first}:
                return heard
            stack.asking.master = None
        if stack.dialect.tells_all and self._tells_all(line, stack, group):
            stack.told_of = counted - {group.first}
        return set()

    def _tells_all(self, line: ByteTransport, stack: Stack, group: Group) -> bool:
        try:
            return bool(stack.all_modules(line, stack.dialect.needed[0], group, attempts=2))
        except (TransportTimeoutError, ProtocolError) as error:
            _LOG.debug("%s: the master does not tell of all: %s", self._name, error)
            return False

    def _count(self, line: ByteTransport, stack: Stack, group: Group) -> int | None:
        """How many modules the master counts, where it counts them."""
        if stack.dialect.count is None:
            return None
        try:
            return stack.ask(line, stack.dialect.count, group.first, attempts=2).module_count
        except (TransportTimeoutError, ProtocolError) as error:
            _LOG.debug("%s: the modules are not counted: %s", self._name, error)
            return None

    def _ask_named(self, line: ByteTransport, stack: Stack) -> None:
        """Ask at the addresses that the owner names."""
        for place in sorted(self._addresses - self._roster.slots.keys()):
            self._try(line, stack, place)

    def _say_found(self, line: ByteTransport, stack: Stack) -> None:
        """Say what was found, and where the search ended."""
        slots = sorted(self._roster.slots.items())
        numbers = ", ".join(str(slot.number) for _, slot in slots)
        what = f"modules {numbers}" if numbers else "a bank that names no modules"
        rate = f", {stack.asking.baudrate} baud" if line.has_baudrate else ""
        ends = ", ".join(str(end) for group in stack.groups if (end := self._end(group)))
        _LOG.info(
            "%s: found %s on %s (%s%s); nobody answers behind address %s",
            self._name, what, line.line, stack.dialect.title, rate, ends or "-",
        )  # fmt: skip
        if missing := [group for group in stack.missing if group.first < stack.groups[-1].first]:
            firsts = ", ".join(str(group.first) for group in missing)
            _LOG.warning("%s: no group at address %s: it is looked for again", self._name, firsts)

    def _end(self, group: Group) -> int:
        return max((place for place in group.places if place in self._roster.slots), default=0)
