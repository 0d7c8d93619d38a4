"""The formulas: what follows from the measured values. A sum is taken over all modules or not at all.

Nothing is rounded here: the report does that, by the unit.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, TypeVar

from .alarms import active_alarms
from .battery import Alarm, Bank, Module, Readings
from .units import (
    AmpereHours,
    Amperes,
    Celsius,
    Percent,
    State,
    Topology,
    Volts,
    Watts,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What follows for a bank and for a module alike. ``problem``: an alarm of any severity is active."""

    power: Watts | None = None
    soc: Percent | None = None
    cell_voltage_min: Volts | None = None
    cell_voltage_min_cell: int | None = None
    cell_voltage_max: Volts | None = None
    cell_voltage_max_cell: int | None = None
    cell_voltage_difference: Volts | None = None
    cell_temperature_min: Celsius | None = None
    cell_temperature_max: Celsius | None = None
    problem: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleFigures(Figures):
    """What follows from one module's values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BankFigures(Figures):
    """What follows from all modules' values, where the bank does not tell it itself.

    Limits: the strictest voltage, the sum of the currents, as the master of a stack sends them to the inverter.
    ``charge_enabled`` only where all modules agree; a request of one module is a request of the bank. ``soh`` and
    ``cycles`` are those of the module that is worst off.
    """

    voltage: Volts | None = None
    current: Amperes | None = None
    temperature: Celsius | None = None
    soh: Percent | None = None
    remaining_capacity: AmpereHours | None = None
    full_capacity: AmpereHours | None = None
    cycles: int | None = None
    state: State | None = None
    module_count: int | None = None
    cell_voltage_min_module: int | None = None
    cell_voltage_max_module: int | None = None
    charge_voltage_limit: Volts | None = None
    charge_current_limit: Amperes | None = None
    discharge_voltage_limit: Volts | None = None
    discharge_current_limit: Amperes | None = None
    charge_enabled: bool | None = None
    discharge_enabled: bool | None = None
    force_charge_1: bool | None = None
    force_charge_2: bool | None = None
    full_charge_requested: bool | None = None


def module_figures(module: Module) -> ModuleFigures:
    """What follows from one module's values."""
    lowest, highest = _extreme_cells(module)
    groups = module.temperatures or [c.temperature for c in module.cells or () if c.temperature is not None]
    return ModuleFigures(
        power=_power(module.voltage, module.current),
        soc=_soc(module.remaining_capacity, module.full_capacity),
        cell_voltage_min=lowest[0],
        cell_voltage_min_cell=lowest[1],
        cell_voltage_max=highest[0],
        cell_voltage_max_cell=highest[1],
        cell_voltage_difference=_difference(lowest[0], highest[0]),
        cell_temperature_min=min(groups, default=None),
        cell_temperature_max=max(groups, default=None),
        problem=_problem([module.alarms, *(cell.alarms for cell in module.cells or ())]),
    )


def bank_figures(bank: Bank) -> BankFigures:
    """What follows from all modules' values; from the bank's own alone while a module is silent or none is known."""
    problem = _bank_problem(bank)
    if bank.silent or not bank.modules:
        return BankFigures(
            power=_power(bank.voltage, bank.current),
            state=None if bank.silent else _state_of(bank.current),
            cell_voltage_difference=_difference(bank.cell_voltage_min, bank.cell_voltage_max),
            problem=problem,
        )
    modules = bank.modules
    series = bank.topology is Topology.SERIES
    together: Callable[[Sequence[float]], float] = min if series else sum
    current = _over(modules, "current", _mean if series else sum)
    voltage = _over(modules, "voltage", sum if series else _mean)
    told = [(module, module_figures(module)) for module in modules]
    lowest = _extreme_module(told, "cell_voltage_min", min)
    highest = _extreme_module(told, "cell_voltage_max", max)
    remaining = _over(modules, "remaining_capacity", together)
    full = _over(modules, "full_capacity", together)
    return BankFigures(
        power=_power(_told(bank.voltage, voltage), _told(bank.current, current)),
        soc=_soc(remaining, full) if remaining is not None else _over(modules, "soc", min if series else _mean),
        voltage=voltage,
        current=current,
        temperature=_temperature(modules),
        soh=_over(modules, "soh", min),
        cycles=max(_all(modules, "cycles") or (), default=None),
        remaining_capacity=remaining,
        full_capacity=full,
        state=_state(modules, current),
        module_count=len(modules),
        cell_voltage_min=lowest[0],
        cell_voltage_min_module=lowest[1],
        cell_voltage_min_cell=lowest[2],
        cell_voltage_max=highest[0],
        cell_voltage_max_module=highest[1],
        cell_voltage_max_cell=highest[2],
        cell_voltage_difference=_difference(lowest[0], highest[0]),
        cell_temperature_min=_extreme_module(told, "cell_temperature_min", min)[0],
        cell_temperature_max=_extreme_module(told, "cell_temperature_max", max)[0],
        problem=problem,
        charge_voltage_limit=_over(modules, "charge_voltage_limit", sum if series else min),
        charge_current_limit=_over(modules, "charge_current_limit", together),
        discharge_voltage_limit=_over(modules, "discharge_voltage_limit", sum if series else max),
        discharge_current_limit=_over(modules, "discharge_current_limit", together),
        charge_enabled=_agreed(modules, "charge_enabled"),
        discharge_enabled=_agreed(modules, "discharge_enabled"),
        force_charge_1=_any(modules, "force_charge_1"),
        force_charge_2=_any(modules, "force_charge_2"),
        full_charge_requested=_any(modules, "full_charge_requested"),
    )


