"""A recording of a CAN bus: a candump log of everything that passes while the driver reads."""

import time
from collections.abc import Callable, Collection
from typing import TextIO

from pylon2mqtt.transports.base import CanFrame, CanTraffic, CanTransport

from .logs.candump import written


class CanRecorder:
    """A `CanTransport` around another that writes every frame down.

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
