"""All folds, one row each."""

from dataclasses import dataclass
from typing import Any

from .balance import Balance
from .base import Insight
from .capacity import Capacity
from .cell_watch import CellWatch
from .energy import Energy
from .folding.modules import EachModule
from .happenings import Happenings
from .imbalance import Imbalance
from .members import Membership
from .outlook import Outlook
from .resistance import Resistance


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightSettings:
    """What an owner may choose: thresholds in mV, and the days until a full charge is advised (0: the usual ones)."""

    imbalance_warning_mv: float = 30.0
    imbalance_alarm_mv: float = 50.0
    full_charge_days: int = 0


def insights(settings: InsightSettings) -> tuple[Insight[Any], ...]:
    """Return every fold, in the order in which their happenings are reported."""
    return (
        Membership(),
        Happenings(),
        Energy(),
        Outlook(),
        Balance(settings.full_charge_days),
        EachModule(Imbalance(settings.imbalance_warning_mv, settings.imbalance_alarm_mv)),
        EachModule(Capacity()),
        EachModule(Resistance()),
        EachModule(CellWatch()),
    )
