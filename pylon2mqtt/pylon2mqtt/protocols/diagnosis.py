"""What is spoken on a line, found out by asking as little and as harmlessly as possible.

First listen: whoever already talks must not be disturbed. Then each protocol's own harmless question, the least
meaning to others first (Enter, which makes a text console show its prompt), and only as long as nothing has answered.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from pylon2mqtt.errors import FrameError, ProtocolError, RestingError, TransportTimeoutError
from pylon2mqtt.model import Bank
from pylon2mqtt.transports.base import ByteTransport, Line, is_can

from .base import BatteryProtocol, Clock, Probe

_LOG = logging.getLogger(__name__)

# An inverter asks its battery every second or two; a console says nothing by itself.
_LISTEN_S = 2.5
_LISTEN_AT = (115200, 9600)
# How often to look whether enough came.
_LOOK_S = 0.1
# A battery that cannot be read is looked at again after this; in between its driver goes on trying.
_DIAGNOSE_AGAIN_S = 300.0
# What an adapter with slcan firmware says to a question that it does not know: BEL. CR is its "yes".
_SLCAN_REFUSES, _SLCAN_SAYS = b"\a", set(b"\a\r")
# Their adapters fit the socket of a console too.
_WIRED_AS_CONSOLE = ("rs232", "rs485")


@dataclass(slots=True)
class Diagnosis:
    """What a line said while it was tried; ``probe`` is the one whose question was answered well."""

    probe: Probe | None = None
    asked_by_another: bool = False
    echo: bool = False
    unknown: bytearray = field(default_factory=bytearray)

    def note(self, received: bytes, question: bytes) -> None:
        """Take in what came, with our own question taken out of it."""
        if question and question in received:
            self.echo = True
            received = received.replace(question, b"", 1)
        self.unknown += received

    @property
    def is_silence(self) -> bool:
        """Whether nothing at all came."""
        return not (self.probe or self.asked_by_another or self.echo or self.unknown)

    def error(self, line: str) -> ProtocolError | TransportTimeoutError:
        """Return what is said of a line on which no battery was found: the likeliest cause."""
        if self.asked_by_another:
            return FrameError(
                f"{line}: another reader, such as an inverter, is already asking here, and two on one line spoil both. "
                "Set listen_only: then nothing is sent, and what the inverter asks is shown. Or use another socket of "
                "the battery, or take the inverter's cable out"
            )
        if _SLCAN_REFUSES in self.unknown and set(self.unknown) <= _SLCAN_SAYS:
            return FrameError(f"{line}: this is a CAN adapter with slcan firmware: choose the protocol can")
        if self.unknown:
            return FrameError(
                f"{line}: {len(self.unknown)} bytes, but neither a prompt nor a frame. This looks like the RS485 "
                "socket with A and B swapped, like an unusual rate set by the DIP switches, or like the CAN socket"
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


def diagnose(line: ByteTransport, probes: Iterable[Probe]) -> Diagnosis:
    """Find out what is spoken on an open line; raise TransportError when it is gone."""
    ordered = sorted(probes, key=lambda probe: probe.rank)
    found = Diagnosis()
    for baudrate in _LISTEN_AT:
        line.set_baudrate(baudrate)
        received = line.listen(_LISTEN_S)
        if any(probe.is_question(received) for probe in ordered):
            found.asked_by_another = True
            return found
        found.note(received, b"")
        if not (found.unknown and line.has_baudrate):  # somebody may be talking at another rate
            break
    return _ask(line, ordered, found)


def _ask(line: ByteTransport, probes: list[Probe], found: Diagnosis) -> Diagnosis:
    """Ask one harmless question after the other until one is answered well."""
    asked = set()
    late = [probe for probe in probes if probe.rank == 0]  # a prompt is nothing that another language says
    for probe in probes:
        if probe.question in asked and not line.has_baudrate:
            continue
        asked.add(probe.question)
        line.set_baudrate(probe.baudrate)
        line.send(probe.question)
        received, found.probe = _answer(line, probe.wait_s, (probe, *late))
        if found.probe:
            break
        found.note(received, probe.question)
    return found


def _answer(line: ByteTransport, seconds: float, probes: Iterable[Probe]) -> tuple[bytes, Probe | None]:
    """Listen for so many seconds, or until what came answers the question of one of these probes."""
    received = b""
    for _ in range(round(seconds / _LOOK_S)):
        received += line.listen(_LOOK_S)
        for probe in probes:
            if probe.recognises(received):
                return received, probe
    return received, None


class Chosen:
    """The driver of the protocol that the owner chose; until it has read something, its failures are looked into.

    Then what is spoken there is said, and which option to change. The driver itself is asked in every read.
    ``adapter`` is the serial line of an adapter for a CAN bus, which may be no such adapter.
    """

    def __init__(
        self,
        protocol: str,
        reader: BatteryProtocol,
        *,
        probes: Callable[[], Iterable[Probe]],
        clock: Clock,
        adapter: ByteTransport | None = None,
    ) -> None:
        self._protocol = protocol
        self._driver = reader
        self._probes = probes
        self._clock = clock
        self._adapter = adapter
        self._has_read = False
        self._diagnose_at = 0.0
        self._found = Diagnosis()

    @property
    def listens(self) -> bool:
        """Whether the battery speaks by itself."""
        return self._driver.listens

    def read(self, line: Any) -> Bank:
        """Read the bank; raise the driver's error, or a better explanation where there is one."""
        try:
            bank = self._driver.read(line)
        except RestingError:
            raise
        except (TransportTimeoutError, ProtocolError) as error:
            if self._has_read:
                raise
            if self._clock.now() >= self._diagnose_at:
                self._found = self._diagnosis(line)
                self._diagnose_at = self._clock.now() + _DIAGNOSE_AGAIN_S
            raise self._explained((self._adapter or line).line, error) from error
        self._has_read = True
        return bank

    def rescan(self) -> None:
        """Look for the modules anew, and find out again what is spoken when nothing good comes."""
        self._has_read = False
        self._diagnose_at = 0.0
        self._driver.rescan()

    def _diagnosis(self, line: Line) -> Diagnosis:
        """Find out what is spoken; on a bus where nothing passes, whether its adapter is one at all."""
        if not is_can(line):
            return diagnose(cast(ByteTransport, line), self._probes())
        if self._adapter is None or line.traffic().frames:
            return Diagnosis()
        line.close()
        try:
            self._adapter.open()
            return Diagnosis(probe=diagnose(self._adapter, self._probes()).probe)
        finally:
            self._adapter.close()
            line.open()

    def _explained(
        self, line: str, error: TransportTimeoutError | ProtocolError
    ) -> TransportTimeoutError | ProtocolError:
        """Return what is wrong: the driver's own error where its protocol is spoken, or where there is silence."""
        probe = self._found.probe
        if probe is None:
            return self._silence(error) if self._found.is_silence else self._found.error(line)
        if probe.protocol == self._protocol:
            return error
        return FrameError(
            f"{line}: {probe.title} is spoken here, but the protocol {self._protocol} is chosen. "
            f"Choose {probe.protocol}, or auto"
        )

    def _silence(self, error: TransportTimeoutError | ProtocolError) -> TransportTimeoutError | ProtocolError:
        """The driver's own error, and what only the console's driver may try: the frame that wakes an old one up."""
        if self._protocol not in _WIRED_AS_CONSOLE or not isinstance(error, TransportTimeoutError):
            return error
        return TransportTimeoutError(
            f"{error}. Nothing else answers either; if the cable is in a socket Console or RS232, choose the protocol "
            "console, or auto, which wake up an old console"
        )
