"""The driver for stacks whose dialect is not known beforehand: it finds that out, then reads the modules.

PACE, Seplos, EG4 and Pylontech on RS232: modules are at addresses, or numbers in INFO, one behind the other. Where a
PACE master alone can be reached, it tells of all modules at once.
"""

import logging
from collections.abc import Iterator, Sequence

from pylon2mqtt.errors import DecodeError, DeviceError, FrameError, ProtocolError, TransportTimeoutError
from pylon2mqtt.model import Bank
from pylon2mqtt.protocols.base import Clock
from pylon2mqtt.protocols.roster import Roster
from pylon2mqtt.transports.base import ByteTransport

from .questions import Questions
from .stack import ANALOG, FAST, LOST_AFTER, Stack, Together, explained
from .variants import Variant

_LOG = logging.getLogger(__name__)

# New modules are looked for so often: sooner at first, because slaves wake up after their master.
_LOOK_AGAIN_S = (20.0, 60.0, 300.0)
# The first question goes to whoever there is, at each rate of each dialect: no longer than needed. Its answer is the
# longest there is, and begins after a quarter of a second at the latest.
_ANSWER_BEGINS_S = 0.4
_LONGEST_ANSWER = 210


class StackFinder:
    """A driver; ``variants`` are the dialects that are tried, the likeliest first."""

    listens = False

    def __init__(self, variants: Sequence[Variant], *, name: str | None, clock: Clock, stagger_s: float) -> None:
        self._name = name
        self._clock = clock
        self._roster = Roster(name, clock.now, stagger_s)
        self._stacks = [self._stack(variant) for variant in variants]
        self._found: Stack | None = None
        self._master = 0
        self._together = False
        self._looks = 0
        self._look_at = 0.0
        self._lost_reads = LOST_AFTER

    # -------------------- the seam

    def read(self, line: ByteTransport) -> Bank:
        """Ask everything that is due and return the whole bank; find its modules first where that is due."""
        if self._roster.begin():
            self._lost_reads = LOST_AFTER
        if self._found is None or self.lost:
            self._found = self._find(line)
        elif self._clock.now() >= self._look_at:
            self._look_for_more(line, self._found)
        try:
            bank = self._found.bank(line, self._master, self._told_together(line, self._found))
        except TransportTimeoutError:
            self._lost_reads += 1
            raise
        self._lost_reads = 0
        return bank

    def rescan(self) -> None:
        """Forget what was found and look for the modules anew at the next read."""
        self._roster.rescan()

    @property
    def lost(self) -> bool:
        """Whether nobody has answered for some reads, or ever."""
        return self._lost_reads >= LOST_AFTER

    # -------------------- finding

    def _stack(self, variant: Variant) -> Stack:
        return Stack(Questions(variant, self._clock), self._roster, name=self._name, now=self._clock.now)

    def _in_order(self) -> list[Stack]:
        """What was spoken last comes first."""
        return sorted(self._stacks, key=lambda stack: stack is not self._found)

    def _find(self, line: ByteTransport) -> Stack:
        """Try the dialects at their rates until a module answers, what answered last time first."""
        trouble: FrameError | DecodeError | None = None
        for stack in self._in_order():
            last = stack.questions.baudrate
            for baudrate in _rates(line, stack):
                stack.questions.baudrate = baudrate
                line.set_baudrate(baudrate)
                try:
                    if self._is_there(line, stack):
                        return stack
                except (FrameError, DecodeError) as error:
                    trouble = trouble or error
            stack.questions.baudrate = last
        raise self._nothing_found(line, trouble)

    def _nothing_found(
        self, line: ByteTransport, trouble: FrameError | DecodeError | None
    ) -> ProtocolError | TransportTimeoutError:
        titles = ", ".join(stack.variant.title for stack in self._stacks)
        return explained(trouble, f"any rate of {titles} on {line.line}")

    def _is_there(self, line: ByteTransport, stack: Stack) -> bool:
        """Whether somebody answers in this dialect at this rate; then all modules are looked for."""
        wait_s = _ANSWER_BEGINS_S + _LONGEST_ANSWER * 10 / stack.questions.baudrate
        for master in stack.variant.masters:
            try:
                stack.questions.ask(line, ANALOG, master, attempts=1, timeout_s=wait_s)
            except (TransportTimeoutError, DeviceError):
                continue
            self._master = master
            if stack is not self._found:
                self._roster.forget()
            self._look_around(line, stack)
            return True
        return False

    def _look_around(self, line: ByteTransport, stack: Stack) -> None:
        """Look for all modules behind the master."""
        self.settle(line, stack)
        self._together = False
        stack.told_of.clear()
        self._scan(line, stack, anew=True)
        self._looks = 0
        self._look_at = self._clock.now() + _LOOK_AGAIN_S[0]
        self._lost_reads = 0
        self._say_found(line, stack)

    def settle(self, line: ByteTransport, stack: Stack) -> None:
        """What is to be done once somebody answers, before all others are looked for."""

    def _scan(self, line: ByteTransport, stack: Stack, *, anew: bool) -> None:
        """Look behind the master; who is counted and not heard is told of by the master, or silent.

        When modules are looked for anew, those count that did not answer too: no sum may be taken over the others.
        """
        count = self._count(line, stack)
        behind = [place for place in stack.variant.masters[self._master] if count is None or place <= count]
        heard = {self._master} if self._together else stack.scan(line, (self._master, *behind), anew=anew)
        slots = self._roster.slots
        heard |= {place for place, slot in slots.items() if not (anew or slot.misses or place in stack.told_of)}
        numbers = {stack.variant.number(place) for place in heard}
        unheard = [number for number in range(1, (count or 0) + 1) if number not in numbers]
        alone = bool(unheard) and numbers <= {stack.variant.number(self._master)}
        self._together = self._together or (alone and self._tells_all(line, stack))
        if self._together:
            stack.told_of.update(unheard)
        if self._together or anew:
            for number in unheard:
                self._roster.found(number, number)

    def _count(self, line: ByteTransport, stack: Stack) -> int | None:
        """How many modules the master counts, where it counts them."""
        command = 0x90
        if command not in stack.variant.commands:
            return None
        try:
            return stack.questions.ask(line, command, self._master, attempts=2).module_count
        except (TransportTimeoutError, ProtocolError) as error:
            _LOG.debug("%s: the modules are not counted: %s", self._name, error)
            return None

    def _look_for_more(self, line: ByteTransport, stack: Stack) -> None:
        """Look for new modules behind the known ones, and drop those that were silent for long."""
        now = self._clock.now()
        self._looks += 1
        self._look_at = now + _LOOK_AGAIN_S[min(self._looks, len(_LOOK_AGAIN_S) - 1)]
        before = set(self._roster.slots)
        try:
            self._scan(line, stack, anew=False)
        except (FrameError, DecodeError) as error:
            _LOG.debug("%s: looking for more modules: %s", self._name, error)
        if set(self._roster.slots) != before:
            self._say_found(line, stack)

    def _say_found(self, line: ByteTransport, stack: Stack) -> None:
        numbers = ", ".join(str(slot.number) for _, slot in sorted(self._roster.slots.items()))
        rate = f" at {stack.questions.baudrate} baud" if line.has_baudrate else ""
        _LOG.info("%s: found modules %s on %s: %s%s", self._name, numbers, line.line, stack.variant.title, rate)

    # -------------------- all at once

    def _tells_all(self, line: ByteTransport, stack: Stack) -> bool:
        return stack.variant.tells_all and bool(self._all(line, stack, ANALOG))

    def _told_together(self, line: ByteTransport, stack: Stack) -> Together:
        """What a master says of all modules, where only it can be reached."""
        return {command: self._all(line, stack, command) for command in FAST} if self._together else {}

    def _all(self, line: ByteTransport, stack: Stack, command: int) -> dict[int, Bank]:
        questions = stack.questions
        try:
            told = questions.ask(line, command, self._master, attempts=2, all_modules=True, timeout_s=_ALL_S)
        except (TransportTimeoutError, ProtocolError) as error:
            _LOG.debug("%s: no answer for all modules at once: %s", self._name, error)
            return {}
        return {module.number: Bank(modules=(module,)) for module in told.modules}


# 15 modules with 140 characters each take 2.2 s at 9600.
_ALL_S = 4.0


def _rates(line: ByteTransport, stack: Stack) -> Iterator[int]:
    """The rates to try, the last one first; a gateway has its own, which may be the slowest."""
    if not line.has_baudrate:
        yield min(stack.variant.timeout_s)
        return
    last = stack.questions.baudrate
    yield from sorted(stack.variant.timeout_s, key=lambda rate: rate != last)
