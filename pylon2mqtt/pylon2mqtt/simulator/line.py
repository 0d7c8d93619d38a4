"""Where a virtual battery is plugged in: a pseudo terminal, or a TCP port as a serial gateway offers it.

A line carries bytes as they are; how fast is the business of `pace`. All raise TransportError when the place cannot
be had, with what to do.
"""

import errno
import os
import pty
import select
import socket
import termios
import time
import tty
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Protocol

from pylon2mqtt.errors import ConfigError, TransportError
from pylon2mqtt.model.units import Seconds

_SPEEDS = {
    int(name[1:]): getattr(termios, name) for name in dir(termios) if name.startswith("B") and name[1:].isdecimal()
}
# A host that takes nothing for so long has hung up.
_HOST_TAKES_WITHIN_S = 0.5


class Line(Protocol):
    """One end of a line, used from one thread."""

    def open(self) -> None:
        """Be there for a host. Raises TransportError."""

    def close(self) -> None:
        """Be gone; closing a closed line does nothing."""

    @property
    def is_open(self) -> bool:
        """Whether a host finds something."""

    @property
    def url(self) -> str:
        """What the host calls it: a device path, or ``socket://host:port``."""

    def read(self, timeout: Seconds) -> bytes:
        """What a host sent, or nothing after ``timeout`` seconds."""

    def write(self, data: bytes) -> None:
        """Send to the host; where nobody listens the bytes are lost, as on a wire."""

    def drop(self) -> bool:
        """Hang up on the host, where that can be; whether somebody was there."""

    def set_baudrate(self, baudrate: int) -> None:
        """Speak and hear at this rate from now on."""


def line_at(listen: str, baudrate: int) -> Line:
    """The line that ``pty:PATH`` or ``tcp:HOST:PORT`` describes. Raises ConfigError."""
    kind, _, place = listen.partition(":")
    if kind == "pty" and place:
        return PtyLine(place, baudrate)
    host, _, port = place.rpartition(":")
    if kind == "tcp" and host and port.isdecimal() and int(port) < 65536:
        return TcpLine(host, int(port), baudrate)
    raise ConfigError(f"{listen!r} is no place to listen at: write pty:PATH or tcp:HOST:PORT (port 0 takes a free one)")


def _speed(baudrate: int) -> int:
    """The terminal's number for a rate. Raises ConfigError."""
    if baudrate not in _SPEEDS:
        raise ConfigError(f"a terminal knows no {baudrate} Bd: choose from {', '.join(map(str, sorted(_SPEEDS)))}")
    speed: int = _SPEEDS[baudrate]
    return speed


class PtyLine:
    """A pseudo terminal under a path of one's own, with a baud rate.

    The host may open and close it as often as it likes. While the host's rate is another one, what it sends is not
    understood, and what it gets is garbage.
    """

    def __init__(self, path: str, baudrate: int) -> None:
        self._path = Path(path)
        self._speed = _speed(baudrate)
        self._master: int | None = None
        self._slave: int | None = None
        self._static = Random(baudrate)  # noqa: S311 - line noise

    @property
    def url(self) -> str:
        """The path."""
        return str(self._path)

    @property
    def is_open(self) -> bool:
        """Whether the path leads to a terminal."""
        return self._master is not None

    def open(self) -> None:
        """Make the terminal and the path to it; the old path of a dead simulator is replaced."""
        if self._path.exists() and not self._path.is_symlink():
            raise TransportError(f"{self._path} is there already and is no link to a terminal: choose another path")
        self._master, self._slave = pty.openpty()
        os.set_blocking(self._master, False)
        tty.setraw(self._slave)
        attributes = termios.tcgetattr(self._slave)
        attributes[4] = attributes[5] = self._speed
        termios.tcsetattr(self._slave, termios.TCSANOW, attributes)
        try:
            self._path.unlink(missing_ok=True)
            self._path.symlink_to(os.ttyname(self._slave))
        except OSError as exc:
            self.close()
            raise TransportError(
                f"no terminal can be put at {self._path} ({exc.strerror}): choose another path"
            ) from exc

    def close(self) -> None:
        """Take the terminal away, also from a host that has it open: the cable is pulled."""
        if self._master is None or self._slave is None:
            return
        with suppress(OSError):
            if self._path.readlink() == Path(os.ttyname(self._slave)):
                self._path.unlink()
        os.close(self._master)
        # Kept open until here, for a terminal that nobody holds answers every read of ours with EIO.
        os.close(self._slave)
        self._master = self._slave = None

    def read(self, timeout: Seconds) -> bytes:
        """What the host sent at our rate."""
        if self._master is None:
            time.sleep(timeout)
            return b""
        if not select.select([self._master], [], [], timeout)[0]:
            return b""
        data = os.read(self._master, 4096)
        return data if self._host_has_our_speed(self._master) else b""

    def write(self, data: bytes) -> None:
        """Send; what a full terminal cannot take is lost."""
        if self._master is None:
            return
        if not self._host_has_our_speed(self._master):
            data = self._static.randbytes(len(data))
        with suppress(BlockingIOError):
            os.write(self._master, data)

    def drop(self) -> bool:
        """Do nothing: a terminal has no connection that could be dropped."""
        return False

    def set_baudrate(self, baudrate: int) -> None:
        """Speak at another rate, whatever the host's is."""
        self._speed = _speed(baudrate)

    def _host_has_our_speed(self, master: int) -> bool:
        return bool(termios.tcgetattr(master)[5] == self._speed)


