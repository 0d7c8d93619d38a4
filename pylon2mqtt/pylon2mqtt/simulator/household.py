"""Who uses the battery: a household with solar panels on its roof, through the seasons.

Powers are for each kWh of battery, so a bank of any size has the same course. Each day is drawn on its own from the
seed and the date: what is switched, how the clouds pass. Between two changes the power moves slowly.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from math import cos, exp, pi, sin, tau
from random import Random

from pylon2mqtt.model.units import KilowattHours, Percent, Seconds, Watts

_DAY_S: Seconds = 86400.0
# A roof that fills the battery within a fair day, and a household that empties it in a night.
_ROOF_W, _ROOF_SEASON = 210.0, 0.4
_BASE_W = 28.0
_BREAKFAST_W = 60.0
_SUPPER_W = 110.0
# What is switched: each at its full power or not at all.
_KETTLE_W, _OVEN_W, _HEAT_PUMP_W = 300.0, 250.0, 130.0
# In some winter nights the battery is charged from the grid.
_GRID_W, _GRID_FROM, _GRID_UNTIL = 260.0, 1.0, 6.5
# The inverter leaves the battery alone below this state of charge, in percent; in winter the battery may become empty.
_RESERVE, _WINTER_RESERVE = 12.0, 0.0
_MIDSUMMER = 172
_AWAY = range(200, 207)
_AWAY_BASE = 0.6
# What a cloud leaves of the sun, and how often a day is dull throughout or has passing clouds.
_UNDER_CLOUDS = 0.3
_DULL, _CHANGING = 0.15, 0.35


@dataclass(frozen=True, slots=True)
class _Levels:
    """A value that jumps: ``values`` has one more than ``edges``, which are seconds since midnight."""

    edges: tuple[Seconds, ...]
    values: tuple[float, ...]

    def at(self, second: Seconds) -> float:
        return self.values[bisect_right(self.edges, second)]

    def next_edge(self, second: Seconds) -> Seconds:
        place = bisect_right(self.edges, second)
        return self.edges[place] if place < len(self.edges) else _DAY_S


# The first day, so that whoever looks on for some hours sees the sun.
_FAIR = _Levels((), (1.0,))

_Block = tuple[Seconds, Seconds, float]
"""From, until, and by how much the value is greater in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Day:
    """What one day brings; hours since midnight, powers for each kWh."""

    number: int
    sunrise: float
    sunset: float
    roof_w: Watts
    sun: _Levels
    switched_w: _Levels
    is_away: bool
    reserve: Percent


