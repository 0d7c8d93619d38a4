"""The usable capacity of a module, as it was seen between two moments in which its charge is known by its voltage.

Method: the charge (Ah) that flows between the top anchor and the bottom anchor of one module, or back
(`folding.anchors`), in at most 36 hours without a gap, with a mean current of at least 0.03 C. Error: 0.05 A of the
meter for all hours, and 0.5 % of the charge; above 5 % nothing is reported. The state of charge of the BMS is not used:
charge ÷ its change would give the BMS's own assumption back. State of health by capacity is releasable ÷ rated (Ng et
al., Applied Energy 86 (2009) 1506).

A module that is never emptied has a minimum: the most that was taken out since a top, less the error.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from pylon2mqtt.model import Alarm, EventSeverity, Figure, Happening, HappeningKind
from pylon2mqtt.model.units import AmpereHours, Amperes, Celsius, Seconds

from .base import FigureValues, Json
from .folding.anchors import TOP_HOLD_S, at_bottom, held_at_top
from .folding.kept import moment, number, optional, row, stamp
from .folding.modules import Observation
from .folding.news import happened
from .folding.readings import capacity, mean_temperature

_LONGEST_S: Seconds = 36 * 3600.0
_LEAST_C = 0.03
_METER_A, _METER_PART = 0.05, 0.005
_MOST_ERROR = 0.05


class Anchor(StrEnum):
    """A moment in which the charge is known."""

    TOP = "top"
    BOTTOM = "bottom"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What flowed since an anchor: ``charge`` with its sign, ``throughput`` without; ``warmth``: °C times seconds."""

    start: Anchor
    seconds: Seconds = 0.0
    charge: AmpereHours = 0.0
    throughput: AmpereHours = 0.0
    warmth: float = 0.0

    def after(self, before: Amperes, now: Amperes, interval_s: Seconds, temperature: Celsius | None) -> "Run":
        """Add an interval."""
        moved = (before + now) / 2 * interval_s / 3600
        return replace(
            self,
            seconds=self.seconds + interval_s,
            charge=self.charge + moved,
            throughput=self.throughput + abs(moved),
            warmth=self.warmth + (temperature or 0.0) * interval_s,
        )

    @property
    def error(self) -> AmpereHours:
        """How far the charge may be off, to both sides."""
        return _METER_A * self.seconds / 3600 + _METER_PART * abs(self.charge)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A capacity that was measured; ``rate`` is the mean current in C."""

    capacity: AmpereHours
    error: AmpereHours
    at: datetime
    rate: float
    temperature: Celsius | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacities:
    """Of one module: the first and the last measurement, their number, the minimum, and the run that goes on."""

    first: AmpereHours | None = None
    last: Measured | None = None
    count: int = 0
    at_least: AmpereHours | None = None
    rated: AmpereHours | None = None
    run: Run | None = None
    current: Amperes | None = None
    held_s: Seconds | None = None


class Capacity:
    """A fold over single modules (`folding.modules.ModuleFold`)."""

    name = "capacity"
    hourly = True

    def begin(self, kept: Json) -> Capacities:
        """Return the measurements that were kept; a run does not outlive a restart."""
        if kept is None:
            return Capacities()
        first, last, count, at_least = row(kept, 4)
        return Capacities(
            first=optional(first, number),
            last=optional(last, _measured),
            count=int(number(count)),
            at_least=optional(at_least, number),
        )

    def advance(self, state: Capacities, seen: Observation) -> tuple[Capacities, tuple[Happening, ...]]:
        """Add a reading to the run that goes on; end it at its other anchor."""
        held_s = held_at_top(state.held_s, seen)
        new = replace(
            state,
            run=_after(state, seen),
            held_s=held_s,
            current=seen.module.current,
            rated=seen.module.rated_capacity or state.rated,
        )
        new = _with_minimum(new, seen)
        anchor = Anchor.BOTTOM if at_bottom(seen.module) else None
        if held_s is not None and held_s >= TOP_HOLD_S:
            anchor = Anchor.TOP
        return (new, ()) if anchor is None else _anchored(new, anchor, seen)

    def figures(self, state: Capacities) -> FigureValues:
        """Return the last measurement, or the minimum where there is none."""
        last = state.last
        found: dict[str, Figure] = {
            "usable_capacity_at_least": None if last else state.at_least,
            "usable_capacity_runs": state.count,
            "usable_capacity_to_first": _percent(last, state.first),
            "usable_capacity_to_rated": _percent(last, state.rated),
        }
        return found | {
            "usable_capacity": last.capacity if last else None,
            "usable_capacity_error": last.error if last else None,
            "usable_capacity_measured_at": last.at if last else None,
            "usable_capacity_temperature": last.temperature if last else None,
            "usable_capacity_rate": last.rate if last else None,
        }

    def bank_figures(self, modules: Mapping[int, Capacities]) -> FigureValues:
        """Return the ratio of the worst module, where all were measured."""
        ratios = [_percent(state.last, state.rated) for state in modules.values()]
        known = [ratio for ratio in ratios if ratio is not None]
        return {"usable_capacity_to_rated": min(known) if known and len(known) == len(ratios) else None}

    def alarms(self, state: Capacities) -> tuple[Alarm, ...]:  # noqa: ARG002
        """Return none: a capacity is a fact, not an alarm."""
        return ()

    def keep(self, state: Capacities) -> Json:
        """Return the measurements as JSON, None where there is nothing."""
        if state.last is None and state.at_least is None:
            return None
        last, at_least = state.last, state.at_least
        return [_short(state.first), _kept(last) if last else None, state.count, None if last else _short(at_least)]


def _after(state: Capacities, seen: Observation) -> Run | None:
    """Return the run with an interval more; None where it was broken off."""
    now, run = seen.module.current, state.run
    if run is None or now is None or state.current is None or seen.interval_s is None:
        return None
    longer = run.after(state.current, now, seen.interval_s, mean_temperature(seen.module))
    return longer if longer.seconds <= _LONGEST_S else None


def _with_minimum(state: Capacities, seen: Observation) -> Capacities:
    """Take in what was taken out since the top."""
    run, whole = state.run, capacity(seen.module)
    if run is None or run.start is not Anchor.TOP or not whole or run.error > _MOST_ERROR * whole:
        return state
    taken = -run.charge - run.error
    return replace(state, at_least=taken) if taken > (state.at_least or 0.0) else state


def _anchored(state: Capacities, anchor: Anchor, seen: Observation) -> tuple[Capacities, tuple[Happening, ...]]:
    """End a run at its other anchor, and begin a new one here."""
    begun = replace(state, run=Run(start=anchor))
    if state.run is None or state.run.start is anchor:
        return begun, ()
    measured = _measure(state.run, seen)
    if measured is None:
        return begun, ()
    first = state.first or measured.capacity
    done = replace(begun, first=first, last=measured, count=state.count + 1)
    return done, () if state.count else (_news(done, measured, seen),)


def _measure(run: Run, seen: Observation) -> Measured | None:
    """Return what a run measured, or None where it is not good enough."""
    whole, hours = capacity(seen.module), run.seconds / 3600
    if not whole or not hours or not run.charge:
        return None
    rate = run.throughput / hours / whole
    if rate < _LEAST_C or run.error > _MOST_ERROR * abs(run.charge):
        return None
    return Measured(
        capacity=abs(run.charge),
        error=run.error,
        at=seen.at,
        rate=rate,
        temperature=run.warmth / run.seconds if mean_temperature(seen.module) is not None else None,
    )


def _news(state: Capacities, measured: Measured, seen: Observation) -> Happening:
    ratio = _percent(measured, state.rated)
    values: dict[str, float | str | None] = {
        "capacity_ah": round(measured.capacity, 1),
        "error_ah": round(measured.error, 1),
        "to_rated": None if ratio is None else round(ratio),
    }
    return happened(HappeningKind.CAPACITY_MEASURED, EventSeverity.INFORMATION, seen.at, seen.bank, seen.module, values)


def _percent(measured: Measured | None, whole: AmpereHours | None) -> float | None:
    return 100 * measured.capacity / whole if measured and whole else None


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _kept(measured: Measured) -> Json:
    warmth = None if measured.temperature is None else round(measured.temperature, 1)
    return [_short(measured.capacity), _short(measured.error), stamp(measured.at), round(measured.rate, 3), warmth]


def _measured(kept: Json) -> Measured:
    charge, error, at, rate, temperature = row(kept, 5)
    return Measured(
        capacity=number(charge),
        error=number(error),
        at=moment(at),
        rate=number(rate),
        temperature=None if temperature is None else number(temperature, -60, 120),
    )
