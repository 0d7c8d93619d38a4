"""Listening to what an inverter asks its battery on RS485, and sending nothing: not one byte.

An answer does not repeat what was asked, so question and answer are taken in pairs: a sound frame that is no answer to
the question before it is itself a question. What is not asked here cannot be known here.

Source: the exchanges of inverters as captured by Tomcat42/pylontech-python and others; docs/protocols/rs485.md.
"""

import logging
from dataclasses import replace

from pylon2mqtt.errors import DecodeError, DeviceError, FrameError, ProtocolError, TransportTimeoutError
from pylon2mqtt.model import Bank, Module
from pylon2mqtt.model.joining import joined
from pylon2mqtt.protocols.base import Clock
from pylon2mqtt.protocols.roster import Roster
from pylon2mqtt.transports.base import ByteTransport

from .dialects import DIALECTS, decoded, is_answer
from .dialogue import accepted
from .frame import EOI, Frame, candidates

_LOG = logging.getLogger(__name__)

RATES = (115200, 9600, 19200)
"""The rates at which inverters ask, the likeliest first."""

# An inverter asks every second or two; some go round a stack more slowly.
_SOMETHING_S = 4.0
# A whole round is over when a question comes again that was answered already, or at the latest after this.
_ROUND_S = 15.0
_LOOK_S = 0.1
# How long a value is good that is not asked again; names and limits of the BMS do not change.
_FRESH_S = 60.0
# So many reads without any exchange, and the rate is looked for anew.
_LOST_AFTER = 3
# More than any answer has; what is longer without an end is noise.
_LONGEST = 8400

_Key = tuple[int, int, bytes]
"""Command, address and INFO of a question."""


class Listener:
    """A driver that never sends: it makes a bank of the questions and answers of others."""

    listens = False

    def __init__(self, *, name: str | None, clock: Clock | None = None, rates: tuple[int, ...] = RATES) -> None:
        self._name = name
        self._clock = clock or Clock()
        self._rates = rates
        self._rate: int | None = None
        self._lost_reads = 0
        self._buffer = b""
        self._pending: Frame | None = None
        self._told: dict[_Key, tuple[Bank, float]] = {}
        self._roster = Roster(name, self._clock.now)

    # -------------------- the seam

    def read(self, line: ByteTransport) -> Bank:
        """Listen until everything that is asked has come once, and return what is known of the bank now."""
        if self._roster.begin():
            self._told.clear()
        if self._rate is None:
            self._rate = self._find_rate(line)
        else:
            line.set_baudrate(self._rate)  # what was said while nobody listened is old
            self._buffer = b""
            self._pending = None
        try:
            self._hear_a_round(line)
            bank = self._bank()
        except TransportTimeoutError:
            self._lost_reads += 1
            if self._lost_reads >= _LOST_AFTER:
                self._rate = None
            raise
        self._lost_reads = 0
        return bank

    def rescan(self) -> None:
        """Forget which modules there were and what they said; may be called from any thread."""
        self._roster.rescan()

    # -------------------- listening

    def _find_rate(self, line: ByteTransport) -> int:
        """Listen at each rate until a sound frame comes."""
        garbage = 0
        for rate in self._rates if line.has_baudrate else self._rates[:1]:
            line.set_baudrate(rate)
            until = self._clock.now() + _SOMETHING_S
            heard = b""
            while self._clock.now() < until:
                heard += line.listen(_LOOK_S)
                if any(_is_sound(raw) for raw in candidates(heard)):
                    self._buffer = heard
                    _LOG.info("%s: %s: listening only, at %d baud", self._name, line.line, rate)
                    return rate
            garbage += len(heard)
        if garbage:
            raise FrameError(
                f"{line.line}: {garbage} bytes, but no frame at any of {', '.join(map(str, self._rates))} baud: "
                "swap A and B, check the ground"
            )
        raise TransportTimeoutError(
            f"{line.line}: nothing is said here. With listen_only only what an inverter asks can be read: look whether "
            "it is on and talks to the battery over RS485; where no inverter asks, switch listen_only off"
        )

    def _hear_a_round(self, line: ByteTransport) -> None:
        """Take in exchanges until one comes that was heard in this round already."""
        until = self._clock.now() + _ROUND_S
        heard: set[_Key] = set()
        while self._clock.now() < until:
            self._buffer = (self._buffer + line.listen(_LOOK_S))[-_LONGEST:]
            for key in self._exchanges():
                if key in heard:
                    return
                heard.add(key)
        if not heard:
            raise TransportTimeoutError(f"{line.line}: no question and answer was heard for {_ROUND_S:g} s")

    def _exchanges(self) -> list[_Key]:
        """Take the whole frames out of the buffer, and tell which questions were answered."""
        whole, end, rest = self._buffer.rpartition(EOI)
        self._buffer = rest
        told = (self._take(raw) for raw in candidates(whole + end))
        return [key for key in told if key is not None]

    def _take(self, raw: bytes) -> _Key | None:
        """Take in one frame; it is an answer only if it fits the question before it."""
        try:
            frame = Frame.parse(raw)
        except FrameError:
            return None
        asked, self._pending = self._pending, frame
        if asked is None:
            return None
        try:
            answer = accepted(raw, asked, is_answer)
        except DeviceError:
            self._pending = None
            return None
        except FrameError:
            return None  # the next question: the last one was not answered
        if answer is None:
            return None  # asked again
        self._pending = None
        return self._keep(answer, asked)

    def _keep(self, answer: Frame, asked: Frame) -> _Key | None:
        key = (asked.cid2, asked.address, asked.info)
        try:
            self._told[key] = (decoded(answer, asked), self._clock.now())
        except DecodeError as error:
            self._roster.complaints.not_understood(self._name, error)
            return None
        except ProtocolError as error:
            _LOG.debug("%s: %s", self._name, error)
            return None
        return key

    # -------------------- what is known

    def _bank(self) -> Bank:
        """Everything that is fresh, put together; a module is in it whole or not at all."""
        now = self._clock.now()
        self._told = {key: told for key, told in self._told.items() if now - told[1] <= _FRESH_S or _is_constant(key)}
        both = joined(bank for bank, _ in self._told.values())
        modules = tuple(module for module in both.modules if _is_whole(module))
        if not modules and both.soc is None:
            raise TransportTimeoutError("what is asked here tells no values: 42 or 61 is needed")
        self._roster.report({module.number: module for module in modules}, "nobody asks for it, or it does not answer")
        return replace(both, name=self._name, modules=modules, silent=self._roster.silent)


def _is_constant(key: _Key) -> bool:
    return any(dialect.is_constant(key[0]) for dialect in DIALECTS)


def _is_whole(module: Module) -> bool:
    return module.voltage is not None and module.cells is not None and module.cells[0].voltage is not None


def _is_sound(raw: bytes) -> bool:
    try:
        Frame.parse(raw)
    except FrameError:
        return False
    return True
