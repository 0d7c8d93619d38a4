"""CAN, the bus between battery and inverter: it is listened to, and nothing is ever asked. docs/protocols/can.md.

A battery tells everything by itself again and again, each kind of frame in its own rhythm. So the last frame of each
kind is kept, what is not repeated goes stale on its own clock, and a bank is what is fresh.
"""

import logging
from collections.abc import Callable
from dataclasses import replace

from pylon2mqtt.errors import DecodeError, FrameError, TransportTimeoutError
from pylon2mqtt.model import Bank
from pylon2mqtt.protocols.base import Clock, Probe
from pylon2mqtt.protocols.roster import Roster
from pylon2mqtt.transports.base import CanTraffic, CanTransport
from pylon2mqtt.transports.can.candump import frames_in, written

from .dbc import EXTENDED
from .diagnosis import verdict
from .dialects import Dialect, ears, foreigner, known, recognise, remark, sent_by_inverters, told_in
from .heard import Census

_LOG = logging.getLogger(__name__)

STALE_S = 30.0
"""A value that was not repeated for so long is not told any more. The slowest known frames (Deye's energies and serial
numbers) come every 5.3 s; SMA's inverters give a battery up after 60 s."""

# One turn while all is well; alarms and a lost line are seen this fast.
_TURN_S = 1.0
# While it is not known who speaks: until nothing new was heard for as long as the dialect may take (a US5000 speaks
# every 2 s), and at most for so long where something is heard, and where nothing is.
_FIRST_S, _SILENCE_S = 12.0, 5.0
# One wait for a frame: longer ones gain nothing.
_WAIT_S = 0.5

# A bank that tells none of these tells nothing.
_LEAST = ("voltage", "soc", "charge_voltage_limit")

# Frames with parts of a serial number: Victron's and those of Deye's modules.
_SERIALS = frozenset({0x380, 0x381, *range(0x600, 0x610), *range(0x650, 0x660)})

PROBES: tuple[Probe, ...] = ()
"""Nothing is asked on a CAN bus."""


def decode(data: bytes, request: str | None) -> Bank:  # noqa: ARG001  nobody asks
    """Return what a candump log says: the last of everything, however old. Raises ProtocolError where it is nothing."""
    heard = ears()
    count = 0
    for at, frame in frames_in(data.decode("utf-8", "replace")):
        heard.note(frame, at)
        count += 1
    if not count:
        raise FrameError("there is no CAN frame in it: give a log as candump -l writes it")
    dialect = recognise(heard, 0.0)
    if dialect is None:
        language = foreigner(heard.census.strangers) or "no battery that is known here"
        raise DecodeError(f"{count} frames: {language}", raw=data[:200])
    return dialect.bank(told_in(dialect, heard, 0.0))


def scrub(request: bytes, answer: bytes, pseudonym: Callable[[str], str]) -> bytes:
    """Return a frame's data with the part of a serial number in it replaced; ``request`` is its identifier, as text."""
    text = answer.rstrip(b"\0").decode("latin-1")
    if int(request, 16) not in _SERIALS or not text.strip():
        return answer
    other = text[:1] + pseudonym(text)[1 - len(text) :] if len(text) > 1 else "0"
    return other.encode("latin-1").ljust(len(answer), b"\0")


class Can:
    """The driver: it keeps what was heard, finds out whose language it is, and gives the bank of what is fresh."""

    listens = True

    def __init__(
        self,
        *,
        name: str | None,
        clock: Clock | None = None,
        stagger_s: float = 0.0,  # noqa: ARG002  nothing is asked
        cells: str = "full",  # noqa: ARG002  single cells are not told on this bus
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
        self._decide(line.line)
        bank = self._bank()
        if bank is None:
            if not self._heard.keys(self._clock.now() - _FIRST_S) & sent_by_inverters():
                self._heard.census.inverter = 0  # What it said before the cable was pulled does not count.
            why = verdict(line.line, self._heard.census, self._passed(line), heard_before=self._dialect is not None)
            line.select(None)
            self._settled = False
            self._begin_anew(line)
            raise TransportTimeoutError(why)
        if not self._settled:
            self._settled = True
            line.select([(key & ~EXTENDED, bool(key & EXTENDED)) for key in sorted(known())])
        if self._heard.census.battery:
            self._heard.census = Census()
            self._before = line.traffic()
        return replace(bank, name=self._name)

    def rescan(self) -> None:
        """Forget whose language it is and which modules there are; from any thread."""
        self._roster.rescan()

    def _forget(self) -> None:
        self._heard = ears()
        self._before = CanTraffic()
        self._dialect: Dialect | None = None
        self._settled = False

    def _begin_anew(self, line: CanTransport) -> None:
        self._heard = ears()
        self._before = line.traffic()

    def _passed(self, line: CanTransport) -> CanTraffic:
        """What passed since the battery was last heard; a line that was opened anew counts from nothing."""
        now, before = line.traffic(), self._before
        return CanTraffic(max(0, now.frames - before.frames), max(0, now.errors - before.errors))

    def _listen(self, line: CanTransport) -> None:
        now = began = self._clock.now()
        until = now + (_TURN_S if self._settled else _SILENCE_S)
        kinds = 0
        shows = _LOG.isEnabledFor(logging.DEBUG)
        while now < until:
            frames = line.recv(min(_WAIT_S, until - now))
            now = self._clock.now()
            for frame in frames:
                self._heard.note(frame, now)
                if shows:
                    _LOG.debug("%s < %s", line.line, written(now, frame))
            if not self._settled and len(self._heard) > kinds:
                kinds = len(self._heard)
                found = recognise(self._heard, began)
                until = min(began + _FIRST_S, now + (found.settle_s if found else _SILENCE_S))

    def _decide(self, line: str) -> None:
        """Say whose language it is; a later proof corrects."""
        since = self._clock.now() - STALE_S
        found = recognise(self._heard, since)
        if found is not None and found is not self._dialect:
            _LOG.info("%s: hears %s on %s%s", self._name, found.title, line, remark(self._heard.keys(since)))
            self._dialect = found

    def _bank(self) -> Bank | None:
        """The bank of what is fresh; None if that is nothing."""
        now = self._clock.now()
        if self._dialect is None:
            return None
        told = told_in(self._dialect, self._heard, now - STALE_S)
        if not told:
            return None
        for address in self._roster.slots:
            told.setdefault(address, {})
        bank = self._dialect.bank(told)
        whole = [module for module in bank.modules if self._dialect.is_whole(module)]
        if not whole and all(getattr(bank, field) is None for field in _LEAST):
            return None
        self._roster.report({m.address: m for m in whole if m.address is not None}, "it is not heard on the bus")
        return replace(bank, modules=tuple(whole), silent=self._roster.silent)
