"""A straight line through daily values that a few bad days do not bend.

Method: Theil and Sen: the median of the slopes between all pairs of points. Its interval is Sen's (1968), from the
variance of Kendall's rank correlation without ties.
"""

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

DAYS_A_MONTH = 365.25 / 12

Z95, Z999 = 1.96, 3.29
"""How many standard errors an interval of 95 % and of 99.9 % has to each side."""


class Trend(NamedTuple):
    """Slopes a month; ``low`` and ``high`` are the ends of the interval."""

    slope: float
    low: float
    high: float


def trends(points: Sequence[tuple[float, float]], *sizes: float) -> list[Trend] | None:
    """Return the slope a month of (day, value) points, with an interval for each size; None below three points."""
    slopes = sorted(
        (later[1] - earlier[1]) / (later[0] - earlier[0]) * DAYS_A_MONTH
        for place, earlier in enumerate(points)
        for later in points[place + 1 :]
        if later[0] != earlier[0]
    )
    if len(points) < 3 or not slopes:
        return None
    middle = _at(slopes, (len(slopes) - 1) / 2)
    return [Trend(middle, *_interval(slopes, len(points), z)) for z in sizes]


def _interval(slopes: Sequence[float], points: int, z: float) -> tuple[float, float]:
    half = z * sqrt(points * (points - 1) * (2 * points + 5) / 18) / 2
    middle = (len(slopes) - 1) / 2
    return _at(slopes, middle - half), _at(slopes, middle + half)


def _at(slopes: Sequence[float], place: float) -> float:
    """Return the value at a place, between two where it is between them."""
    inside = min(max(place, 0.0), len(slopes) - 1.0)
    lower = int(inside)
    upper = min(lower + 1, len(slopes) - 1)
    return slopes[lower] + (slopes[upper] - slopes[lower]) * (inside - lower)
