"""The heartbeat file: its age says whether every thread still takes its turns."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

# How often the file is touched.
_BEAT_S = 10.0


class Worker(Protocol):
    """Something that runs in a thread of its own, and says until when its present turn may last."""

    @property
    def overdue_at(self) -> float:
        """The moment, in the seconds of ``time.monotonic``, after which its thread counts as stuck."""


class Heartbeat:
    """Touches a file while every thread takes its turns, whatever the battery and the broker do."""

    def __init__(self, file: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = file
        self._clock = clock
        self._beat_at = float("-inf")

    def beat(self, workers: Iterable[Worker]) -> None:
        """Touch the file where that is due and no worker is stuck."""
        now = self._clock()
        if now >= self._beat_at and all(now < worker.overdue_at for worker in workers):
            self._file.touch()
            self._beat_at = now + _BEAT_S
