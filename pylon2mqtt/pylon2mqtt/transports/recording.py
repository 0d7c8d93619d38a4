r"""Recordings: what passed on a wire, both ways, with times, as plain text for a bug report; and their replay.

::

    # pylon2mqtt recording 1
    # protocol: rs485
    # line: /dev/ttyUSB0
         0.000 = 115200
         0.001 > ~20024693E00202FD2D\r
         0.094 < ~20024600C02202…\r

A line is a time in seconds, a direction (``>`` sent, ``<`` received, ``=`` the baud rate from here on) and the
characters, with ``\r``, ``\n``, ``\\`` and ``\xNN`` for what does not print. A ``#`` begins a remark.
"""

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TextIO

from pylon2mqtt.errors import FrameError, TransportTimeoutError

from .base import ByteTransport

MAGIC = "# pylon2mqtt recording 1"
"""The first line of a recording."""

_LINE = re.compile(r"\s*(\d+(?:\.\d+)?) ([<>=]) (.*)")
# Long answers are broken behind their line ends, to be read by people.
_PIECE = re.compile(rb"[^\r\n]*[\r\n]+|[^\r\n]+")

Scrub = Callable[[bytes, bytes], bytes]


class Recorder:
    """A `ByteTransport` around another that writes down what passes.

    ``scrub`` gets a request and what came back for it and returns what may be written of it (barcodes replaced).
    """

    def __init__(self, line: ByteTransport, file: TextIO, *, protocol: str, scrub: Scrub | None = None) -> None:
        self.line = line.line
        self.has_baudrate = line.has_baudrate
        self._inner = line
        self._file = file
        self._protocol = protocol
        self._scrub = scrub
        self._request = b""
        self._began: float | None = None

    def open(self) -> None:
        """Open the line, and begin the recording the first time."""
        self._inner.open()
        self.begin()

    def begin(self) -> None:
        """Begin the recording on a line that is open already."""
        if self._began is None:
            self._began = time.monotonic()
            self._file.write(f"{MAGIC}\n# protocol: {self._protocol}\n# line: {self.line}\n")

    def close(self) -> None:
        """Close the line, and write down what was still unread."""
        self._write_unread()
        self._inner.close()

    def cancel(self) -> None:
        """End a waiting read."""
        self._inner.cancel()

    def set_baudrate(self, baudrate: int) -> None:
        """Change the rate of the line, and write it into the recording."""
        self._inner.set_baudrate(baudrate)
        self._write("=", str(baudrate))

    def send(self, data: bytes) -> None:
        """Send and note it."""
        self._write_unread()
        self._inner.send(data)
        self._request = data
        self._write(">", _escaped(data))

    def read_until(self, end: bytes, timeout_s: float) -> bytes:
        """Read from the line, and write what came into the recording."""
        data = self._inner.read_until(end, timeout_s)
        self._write_received(data)
        return data

    def listen(self, seconds: float) -> bytes:
        """Listen and note what comes."""
        data = self._inner.listen(seconds)
        if data:
            self._write_received(data)
        return data

    def unread(self) -> bytes:
        """What came in but was not yet returned."""
        return self._inner.unread()

    def _write_unread(self) -> None:
        if left := self._inner.unread():
            self._write_received(left)

    def _write_received(self, data: bytes) -> None:
        shown = self._scrub(self._request, data) if self._scrub else data
        for piece in _PIECE.findall(shown):
            self._write("<", _escaped(piece))

    def _write(self, direction: str, text: str) -> None:
        elapsed = time.monotonic() - (self._began or time.monotonic())
        self._file.write(f"{elapsed:10.3f} {direction} {text}\n")
        self._file.flush()


