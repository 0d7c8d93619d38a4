"""What all forms of logs share: a frame with the time that its log gives, and the time that follows from it."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from pylon2mqtt.transports.base import CanFrame, TimedFrame

UntimedFrame = tuple[float | None, CanFrame]
"""A frame with the seconds that its log gives, counted from anywhere; None where it gives none."""

_MOST_BYTES, _GREATEST, _LONGEST_STANDARD = 8, 0x1FFFFFFF, 0x7FF
# Times that turn back at least once in so many lines are differences: a burst of frames ends that often.
_TURNS_BACK = 40


def classic_frame(number: int, data: bytes, *, extended: bool) -> CanFrame | None:
    """Return a data frame, or None if there can be none with this identifier and length."""
    possible = len(data) <= _MOST_BYTES and number <= (_GREATEST if extended else _LONGEST_STANDARD)
    return CanFrame(number, data, extended=extended) if possible else None


def in_time(frames: Iterable[UntimedFrame]) -> Iterator[TimedFrame]:
    """Yield the frames with seconds since the first one; where a time is missing or goes back, no time passes.

    ``candump -td`` gives the time since the frame before: such times are added up.
    """
    kept = list(frames)
    differences = _are_differences([at for at, _ in kept if at is not None])
    first: float | None = None
    now = 0.0
    for at, frame in kept:
        if at is not None and differences:
            now += at
        elif at is not None:
            first = at if first is None else first
            now = max(now, at - first)
        yield now, frame


def _are_differences(times: list[float]) -> bool:
    turns = sum(later < earlier for earlier, later in pairwise(times))
    return bool(times) and times[0] == 0 and turns * _TURNS_BACK >= len(times)