def _told(measured: T | None, computed: T | None) -> T | None:
    return computed if measured is None else measured


def _all(modules: Sequence[Module], field: str) -> list[Any] | None:
    """The field of every module, or None if one does not report it."""
    values = [getattr(module, field) for module in modules]
    return None if None in values else values


def _over(modules: Sequence[Module], field: str, combine: Callable[[Sequence[float]], float]) -> float | None:
    values = _all(modules, field)
    return None if values is None else combine(values)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _agreed(modules: Sequence[Module], field: str) -> bool | None:
    values = set(map(attrgetter(field), modules))
    return values.pop() if len(values) == 1 else None


def _any(modules: Sequence[Module], field: str) -> bool | None:
    values = _all(modules, field)
    return None if values is None else any(values)


def _power(voltage: Volts | None, current: Amperes | None) -> Watts | None:
    return None if voltage is None or current is None else voltage * current


def _soc(remaining: AmpereHours | None, full: AmpereHours | None) -> Percent | None:
    """Percent of the full capacity; a BMS may count a little more than full, which shows as 100."""
    return None if remaining is None or not full else min(100.0, 100 * remaining / full)


def _difference(low: float | None, high: float | None) -> float | None:
    return None if low is None or high is None else high - low


# How far the lowest cell may move between the module's own word and the reading of its cells.
_SAME_CELL_V = 0.005

_Extreme = tuple[Volts | None, int | None]


def _extreme_cells(module: Module) -> tuple[_Extreme, _Extreme]:
    """The lowest and the highest cell, by what the module itself says and by its cells."""
    cells = [(cell.voltage, cell.number) for cell in module.cells or () if cell.voltage is not None]
    low = min(cells, default=(None, None))
    high = max(cells, key=lambda cell: cell[0], default=(None, None))
    return (
        _extreme(module.cell_voltage_min, module.cell_voltage_min_cell, low),
        _extreme(module.cell_voltage_max, module.cell_voltage_max_cell, high),
    )


def _extreme(voltage: Volts | None, number: int | None, among_cells: _Extreme) -> _Extreme:
    if voltage is None:
        return among_cells
    if number is None and among_cells[0] is not None and abs(among_cells[0] - voltage) <= _SAME_CELL_V:
        number = among_cells[1]
    return voltage, number


def _extreme_module(
    told: Sequence[tuple[Module, ModuleFigures]], field: str, pick: Callable[..., tuple[float, int, int | None]]
) -> tuple[float | None, int | None, int | None]:
    """The extreme value over all modules, with the module's and the cell's number."""
    candidates = []
    for module, figures in told:
        value = _told(getattr(module, field), getattr(figures, field))
        if value is None:
            return None, None, None
        candidates.append((value, module.number, getattr(figures, f"{field}_cell", None)))
    return pick(candidates, key=lambda c: c[0])


def _temperature(modules: Sequence[Module]) -> Celsius | None:
    """The mean of the cells' temperatures; of the modules' own where no cell temperature is known."""
    groups = [t for module in modules for t in module.temperatures or ()]
    if groups and all(module.temperatures for module in modules):
        return _mean(groups)
    return _over(modules, "temperature", _mean)


def _state(modules: Sequence[Module], current: Amperes | None) -> State | None:
    states = {module.state for module in modules}
    if State.FAULT in states:
        return State.FAULT
    if len(states) == 1:
        return states.pop()
    return _state_of(current)


def _state_of(current: Amperes | None) -> State | None:
    if current is None:
        return None
    return State.CHARGING if current > 0 else State.DISCHARGING if current < 0 else State.IDLE


def _problem(alarms: Iterable[tuple[Alarm, ...] | None]) -> bool | None:
    told = [some for some in alarms if some is not None]
    return any(told) if told else None


def _bank_problem(bank: Bank) -> bool | None:
    """True if anything is wrong anywhere; False only if every module has told its alarms."""
    if active_alarms(bank):
        return True
    parts: list[Readings] = list(bank.modules) or [bank]
    unknown = bank.silent or any(part.alarms is None for part in parts)
    return None if unknown else False
