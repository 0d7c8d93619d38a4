"""Pylontech's binary protocol on RS485: finding the modules of a bank and reading them.

The bridge is the only master on the line. Modules answer at addresses n + 0x10 * group, n from 2 (the master) to 13;
a single group is group 0, several begin at group 1 (DIP switches 2 to 4). Where none of them answers, the other
dialects that are met on RS485 are tried.

Source: RS485-protocol-pylon-low-voltage V3.3 (2018-08-21), 2.1 and 2.5.3; docs/protocols/rs485.md.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import takewhile

from pylon2mqtt.errors import DecodeError, DeviceError, FrameError, ProtocolError, TransportTimeoutError
from pylon2mqtt.model import Bank, Module
from pylon2mqtt.protocols.base import Clock, Probe
from pylon2mqtt.protocols.binary.dialects.pylontech_info import Command
from pylon2mqtt.protocols.roster import Roster
from pylon2mqtt.protocols.schedule import STAGGER_S
from pylon2mqtt.transports.base import ByteTransport

from .questions import Questions
from .recorded import decode, is_answer, is_question, scrub
from .stack import ANALOG, LOST_AFTER, Stack, explained
from .stack_finder import StackFinder
from .variants import EG4, PACE, PYLONTECH_RS485, SEPLOS, Variant

__all__ = ["PROBES", "Rs485", "decode", "scrub"]

_LOG = logging.getLogger(__name__)

# New modules are looked for so often: sooner at first, because slaves wake up after their master. Each look costs two
# time-outs.
_LOOK_AGAIN_S = (20.0, 60.0, 300.0)
# The first try at reading a group at once comes after the first states: on most models it costs a time-out.
_TOGETHER_AFTER_S = 30.0
# A master that does not know it is asked again once a day; one whose count did not fit, sooner.
_TOGETHER_UNKNOWN_S = 86_400.0
_TOGETHER_AGAIN_S = 300.0
# A group has addresses n = 2 to 13.
_MASTER, _LAST = 0x2, 0xD
_GROUPS = tuple(range(0x10, 0x80, 0x10))

PROBES = tuple(
    Probe(
        protocol="rs485",
        title=PYLONTECH_RS485.title,
        rank=1,
        baudrate=baudrate,
        question=PYLONTECH_RS485.question(Command.VERSION, master).to_bytes(),
        wait_s=timeout_s,
        recognises=partial(is_answer, version=PYLONTECH_RS485.version),
        is_question=is_question,
    )
    for baudrate, timeout_s in PYLONTECH_RS485.timeout_s.items()
    for master in (_MASTER, 0x10 | _MASTER)
)
"""The protocol version, asked of the master of a single group and of the first of several."""


class Rs485:
    """The driver: finds the modules once, then asks each its fast values in every cycle and the slow ones in turn."""

    listens = False

    def __init__(
        self,
        *,
        name: str | None,
        clock: Clock | None = None,
        stagger_s: float = STAGGER_S,
        timeout_s: Mapping[int, float] = PYLONTECH_RS485.timeout_s,
        others: Sequence[Variant] = (PACE, SEPLOS, EG4),
        cells: str = "full",  # noqa: ARG002  the answers to 42 bring them anyway
    ) -> None:
        self._name = name
        self._clock = clock or Clock()
        self._stagger_s = stagger_s
        variant = replace(PYLONTECH_RS485, timeout_s=timeout_s)
        self._others = StackFinder(others, name=name, clock=self._clock, stagger_s=stagger_s)
        self._speaks_other = False
        self._roster = Roster(name, self._clock.now, stagger_s)
        self._stack = Stack(Questions(variant, self._clock), self._roster, name=name, now=self._clock.now)
        self._masters: list[int] = []
        self._looks = 0
        self._look_at = 0.0
        self._together_at: dict[int, float] = {}
        self._lost_reads = LOST_AFTER

    # -------------------- the seam

    def read(self, line: ByteTransport) -> Bank:
        """Ask everything that is due and return the whole bank; find its modules first where that is due."""
        if self._roster.begin():
            self._speaks_other = False
            self._lost_reads = LOST_AFTER
        if self._speaks_other:
            return self._read_others(line)
        if self._lost_reads >= LOST_AFTER:
            trouble = self._find(line)
            if not self._masters:
                return self._find_others(line, trouble)
        elif self._clock.now() >= self._look_at:
            self._look_for_more(line)
        try:
            master = self._masters[0] if len(self._masters) == 1 else None  # nobody speaks for several groups
            bank = self._stack.bank(line, master, {ANALOG: self._analog_together(line)})
        except TransportTimeoutError:
            self._lost_reads += 1
            raise
        self._lost_reads = 0
        return bank

    def rescan(self) -> None:
        """Forget what was found and look for the modules anew at the next read."""
        self._roster.rescan()
        self._others.rescan()

    # -------------------- finding modules

    def _find(self, line: ByteTransport) -> FrameError | DecodeError | None:
        """Try the rates until a module answers, what answered last time first; who was known is not forgotten.

        Returns what was wrong with the answers where there were no good ones.
        """
        questions = self._stack.questions
        last, timeouts = questions.baudrate, self._stack.variant.timeout_s
        rates = sorted(timeouts, key=lambda rate: rate != last) if line.has_baudrate else [next(iter(timeouts))]
        trouble: FrameError | DecodeError | None = None
        for baudrate in rates:
            questions.baudrate = baudrate
            line.set_baudrate(baudrate)
            try:
                self._masters = self._find_groups(line)
            except (FrameError, DecodeError) as error:
                trouble = trouble or error
                continue
            if self._masters:
                self._found(line)
                return None
        questions.baudrate = last
        self._masters = []
        return trouble

    def _found(self, line: ByteTransport) -> None:
        now = self._clock.now()
        self._looks = 0
        self._look_at = now + _LOOK_AGAIN_S[0]
        self._together_at = dict.fromkeys(self._masters, now + _TOGETHER_AFTER_S)
        self._lost_reads = 0
        self._say_found(line)

    def _find_groups(self, line: ByteTransport) -> list[int]:
        """The addresses of the groups' masters; a stack in group 0 is alone, others begin at group 1."""
        if self._scan(line, _MASTER):
            return [_MASTER]
        return list(takewhile(lambda master: self._scan(line, master), (group | _MASTER for group in _GROUPS)))

    def _scan(self, line: ByteTransport, master: int) -> bool:
        """Look for the modules of one group that do not answer yet; tell whether the group is there."""
        addresses = range(master, (master & 0xF0 | _LAST) + 1)
        heard = self._stack.scan(line, addresses, anew=self._lost_reads >= LOST_AFTER)
        return bool(heard) or self._probe_system(line, master)

    def _probe_system(self, line: ByteTransport, address: int) -> bool:
        """Emulations of a whole bank know 61 and 63, but no single modules."""
        try:
            self._stack.questions.ask(line, Command.SYSTEM_ANALOG, address, attempts=1)
        except (TransportTimeoutError, DeviceError):
            return False
        return True

    def _look_for_more(self, line: ByteTransport) -> None:
        """Look for new modules behind the known ones, and drop those that were silent for long."""
        now = self._clock.now()
        self._looks += 1
        self._look_at = now + _LOOK_AGAIN_S[min(self._looks, len(_LOOK_AGAIN_S) - 1)]
        before = set(self._roster.slots)
        for master in self._masters:
            try:
                self._scan(line, master)
            except (FrameError, DecodeError) as error:
                _LOG.debug("%s: looking for more modules: %s", self._name, error)
        if set(self._roster.slots) != before:
            self._say_found(line)

    def _say_found(self, line: ByteTransport) -> None:
        numbers = ", ".join(str(slot.number) for _, slot in sorted(self._roster.slots.items()))
        what = f"modules {numbers}" if numbers else "a bank that names no modules"
        rate = f", {self._stack.questions.baudrate} baud" if line.has_baudrate else ""
        _LOG.info("%s: found %s on %s (RS485%s)", self._name, what, line.line, rate)

    # -------------------- other dialects

    def _find_others(self, line: ByteTransport, trouble: FrameError | DecodeError | None) -> Bank:
        """Where nobody speaks Pylontech's dialect, somebody may speak another one; raise what was heard if not."""
        try:
            bank = self._others.read(line)
        except (TransportTimeoutError, FrameError, DecodeError) as error:
            later = error if isinstance(error, DecodeError | FrameError) else None
            raise explained(trouble or later, "addresses 2 and 18") from error
        self._speaks_other = True
        return bank

    def _read_others(self, line: ByteTransport) -> Bank:
        """Read what was found; when it is lost, begin anew."""
        try:
            return self._others.read(line)
        except (TransportTimeoutError, ProtocolError):
            self._speaks_other = not self._others.lost
            raise

    # -------------------- a whole group at once

    def _analog_together(self, line: ByteTransport) -> dict[int, Bank]:
        """The analog values of whole groups in one answer each, where the master knows how (US2000, US3000)."""
        told: dict[int, Bank] = {}
        for master in self._masters:
            slots = self._roster.slots
            members = sorted(address for address in slots if address & 0xF0 == master & 0xF0)
            gapless = members == list(range(master, master + len(members)))
            whole = len(members) > 1 and gapless and not any(slots[address].misses for address in members)
            if whole and self._clock.now() >= self._together_at.get(master, 0.0):
                modules = self._try_together(line, master)
                if len(modules) == len(members):
                    told |= {address: Bank(modules=(m,)) for address, m in zip(members, modules, strict=True)}
                elif modules:
                    self._together_at[master] = self._clock.now() + _TOGETHER_AGAIN_S
        return told

    def _try_together(self, line: ByteTransport, master: int) -> tuple[Module, ...]:
        try:
            return self._stack.questions.ask(line, ANALOG, master, attempts=1, all_modules=True).modules
        except (TransportTimeoutError, DeviceError) as error:
            _LOG.debug("%s: no answer for all modules at once: %s", self._name, error)
            self._together_at[master] = self._clock.now() + _TOGETHER_UNKNOWN_S
        except ProtocolError as error:
            _LOG.debug("%s: a bad answer for all modules at once: %s", self._name, error)
        return ()
