"""Whether the cells of a module differ more than they may: the alarm `cell_imbalance` of the bridge.

LFP is at 3.27 to 3.32 V from 20 to 80 % of its charge: there 10 mV are about 30 % of charge, and a healthy module
spreads 1 to 5 mV. So the spread is judged in two windows only, under a small load and at the top of a charge
(`cells.load_window`, `cells.top_window`); elsewhere the last judgement stands, with its time. How much charge the last
cell lacks is in `cells.crossing`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from pylon2mqtt.model import (
    Alarm,
    AlarmKind,
    AlarmSource,
    EventSeverity,
    Figure,
    Happening,
    HappeningKind,
    Module,
    Severity,
)

from .base import FigureValues, Json
from .cells.crossing import Crossing
from .cells.load_window import LEVELS, LoadWindow, Thresholds
from .cells.top_window import TopWindow
from .folding.kept import row
from .folding.modules import Observation
from .folding.news import happened
from .folding.readings import voltages


@dataclass(frozen=True, slots=True)
class Imbalanced:
    """The imbalance of one module. ``cell``: the one that is farthest from the others at the last judgement."""

    load: LoadWindow = field(default_factory=LoadWindow)
    top: TopWindow = field(default_factory=TopWindow)
    crossing: Crossing = field(default_factory=Crossing)
    cell: int | None = None

    @property
    def level(self) -> Severity | None:
        """The severity of the alarm: the worse of the two windows."""
        return max((level for level in (self.load.level, self.top.level) if level), key=LEVELS.index, default=None)

    @property
    def judged_at(self) -> datetime | None:
        """When the spread was judged last."""
        return max((at for at in (self.load.at, self.top.at) if at), default=None)


class Imbalance:
    """A fold over single modules (`folding.modules.ModuleFold`)."""

    name = "imbalance"
    hourly = False

    def __init__(self, warning_mv: float = 30.0, alarm_mv: float = 50.0) -> None:
        self._thresholds = Thresholds(warning_mv, alarm_mv)

    def begin(self, kept: Json) -> Imbalanced:
        """Return the judgements that were kept."""
        if kept is None:
            return Imbalanced()
        load, top, crossing, cell = row(kept, 4)
        return Imbalanced(
            LoadWindow.restored(load),
            TopWindow.restored(top),
            Crossing.restored(crossing),
            cell if isinstance(cell, int) else None,
        )

    def advance(self, state: Imbalanced, seen: Observation) -> tuple[Imbalanced, tuple[Happening, ...]]:
        """Judge the cells of a module where they can be judged."""
        new = Imbalanced(
            state.load.take(seen, self._thresholds), state.top.take(seen), state.crossing.take(seen), state.cell
        )
        if new.judged_at != state.judged_at:
            new = replace(new, cell=_outermost(seen.module))
        return new, _changes(state, new, seen)

    def figures(self, state: Imbalanced) -> FigureValues:
        """Return the last judgements."""
        lack = state.crossing.lack
        found: dict[str, Figure] = {
            "imbalance_under_load": state.load.spread_mv,
            "imbalance_at_top": state.top.spread_mv,
            "imbalance_judged_at": state.judged_at,
        }
        return found | {
            "imbalance_charge": lack.charge if lack else None,
            "imbalance_charge_at_least": lack.at_least if lack else None,
            "imbalance_last_cell": lack.cell if lack else None,
        }

    def bank_figures(self, modules: Mapping[int, Imbalanced]) -> FigureValues:
        """Return the judgements of the worst module, each where all modules have one."""
        load, number = _worst(modules, lambda state: state.load.spread_mv)
        top, number_at_top = _worst(modules, lambda state: state.top.spread_mv)
        charge, number_by_charge = _worst(modules, _lacking)
        lack = modules[number_by_charge].crossing.lack if number_by_charge else None
        return {
            "imbalance_under_load": load,
            "imbalance_at_top": top,
            "imbalance_charge": charge,
            "imbalance_charge_at_least": lack.at_least if lack else None,
            "imbalance_module": number_by_charge or number_at_top or number,
        }

    def alarms(self, state: Imbalanced) -> tuple[Alarm, ...]:
        """Return the alarm of the bridge, while there is one."""
        return (_alarm(state, state.level),) if state.level else ()

    def keep(self, state: Imbalanced) -> Json:
        """Return the judgements as JSON."""
        kept: list[Json] = [state.load.keep(), state.top.keep(), state.crossing.keep(), state.cell]
        return kept if any(kept) else None


def _alarm(state: Imbalanced, level: Severity) -> Alarm:
    cells = (state.cell,) if state.cell else ()
    return Alarm(kind=AlarmKind.CELL_IMBALANCE, severity=level, by=AlarmSource.BRIDGE, cells=cells)


def _changes(before: Imbalanced, now: Imbalanced, seen: Observation) -> tuple[Happening, ...]:
    """Return what happened to the alarm: one that becomes worse or better ends, and another one begins."""
    if before.level == now.level:
        return ()
    news = []
    values: dict[str, float | str | None] = {"alarm": AlarmKind.CELL_IMBALANCE, "by": AlarmSource.BRIDGE}
    if before.level:
        ended = values | {"severity": before.level}
        news.append((HappeningKind.ALARM_ENDED, EventSeverity.INFORMATION, ended))
    if now.level:
        spread = now.top.spread_mv if now.level == now.top.level else now.load.spread_mv
        began = values | {"cells": str(now.cell) if now.cell else None, "spread_mv": round(spread or 0.0)}
        news.append((HappeningKind.ALARM_BEGAN, EventSeverity(now.level), began))
    return tuple(happened(kind, level, seen.at, seen.bank, seen.module, about) for kind, level, about in news)


def _outermost(module: Module) -> int | None:
    """Return the cell that is farthest from the median of all."""
    cells = voltages(module)
    if not cells:
        return None
    middle = sorted(cells)[len(cells) // 2]
    return max(range(len(cells)), key=lambda place: abs(cells[place] - middle)) + 1


def _lacking(state: Imbalanced) -> float | None:
    return state.crossing.lack.charge if state.crossing.lack else None


def _worst(
    modules: Mapping[int, Imbalanced], value: Callable[[Imbalanced], float | None]
) -> tuple[float | None, int | None]:
    """Return the greatest value and its module's number; None where a module has none."""
    values = [(value(state), number) for number, state in modules.items()]
    known = [(one, number) for one, number in values if one is not None]
    return max(known) if known and len(known) == len(values) else (None, None)
