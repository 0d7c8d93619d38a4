"""Pylontech's binary protocol on RS485: finding the modules of a bank and reading them.

The bridge is the only master on the line. Modules answer at addresses n + 0x10 * group, n from 2 (the master) to 13;
a single group is group 0, several begin at group 1 (DIP switches 2 to 4). Only commands of `Command` are ever sent:
there is no way to name another.

Source: RS485-protocol-pylon-low-voltage V3.3 (2018-08-21), 2.1 and 2.5.3; docs/protocols/rs485.md.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import takewhile

from pylon2mqtt.errors import (
    DecodeError,
    DeviceError,
    FrameError,
    ProtocolError,
    TransportTimeoutError,
)
from pylon2mqtt.model import Bank, Module
from pylon2mqtt.model.joining import joined
from pylon2mqtt.transports.base import ByteTransport

from .base import Clock, Probe
from .binary import RETURN_CODES, last_answer
from .frame import BATTERY, Frame, candidates
from .pylontech import decode_info, module_number, scrub
from .pylontech_info import ALL_MODULES, SYSTEM, Command
from .pylontech_questions import TIMEOUT_S, Questions, request
from .roster import Roster, Slot
from .schedule import STAGGER_S, Schedule

__all__ = ["EVERY_S", "PROBES", "Rs485", "decode", "scrub"]

_LOG = logging.getLogger(__name__)

EVERY_S = {
    Command.SYSTEM_ANALOG: 0.0,
    Command.SYSTEM_ALARM: 0.0,
    Command.SYSTEM_LIMITS: 0.0,
    Command.MANAGEMENT: 60.0,
    Command.PARAMETERS: 3600.0,
    Command.FIRMWARE: 3600.0,
    Command.MANUFACTURER: 3600.0,
    Command.SYSTEM_BASIC: 3600.0,
    Command.VERSION: 3600.0,
}
"""How often each question but 42 and 44 is asked, in seconds; those two, and what is 0 here, in every cycle."""

# New modules are looked for so often: sooner at first, because slaves wake up after their master. Each look costs two
# time-outs.
_LOOK_AGAIN_S = (20.0, 60.0, 300.0)
# The first try at reading a group at once comes after the first states: on most models it costs a time-out.
_TOGETHER_AFTER_S = 30.0
# A master that does not know it is asked again once a day; one whose count did not fit, sooner.
_TOGETHER_UNKNOWN_S = 86_400.0
_TOGETHER_AGAIN_S = 300.0
# So many reads without any answer, and the battery is looked for anew, at both rates.
_LOST_AFTER = 3
# The serial number is asked again so often: a module may be swapped while nobody looks.
_IDENTIFY_S = 600.0
# A group has addresses n = 2 to 13; two in a row that are silent are its end.
_MASTER, _LAST = 0x2, 0xD
_SILENT_IN_A_ROW = 2
_GROUPS = tuple(range(0x10, 0x80, 0x10))

_OF_BANK = (
    Command.VERSION,
    Command.MANUFACTURER,
    Command.SYSTEM_BASIC,
    Command.SYSTEM_ANALOG,
    Command.SYSTEM_ALARM,
    Command.SYSTEM_LIMITS,
)
_SLOW_OF_MODULE = (Command.MANAGEMENT, Command.PARAMETERS, Command.FIRMWARE)


def decode(data: bytes, request_text: str | None) -> Bank:
    """Return what one recorded answer says.

    ``request_text`` is the request's characters; without it the echo of the request must be in ``data``. Raises
    ProtocolError if the answer is damaged, foreign, a refusal, or unknown.
    """
    asked = _recorded_request(data, request_text)
    if asked.cid2 not in list(Command):
        raise FrameError(f"{asked.cid2:02X} is no command that this bridge asks on RS485")
    command = Command(asked.cid2)
    answer = last_answer(data, asked, any_group=command in SYSTEM)
    return decode_info(command, answer, all_modules=_asks_all(command, asked))


def _recorded_request(data: bytes, text: str | None) -> Frame:
    if text is not None:
        return Frame.parse(text.strip().encode("latin-1", "replace") + b"\r")
    for raw in candidates(data):
        frame = Frame.parse(raw)
        if frame.cid2 in list(Command):
            return frame
    raise FrameError("an answer does not tell what was asked: give the request with --request")


def _asks_all(command: Command, asked: Frame) -> bool:
    return command in (Command.ANALOG, Command.ALARM) and asked.info == ALL_MODULES


def _sound(data: bytes) -> list[Frame]:
    frames = []
    for raw in candidates(data):
        with suppress(FrameError):
            frames.append(Frame.parse(raw))
    return frames


def _is_answer(data: bytes) -> bool:
    return any(frame.cid1 == BATTERY and frame.cid2 in {0, *RETURN_CODES} for frame in _sound(data))


def _is_question(data: bytes) -> bool:
    return any(frame.cid1 == BATTERY and frame.cid2 not in {0, *RETURN_CODES} for frame in _sound(data))


PROBES = tuple(
    Probe(
        protocol="rs485",
        title="Pylontech's binary protocol (RS485)",
        rank=1,
        baudrate=baudrate,
        question=request(Command.VERSION, master).to_bytes(),
        wait_s=timeout_s,
        recognises=_is_answer,
        is_question=_is_question,
    )
    for baudrate, timeout_s in TIMEOUT_S.items()
    for master in (_MASTER, 0x10 | _MASTER)
)
"""The protocol version, asked of the master of a single group and of the first of several."""


class Rs485:
    """The driver: finds the modules once, then asks each its fast values in every cycle and the slow ones in turn."""

    def __init__(
        self,
        *,
        name: str | None,
        clock: Clock | None = None,
        stagger_s: float = STAGGER_S,
        timeout_s: Mapping[int, float] = TIMEOUT_S,
        cells: str = "full",  # noqa: ARG002  the answers to 42 bring them anyway
    ) -> None:
        self._name = name
        self._clock = clock or Clock()
        self._questions = Questions(self._clock, timeout_s)
        self._rates = tuple(timeout_s)
        self._slow: Schedule[Bank] = Schedule(self._clock.now, stagger_s)
        self._roster = Roster()
        self._looks = 0
        self._look_at = 0.0
        self._together_at: dict[int, float] = {}
        self._lost_reads = _LOST_AFTER
        self._rescan = False

    # -------------------- the seam

    def read(self, line: ByteTransport) -> Bank:
        """Ask everything that is due and return the whole bank; find its modules first where that is due."""
        if self._rescan:
            self._rescan = False
            self._roster = Roster(complaints=self._roster.complaints)
            self._lost_reads = _LOST_AFTER
        if self._lost_reads >= _LOST_AFTER:
            self._find(line)
        elif self._clock.now() >= self._look_at:
            self._look_for_more(line)
        try:
            bank = self._bank(line)
        except TransportTimeoutError:
            self._lost_reads += 1
            raise
        self._lost_reads = 0
        return bank

    def rescan(self) -> None:
        """Forget what was found and look for the modules anew at the next read."""
        self._rescan = True

    # -------------------- finding modules

    def _find(self, line: ByteTransport) -> None:
        """Try the rates until a module answers, what answered last time first; who was known is not forgotten."""
        last = self._questions.baudrate
        rates = sorted(self._rates, key=lambda rate: rate != last) if line.has_baudrate else [self._rates[0]]
        trouble: ProtocolError | None = None
        for baudrate in rates:
            self._questions.baudrate = baudrate
            line.set_baudrate(baudrate)
            try:
                self._roster.masters = self._find_groups(line)
            except (FrameError, DecodeError) as error:
                trouble = trouble or error
                continue
            if self._roster.masters:
                self._found(line)
                return
        self._questions.baudrate = last
        raise trouble or TransportTimeoutError(f"no battery answers at addresses 2 and 18: {_CHECK}")

    def _found(self, line: ByteTransport) -> None:
        now = self._clock.now()
        self._looks = 0
        self._look_at = now + _LOOK_AGAIN_S[0]
        self._together_at = dict.fromkeys(self._roster.masters, now + _TOGETHER_AFTER_S)
        self._lost_reads = 0
        self._say_found(line)

    def _find_groups(self, line: ByteTransport) -> list[int]:
        """The addresses of the groups' masters; a stack in group 0 is alone, others begin at group 1."""
        if self._scan(line, _MASTER):
            return [_MASTER]
        return list(takewhile(lambda master: self._scan(line, master), (group | _MASTER for group in _GROUPS)))

    def _scan(self, line: ByteTransport, master: int) -> bool:
        """Look for the modules of one group that do not answer yet; tell whether the group is there.

        Raises FrameError or DecodeError if the master's answer is damaged: then this is hardly the right rate.
        """
        silent = 0
        there = False
        for address in range(master, (master & 0xF0 | _LAST) + 1):
            if self._answers(address) or self._probe(line, address, may_raise=address == master):
                there, silent = True, 0
                continue
            if address == master:
                there = self._probe_system(line, address)
            silent += 1
            if silent == _SILENT_IN_A_ROW:
                break
        return there

    def _answers(self, address: int) -> bool:
        slot = self._roster.slots.get(address)
        return slot is not None and not slot.misses and self._lost_reads < _LOST_AFTER

    def _probe(self, line: ByteTransport, address: int, *, may_raise: bool) -> bool:
        """Ask who is at an address; damage elsewhere than at the master means: look again next time."""
        try:
            identity = self._questions.who(line, address)
        except TransportTimeoutError:
            return False
        except ProtocolError:
            if may_raise:
                raise
            return False
        slot = self._roster.slots.setdefault(address, Slot())
        self._recognise(address, slot, identity)
        slot.try_at = 0.0
        return True

    def _probe_system(self, line: ByteTransport, address: int) -> bool:
        """Emulations of a whole bank know 61 and 63, but no single modules."""
        try:
            self._questions.ask(line, Command.SYSTEM_ANALOG, address, attempts=1)
        except (TransportTimeoutError, DeviceError):
            return False
        return True

    def _look_for_more(self, line: ByteTransport) -> None:
        """Look for new modules behind the known ones, and drop those that were silent for long."""
        now = self._clock.now()
        self._looks += 1
        self._look_at = now + _LOOK_AGAIN_S[min(self._looks, len(_LOOK_AGAIN_S) - 1)]
        before = set(self._roster.slots)
        for address in self._roster.drop_gone(now):
            _LOG.warning("%s: module %d was away for a day: it no longer counts", self._name, module_number(address))
        for master in self._roster.masters:
            try:
                self._scan(line, master)
            except (FrameError, DecodeError) as error:
                _LOG.debug("%s: looking for more modules: %s", self._name, error)
        if set(self._roster.slots) != before:
            self._say_found(line)

    def _say_found(self, line: ByteTransport) -> None:
        numbers = ", ".join(str(module_number(address)) for address in sorted(self._roster.slots))
        what = f"modules {numbers}" if numbers else "a bank that names no modules"
        rate = f", {self._questions.baudrate} baud" if line.has_baudrate else ""
        _LOG.info("%s: found %s on %s (RS485%s)", self._name, what, line.line, rate)

    # -------------------- who is who

    def _recognise(self, address: int, slot: Slot, identity: Bank) -> None:
        """Keep who a module is; what was remembered of another one at its address is forgotten."""
        if slot.identity not in (None, identity):
            _LOG.info("%s: another module is at address %d now", self._name, address)
            self._slow.forget(lambda key: isinstance(key, tuple) and key[1] == address)
        slot.identity = identity
        slot.identify_at = self._clock.now() + _IDENTIFY_S

    def _identity(self, line: ByteTransport, address: int, slot: Slot) -> Bank:
        if self._clock.now() >= slot.identify_at or slot.identity is None:
            self._recognise(address, slot, self._questions.who(line, address))
        return slot.identity or Bank()

    # -------------------- reading modules

    def _bank(self, line: ByteTransport) -> Bank:
        modules = list(self._modules(line))
        slots = self._roster.slots
        if slots and not modules:
            raise TransportTimeoutError(f"none of the {len(slots)} modules answers: {_CHECK}")
        own = self._own(line)
        if not slots and Command.SYSTEM_ANALOG not in own:
            raise TransportTimeoutError(f"the battery does not answer any more: {_CHECK}")
        silent = sorted({module_number(address) for address in slots} - {module.number for module in modules})
        return replace(joined((*own.values(), Bank(name=self._name, modules=tuple(modules)))), silent=tuple(silent))

    def _modules(self, line: ByteTransport) -> Iterator[Module]:
        """Every module that told all of its fast values and who it is; the others are silent."""
        analog = self._analog_together(line)
        for address, slot in self._roster.on_turn(self._clock.now()):
            try:
                module = self._module(line, address, slot, analog.get(address))
            except (TransportTimeoutError, ProtocolError) as error:
                self._missed(address, slot, error)
                continue
            if self._roster.answered(slot):
                _LOG.info("%s: module %d answers again", self._name, module.number)
            yield module

    def _module(self, line: ByteTransport, address: int, slot: Slot, analog: Bank | None) -> Module:
        attempts = 1 if slot.misses else 2
        analog = analog or self._questions.ask(line, Command.ANALOG, address, attempts=attempts)
        alarm = self._questions.ask(line, Command.ALARM, address, attempts=attempts)
        identity = self._identity(line, address, slot)
        slow = [self._remembered(line, command, address) for command in _SLOW_OF_MODULE]
        return joined((identity, *filter(None, slow), analog, alarm)).modules[0]

    def _missed(self, address: int, slot: Slot, error: Exception) -> None:
        name = f"{self._name}: module {module_number(address)}"
        self._roster.missed(slot, self._clock.now(), name=name, error=error)

    def _analog_together(self, line: ByteTransport) -> dict[int, Bank]:
        """The analog values of whole groups in one answer each, where the master knows how (US2000, US3000)."""
        told: dict[int, Bank] = {}
        for master in self._roster.masters:
            members = self._roster.members(master)
            gapless = members == list(range(master, master + len(members)))
            whole = len(members) > 1 and gapless and not any(self._roster.slots[a].misses for a in members)
            if whole and self._clock.now() >= self._together_at.get(master, 0.0):
                modules = self._try_together(line, master)
                if len(modules) == len(members):
                    told |= {address: Bank(modules=(m,)) for address, m in zip(members, modules, strict=True)}
                elif modules:
                    self._together_at[master] = self._clock.now() + _TOGETHER_AGAIN_S
        return told

    def _try_together(self, line: ByteTransport, master: int) -> tuple[Module, ...]:
        try:
            return self._questions.ask(line, Command.ANALOG, master, attempts=1, all_modules=True).modules
        except (TransportTimeoutError, DeviceError) as error:
            _LOG.debug("%s: no answer for all modules at once: %s", self._name, error)
            self._together_at[master] = self._clock.now() + _TOGETHER_UNKNOWN_S
        except ProtocolError as error:
            _LOG.debug("%s: a bad answer for all modules at once: %s", self._name, error)
        return ()

    # -------------------- the bank's own

    def _own(self, line: ByteTransport) -> dict[Command, Bank]:
        """What the bank says as a whole; with several groups nobody speaks for all of them."""
        if len(self._roster.masters) != 1:
            return {}
        parts = {command: self._remembered(line, command, self._roster.masters[0]) for command in _OF_BANK}
        return {command: part for command, part in parts.items() if part is not None}

    def _remembered(self, line: ByteTransport, command: Command, address: int) -> Bank | None:
        key = (command, address)
        return self._slow.answer(
            key,
            EVERY_S[command],
            lambda: self._questions.ask(line, command, address, attempts=1),
            at_once=not self._roster.slots,
        )


_CHECK = "check the cable (A and B), DIP switch 1 (rate), the terminator, and that the battery is on"
