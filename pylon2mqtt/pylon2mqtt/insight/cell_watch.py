"""Each cell against the others of its module, over months: which one drifts away.

Method: the deviation from the median of the module by condition, one value a day (`cells.daily`); the trend of each
cell (`cells.trend`); how often it was the highest or the lowest (`cells.runs`); and what is a finding
(`cells.finding`). A module is looked at once a day, each a minute after the one before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pylon2mqtt.model import Alarm, EventSeverity, Figure, Happening, HappeningKind
from pylon2mqtt.model.units import Celsius, Seconds

from .base import FigureValues, Json
from .cells.daily import PLATEAU, REST_C, Condition, DailyValues, Mean, condition_of, deviations
from .cells.finding import Baseline, CellView, baseline_of, look
from .cells.runs import Runs
from .folding.kept import mapping, number, optional, row
from .folding.modules import Observation
from .folding.news import happened
from .folding.readings import c_rate, mean_temperature

_WITHIN_K: Celsius = 5.0
# How much of the way the usual temperature goes to that of a day.
_SEASON = 0.1
_MINUTE_S: Seconds = 60.0


@dataclass(frozen=True, slots=True)
class Watch:
    """One module: the means of today, the values of the days before, the runs, and what was seen in them last.

    ``day``: its number; ``due``: it is not looked at yet since the day before ended. ``usual``: the temperature in
    which cells are compared; ``warmth``: °C times seconds of today. ``found``: the cells that are findings.
    """

    day: int | None = None
    due: bool = True
    today: Mapping[Condition, Mean] = field(default_factory=dict)
    series: Mapping[Condition, DailyValues] = field(default_factory=dict)
    runs: Runs = field(default_factory=Runs)
    baseline: Baseline = field(default_factory=dict)
    found: frozenset[int] = frozenset()
    views: tuple[CellView, ...] = ()
    rest_s: Seconds = 0.0
    usual: Celsius | None = None
    warmth: float = 0.0
    warm_s: Seconds = 0.0


class CellWatch:
    """A fold over single modules (`folding.modules.ModuleFold`)."""

    name = "cell_watch"
    hourly = True

    def begin(self, kept: Json) -> Watch:
        """Return the days and runs that were kept; today begins anew."""
        if kept is None:
            return Watch()
        whole = mapping(kept)
        return Watch(
            series={Condition(name): DailyValues.restored(one) for name, one in mapping(whole["series"]).items()},
            runs=Runs.restored(whole["runs"]),
            baseline={
                Condition(name): tuple(int(number(one, -1e4, 1e4)) for one in row(cells))
                for name, cells in mapping(whole["baseline"]).items()
            },
            found=frozenset(int(number(cell, 1, 999)) for cell in row(whole["found"])),
            usual=optional(whole["usual"], lambda one: number(one, -60, 120)),
        )

    def advance(self, state: Watch, seen: Observation) -> tuple[Watch, tuple[Happening, ...]]:
        """Take in a reading; close the day that ended, and look at the module when it is its turn."""
        new = _collect(_on_day(state, seen.at.toordinal()), seen)
        return _looked(new, seen) if new.due and _has_turn(seen) else (new, ())

    def figures(self, state: Watch) -> FigureValues:
        """Return what was seen last, of all cells and of the one that is worst."""
        views = state.views
        worst = max(views, key=lambda view: (view.finding is not None, abs(view.deviation)), default=None)
        trend = worst.trend if worst else None
        cells: dict[str, Figure] = {
            "cell_deviations": tuple(view.deviation for view in views) or None,
            "cell_trends": tuple(view.trend.slope if view.trend else None for view in views) or None,
        }
        return cells | {
            "watched_cell": worst.cell if worst else None,
            "watched_cell_deviation": worst.deviation if worst else None,
            "watched_cell_trend": trend.slope if trend else None,
            "watched_cell_trend_low": trend.low if trend else None,
            "watched_cell_trend_high": trend.high if trend else None,
            "watched_cell_times": worst.times if worst else None,
            "watched_runs": len(state.runs.last),
            "cell_finding": bool(state.found) if views else None,
        }

    def bank_figures(self, modules: Mapping[int, Watch]) -> FigureValues:
        """Return whether any module has a finding; unknown until all are looked at."""
        found = any(state.found for state in modules.values())
        known = found or (bool(modules) and all(state.views for state in modules.values()))
        return {"cell_finding": found if known else None}

    def alarms(self, state: Watch) -> tuple[Alarm, ...]:  # noqa: ARG002
        """Return none: a finding is a happening and a figure."""
        return ()

    def keep(self, state: Watch) -> Json:
        """Return the days and runs as JSON, None where there are none."""
        if not state.series and not state.runs.last:
            return None
        found: list[Json] = [*sorted(state.found)]
        return {
            "series": {name: one.keep() for name, one in state.series.items()},
            "runs": state.runs.keep(),
            "baseline": {name: list(cells) for name, cells in state.baseline.items()},
            "found": found,
            "usual": None if state.usual is None else round(state.usual, 1),
        }


def _has_turn(seen: Observation) -> bool:
    """Return whether so many minutes have passed since midnight, and since the start, as is the module's number."""
    since_midnight_s = (seen.at - seen.at.replace(hour=0, minute=0, second=0)).total_seconds()
    return min(since_midnight_s, seen.since_start_s) >= _MINUTE_S * seen.module.number


