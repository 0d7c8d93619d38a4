"""How far each cell is from the median of its module: one value a day and condition, in whole tenths of mV.

Conditions: at rest (|I| < 0.02 C for 10 minutes), charging and discharging (above it) in the bands 30 to 55 % and 75 to
90 % of charge, where the curve of LFP is flat, and within 5 K of the usual temperature; at the top; and below 20 %.
Cells that the BMS bleeds are left out: balancing spoils the value (Batteries 2023, 9(2), 70).

Kept: 90 daily values of each condition, then means of the 26 weeks before them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import median

from pylon2mqtt.insight.base import Json
from pylon2mqtt.insight.folding.anchors import TOP_C, TOP_V
from pylon2mqtt.insight.folding.kept import row, text
from pylon2mqtt.insight.folding.readings import c_rate, highest_cell, soc
from pylon2mqtt.model import Module
from pylon2mqtt.model.units import Seconds

from .packing import packed, unpacked

REST_C = 0.02
REST_S: Seconds = 600.0
_BANDS = ((30.0, 55.0), (75.0, 90.0))
_LOW_SOC = 20.0
# A day with less of a condition has no value.
_LEAST_S: Seconds = 600.0

_DAYS, _WEEKS = 90, 26
_DAYS_A_WEEK = 7

UNKNOWN = -2048
"""What is kept of a cell without a value."""
_MOST = 2047

Deviations = tuple[float | None, ...]
Row = tuple[int, ...]
"""The number of a day or week, then a value of each cell in tenths of mV, or UNKNOWN."""


class Condition(StrEnum):
    """In what state of the module its cells are compared."""

    REST = "rest"
    CHARGE = "charge"
    DISCHARGE = "discharge"
    TOP = "top"
    LOW = "low"


PLATEAU = (Condition.REST, Condition.CHARGE, Condition.DISCHARGE)
"""The conditions in which the temperature matters."""


def condition_of(module: Module, rest_s: Seconds) -> Condition | None:
    """Return the condition of a module that has been at rest for so long; None where cells are not compared."""
    rate, charge, highest = c_rate(module), soc(module), highest_cell(module)
    if rate is None or charge is None or highest is None:
        return None
    if highest >= TOP_V:
        return Condition.TOP if abs(rate) < TOP_C else None
    if charge < _LOW_SOC:
        return Condition.LOW
    if not any(low <= charge <= high for low, high in _BANDS):
        return None
    if abs(rate) < REST_C:
        return Condition.REST if rest_s >= REST_S else None
    return Condition.CHARGE if rate > 0 else Condition.DISCHARGE


def deviations(module: Module) -> Deviations | None:
    """Return how far each cell is from the median, in mV; None for one that is bled or not reported."""
    known = [cell.voltage for cell in module.cells or () if cell.voltage is not None and not cell.balancing]
    if len(known) < 3:
        return None
    middle = median(known)
    return tuple(
        None if cell.voltage is None or cell.balancing else 1000 * (cell.voltage - middle)
        for cell in module.cells or ()
    )


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean deviation of each cell over time: seconds, and mV times seconds."""

    seconds: tuple[Seconds, ...] = ()
    areas: tuple[float, ...] = ()

    def add(self, found: Deviations, interval_s: Seconds) -> "Mean":
        """Add an interval; where the number of cells has changed, begin anew."""
        if len(found) != len(self.seconds):
            return Mean((0.0,) * len(found), (0.0,) * len(found)).add(found, interval_s) if found else self
        return Mean(
            tuple(s if d is None else s + interval_s for s, d in zip(self.seconds, found, strict=True)),
            tuple(a if d is None else a + d * interval_s for a, d in zip(self.areas, found, strict=True)),
        )

    def values(self) -> Deviations | None:
        """Return the means in mV; None for a cell with too little time, or altogether."""
        found = tuple(area / s if s >= _LEAST_S else None for s, area in zip(self.seconds, self.areas, strict=True))
        return found if any(value is not None for value in found) else None


@dataclass(frozen=True, slots=True)
class DailyValues:
    """The daily values of one condition, the oldest first, and the means of the weeks before them."""

    days: tuple[Row, ...] = ()
    weeks: tuple[Row, ...] = ()

    def add(self, day: int, values: Deviations) -> "DailyValues":
        """Add the values of a day; another number of cells begins anew."""
        new = (day, *(UNKNOWN if v is None else max(-_MOST, min(_MOST, round(10 * v))) for v in values))
        before = self if not self.days or len(self.days[-1]) == len(new) else DailyValues()
        days = (*(one for one in before.days if one[0] < day), new)
        if len(days) < _DAYS + _DAYS_A_WEEK:
            return replace(before, days=days)
        week = days[0][0] // _DAYS_A_WEEK
        leaving = [one for one in days if one[0] // _DAYS_A_WEEK == week]
        weeks = (*(one for one in before.weeks if one[0] < week), _week(week, leaving))
        return DailyValues(days[len(leaving) :], weeks[-_WEEKS:])

    def size(self, cell: int, since: int) -> float | None:
        """Return the median deviation of a cell in mV since a day; None with fewer than ten values."""
        found = [day[cell] for day in self.days if day[0] >= since and day[cell] != UNKNOWN]
        return median(found) / 10 if len(found) >= 10 else None

    def points(self, cell: int) -> list[tuple[float, float]]:
        """Return the days and values of a cell, in mV, at most the last 90."""
        return [(day[0], day[cell] / 10) for day in self.days[-_DAYS:] if day[cell] != UNKNOWN]

    def keep(self) -> Json:
        """Return both as text, with the number of cells."""
        width = len(self.days[-1]) if self.days else 0
        first = min((one[0] for one in self.days), default=0)
        near = [(one[0] - first, *one[1:]) for one in self.days]
        weeks = [(one[0] - first // _DAYS_A_WEEK, *one[1:]) for one in self.weeks]
        return [width, first, packed(near), packed(weeks)] if width else None

    @classmethod
    def restored(cls, kept: Json) -> "DailyValues":
        """Return what `keep` made; raises ValueError where it cannot be believed."""
        if kept is None:
            return cls()
        width, first, days, weeks = row(kept, 4)
        if not isinstance(width, int) or not isinstance(first, int) or not 1 < width < 1000:
            raise ValueError(kept)
        return cls(
            tuple((one[0] + first, *one[1:]) for one in unpacked(text(days), width)),
            tuple((one[0] + first // _DAYS_A_WEEK, *one[1:]) for one in unpacked(text(weeks), width)),
        )


def _week(week: int, days: Sequence[Row]) -> Row:
    """Return the mean of the days of a week."""
    columns = [[value for value in column if value != UNKNOWN] for column in list(zip(*days, strict=True))[1:]]
    return (week, *(round(sum(column) / len(column)) if column else UNKNOWN for column in columns))
