"""The spread of the cells' voltages under a small, steady load, where it is neither resistance nor the flat plateau.

Window: 0.02 C ≤ |I| ≤ 0.2 C, steady for 2 minutes, state of charge 20 to 90 %, coldest cell above 5 °C. Above 0.2 C
there is no judgement: 1 mΩ more is 37 mV at 0.5 C, and that is resistance.

Judgement: the mean spread of 10 minutes inside the window, collected over pauses of up to 24 hours. A level ends by a
judgement below 70 % of its threshold, and not within 24 hours of a judgement above it: a fault that shows only at some
states of charge is one alarm and not two a day.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from pylon2mqtt.insight.base import Json
from pylon2mqtt.insight.folding.kept import moment, number, optional, row, stamp
from pylon2mqtt.insight.folding.modules import Observation
from pylon2mqtt.insight.folding.readings import c_rate, cell_temperatures, highest_cell, lowest_cell, soc
from pylon2mqtt.model import Module, Severity
from pylon2mqtt.model.units import Seconds

_LEAST_C, _MOST_C = 0.02, 0.2
_STEADY_C, _STEADY_PART = 0.01, 0.1
_STEADY_S: Seconds = 120.0
_SOC = (20.0, 90.0)
_WARM = 5.0
_HOLD_S: Seconds = 600.0
_PAUSE = timedelta(hours=24)
RELEASE = 0.7
"""A level ends below this part of its threshold."""

LEVELS = (Severity.WARNING, Severity.PROTECTION)
"""The severities of an imbalance: the warning, and what insight.md and the options call alarm."""


class Thresholds(NamedTuple):
    """Above which spread, in mV, there is a warning, and an alarm."""

    warning_mv: float
    alarm_mv: float

    def level(self, spread_mv: float) -> Severity | None:
        """Return the severity of a spread."""
        if spread_mv > self.alarm_mv:
            return Severity.PROTECTION
        return Severity.WARNING if spread_mv > self.warning_mv else None

    def of(self, level: Severity) -> float:
        """Return the threshold of a severity."""
        return self.alarm_mv if level is Severity.PROTECTION else self.warning_mv


@dataclass(frozen=True, slots=True)
class LoadWindow:
    """The last judgement, its level, and what is collected for the next one.

    ``steady_c``: the current that is steady since ``steady_s``. ``inside_s``, ``area``: seconds inside the window, and
    the spread in mV times those seconds.
    """

    spread_mv: float | None = None
    at: datetime | None = None
    level: Severity | None = None
    above_at: datetime | None = None
    inside_s: Seconds = 0.0
    area: float = 0.0
    inside_at: datetime | None = None
    steady_c: float | None = None
    steady_s: Seconds = 0.0

    def take(self, seen: Observation, thresholds: Thresholds) -> "LoadWindow":
        """Take in a reading."""
        steady = _steady(self, c_rate(seen.module), seen.interval_s)
        spread = spread_mv(seen.module)
        if steady.steady_s < _STEADY_S or seen.interval_s is None or spread is None or not _in_window(seen.module):
            return steady
        return _judged(_collect(steady, spread, seen.interval_s, seen.at), seen.at, thresholds)

    def keep(self) -> Json:
        """Return the judgement and what is collected as JSON, None where there is nothing."""
        inside: Json = None
        if self.inside_at is not None and self.inside_s:
            inside = [round(self.inside_s), round(self.area), stamp(self.inside_at)]
        if self.spread_mv is None or self.at is None:
            return [None, None, None, None, inside] if inside else None
        above = stamp(self.above_at) if self.above_at and self.level else None
        return [round(self.spread_mv, 1), stamp(self.at), self.level, above, inside]

    @classmethod
    def restored(cls, kept: Json) -> "LoadWindow":
        """Return what `keep` made; raises ValueError where it cannot be believed."""
        if kept is None:
            return cls()
        spread, at, level, above, inside = row(kept, 5)
        inside_s, area, inside_at = row(inside, 3) if inside else (0.0, 0.0, None)
        return cls(
            spread_mv=optional(spread, number),
            at=optional(at, moment),
            level=optional(level, severity),
            above_at=optional(above, moment),
            inside_s=number(inside_s),
            area=number(area),
            inside_at=optional(inside_at, moment),
        )


def _steady(window: LoadWindow, rate: float | None, interval_s: Seconds | None) -> LoadWindow:
    """Take in the current: steady while it stays within 10 % or 0.01 C of what it was at first."""
    if rate is None or not _LEAST_C <= abs(rate) <= _MOST_C:
        return replace(window, steady_c=None, steady_s=0.0)
    base = window.steady_c
    if base is None or interval_s is None or abs(rate - base) > max(_STEADY_C, _STEADY_PART * abs(base)):
        return replace(window, steady_c=rate, steady_s=0.0)
    return replace(window, steady_s=window.steady_s + interval_s)


def _collect(window: LoadWindow, spread: float, interval_s: Seconds, at: datetime) -> LoadWindow:
    goes_on = window.inside_at is not None and abs(at - window.inside_at) <= _PAUSE
    inside_s, area = (window.inside_s, window.area) if goes_on else (0.0, 0.0)
    return replace(window, inside_s=inside_s + interval_s, area=area + spread * interval_s, inside_at=at)


def _judged(window: LoadWindow, at: datetime, thresholds: Thresholds) -> LoadWindow:
    """Return the window with a judgement, where enough is collected."""
    if window.inside_s < _HOLD_S:
        return window
    spread = round(window.area / window.inside_s, 1)
    judged = replace(window, spread_mv=spread, at=at, inside_s=0.0, area=0.0)
    found = thresholds.level(spread)
    if found and (window.level is None or LEVELS.index(found) >= LEVELS.index(window.level)):
        return replace(judged, level=found, above_at=at)
    long_since = window.above_at is None or abs(at - window.above_at) > _PAUSE
    if window.level and spread < RELEASE * thresholds.of(window.level) and long_since:
        return replace(judged, level=found)
    return judged


def severity(kept: Json) -> Severity:
    """Return a severity that was kept."""
    return Severity(str(kept))


def spread_mv(module: Module) -> float | None:
    """Return the highest minus the lowest voltage of a cell, in mV."""
    highest, lowest = highest_cell(module), lowest_cell(module)
    return None if highest is None or lowest is None else round(1000 * (highest - lowest), 1)


def _in_window(module: Module) -> bool:
    charge, temperatures = soc(module), cell_temperatures(module)
    return charge is not None and _SOC[0] <= charge <= _SOC[1] and bool(temperatures) and min(temperatures) > _WARM
