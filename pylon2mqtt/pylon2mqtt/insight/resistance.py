"""The step resistance of a module and its cells: how far the voltage moves when the current steps.

Method: two readings with one current, a step, two readings with another; each pair within 5 % of the step, the step at
least 5 A and 0.1 C, the state of charge 20 to 80 %. Only where cells and current come in one answer. R = ΔV ÷ ΔI. It
grows with the time between the two readings beside the step, so that steps of up to 6 s and of up to 12 s are counted
apart and the class is reported. The result is the median of at least 20 steps within 5 K, whose older and newer halves
agree within 15 %, with the range of the middle half. Error: 1 mV ÷ ΔI, and 10 % for the moments of the registers.

It compares the cells of one module; it is not the resistance of IEC 61960.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median, quantiles

from pylon2mqtt.model import Alarm, Figure, Happening
from pylon2mqtt.model.units import Amperes, Celsius, Seconds, Volts

from .base import FigureValues, Json
from .folding.kept import mapping, number, row
from .folding.modules import Observation
from .folding.readings import capacity, mean_temperature, soc, voltages

_LEAST_A, _LEAST_C = 5.0, 0.1
_FLAT = 0.05
_SOC = (20.0, 80.0)
_WITHIN_K: Celsius = 5.0
_LEAST_STEPS, _MOST_STEPS = 20, 24
_AGREE = 0.15
_GRAIN_V: Volts = 0.001
_MOMENTS = 0.1

_CLASSES: tuple[Seconds, ...] = (6.0, 12.0)
"""Each class has the steps up to so many seconds that the one before does not have."""


_KEYS = (
    "step_resistance",
    "step_resistance_error",
    "step_resistance_spread",
    "step_resistance_seconds",
    "step_resistance_steps",
    "step_resistance_temperature",
    "cell_step_resistances",
    "step_resistance_max_cell",
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading: the current, and the voltages of the module and then of its cells; ``interval_s`` before it."""

    current: Amperes
    volts: tuple[Volts, ...]
    interval_s: Seconds | None


@dataclass(frozen=True, slots=True)
class Step:
    """One step: ΔI in A (≥ 0), the temperature, and mΩ of the module and then of its cells."""

    amperes: Amperes
    temperature: Celsius
    milliohms: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResistance:
    """The result of a class of steps, all in mΩ: of the module with error and middle range, and of its cells."""

    seconds: Seconds
    steps: int
    module: float
    error: float
    spread: float
    temperature: Celsius
    cells: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Resistances:
    """Of one module: the last readings, the last steps of each class, and what follows."""

    recent: tuple[Sample, ...] = ()
    steps: Mapping[Seconds, tuple[Step, ...]] = field(default_factory=dict)
    result: StepResistance | None = None


class Resistance:
    """A fold over single modules (`folding.modules.ModuleFold`)."""

    name = "resistance"
    hourly = True

    def begin(self, kept: Json) -> Resistances:
        """Return the steps that were kept."""
        if kept is None:
            return Resistances()
        steps = {
            seconds: tuple(_restored(step) for step in row(mapping(kept)[f"{seconds:g}"]))[-_MOST_STEPS:]
            for seconds in _CLASSES
        }
        return Resistances(steps=steps, result=_result(steps))

    def advance(self, state: Resistances, seen: Observation) -> tuple[Resistances, tuple[Happening, ...]]:
        """Take in a reading, and the step that it completes."""
        sample = _sample(seen)
        if sample is None:
            return replace(state, recent=()), ()
        recent = (*state.recent, sample)[-4:] if sample.interval_s is not None else (sample,)
        found = _step(recent, seen)
        if found is None:
            return replace(state, recent=recent), ()
        seconds, step = found
        steps = {**state.steps, seconds: (*state.steps.get(seconds, ()), step)[-_MOST_STEPS:]}
        return Resistances(recent, steps, _result(steps)), ()

    def figures(self, state: Resistances) -> FigureValues:
        """Return the result, each figure None while there is none."""
        result = state.result
        if result is None:
            return dict.fromkeys(_KEYS)
        cells = result.cells
        values: tuple[Figure, ...] = (
            result.module,
            result.error,
            result.spread,
            result.seconds,
            result.steps,
            result.temperature,
            cells or None,
            _highest(cells),
        )
        return dict(zip(_KEYS, values, strict=True))

    def bank_figures(self, modules: Mapping[int, Resistances]) -> FigureValues:  # noqa: ARG002
        """Return none: a resistance is that of a module."""
        return {}

    def alarms(self, state: Resistances) -> tuple[Alarm, ...]:  # noqa: ARG002
        """Return none: it compares, it does not judge."""
        return ()

    def keep(self, state: Resistances) -> Json:
        """Return the last steps as JSON, None where there are none."""
        if not any(state.steps.values()):
            return None
        return {f"{seconds:g}": [_kept(step) for step in state.steps.get(seconds, ())] for seconds in _CLASSES}


