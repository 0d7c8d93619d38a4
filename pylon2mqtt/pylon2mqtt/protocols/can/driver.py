"""CAN, the bus between battery and inverter: it is listened to, and nothing is ever asked. docs/protocols/can.md.

A battery sends everything by itself again and again, each kind of frame in its own rhythm. So the last frame of each
kind is kept, what is not repeated goes stale on its own clock, and a bank is what is fresh.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace

from pylon2mqtt.errors import DecodeError, FrameError, TransportTimeoutError
from pylon2mqtt.model import Bank
from pylon2mqtt.protocols.base import Clock, Probe
from pylon2mqtt.protocols.roster import Roster
from pylon2mqtt.transports.base import CanTraffic, CanTransport, TimedFrame

from .dbc import EXTENDED
from .diagnosis import count_frames, diagnosis
from .dialect import CanDialect
from .dialects import known, nothing_received, recognise, serials
from .foreign import foreign_language
from .values import CORE

_LOG = logging.getLogger(__name__)

STALE_S = 30.0
"""A value that was not repeated for so long is unknown. The slowest known frames (Deye's energies and serial numbers)
come every 5.3 s; SMA's inverters give a battery up after 60 s."""

# One turn while all is well; alarms and a lost line are seen this fast.
_TURN_S = 1.0
# While it is not known who speaks: until nothing new came for as long as the dialect may take (a US5000 speaks every
# 2 s), and at most for so long where something comes, and where nothing does.
_FIRST_S, _SILENCE_S = 12.0, 5.0
# One wait for a frame: longer ones gain nothing.
_WAIT_S = 0.5

# A bank that reports none of these says nothing.
_LEAST = ("voltage", "soc", "charge_voltage_limit")
# Some send alarms in pairs of bits, and then neither the usual alarms nor permissions.
_PAIRS, _ALARMS, _PERMISSIONS = 0x35A, 0x359, 0x35C

# An identifier of three digits is a standard one, one of eight is extended.
_STANDARD_DIGITS = 3

PROBES: tuple[Probe, ...] = ()
"""Nothing is asked on a CAN bus."""


def decode(frames: Iterable[TimedFrame]) -> Bank:
    """Return the bank of a log: the last value of each kind, however old. Raises ProtocolError where there is none."""
    received = nothing_received()
    count = 0
    for at, frame in frames:
        received.note(frame, at)
        count += 1
    if not count:
        raise FrameError("there is no CAN frame in it: give a log as candump -l writes it")
    dialect = recognise(received, 0.0)
    if dialect is None:
        foreign = foreign_language(received, received.keys(0.0))
        what = f"this is {foreign.title}, which is not read here" if foreign else "no battery that is known here"
        raise DecodeError(f"{count} frames: {what}", raw=b"")
    bank = dialect.bank(dialect.values(received, 0.0))
    if _says_nothing(bank) and not bank.modules and received.keys(0.0) & CORE:
        raise DecodeError(f"{count} frames of a battery, but no voltage, state of charge or limit", raw=b"")
    return bank


def _says_nothing(bank: Bank) -> bool:
    return all(getattr(bank, field) is None for field in _LEAST)


def scrub(request: bytes, answer: bytes, pseudonym: Callable[[str], str]) -> bytes:
    """Return a frame's data with the part of a serial number in it replaced.

    ``request`` is its identifier in hexadecimal: three digits, or eight if it is extended.
    """
    text = answer.rstrip(b"\0").decode("latin-1")
    key = int(request, 16) | (EXTENDED if len(request) > _STANDARD_DIGITS else 0)
    if key not in serials() or not text.strip():
        return answer
    other = text[:1] + pseudonym(text)[1 - len(text) :] if len(text) > 1 else "0"
    return other.encode("latin-1").ljust(len(answer), b"\0")


class Can:
    """The driver: it keeps what is received, recognises the dialect, and gives the bank of what is fresh."""

    listens = True

    def __init__(
        self,
        *,
        name: str | None,
        clock: Clock | None = None,
        stagger_s: float = 0.0,  # noqa: ARG002  nothing is asked
        cells: str = "full",  # noqa: ARG002  single cells are not reported on this bus
    ) -> None:
        self._name = name
        self._clock = clock or Clock()
        self._roster = Roster(name, self._clock.now)
        self._forget()

    def read(self, line: CanTransport) -> Bank:
        """Listen for a turn, or for as long as it takes to know who speaks, and return the bank of what is fresh."""
        if self._roster.begin():
            self._forget()
            line.select(None)
        self._listen(line)
        self._recognise(line.line)
        bank = self._fresh_bank()
        if bank is None:
            raise self._nothing(line)
        self._settle(line)
        return replace(bank, name=self._name)

    def rescan(self) -> None:
        """Forget which dialect is spoken and which modules there are; from any thread."""
        self._roster.rescan()

    def _forget(self) -> None:
        self._received = nothing_received()
        self._traffic_before = CanTraffic()
        self._dialect: CanDialect | None = None
        self._settled = False

    def _listen(self, line: CanTransport) -> None:
        """Take frames in for a turn, or until nothing new comes while it is not known who speaks."""
        now = began = self._clock.now()
        until = now + (_TURN_S if self._settled else _SILENCE_S)
        kinds = 0
        while now < until:
            frames = line.recv(min(_WAIT_S, until - now))
            now = self._clock.now()
            for frame in frames:
                self._received.note(frame, now)
                _LOG.debug("%s < %s", line.line, frame)
            if not self._settled and self._received.kinds() > kinds:
                kinds = self._received.kinds()
                found = recognise(self._received, began)
                until = min(began + _FIRST_S, now + (found.settle_s if found else _SILENCE_S))

    def _recognise(self, line: str) -> None:
        """Log which dialect is spoken; a later proof corrects."""
        since = self._clock.now() - STALE_S
        found = recognise(self._received, since)
        if found is not None and found is not self._dialect:
            remark = _remark(self._received.keys(since))
            _LOG.info("%s: receives %s on %s%s", self._name, found.title, line, remark)
            self._dialect = found

    def _fresh_bank(self) -> Bank | None:
        """The bank of what is fresh; None if that is nothing."""
        now = self._clock.now()
        values = self._dialect.values(self._received, now - STALE_S) if self._dialect else {}
        if self._dialect is None or not values:
            return None
        for address in self._roster.slots:
            values.setdefault(address, {})
        bank = self._dialect.bank(values)
        whole = [module for module in bank.modules if self._dialect.is_whole(module)]
        if not whole and _says_nothing(bank):
            return None
        self._roster.report({m.address: m for m in whole if m.address is not None}, "it is not received on the bus")
        return replace(bank, modules=tuple(whole), silent=self._roster.silent)

    def _settle(self, line: CanTransport) -> None:
        """Take only what is known from now on, and count from here who else speaks once the battery is lost."""
        if not self._settled:
            self._settled = True
            line.select([(key & ~EXTENDED, bool(key & EXTENDED)) for key in sorted(known())])
        if self._dialect and self._received.counts().keys() & self._dialect.from_battery:
            self._received.begin_count()
            self._traffic_before = line.traffic()

    def _nothing(self, line: CanTransport) -> TransportTimeoutError:
        """Return why there is nothing, and begin anew."""
        since = self._clock.now() - _FIRST_S
        foreign = foreign_language(self._received, self._received.keys(since))
        found = count_frames(self._received, self._dialect, foreign, since)
        why = diagnosis(line.line, found, self._passed(line), read_before=self._dialect is not None)
        line.select(None)
        self._settled = False
        self._received = nothing_received()
        self._traffic_before = line.traffic()
        return TransportTimeoutError(why)

    def _passed(self, line: CanTransport) -> CanTraffic:
        """What passed since the battery was last received; a line that was opened anew counts from nothing."""
        now, before = line.traffic(), self._traffic_before
        return CanTraffic(max(0, now.frames - before.frames), max(0, now.errors - before.errors))


def _remark(keys: frozenset[int]) -> str:
    """Return what an owner may miss, and that it is normal; nothing if there is nothing."""
    if _PAIRS in keys and not keys & {_ALARMS, _PERMISSIONS}:
        return " (35A in place of 359 and 35C: permissions to charge and discharge are not sent, which is normal)"
    return ""
