"""Waiting for what another thread or process does: bounded by what is too long for any machine, never a measure."""

import time
from collections.abc import Callable

import pytest

LONGEST_S = 30.0
"""What does not happen within this does not happen at all, however busy the machine is."""


def until(
    condition: Callable[[], object], *, turn: Callable[[], object] = lambda: None, timeout_s: float = LONGEST_S
) -> None:
    """Take turns until the condition holds, and fail if it never does."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail("it did not happen in time")
        turn()
        time.sleep(0.01)
