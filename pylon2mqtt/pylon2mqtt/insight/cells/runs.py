"""Which cell is the highest and which the lowest in each charge and discharge.

Method: a run is a charge or a discharge of at least 10 % of the capacity; it ends when 5 % flowed back, so that runs do
not overlap. The mean deviations of the run count; where two cells are within 1 mV, neither is the one. The last 30 runs
are kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from pylon2mqtt.insight.base import Json
from pylon2mqtt.insight.folding.kept import number, row
from pylon2mqtt.model.units import Seconds

from .daily import Deviations, Mean

RUNS = 30
_LEAST, _BACK = 0.10, 0.05
_TIE_MV = 1.0
_THOUSAND = 1000
"""The numbers of cells are kept in three digits each."""


class Ranks(NamedTuple):
    """One run: whether it was a charge, and the numbers of its highest and lowest cell, 0 for none."""

    charge: bool
    high: int
    low: int


@dataclass(frozen=True, slots=True)
class Runs:
    """The last runs, and the one that goes on: what it moved (parts of the capacity, its sign) and what flowed back."""

    last: tuple[Ranks, ...] = ()
    moved: float = 0.0
    back: float = 0.0
    mean: Mean = field(default_factory=Mean)

    def take(self, rate: float, interval_s: Seconds, found: Deviations | None) -> "Runs":
        """Take in an interval: the current in C, and the deviations where they count."""
        flow = rate * interval_s / 3600
        if flow * self.moved < 0:
            return self._turned(abs(flow))
        again = min(self.back, abs(flow))
        mean = self.mean.add(found, interval_s) if found else self.mean
        new = flow - again if flow > 0 else flow + again
        return replace(self, moved=self.moved + new, back=self.back - again, mean=mean)

    def _turned(self, flow: float) -> "Runs":
        """Take in what flowed back; the run ends when it is enough."""
        back = self.back + flow
        if back < _BACK:
            return replace(self, back=back)
        return Runs(_with(self.last, self.moved, self.mean), moved=-back if self.moved > 0 else back)

    def times(self, cell: int) -> int:
        """Return in how many of the last runs a cell was where it mostly is: high, low, first or last.

        First is the highest in a charge and the lowest in a discharge, last the other way round.
        """
        high = [run.high == cell for run in self.last]
        low = [run.low == cell for run in self.last]
        first = [run.high == cell if run.charge else run.low == cell for run in self.last]
        last = [run.low == cell if run.charge else run.high == cell for run in self.last]
        return max(map(sum, (high, low, first, last)))

    def keep(self) -> Json:
        """Return the last runs as whole numbers; the one that goes on does not outlive a restart."""
        return [run.charge * _THOUSAND**2 + run.high * _THOUSAND + run.low for run in self.last]

    @classmethod
    def restored(cls, kept: Json) -> "Runs":
        """Return what `keep` made; raises ValueError where it cannot be believed."""
        numbers = [int(number(one, 0, 2 * _THOUSAND**2 - 1)) for one in row(kept)]
        return cls(
            tuple(Ranks(one >= _THOUSAND**2, one // _THOUSAND % _THOUSAND, one % _THOUSAND) for one in numbers[-RUNS:])
        )


def _with(last: tuple[Ranks, ...], moved: float, mean: Mean) -> tuple[Ranks, ...]:
    """Return the last runs with one that ended, where it was long enough."""
    values = mean.values()
    if abs(moved) < _LEAST or values is None or None in values:
        return last
    known = [value for value in values if value is not None]
    return (*last, Ranks(moved > 0, _alone(known, 1), _alone(known, -1)))[-RUNS:]


def _alone(values: Sequence[float], sign: int) -> int:
    """Return the number of the highest cell (-1: the lowest), 0 where another one is as high."""
    ordered = sorted(((sign * value, place) for place, value in enumerate(values, start=1)), reverse=True)
    return ordered[0][1] if len(ordered) > 1 and ordered[0][0] - ordered[1][0] > _TIE_MV else 0
