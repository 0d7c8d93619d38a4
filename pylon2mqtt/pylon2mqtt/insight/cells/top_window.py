"""The spread of the cells' voltages at the top of a charge, where the voltage is that of the charge.

Window: the highest cell at 3.45 V or more with |I| < 0.05 C, from 10 minutes after the current fell below it; the
smallest spread of that charge counts. A charge is over when 5 % of the capacity was taken out again.

Judgement: fine up to 10 mV; a warning above 80 mV in 3 charges running, an alarm above 150 mV in 2. The voltage of one
cell alone says nothing: batteries at 57.6 V hold all cells at 3.60 V, and healthy ones spread more than 80 mV for hours
at first.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from pylon2mqtt.insight.base import Json
from pylon2mqtt.insight.folding.anchors import held_at_top
from pylon2mqtt.insight.folding.kept import moment, number, optional, row, stamp
from pylon2mqtt.insight.folding.modules import Observation
from pylon2mqtt.insight.folding.readings import c_rate
from pylon2mqtt.model import Severity
from pylon2mqtt.model.units import Seconds

from .load_window import RELEASE, Thresholds, severity, spread_mv

_FROM_S: Seconds = 600.0
_OVER = 0.05
_TOP = Thresholds(warning_mv=80.0, alarm_mv=150.0)
_CHARGES = {Severity.WARNING: 3, Severity.PROTECTION: 2}


@dataclass(frozen=True, slots=True)
class TopWindow:
    """The last result and its level; ``running``: in how many charges in a row each threshold was exceeded.

    ``smallest_mv``: of the charge that goes on; ``taken``: the part of the capacity that was taken out since.
    """

    spread_mv: float | None = None
    at: datetime | None = None
    level: Severity | None = None
    running: tuple[int, int] = (0, 0)
    held_s: Seconds | None = None
    smallest_mv: float | None = None
    taken: float = 0.0

    def take(self, seen: Observation) -> "TopWindow":
        """Take in a reading."""
        held_s = held_at_top(self.held_s, seen)
        spread = spread_mv(seen.module)
        if held_s is not None and held_s >= _FROM_S and spread is not None:
            smallest = spread if self.smallest_mv is None else min(spread, self.smallest_mv)
            return replace(self, held_s=held_s, smallest_mv=smallest, taken=0.0)
        taken = self.taken - (c_rate(seen.module) or 0.0) * (seen.interval_s or 0.0) / 3600
        if self.smallest_mv is None or taken < _OVER:
            return replace(self, held_s=held_s, taken=max(0.0, taken))
        return replace(self._judged(self.smallest_mv, seen.at), held_s=held_s, smallest_mv=None, taken=0.0)

    def _judged(self, spread: float, at: datetime) -> "TopWindow":
        """Return the window after a charge."""
        warning, alarm = self.running
        running = (warning + 1 if spread > _TOP.warning_mv else 0, alarm + 1 if spread > _TOP.alarm_mv else 0)
        level = self.level
        if level and spread < RELEASE * _TOP.of(level):
            level = None
        if running[0] >= _CHARGES[Severity.WARNING]:
            level = level or Severity.WARNING
        if running[1] >= _CHARGES[Severity.PROTECTION]:
            level = Severity.PROTECTION
        return replace(self, spread_mv=spread, at=at, level=level, running=(min(running[0], 9), min(running[1], 9)))

    def keep(self) -> Json:
        """Return the judgement as JSON, None where there is none."""
        if self.spread_mv is None or self.at is None:
            return None
        return [round(self.spread_mv), stamp(self.at), self.level, *self.running]

    @classmethod
    def restored(cls, kept: Json) -> "TopWindow":
        """Return what `keep` made; raises ValueError where it cannot be believed."""
        if kept is None:
            return cls()
        spread, at, level, warning, alarm = row(kept, 5)
        return cls(
            spread_mv=number(spread),
            at=moment(at),
            level=optional(level, severity),
            running=(int(number(warning, 0, 9)), int(number(alarm, 0, 9))),
        )