@dataclass(slots=True)
class Exchange:
    """One question and everything that came until the next."""

    time_s: float
    baudrate: int | None
    sent: bytes
    received: bytes = b""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording read back: which protocol, and what passed."""

    protocol: str
    exchanges: tuple[Exchange, ...]


def parse_recording(text: str) -> Recording:
    """Read a recording; raise FrameError with the line's number where it cannot be one."""
    lines = text.splitlines()
    if not lines or lines[0].strip() != MAGIC:
        raise FrameError(f"this is no recording: its first line must be {MAGIC!r}")
    return Recording(_header(lines, "protocol"), tuple(_exchanges(lines)))


def _header(lines: Iterable[str], key: str) -> str:
    prefix = f"# {key}: "
    return next((line.removeprefix(prefix).strip() for line in lines if line.startswith(prefix)), "")


def _exchanges(lines: Iterable[str]) -> list[Exchange]:
    exchanges: list[Exchange] = []
    baudrate = None
    for number, line in enumerate(lines, 1):
        if line.startswith("#") or not line.strip():
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise FrameError(f"line {number} of the recording is not 'seconds direction characters': {line[:60]!r}")
        seconds, direction, rest = float(match[1]), match[2], match[3]
        if direction == "=":
            baudrate = int(rest)
        elif direction == ">":
            exchanges.append(Exchange(seconds, baudrate, _unescaped(rest)))
        else:
            if not exchanges:
                exchanges.append(Exchange(seconds, baudrate, b""))
            exchanges[-1].received += _unescaped(rest)
    return exchanges


def _escaped(data: bytes) -> str:
    return data.decode("latin-1").encode("unicode_escape").decode("ascii")


def _unescaped(text: str) -> bytes:
    try:
        return text.encode("ascii").decode("unicode_escape").encode("latin-1")
    except UnicodeError as error:
        raise FrameError(f"{text[:60]!r} in the recording cannot be bytes: {error}") from None


class Replay:
    """A `ByteTransport` that answers from a recording, without waiting.

    A question is looked for from where the recording stands, then from its start; one that was never asked gets no
    answer. What came before any question is there to be listened to. `now` is the recording's own clock; `finished`
    tells that its last answer was given.
    """

    has_baudrate = True

    def __init__(self, recording: Recording, line: str = "recording") -> None:
        self.line = line
        self.finished = not recording.exchanges
        self._exchanges = recording.exchanges
        self._next = 0
        self._now = 0.0
        self._baudrate: int | None = None
        self._pending = b"" if self.finished or recording.exchanges[0].sent else recording.exchanges[0].received

    def now(self) -> float:
        """Seconds since the recording began."""
        return self._now

    def open(self) -> None:
        """Begin; nothing is to be done."""

    def close(self) -> None:
        """End; nothing is to be done."""

    def cancel(self) -> None:
        """End a waiting read; none waits."""

    def set_baudrate(self, baudrate: int) -> None:
        """Look for exchanges at this rate from now on."""
        self._baudrate = baudrate

    def send(self, data: bytes) -> None:
        """Find what was answered to ``data``."""
        self._pending = b""
        positions = [*range(self._next, len(self._exchanges)), *range(self._next)]
        for position in positions:
            exchange = self._exchanges[position]
            if exchange.sent == data and exchange.baudrate in (None, self._baudrate):
                self._next = position + 1
                self._now = max(self._now, exchange.time_s)
                self._pending = exchange.received
                self.finished = self.finished or self._next == len(self._exchanges)
                return

    def read_until(self, end: bytes, timeout_s: float) -> bytes:
        """Return the recorded bytes up to ``end``. A wait lets only the recording's clock move on."""
        data, found, rest = self._pending.partition(end)
        if not found:
            self._now += timeout_s
            raise TransportTimeoutError(f"{self.line}: the recording holds no whole answer here")
        self._pending = rest
        self._now += min(timeout_s, 0.001)
        return data + found

    def listen(self, seconds: float) -> bytes:
        """Return the rest of the recorded answer."""
        data, self._pending = self._pending, b""
        self._now += seconds
        return data

    def unread(self) -> bytes:
        """What is left of the recorded answer."""
        return self._pending
