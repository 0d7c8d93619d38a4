"""Serial ports and TCP gateways by pySerial: a device path, ``socket://host:port`` or ``rfc2217://host:port``.

RS-485 and RS-232 are one kind here: the adapter makes the difference. A gateway may split and merge what it carries
as it likes; the end of an answer is found in the bytes, never in their timing.
"""

import errno
import logging
import select
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

import serial

from pylon2mqtt.errors import TransportError, TransportTimeoutError

from .causes import cause

_LOG = logging.getLogger(__name__)

# How long one look for bytes waits: a stop is seen, and a deadline overrun, by this much at the most.
_LOOK_S = 0.1
# More than any line carries between two looks.
_MOST_AT_ONCE = 4096
# A line that does not take our few characters within this time is gone, or held by flow control.
_WRITE_TIMEOUT_S = 1.0
# The rate until a protocol chooses one: the one that most batteries speak.
_FIRST_BAUDRATE = 115200

_ADVICE: dict[int | None, str] = {
    errno.ENOENT: "plug the adapter in, or choose the device it shows up as",
    errno.ENXIO: "plug the adapter in, or choose the device it shows up as",
    errno.EACCES: "let this user open it (group dialout or uucp), or run this as the app",
    errno.EPERM: "let this user open it (group dialout or uucp), or run this as the app",
    errno.EBUSY: "stop the other program that uses it",
    errno.EAGAIN: "stop the other program that uses it: two readers spoil each other's answers",
    errno.ENOTTY: "choose a serial device",
    errno.EISDIR: "choose a serial device",
}
_ADAPTER = "look whether the adapter is plugged in"
_GATEWAY = "check the gateway's address, port and power"
_GATEWAY_ADVICE: dict[int | None, str] = dict.fromkeys(
    (errno.ECONNRESET, errno.EPIPE),
    "the gateway is busy or was restarted: most serve one program at a time, so stop any other that uses it",
)


# pySerial lets some of termios' errors through; they are no OSError.
_FOREIGN = (OSError, serial.SerialException, ValueError, termios.error)


class SerialTransport:
    """A `ByteTransport` over pySerial, 8N1, without flow control, locked against a second reader where that works."""

    def __init__(self, line: str) -> None:
        self.line = line
        self.has_baudrate = not line.startswith("socket:")
        self._port: serial.Serial | None = None
        self._pending = bytearray()
        self._baudrate = _FIRST_BAUDRATE
        self._cancelled = False

    def open(self) -> None:
        """Open the line; raise TransportError with what to do if that fails."""
        self.close()
        self._pending.clear()
        with self._translated("cannot open"):
            port = serial.serial_for_url(self.line, baudrate=self._baudrate, timeout=0, do_not_open=True)
            if self.line.startswith("rfc2217:"):
                port.timeout = _LOOK_S  # its bytes come from a thread: there is no file to wait for
            else:
                port.write_timeout = _WRITE_TIMEOUT_S
            if "://" not in self.line:
                port.exclusive = True
            port.open()
            self._port = port

    def close(self) -> None:
        """Close the line, whatever state it is in."""
        port, self._port = self._port, None
        if port is None:
            return
        # pySerial 3.5 leaves a socket open whose peer has gone.
        peer = getattr(port, "_socket", None)
        try:
            port.close()
            if peer is not None:
                peer.close()
        except _FOREIGN as error:
            _LOG.debug("%s: closing: %s", self.line, error)

    def cancel(self) -> None:
        """End a waiting read within a tenth of a second, for good."""
        self._cancelled = True

    def set_baudrate(self, baudrate: int) -> None:
        """Change the rate and drop what came in at the old one."""
        port = self._opened()
        with self._translated(f"cannot use {baudrate} baud on"):
            if baudrate != self._baudrate:
                port.baudrate = self._baudrate = baudrate
            port.reset_input_buffer()
        self._pending.clear()

    def send(self, data: bytes) -> None:
        """Drop unread input, then send all of ``data``."""
        port = self._opened()
        if self._pending:
            _LOG.debug("%s: dropped %r", self.line, bytes(self._pending))
            self._pending.clear()
        _LOG.debug("%s > %r", self.line, data)
        with self._translated("cannot send on"):
            port.reset_input_buffer()
            port.write(data)

    def read_until(self, end: bytes, timeout_s: float) -> bytes:
        """Return everything up to and including ``end``."""
        deadline = time.monotonic() + timeout_s
        searched = 0
        while (found := self._pending.find(end, searched)) < 0:
            if time.monotonic() >= deadline:
                raise TransportTimeoutError(f"{self.line}: no whole answer within {timeout_s:g} s")
            searched = max(0, len(self._pending) - len(end) + 1)
            self._pending += self._look(deadline - time.monotonic())
        data = bytes(self._pending[: found + len(end)])
        del self._pending[: found + len(end)]
        _LOG.debug("%s < %r", self.line, data)
        return data

    def listen(self, seconds: float) -> bytes:
        """Return everything that arrives within so many seconds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._pending += self._look(deadline - time.monotonic())
        data = bytes(self._pending)
        self._pending.clear()
        if data:
            _LOG.debug("%s heard %r", self.line, data)
        return data

    def unread(self) -> bytes:
        """What came in but was not yet returned."""
        return bytes(self._pending)

    def _look(self, at_most_s: float) -> bytes:
        """Return what is there, waiting a short while for the first byte."""
        port = self._opened()
        if self._cancelled:
            raise TransportError(f"{self.line}: stopped")
        with self._translated("cannot read from"):
            if port.timeout:
                data: bytes = port.read(max(1, port.in_waiting))
                return data
            ready, _, _ = select.select([port.fileno()], [], [], max(0.0, min(at_most_s, _LOOK_S)))
            return port.read(_MOST_AT_ONCE) if ready else b""

    def _opened(self) -> serial.Serial:
        if self._port is None:
            raise TransportError(f"{self.line} is not open: open it first")
        return self._port

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        """Turn pySerial's and the system's errors into ours, with advice where the cause is known."""
        try:
            yield
        except _FOREIGN as error:
            number, reason = cause(error)
            if "disconnected" in reason:
                number = errno.ECONNRESET
            known, otherwise = (_GATEWAY_ADVICE, _GATEWAY) if "://" in self.line else (_ADVICE, _ADAPTER)
            raise TransportError(f"{what} {self.line}: {reason}; {known.get(number, otherwise)}") from error
