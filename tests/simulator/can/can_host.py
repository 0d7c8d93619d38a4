"""A virtual CAN battery beside a test, with a time of its own that may run faster than ours."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.waiting import LONGEST_S

from pylon2mqtt.protocols.base import Clock
from pylon2mqtt.simulator.can.simulator import CanSimulator

HURRY = 20.0
"""How much faster battery and driver live in the tests of the app, at most: 30 s of silence take 1.5 s."""


class BatteryTime:
    """The time of a battery and of the driver that reads it: it passes only while the battery sleeps.

    So a battery that gets no turn for a while on a busy machine is slow for its driver, and not silent.
    """

    def __init__(self, hurry: float = HURRY) -> None:
        self.hurry = hurry
        self.now_s = 1000.0

    def sleep(self, seconds: float) -> None:
        """Let time pass; only the battery's thread may."""
        time.sleep(seconds / self.hurry)
        self.now_s += seconds

    def now(self) -> float:
        return self.now_s


def clock_of(simulator: CanSimulator) -> Clock:
    """The clock of a driver that reads this battery."""
    return Clock(now=simulator.clock)


@contextmanager
def can_running(
    listen: str, dialect: str = "pylontech", *, hurry: float = HURRY, **options: Any
) -> Iterator[CanSimulator]:
    """Let a battery speak on a bus while inside."""
    own = BatteryTime(hurry)
    simulator = CanSimulator(listen, dialect=dialect, clock=own.now, sleep=own.sleep, speed=1 / hurry, **options)
    simulator.bank.advance(600)
    simulator.open()
    stop = threading.Event()
    thread = threading.Thread(target=simulator.serve, args=(stop.is_set,))
    thread.start()
    try:
        yield simulator
    finally:
        stop.set()
        thread.join(LONGEST_S)
        simulator.close()
