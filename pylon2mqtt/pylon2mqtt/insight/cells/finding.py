"""What the daily values and the runs of a module say of each of its cells, looked at once a day.

A cell is a finding by rank, size and growth together. Rank: it is the highest or the lowest in at least 22 of 30 runs.
Size: its median deviation of 30 days is at least 10 mV at rest or charging, or 30 mV at the top or below 20 %. Growth:
the lower end of the trend's 99.9 % interval is above 0.5 mV a month, from 60 days on, or the size has doubled against
the first 30 runs. Healthy cells differ for ever: in a healthy bank one cell was first in 18 of 20 days, so that rank
alone is no finding (ranks: US 11,774,510; size and growth are ours).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from .daily import UNKNOWN, Condition, DailyValues
from .runs import RUNS, Runs
from .trend import Z95, Z999, Trend, trends

_RANK = 22
_SIZES = {Condition.REST: 10.0, Condition.CHARGE: 10.0, Condition.TOP: 30.0, Condition.LOW: 30.0}
_RELEASE = 0.7
_GROWTH = 0.5
_LATELY = 30
_TREND_DAYS, _SURE_DAYS = 45, 60
_LEAST_POINTS = 20

Baseline = Mapping[Condition, tuple[int, ...]]
"""The size of each cell when its first 30 runs were full, in tenths of mV."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellView:
    """One cell: its deviation in mV in a condition, its trend, its rank, and whether it is a finding."""

    cell: int
    condition: Condition
    deviation: float
    trend: Trend | None
    times: int
    finding: Condition | None = None


def look(
    series: Mapping[Condition, DailyValues], runs: Runs, baseline: Baseline, found: frozenset[int], today: int
) -> tuple[CellView, ...]:
    """Return what is known of each cell that has a deviation; ``found``: the cells that were findings before."""
    condition = next((c for c in (Condition.REST, Condition.CHARGE) if _sizes(series, c, today)), None)
    if condition is None:
        return ()
    views = []
    for cell, size in _sizes(series, condition, today).items():
        finding, found_size = _finding(series, runs, baseline, cell, today, known=cell in found) or (None, size)
        views.append(
            CellView(
                cell=cell,
                condition=finding or condition,
                deviation=found_size,
                trend=_trend(series[finding or condition], cell),
                times=runs.times(cell),
                finding=finding,
            )
        )
    return tuple(views)


def baseline_of(series: Mapping[Condition, DailyValues], baseline: Baseline, runs: Runs, today: int) -> Baseline:
    """Return the sizes of the cells when the first 30 runs are full, each condition when it first has a size."""
    if len(runs.last) < RUNS:
        return baseline
    new = {}
    for condition, one in series.items():
        sizes = _sizes(series, condition, today)
        if condition not in baseline and sizes and one.days:
            cells = range(1, len(one.days[-1]))
            new[condition] = tuple(round(10 * sizes[cell]) if cell in sizes else UNKNOWN for cell in cells)
    return {**baseline, **new}


def _sizes(series: Mapping[Condition, DailyValues], condition: Condition, today: int) -> dict[int, float]:
    """Return the median deviation of the last 30 days of each cell that has one."""
    one = series.get(condition, DailyValues())
    cells = range(1, len(one.days[-1])) if one.days else ()
    sizes = {cell: one.size(cell, today - _LATELY) for cell in cells}
    return {cell: size for cell, size in sizes.items() if size is not None}


def _trend(series: DailyValues, cell: int) -> Trend | None:
    """Return the trend of a cell with its 95 % interval, from 45 days on."""
    found = _trends(series, cell, _TREND_DAYS, Z95)
    return found[0] if found else None


def _trends(series: DailyValues, cell: int, days: int, z: float) -> list[Trend] | None:
    points = series.points(cell)
    if len(points) < _LEAST_POINTS or points[-1][0] - points[0][0] < days - 1:
        return None
    return trends(points, z)


def _finding(
    series: Mapping[Condition, DailyValues], runs: Runs, baseline: Baseline, cell: int, today: int, *, known: bool
) -> tuple[Condition, float] | None:
    """Return condition and size in which a cell is a finding; one that was goes on until its size is below 70 %."""
    if not known and (len(runs.last) < RUNS or runs.times(cell) < _RANK):
        return None
    for condition, limit in _SIZES.items():
        size = series[condition].size(cell, today - _LATELY) if condition in series else None
        if size is None or abs(size) < limit * (_RELEASE if known else 1.0):
            continue
        if known or _has_doubled(size, baseline, condition, cell) or _grows(series[condition], cell, size):
            return condition, size
    return None


def _has_doubled(size: float, baseline: Baseline, condition: Condition, cell: int) -> bool:
    first = baseline.get(condition, ())
    if len(first) < cell or first[cell - 1] == UNKNOWN:
        return False
    return abs(size) >= 2 * abs(first[cell - 1] / 10)


def _grows(series: DailyValues, cell: int, size: float) -> bool:
    """Return whether the deviation certainly becomes greater."""
    found = _trends(series, cell, _SURE_DAYS, Z999)
    if not found:
        return False
    return found[0].low > _GROWTH if size > 0 else found[0].high < -_GROWTH
