"""What every command needs of the process: a log, and an orderly end."""

import contextlib
import logging
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType


def log_to_stderr(level: str) -> None:
    """Log to standard error from ``level`` on; the app page of Home Assistant shows it."""
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S", force=True
    )


def end_early_at_sigterm() -> None:
    """End with 0 on SIGTERM while a command is still being loaded; a command that runs has its own way, `stopping`."""

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        sys.exit(0)

    signal.signal(signal.SIGTERM, on_signal)


@contextlib.contextmanager
def stopping(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` on SIGTERM and on Ctrl-C while inside."""

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
