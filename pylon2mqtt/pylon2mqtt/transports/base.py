"""The seam between lines and protocols."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol, TypeGuard


class ByteTransport(Protocol):
    """A line that carries bytes: a serial port, a TCP gateway or a recording.

    Every method but `cancel` is called from one thread. Nothing is opened in a constructor. All raise TransportError
    when the line is gone; its message says what to do.
    """

    line: str
    """What the user calls it: a device path or a URL."""

    has_baudrate: bool
    """Whether `set_baudrate` changes anything; a raw TCP gateway has its own setting."""

    def open(self) -> None:
        """Open the line, exclusively where the system can."""

    def close(self) -> None:
        """Close the line; closing a closed line does nothing."""

    def cancel(self) -> None:
        """End a waiting read at once, from any thread; it raises TransportError."""

    def set_baudrate(self, baudrate: int) -> None:
        """Change the rate of an open line, and drop what came in at the old one."""

    def send(self, data: bytes) -> None:
        """Drop unread input, then send all of ``data``."""

    def read_until(self, end: bytes, timeout_s: float) -> bytes:
        """Return everything up to and including ``end``; what came behind it stays for the next call.

        Raises TransportTimeoutError after ``timeout_s`` seconds in all, however many bytes came; what came stays too.
        """

    def listen(self, seconds: float) -> bytes:
        """Return everything that arrives within so many seconds."""

    def unread(self) -> bytes:
        """What came in but was not yet returned, for error messages."""


ERROR_MARK = 0x20000000
"""Bit 29 of an identifier marks an error report of the adapter (linux/can.h, CAN_ERR_FLAG)."""


@dataclass(frozen=True, slots=True)
class CanFrame:
    """One frame of a CAN bus; ``error`` is a report of the adapter, and no frame of anybody."""

    id: int
    data: bytes = b""
    extended: bool = False
    remote: bool = False
    error: bool = False

    def __str__(self) -> str:
        """The frame as candump writes it: ``351#1402C012``; an extended identifier has eight digits."""
        number = self.id | ERROR_MARK if self.error else self.id
        shown = f"{number:08X}" if self.extended or self.error else f"{number:03X}"
        return f"{shown}#{'R' if self.remote else self.data.hex().upper()}"


TimedFrame = tuple[float, CanFrame]
"""A frame with the seconds since the first one of its log."""


@dataclass(frozen=True, slots=True)
class CanTraffic:
    """What passed on a bus since its line was opened, handed out or not."""

    frames: int = 0
    errors: int = 0


class CanTransport(Protocol):
    """A line that listens to a CAN bus: there is no way to send on it.

    Every method but `cancel` is called from one thread. Nothing is opened in a constructor. All raise TransportError
    when the line is gone; its message says what to do.
    """

    line: str
    """What the user calls it: ``socketcan:can0``, ``slcan:/dev/ttyUSB0``."""

    def open(self) -> None:
        """Open the line, so that it listens only wherever the adapter can."""

    def close(self) -> None:
        """Close the line; closing a closed line does nothing."""

    def cancel(self) -> None:
        """End a waiting `recv` at once, from any thread; it raises TransportError."""

    def recv(self, timeout_s: float) -> list[CanFrame]:
        """Return the frames that there are, the oldest first; nothing if none comes in time."""

    def select(self, wanted: Collection[tuple[int, bool]] | None) -> None:
        """Hand out only frames with these identifiers (each with whether it is extended); None: all there are.

        It spares work and is no promise: other frames may still come.
        """

    def traffic(self) -> CanTraffic:
        """What passed since the line was opened, for telling why nothing comes."""


Line = ByteTransport | CanTransport


def is_can(line: Line) -> TypeGuard[CanTransport]:
    """Whether a line carries CAN frames instead of bytes."""
    return hasattr(line, "recv")
