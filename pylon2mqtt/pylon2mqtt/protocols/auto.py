"""Finding out which language a battery speaks, by asking as little and as harmlessly as possible.

First listen: whoever already talks must not be disturbed. Then each protocol's own harmless question, the least
meaning to others first (Enter, which makes a text console show its prompt), and only as long as nothing has answered.
Only after silence may each driver look in its own way. What was found is kept; what was not is said with its likeliest
cause.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from pylon2mqtt.errors import FrameError, ProtocolError, TransportTimeoutError
from pylon2mqtt.model import Bank
from pylon2mqtt.transports.base import ByteTransport, Line, is_can

from .base import BatteryProtocol, Probe

_LOG = logging.getLogger(__name__)

# An inverter asks its battery every second or two; a console says nothing by itself.
_LISTEN_S = 2.5
_LISTEN_AT = (115200, 9600)
# How often to look whether enough came.
_LOOK_S = 0.1


@dataclass(slots=True)
class _Heard:
    """What a line said while it was tried, for the verdict."""

    echo: bool = False
    garbage: int = 0

    def note(self, told: bytes, question: bytes) -> None:
        """Take in what came, with our own question taken out of it."""
        if question and question in told:
            self.echo = True
            told = told.replace(question, b"", 1)
        self.garbage += len(told)

    def verdict(self, line: str) -> ProtocolError | TransportTimeoutError:
        """Return what is said of a line on which nothing was found: the likeliest cause."""
        if self.garbage:
            return FrameError(
                f"{line}: {self.garbage} bytes, but neither a prompt nor a frame. This looks like the RS485 socket "
                "with A and B swapped, like an unusual rate set by the DIP switches, or like the CAN socket"
            )
        if self.echo:
            return TransportTimeoutError(
                f"{line}: only our own echo. The adapter hears itself but no battery: look whether the cable is in the "
                "battery's RS485 socket and the battery is on, and swap A and B"
            )
        return TransportTimeoutError(
            f"{line}: silence. Look whether the battery is on and the cable in the right socket, and swap A and B "
            "(RS485) or receive and transmit (RS232)"
        )


class Auto:
    """The driver that is used until it is known which one to use: from then on it is that one."""

    def __init__(
        self, *, name: str | None, probes: Callable[[], Iterable[Probe]], make_driver: Callable[[str], BatteryProtocol]
    ) -> None:
        self._name = name
        self._all_probes = probes
        self._make_driver = make_driver
        self._driver: BatteryProtocol | None = None

    @property
    def listens(self) -> bool:
        """Whether what was found is listened to."""
        return self._driver is not None and self._driver.listens

    def read(self, line: Line) -> Bank:
        """Find out what the battery speaks, once; then read it. A CAN bus is listened to."""
        if self._driver is None and is_can(line):
            self._driver = self._make_driver("can")
        if self._driver is None:
            try:
                self._driver = self._make_driver(self._find(cast(ByteTransport, line)))
            except TransportTimeoutError as silence:
                return self._first_reading(cast(ByteTransport, line), silence)
        return self._driver.read(line)

    def rescan(self) -> None:
        """Look for the modules anew, or for the language while that is unknown."""
        if self._driver is not None:
            self._driver.rescan()

    @cached_property
    def _probes(self) -> list[Probe]:
        return sorted(self._all_probes(), key=lambda probe: probe.rank)

    def _find(self, line: ByteTransport) -> str:
        heard = _Heard()
        for baudrate in _LISTEN_AT:
            line.set_baudrate(baudrate)
            self._not_in_use(line, line.listen(_LISTEN_S), heard)
            if not (heard.garbage and line.has_baudrate):  # somebody may be talking at another rate
                break
        asked = set()
        for probe in self._probes:
            if probe.question in asked and not line.has_baudrate:
                continue
            asked.add(probe.question)
            line.set_baudrate(probe.baudrate)
            line.send(probe.question)
            told = _heard_until(line, probe.wait_s, probe.recognises)
            if probe.recognises(told):
                rate = f" at {probe.baudrate} baud" if line.has_baudrate else ""
                _LOG.info("%s: %s speaks %s%s", self._name, line.line, probe.title, rate)
                return probe.protocol
            heard.note(told, probe.question)
        raise heard.verdict(line.line)

    def _first_reading(self, line: ByteTransport, silence: TransportTimeoutError) -> Bank:
        """Where no probe was answered, let each driver look in its own way: some units know only a few questions.

        The console's comes last, because it ends with a frame that switches an old console on.
        """
        for protocol in dict.fromkeys(probe.protocol for probe in reversed(self._probes)):
            driver = self._make_driver(protocol)
            try:
                bank = driver.read(line)
            except (TransportTimeoutError, ProtocolError) as error:
                _LOG.debug("%s: not %s: %s", self._name, protocol, error)
                continue
            self._driver = driver
            return bank
        raise silence

    def _not_in_use(self, line: ByteTransport, told: bytes, heard: _Heard) -> None:
        """Send nothing where another reader is asking: two of them spoil both."""
        if any(probe.is_question(told) for probe in self._probes):
            raise FrameError(
                f"{line.line}: another reader, such as an inverter, is already asking here, and two on one line spoil "
                "both. Set listen_only: then nothing is sent, and what the inverter asks is shown. Or use another "
                "socket of the battery, or take the inverter's cable out"
            )
        heard.note(told, b"")


def _heard_until(line: ByteTransport, seconds: float, enough: Callable[[bytes], object]) -> bytes:
    """Listen for so many seconds, or until what came is enough."""
    told = b""
    for _ in range(round(seconds / _LOOK_S)):
        told += line.listen(_LOOK_S)
        if enough(told):
            break
    return told
