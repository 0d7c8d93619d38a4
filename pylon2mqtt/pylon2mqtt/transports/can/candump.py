"""Logs of a CAN bus as ``candump`` of the can-utils writes them: read, written and played back.

::

    (1700000000.001500) can0 355#5A006400              candump -l, candump -L, and our own recordings
    (1700000000.001500) can0 00004211#A50930759D042E64 eight digits: an extended identifier
    (1700000000.001500) can0 355#R                     a remote frame
     (000.001500)  can0  355   [4]  5A 00 64 00        candump can0, with or without a time

Lines that are none of these are noise, and skipped: a log is cut, pasted and edited before it reaches us.
"""

import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TextIO

from pylon2mqtt.errors import TransportError
from pylon2mqtt.transports.base import CanFrame, CanTraffic, CanTransport

_LINE = re.compile(
    r"\s*(?:\((?P<time>\d+(?:\.\d+)?)\)\s+)?(?P<bus>\S+)\s+(?P<id>[0-9A-Fa-f]{3}|[0-9A-Fa-f]{8})"
    r"(?:#(?P<packed>R[0-8]?|[0-9A-Fa-f]*)|\s+\[(?P<length>[0-8])\]"
    r"\s*(?P<spaced>remote request|(?:\s*[0-9A-Fa-f]{2})*))"
    r"(?:\s+[RT])?(?:\s+'.*')?\s*"
)
# Bit 29 of an identifier is the kernel's mark of an error report (linux/can.h, CAN_ERR_FLAG).
_ERROR = 0x20000000
# How long one sleep lasts at most: a stop is seen, and a deadline overrun, by this much.
_LOOK_S = 0.1

Timed = tuple[float, CanFrame]


def parse_line(text: str) -> tuple[float | None, CanFrame] | None:
    """Return the frame that a line holds, with its time in seconds if it has one; None for noise."""
    match = _LINE.fullmatch(text)
    if match is None:
        return None
    digits = match["packed"] if match["packed"] is not None else re.sub(r"\s", "", match["spaced"])
    remote = digits.startswith(("R", "r"))
    if not remote and (len(digits) % 2 or len(digits) > 16):
        return None
    if match["length"] and not remote and int(match["length"]) != len(digits) // 2:
        return None
    number, extended = int(match["id"], 16), len(match["id"]) == 8
    error = extended and bool(number & _ERROR)
    if number & ~_ERROR > 0x1FFFFFFF:
        return None
    number &= ~_ERROR
    data = b"" if remote else bytes.fromhex(digits)
    frame = CanFrame(number, data, extended=extended and not error, remote=remote, error=error)
    return (float(match["time"]) if match["time"] else None), frame


def frames_in(text: str) -> Iterator[Timed]:
    """Yield the frames of a log with seconds since its first one; where times are missing or turn back, time stands."""
    first: float | None = None
    now = 0.0
    for line in text.splitlines():
        parsed = parse_line(line)
        if parsed is None:
            continue
        at, frame = parsed
        if at is not None:
            first = at if first is None else first
            now = max(now, at - first)
        yield now, frame


def written(at: float, frame: CanFrame) -> str:
    """Return the line of a log for a frame, without its end."""
    number = frame.id | _ERROR if frame.error else frame.id
    shown = f"{number:08X}" if frame.extended or frame.error else f"{number:03X}"
    return f"({at:.6f}) can0 {shown}#{'R' if frame.remote else frame.data.hex().upper()}"


class LogTime:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        """Seconds since the beginning."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds


class Playback:
    """A `CanTransport` that plays a log back at the speed at which it was recorded.

    ``sleep`` lets the time of ``now`` pass; when the log is at its end, the bus is silent and `finished` is true.
    """

    def __init__(
        self,
        line: str,
        log: Callable[[], Iterable[Timed]],
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.line = line
        self.now = now
        self.finished = False
        self._log = log
        self._sleep = sleep
        self._next: Timed | None = None
        self._frames: Iterator[Timed] = iter(())
        self._began = 0.0
        self._count = 0
        self._cancelled = False

    def open(self) -> None:
        """Begin at the first frame."""
        self._frames = iter(self._log())
        self._began = self.now()
        self._count = 0
        self._advance()

    def close(self) -> None:
        """End; nothing is to be done."""

    def cancel(self) -> None:
        """End a waiting `recv` within a tenth of a second, for good."""
        self._cancelled = True

    def recv(self, timeout_s: float) -> list[CanFrame]:
        """Return the next frame when its time has come."""
        deadline = self.now() + timeout_s
        due = deadline if self._next is None else min(deadline, self._began + self._next[0])
        while (left := due - self.now()) > 0:
            if self._cancelled:
                raise TransportError(f"{self.line}: stopped")
            self._sleep(min(left, _LOOK_S))
        if self._next is None or self._began + self._next[0] > self.now():
            return []
        frame = self._next[1]
        self._count += 1
        self._advance()
        return [frame]

    def select(self, wanted: Collection[tuple[int, bool]] | None) -> None:
        """Hand out everything all the same: a log is short."""

    def traffic(self) -> CanTraffic:
        """What was played so far."""
        return CanTraffic(frames=self._count)

    def _advance(self) -> None:
        self._next = next(self._frames, None)
        self.finished = self._next is None


class CanRecorder:
    """A `CanTransport` around another that writes down what it hears.

    ``scrub`` gets a frame and returns what may be written of it (serial numbers replaced).
    """

    def __init__(
        self, line: CanTransport, file: TextIO, *, scrub: Callable[[CanFrame], CanFrame] | None = None
    ) -> None:
        self.line = line.line
        self._inner = line
        self._file = file
        self._scrub = scrub

    def open(self) -> None:
        """Open the line."""
        self._inner.open()

    def close(self) -> None:
        """Close the line."""
        self._inner.close()

    def cancel(self) -> None:
        """End a waiting `recv`."""
        self._inner.cancel()

    def recv(self, timeout_s: float) -> list[CanFrame]:
        """Receive and note it."""
        frames = self._inner.recv(timeout_s)
        now = time.time()
        for frame in frames:
            shown = self._scrub(frame) if self._scrub else frame
            self._file.write(written(now, shown) + "\n")
        return frames

    def select(self, wanted: Collection[tuple[int, bool]] | None) -> None:
        """Hand out everything: a recording shows what else is on the bus."""

    def traffic(self) -> CanTraffic:
        """What passed on the inner line."""
        return self._inner.traffic()
