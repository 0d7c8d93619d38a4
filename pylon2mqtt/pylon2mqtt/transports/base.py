"""The seam between lines and protocols."""

from typing import Protocol


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
