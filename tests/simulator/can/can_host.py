"""A virtual CAN battery beside a test, with time that may run faster than ours."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pylon2mqtt.protocols.base import Clock
from pylon2mqtt.simulator.can.simulator import CanSimulator

HURRY = 20.0
"""How much faster battery and driver live in the tests of the app: 30 s of silence take 1.5 s."""


def hurried_clock(factor: float = HURRY) -> Clock:
    return Clock(now=lambda: factor * time.monotonic(), sleep=lambda seconds: time.sleep(seconds / factor))


@contextmanager
def can_running(
    listen: str, dialect: str = "pylontech", *, hurry: float = HURRY, **options: Any
) -> Iterator[CanSimulator]:
    """Let a battery speak on a bus while inside."""
    clock = hurried_clock(hurry)
    simulator = CanSimulator(listen, dialect=dialect, clock=clock.now, sleep=clock.sleep, speed=1 / hurry, **options)
    simulator.bank.advance(600)
    simulator.open()
    stop = threading.Event()
    thread = threading.Thread(target=simulator.serve, args=(stop.is_set,))
    thread.start()
    try:
        yield simulator
    finally:
        stop.set()
        thread.join(5)
        simulator.close()