class TcpLine:
    """A serial gateway: one client at a time, bytes as they come. Port 0 takes a free one, and keeps it.

    The gateway's own rate is fixed: while the battery's is another one, neither understands the other.
    """

    def __init__(self, host: str, port: int, baudrate: int) -> None:
        self._host, self._port = host, port
        self._baudrate = self._battery_baudrate = baudrate
        self._static = Random(baudrate)  # noqa: S311 - line noise
        self._door: socket.socket | None = None
        self._client: socket.socket | None = None

    @property
    def url(self) -> str:
        """``socket://host:port``; the port is known once the line was open."""
        return f"socket://{self._host}:{self._port}"

    @property
    def is_open(self) -> bool:
        """Whether clients can connect."""
        return self._door is not None

    def open(self) -> None:
        """Listen."""
        try:
            self._door = socket.create_server((self._host, self._port))
        except OSError as exc:
            raise TransportError(f"port {self._port} of {self._host} cannot be had ({exc}): choose another") from exc
        self._port = self._door.getsockname()[1]

    def close(self) -> None:
        """Hang up and listen no more."""
        self.drop()
        if self._door is not None:
            self._door.close()
            self._door = None

    def drop(self) -> bool:
        """Hang up on the client."""
        if self._client is None:
            return False
        self._client.close()
        self._client = None
        return True

    def read(self, timeout: Seconds) -> bytes:
        """What the client sent; a client that comes is let in, a second one sent away."""
        if self._door is None:
            time.sleep(timeout)
            return b""
        ends = [end for end in (self._door, self._client) if end is not None]
        ready = select.select(ends, [], [], timeout)[0]
        # The client first: it may have gone, and then the one at the door is not the second.
        data = self._heard(self._client) if self._client in ready and self._client is not None else b""
        if self._door in ready:
            self._let_in(self._door)
        return data

    def write(self, data: bytes) -> None:
        """Send to the client, if there is one."""
        if self._client is None:
            return
        if self._battery_baudrate != self._baudrate:
            data = self._static.randbytes(len(data))
        try:
            self._client.sendall(data)
        except OSError:
            self.drop()

    def set_baudrate(self, baudrate: int) -> None:
        """Let the battery speak at another rate; the gateway's stays."""
        self._battery_baudrate = baudrate

    def _let_in(self, door: socket.socket) -> None:
        client, _ = door.accept()
        if self._client is not None:
            client.close()
            return
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.settimeout(_HOST_TAKES_WITHIN_S)
        self._client = client

    def _heard(self, client: socket.socket) -> bytes:
        try:
            data = client.recv(4096)
        except OSError as exc:
            if exc.errno not in {errno.ECONNRESET, errno.ETIMEDOUT, errno.EPIPE}:
                raise TransportError(f"the client of {self.url} cannot be heard ({exc}): start again") from exc
            data = b""
        if not data:
            self.drop()
        return data if self._battery_baudrate == self._baudrate else b""