def _sample(seen: Observation) -> Sample | None:
    """Return a reading that may be beside a step: all of one moment, and on the plateau."""
    module = seen.module
    cells, charge = voltages(module), soc(module)
    if not module.at_once or module.current is None or module.voltage is None:
        return None
    if cells is None or charge is None or not _SOC[0] <= charge <= _SOC[1]:
        return None
    return Sample(module.current, (module.voltage, *cells), seen.interval_s)


def _step(recent: Sequence[Sample], seen: Observation) -> tuple[Seconds, Step] | None:
    """Return the step in the middle of the last four readings, with its class."""
    whole, temperature = capacity(seen.module), mean_temperature(seen.module)
    if len(recent) < 4 or whole is None or temperature is None or len({len(one.volts) for one in recent}) > 1:
        return None
    first, before, after, last = recent
    amperes = after.current - before.current
    flat = max(abs(before.current - first.current), abs(last.current - after.current)) <= _FLAT * abs(amperes)
    seconds = next((limit for limit in _CLASSES if (after.interval_s or 0.0) <= limit), None)
    if not flat or seconds is None or abs(amperes) < max(_LEAST_A, _LEAST_C * whole):
        return None
    pairs = zip(before.volts, after.volts, strict=True)
    return seconds, Step(abs(amperes), temperature, tuple(1000 * (new - old) / amperes for old, new in pairs))


def _result(steps: Mapping[Seconds, tuple[Step, ...]]) -> StepResistance | None:
    """Return the result of the quickest class that has one."""
    results = (_of_class(seconds, steps.get(seconds, ())) for seconds in _CLASSES)
    return next((result for result in results if result), None)


def _of_class(seconds: Seconds, steps: Sequence[Step]) -> StepResistance | None:
    """Return the result of the steps that are as warm and have as many cells as the last one."""
    alike = [step for step in steps if _alike(step, steps[-1])]
    if len(alike) < _LEAST_STEPS:
        return None
    columns = list(zip(*(step.milliohms for step in alike), strict=True))
    module = _agreed(columns[0])
    if module is None:
        return None
    low, _, high = quantiles(columns[0], n=4)
    return StepResistance(
        seconds=seconds,
        steps=len(alike),
        module=module,
        error=1000 * _GRAIN_V / median(step.amperes for step in alike) + _MOMENTS * module,
        spread=high - low,
        temperature=median(step.temperature for step in alike),
        cells=tuple(map(_agreed, columns[1:])),
    )


def _alike(step: Step, last: Step) -> bool:
    return abs(step.temperature - last.temperature) <= _WITHIN_K and len(step.milliohms) == len(last.milliohms)


def _agreed(column: Sequence[float]) -> float | None:
    """Return the median, where those of the older and the newer half agree."""
    middle, half = median(column), len(column) // 2
    apart = abs(median(column[:half]) - median(column[half:]))
    return middle if apart <= _AGREE * middle else None


def _highest(cells: Sequence[float | None]) -> int | None:
    """Return the number of the cell with the highest resistance, where all are known."""
    known = [cell for cell in cells if cell is not None]
    return known.index(max(known)) + 1 if known and len(known) == len(cells) else None


def _kept(step: Step) -> Json:
    """Return a step as whole numbers: tenths of A and °C, and hundredths of mΩ."""
    milliohms: list[Json] = [round(100 * one) for one in step.milliohms]
    return [round(10 * step.amperes), round(10 * step.temperature), *milliohms]


def _restored(kept: Json) -> Step:
    amperes, temperature, *milliohms = (number(one, -1e6, 1e6) for one in row(kept))
    if amperes <= 0 or not milliohms:
        raise ValueError(kept)
    return Step(amperes / 10, temperature / 10, tuple(one / 100 for one in milliohms))
