"""What the folds find in simulated years: nothing in healthy ones, and each fault in its time.

Ten healthy years of one module each, every other one at 57.6 V, with 5 years' worth of readings each 5 minutes; then
one bank for each fault. The figures of a fault are the days until it is found.
"""

import time
from collections.abc import Callable
from datetime import UTC
from typing import Any

from pylon2mqtt.insight.base import Outcome
from pylon2mqtt.insight.registry import InsightSettings, insights
from pylon2mqtt.model import Figure, Happening, HappeningKind, Snapshot
from pylon2mqtt.simulator.battery import VirtualBank
from pylon2mqtt.simulator.years import bank_for_years, readings

from .rig import at_least, at_most, plain, show

_SEEDS, _YEAR = 10, 365
_EVERY_S = 300.0
_MODELS = ("US3000C", "EG4")
_FINDINGS = (HappeningKind.CELL_DEVIATES, HappeningKind.ALARM_BEGAN)
_CELL = 4
"""The faulty one."""

Seen = Callable[["_Watched"], bool]


class _Watched:
    """All folds over one virtual bank."""

    def __init__(self, virtual: VirtualBank) -> None:
        self.virtual = virtual
        self.day = 0.0
        self.happenings: list[Happening] = []
        self._folds = insights(InsightSettings())
        self._states: list[Any] = [fold.begin(None, UTC) for fold in self._folds]
        self._outcomes: list[Outcome[Any]] = []
        self._passed_s = 0.0

    def pass_by(self, days: float, seen: Seen = lambda _: False) -> None:
        """Let so many days pass, or fewer where something is seen at the end of one."""
        until = self.day + 1
        start_s = self._passed_s
        for reading in readings(self.virtual, days=days, every_s=_EVERY_S):
            self._passed_s = start_s + reading.since_start_s
            self._take(Snapshot(bank=reading.bank, taken_at=reading.taken_at, since_start_s=self._passed_s))
            self.day = self._passed_s / 86400
            if self.day >= until:
                until += 1
                if seen(self):
                    return

    def figure(self, key: str) -> Figure:
        """Return a figure of the module."""
        part = str(self.virtual.modules[0].barcode)
        return next(outcome.figures[part][key] for outcome in self._outcomes if key in outcome.figures.get(part, {}))

    def found(self) -> list[Happening]:
        """Return the findings and the alarms of the bridge."""
        return [one for one in self.happenings if one.kind in _FINDINGS and one.values.get("by") != "bms"]

    def _take(self, snapshot: Snapshot) -> None:
        self._outcomes = [fold.take(state, snapshot) for fold, state in zip(self._folds, self._states, strict=True)]
        self._states = [outcome.state for outcome in self._outcomes]
        self.happenings += [one for outcome in self._outcomes for one in outcome.happenings]


def run(*, quick: bool) -> None:
    """Look at healthy years and at each fault, and print one table for each."""
    began = time.process_time()
    seeds, days = (2, 40) if quick else (_SEEDS, _YEAR)
    years = [_healthy(seed, days) for seed in range(1, seeds + 1)]
    findings = sum(len(year.found()) for year in years)
    show(
        f"insight: {seeds} healthy modules, {days} days each, a reading every 5 minutes",
        [
            at_most("findings and alarms of the bridge", findings, 0),
            plain("processor time", time.process_time() - began, "s"),
        ],
    )
    if not quick:
        show("insight: days until a fault is found", [_drift_trend(), _drift_finding(), _jump(), _worn(), _leak()])


def _healthy(seed: int, days: float) -> _Watched:
    year = _Watched(bank_for_years(_MODELS[seed % len(_MODELS)], seed=seed))
    year.pass_by(days)
    return year


def _faulty(seed: int = 2) -> _Watched:
    return _Watched(bank_for_years("US3000C", seed=seed))


def _drift_trend() -> Any:
    watched = _faulty()
    watched.virtual.modules[0].cells[_CELL].ageing.meter = 0.002
    watched.pass_by(120, lambda one: one.figure("watched_cell") == _CELL + 1 and _positive(one))
    return at_most("a drift of 2 mV a month: the trend's interval excludes zero", watched.day, 75, "d")


def _positive(watched: _Watched) -> bool:
    low = watched.figure("watched_cell_trend_low")
    return isinstance(low, float) and low > 0


def _drift_finding() -> Any:
    watched = _faulty()
    watched.virtual.modules[0].cells[_CELL].ageing.meter = 0.002
    watched.pass_by(300, _names_the_cell)
    return at_most("a drift of 2 mV a month: the finding", watched.day, 200, "d")


def _jump() -> Any:
    watched = _faulty()
    watched.pass_by(25)
    watched.virtual.modules[0].cells[_CELL].resistance += 0.001
    watched.pass_by(120, _names_the_cell)
    return at_most("1 mOhm more, after the first 30 runs", watched.day - 25, 60, "d")


def _names_the_cell(watched: _Watched) -> bool:
    return any(one.values.get("cell") == _CELL + 1 for one in watched.happenings)


def _worn() -> Any:
    watched = _faulty(seed=1)
    watched.virtual.modules[0].wear_out(80.0)
    watched.pass_by(60, lambda one: one.figure("usable_capacity") is not None)
    capacity = watched.figure("usable_capacity")
    percent = 100 * capacity / 74 if isinstance(capacity, float) else 0.0
    return at_most("a module of 80 %: its first full run says (in percent)", percent, 83)


def _leak() -> Any:
    watched = _faulty(seed=6)
    watched.virtual.modules[0].cells[_CELL].leak = 0.010
    watched.pass_by(30)
    cells = watched.virtual.modules[0].cells
    room = [cell.charge - cell.capacity for cell in cells]
    lack, truth = watched.figure("imbalance_charge"), max(room) - room[_CELL]
    right = watched.figure("imbalance_last_cell") == _CELL + 1 and isinstance(lack, float)
    sure = watched.figure("imbalance_charge_at_least") is True and right and lack <= truth  # type: ignore[operator]
    near = right and abs(lack - truth) <= 0.2 * truth  # type: ignore[operator]
    return at_least("a leak of 10 mA is the last cell after 30 days, and its lack is true (1 is yes)", sure or near, 1)