class Household:
    """What is left over from the roof, or taken from the battery: ``household(time, soc)`` in W, positive charging.

    ``first_day`` is the date at time 0.
    """

    def __init__(self, energy: KilowattHours, seed: int, first_day: date) -> None:
        self._scale = energy
        self._seed = seed
        self._first_day = first_day
        dice = Random(seed)  # noqa: S311 - a household is no secret
        self._phases = [dice.uniform(0, tau) for _ in range(2)]
        self._today = _drawn(seed, first_day, 0)

    def __call__(self, time: Seconds, soc: Percent) -> Watts:
        """The power offered to the battery at ``time``, seconds since the first midnight, while it is at ``soc``."""
        day, second = self._day(time), time % _DAY_S
        power = self._scale * (self._roof_w(day, second, time) - self._load_w(day, second, time))
        return max(power, 0.0) if soc < day.reserve else power

    def next_change(self, time: Seconds) -> Seconds:
        """When something is switched, or a cloud comes or goes, after ``time``; a midnight where nothing does."""
        day, second = self._day(time), time % _DAY_S
        return time - second + min(day.sun.next_edge(second), day.switched_w.next_edge(second))

    def _day(self, time: Seconds) -> _Day:
        number = int(time // _DAY_S)
        if number != self._today.number:
            self._today = _drawn(self._seed, self._first_day + timedelta(days=number), number)
        return self._today

    def _roof_w(self, day: _Day, second: Seconds, time: Seconds) -> Watts:
        hour = second / 3600
        if not day.sunrise < hour < day.sunset:
            return 0.0
        haze = 0.92 + 0.08 * self._swing(0, time, 2700)
        return day.roof_w * sin(pi * (hour - day.sunrise) / (day.sunset - day.sunrise)) * haze * day.sun.at(second)

    def _load_w(self, day: _Day, second: Seconds, time: Seconds) -> Watts:
        fridge, switched = 4.0 * self._swing(1, time, 1500), day.switched_w.at(second)
        if day.is_away:
            return _AWAY_BASE * _BASE_W + fridge + switched
        hour = second / 3600
        breakfast = _BREAKFAST_W * exp(-(((hour - 7.3) / 0.8) ** 2))
        supper = _SUPPER_W * exp(-(((hour - 19.5) / 1.8) ** 2))
        return _BASE_W + breakfast + supper + fridge + switched

    def _swing(self, which: int, time: Seconds, period: Seconds) -> float:
        return sin(tau * time / period + self._phases[which])


def _drawn(seed: int, day: date, number: int) -> _Day:
    """The day with this date, which is always the same one for a seed."""
    dice = Random(f"{seed} {day}")  # noqa: S311 - a household is no secret
    of_year = day.timetuple().tm_yday
    season = cos(tau * (of_year - _MIDSUMMER) / 365.25)
    half_day = 6.0 + 2.1 * season
    is_away, is_winter = of_year in _AWAY, season < -0.75
    blocks = [*_heat_pump(dice, season), *([] if is_away else _kitchen(dice)), *(_grid(dice) if is_winter else [])]
    return _Day(
        number=number,
        sunrise=12.5 - half_day,
        sunset=12.5 + half_day,
        roof_w=_ROOF_W * (1 + _ROOF_SEASON * season),
        sun=_sky(dice, season, 12.5 - half_day, 12.5 + half_day) if number else _FAIR,
        switched_w=_levels(0.0, blocks),
        is_away=is_away,
        reserve=_WINTER_RESERVE if is_winter else _RESERVE,
    )


def _kitchen(dice: Random) -> Iterator[_Block]:
    """A kettle up to three times, and often an oven, whose thermostat switches on and off once it is hot."""
    for hour in (7.2, 16.0, 20.8):
        if dice.random() < 0.8:
            yield _block(hour + dice.uniform(-0.6, 0.6), dice.uniform(3, 5), _KETTLE_W)
    if dice.random() < 0.6:
        hour = 18.2 + dice.uniform(-0.6, 0.6)
        yield _block(hour, 10, _OVEN_W)
        yield from (_block(hour + (14 + 7 * turn) / 60, 3, _OVEN_W) for turn in range(5))


def _heat_pump(dice: Random, season: float) -> Iterator[_Block]:
    """The colder, the more often."""
    if season > -0.25:
        return
    hour = dice.uniform(0.0, 1.0)
    while hour < 23.3:
        yield _block(hour, 25, _HEAT_PUMP_W)
        hour += dice.uniform(1.0, 1.4) - 0.3 * season


def _grid(dice: Random) -> list[_Block]:
    begins, hours = _GRID_FROM, _GRID_UNTIL - _GRID_FROM
    return [_block(begins, 60 * hours, -_GRID_W)] if dice.random() < 0.4 else []


def _sky(dice: Random, season: float, sunrise: float, sunset: float) -> _Levels:
    """Fair, dull, or with clouds that pass; in winter more days are dull."""
    luck = dice.random()
    if luck < _DULL * (1 - 2 * min(season, 0.0)):
        return _Levels((), (_UNDER_CLOUDS,))
    if luck > 1 - _CHANGING:
        return _levels(1.0, _clouds(dice, sunrise, sunset))
    return _FAIR


def _clouds(dice: Random, sunrise: float, sunset: float) -> Iterator[_Block]:
    hour = sunrise + dice.uniform(0.5, 2.0)
    while hour < sunset - 1.0:
        minutes = dice.uniform(3, 25)
        yield _block(hour, minutes, _UNDER_CLOUDS - 1.0)
        hour += (minutes + dice.uniform(8, 60)) / 60


def _block(hour: float, minutes: float, value: float) -> _Block:
    """A block that begins and ends with a step of the physics."""
    begin = 5.0 * round(hour * 720)
    return begin, begin + 5.0 * round(minutes * 12), value


def _levels(start: float, blocks: Iterable[_Block]) -> _Levels:
    """The sum of blocks over a value that is ``start`` elsewhere."""
    jumps: dict[Seconds, float] = {}
    for begin, end, value in blocks:
        jumps[begin] = jumps.get(begin, 0.0) + value
        jumps[end] = jumps.get(end, 0.0) - value
    edges = sorted(jumps)
    return _Levels(tuple(edges), tuple(accumulate((jumps[edge] for edge in edges), initial=start)))
