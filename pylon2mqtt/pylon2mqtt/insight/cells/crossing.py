"""How much charge the last cell of a module lacks against the first.

Method: the module's own charge (Ah) between the moments in which its first and its last cell cross 3.45 V in one
charge. Where the charge ends before all have crossed, it is "at least" so much, and the last cell is the lowest one.
"""

from dataclasses import dataclass, replace

from pylon2mqtt.insight.base import Json
from pylon2mqtt.insight.folding.anchors import TOP_V
from pylon2mqtt.insight.folding.kept import number, row
from pylon2mqtt.insight.folding.modules import Observation
from pylon2mqtt.insight.folding.readings import capacity, voltages
from pylon2mqtt.model.units import AmpereHours, Amperes, Volts

# A charge is over when this part of the capacity was taken out again.
_OVER = 0.05


@dataclass(frozen=True, slots=True)
class Lack:
    """What the last cell lacks; ``cell`` is None where several were the last together."""

    charge: AmpereHours
    at_least: bool
    cell: int | None


@dataclass(frozen=True, slots=True)
class Crossing:
    """The last result, and the charge that goes on.

    ``ready``: the reading before was below 3.45 V. ``since``: the Ah since the first cell crossed, ``most`` the most of
    them; None before it does. ``crossed``: the cells that have; ``lowest``: the lowest cell while not all have.
    """

    lack: Lack | None = None
    ready: bool = False
    current: Amperes | None = None
    since: AmpereHours | None = None
    most: AmpereHours = 0.0
    crossed: frozenset[int] = frozenset()
    lowest: int | None = None

    def take(self, seen: Observation) -> "Crossing":
        """Take in a reading; a charge with a gap in it has no result."""
        cells, current = voltages(seen.module), seen.module.current
        if cells is None or current is None:
            return Crossing(lack=self.lack)
        if seen.interval_s is None or self.current is None or self.since is None:
            begins = self.ready and seen.interval_s is not None and max(cells) >= TOP_V and current > 0
            idle = Crossing(lack=self.lack, ready=max(cells) < TOP_V, current=current)
            return _crossing(replace(idle, since=0.0), cells) if begins else idle
        since = self.since + (self.current + current) / 2 * seen.interval_s / 3600
        now = replace(self, current=current, since=since, most=max(self.most, since))
        if now.most - since > _OVER * (capacity(seen.module) or 0.0):
            return _ended(now)
        return now if self.lowest is None else _crossing(now, cells)

    def keep(self) -> Json:
        """Return the result as JSON, None where there is none."""
        return [round(self.lack.charge, 2), int(self.lack.at_least), self.lack.cell] if self.lack else None

    @classmethod
    def restored(cls, kept: Json) -> "Crossing":
        """Return what `keep` made; raises ValueError where it cannot be believed."""
        if kept is None:
            return cls()
        charge, at_least, cell = row(kept, 3)
        return cls(lack=Lack(number(charge), bool(at_least), None if cell is None else int(number(cell, 1, 999))))


def _crossing(charge: Crossing, cells: tuple[Volts, ...]) -> Crossing:
    """Take in which cells have crossed; the result is there when all have."""
    crossed = charge.crossed | {number for number, volts in enumerate(cells, start=1) if volts >= TOP_V}
    if len(crossed) < len(cells):
        return replace(charge, crossed=crossed, lowest=_lowest(cells))
    late = crossed - charge.crossed
    lack = Lack(max(0.0, charge.since or 0.0), at_least=False, cell=next(iter(late)) if len(late) == 1 else None)
    return replace(charge, lack=lack, crossed=crossed, lowest=None)


def _ended(charge: Crossing) -> Crossing:
    """End a charge; where a cell has not crossed, it lacks at least what went in since the first one did."""
    lack = charge.lack if charge.lowest is None else Lack(charge.most, at_least=True, cell=charge.lowest)
    return Crossing(lack=lack, current=charge.current)


def _lowest(cells: tuple[Volts, ...]) -> int:
    return min(range(len(cells)), key=cells.__getitem__) + 1
