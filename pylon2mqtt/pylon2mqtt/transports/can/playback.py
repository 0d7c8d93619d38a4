"""A log of a CAN bus played back as a line, and time that passes only as the log says."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator

from pylon2mqtt.errors import TransportError
from pylon2mqtt.transports.base import CanFrame, CanTraffic, TimedFrame

# How long one sleep lasts at most: a stop is seen, and a deadline overrun, by this much.
_LOOK_S = 0.1


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
        log: Callable[[], Iterable[TimedFrame]],
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.line = line
        self.now = now
        self.finished = False
        self._log = log
        self._sleep = sleep
        self._next: TimedFrame | None = None
        self._frames: Iterator[TimedFrame] = iter(())
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