def _on_day(state: Watch, today: int) -> Watch:
    """Close the day before, when a new one has begun; a clock that is set back by an hour begins none."""
    if state.day is None:
        return replace(state, day=today)
    if state.day - 1 <= today <= state.day:
        return state
    means = {condition: mean.values() for condition, mean in state.today.items()}
    series = dict(state.series)
    for condition, values in means.items():
        if values is not None:
            series[condition] = series.get(condition, DailyValues()).add(state.day, values)
    usual = state.usual
    if usual is not None and state.warm_s:
        usual += _SEASON * (state.warmth / state.warm_s - usual)
    return replace(state, day=today, due=True, today={}, series=series, usual=usual, warmth=0.0, warm_s=0.0)


def _collect(state: Watch, seen: Observation) -> Watch:
    """Add the deviations of a reading to the means of today and to the run that goes on."""
    rate, warm = c_rate(seen.module), mean_temperature(seen.module)
    if seen.interval_s is None or rate is None or warm is None:
        return replace(state, rest_s=0.0)
    rest_s = state.rest_s + seen.interval_s if abs(rate) < REST_C else 0.0
    usual = warm if state.usual is None else state.usual
    condition = condition_of(seen.module, rest_s)
    found = deviations(seen.module) if condition else None
    if condition in PLATEAU and abs(warm - usual) > _WITHIN_K:
        found = None
    runs = state.runs.take(
        rate, seen.interval_s, found if condition in (Condition.CHARGE, Condition.DISCHARGE) else None
    )
    today = state.today
    if condition and found:
        today = {**today, condition: today.get(condition, Mean()).add(found, seen.interval_s)}
    warmth, warm_s = state.warmth + warm * seen.interval_s, state.warm_s + seen.interval_s
    return replace(state, rest_s=rest_s, usual=usual, runs=runs, today=today, warmth=warmth, warm_s=warm_s)


def _looked(state: Watch, seen: Observation) -> tuple[Watch, tuple[Happening, ...]]:
    """Look at the values of the days before, and say what is found."""
    day = state.day or 0
    baseline = baseline_of(state.series, state.baseline, state.runs, day)
    views = look(state.series, state.runs, baseline, state.found, day)
    found = frozenset(view.cell for view in views if view.finding)
    news = tuple(_news(view, state, seen) for view in views if view.finding and view.cell not in state.found)
    return replace(state, due=False, baseline=baseline, views=views, found=found), news


def _news(view: CellView, state: Watch, seen: Observation) -> Happening:
    values: dict[str, float | str | None] = {
        "cell": view.cell,
        "deviation_mv": round(view.deviation, 1),
        "condition": view.condition,
        "first_in": view.times,
        "of_runs": len(state.runs.last),
        "trend_mv": round(view.trend.slope, 2) if view.trend else None,
    }
    return happened(HappeningKind.CELL_DEVIATES, EventSeverity.WARNING, seen.at, seen.bank, seen.module, values)
