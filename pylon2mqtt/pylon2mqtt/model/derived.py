"""The formulas: what follows from the measured values. A sum is taken over all modules or not at all.

Nothing is rounded here: the report does that, by the unit.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from .alarms import bank_problem, module_problem
from .battery import Bank, Module, Readings
from .figures import BankFigures, ModuleFigures
from .units import AmpereHours, Amperes, Celsius, KilowattHours, Percent, State, Topology, Volts, Watts

T = TypeVar("T")
Combine = Callable[[Sequence[float]], float]
Pair = tuple[Module, ModuleFigures]


def module_figures(module: Module, bank: Bank | None = None) -> ModuleFigures:
    """What follows from one module's values; ``bank`` is the one that it is in, for its share of the current."""
    lowest, highest = _extreme_cells(module)
    mean = _mean_cell_voltage([module])
    groups = _groups(module) or [c.temperature for c in module.cells or () if c.temperature is not None]
    coldest = _known(module.cell_temperature_min, min(groups, default=None))
    warmest = _known(module.cell_temperature_max, max(groups, default=None))
    return ModuleFigures(
        **_powers(_power(module)),
        soc=_soc(module.remaining_capacity, module.full_capacity),
        remaining_energy=_energy(module, module.remaining_capacity, mean),
        rated_energy=_energy(module, module.rated_capacity, mean),
        cell_voltage_min=lowest[0],
        cell_voltage_min_cell=lowest[1],
        cell_voltage_max=highest[0],
        cell_voltage_max_cell=highest[1],
        cell_voltage_difference=_difference(lowest[0], highest[0]),
        cell_voltage_mean=mean,
        cell_temperature_min=coldest,
        cell_temperature_max=warmest,
        cell_temperature_difference=_difference(coldest, warmest),
        current_share=_current_share(module, bank),
        problem=module_problem(module),
    )


def bank_figures(bank: Bank) -> BankFigures:
    """What follows from all modules' values; from the bank's own alone while a module is silent or none is known."""
    pairs = [] if bank.silent else [(module, module_figures(module)) for module in bank.modules]
    of_modules = _of_modules(bank, pairs) if pairs else _of_bank_alone(bank)
    return BankFigures(
        **of_modules,
        **_powers(_known(_sum_of(pairs, "power"), _power(bank))),
        **_numbers_of_modules(bank),
        problem=bank_problem(bank),
    )


def _of_bank_alone(bank: Bank) -> dict[str, Any]:
    return {
        "state": None if bank.silent else _state_of(bank.current),
        "cell_voltage_difference": _difference(bank.cell_voltage_min, bank.cell_voltage_max),
        "cell_temperature_difference": _difference(bank.cell_temperature_min, bank.cell_temperature_max),
    }


def _of_modules(bank: Bank, pairs: Sequence[Pair]) -> dict[str, Any]:
    modules = bank.modules
    combined = {name: _over(modules, name, rules[bank.topology]) for name, rules in _COMBINED.items()}
    return {
        **combined,
        **{name: _any(modules, name) for name in ("force_charge_1", "force_charge_2", "full_charge_requested")},
        **{name: _agreed(modules, name) for name in ("charge_enabled", "discharge_enabled")},
        **_extremes(pairs),
        "soc": _bank_soc(bank, combined["remaining_capacity"], combined["full_capacity"]),
        "remaining_energy": _sum_of(pairs, "remaining_energy"),
        "rated_energy": _sum_of(pairs, "rated_energy"),
        "cell_voltage_mean": _mean_cell_voltage(modules),
        "temperature": _temperature(modules),
        "state": _state(modules, combined["current"]),
        "module_count": len(modules),
    }


def _known(reported: T | None, computed: T | None) -> T | None:
    return computed if reported is None else reported


# -------------------- several modules as one


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _rules(parallel: Combine, series: Combine) -> dict[Topology, Combine]:
    return {Topology.PARALLEL: parallel, Topology.SERIES: series}


# How the values of the modules make that of the bank.
_COMBINED = {
    "voltage": _rules(_mean, sum),
    "current": _rules(sum, _mean),
    "remaining_capacity": _rules(sum, min),
    "full_capacity": _rules(sum, min),
    "rated_capacity": _rules(sum, min),
    "soh": _rules(min, min),
    "cycles": _rules(max, max),
    "charge_voltage_limit": _rules(min, sum),
    "charge_current_limit": _rules(sum, min),
    "discharge_voltage_limit": _rules(max, sum),
    "discharge_current_limit": _rules(sum, min),
}


def _all(modules: Sequence[Module], field: str) -> list[Any] | None:
    """The field of every module, or None if one does not report it."""
    values = [getattr(module, field) for module in modules]
    return None if None in values else values


def _over(modules: Sequence[Module], field: str, combine: Combine) -> float | None:
    values = _all(modules, field)
    return None if values is None else combine(values)


def _agreed(modules: Sequence[Module], field: str) -> bool | None:
    values = {getattr(module, field) for module in modules}
    return values.pop() if len(values) == 1 else None


def _any(modules: Sequence[Module], field: str) -> bool | None:
    values = _all(modules, field)
    return None if values is None else any(values)


def _sum_of(pairs: Sequence[Pair], field: str) -> float | None:
    """The sum over all modules of what each reports, or of what follows from its values."""
    values = [_of(pair, field) for pair in pairs]
    return None if not values or None in values else sum(values)


def _of(pair: Pair, field: str) -> Any:
    """What a module reports, else what follows from its values."""
    module, figures = pair
    return _known(getattr(module, field, None), getattr(figures, field))


def _numbers_of_modules(bank: Bank) -> dict[str, Any]:
    """How many modules answer; where no single ones are reported, how many the battery counts."""
    if not bank.modules and not bank.silent:
        return {"modules_online": bank.module_count}
    states = [module.state for module in bank.modules]
    return {
        "modules_online": len(bank.modules),
        "modules_asleep": None if None in states else states.count(State.SLEEPING),
        "modules_silent": len(bank.silent),
    }


# -------------------- power, charge, energy

# Below this for each module the currents are too near to what a BMS can measure to be compared.
_LEAST_SHARED_A = 1.0
# What makers multiply the Ah of an LFP cell with. Other cells show by their voltage: an LFP cell is above 3.5 V only
# when it is nearly full, and does not stay above 3.7 V then.
_LFP_V, _LFP_MOST_V, _LFP_FULL_V, _NEARLY_FULL = 3.2, 3.5, 3.7, 90.0


def _power(part: Readings) -> Watts | None:
    return None if part.voltage is None or part.current is None else part.voltage * part.current


def _powers(power: Watts | None) -> dict[str, Any]:
    """The power, and each of its two directions as a number that is not negative."""
    if power is None:
        return {}
    return {"power": power, "charge_power": max(power, 0.0), "discharge_power": max(-power, 0.0)}


def _current_share(module: Module, bank: Bank | None) -> Percent | None:
    """A module's part of the current of all; in series there is only one current."""
    if bank is None or bank.silent or bank.topology is Topology.SERIES:
        return None
    together = _over(bank.modules, "current", sum)
    if module.current is None or together is None or abs(together) < _LEAST_SHARED_A * len(bank.modules):
        return None
    return 100 * module.current / together


def _soc(remaining: AmpereHours | None, full: AmpereHours | None) -> Percent | None:
    """Percent of the full capacity; a BMS may count a little more than full, which shows as 100."""
    return None if remaining is None or not full else min(100.0, 100 * remaining / full)


def _bank_soc(bank: Bank, remaining: AmpereHours | None, full: AmpereHours | None) -> Percent | None:
    """The charge of all; without it the mean of the modules' SoC, by capacity where all capacities are known."""
    levels = _all(bank.modules, "soc")
    if remaining is not None or levels is None:
        return _soc(remaining, full)
    if bank.topology is Topology.SERIES:
        return float(min(levels))
    sizes = [_known(module.full_capacity, module.rated_capacity) or 0.0 for module in bank.modules]
    sizes = sizes if all(sizes) else [1.0] * len(levels)
    return float(sum(level * size for level, size in zip(levels, sizes, strict=True)) / sum(sizes))


def _energy(module: Module, capacity: AmpereHours | None, mean: Volts | None) -> KilowattHours | None:
    """Ah times the number of cells times 3.2 V; None where the cells (``mean``) are not known, or are not LFP."""
    if capacity is None or mean is None:
        return None
    soc = _known(module.soc, _soc(module.remaining_capacity, module.full_capacity))
    most = _LFP_FULL_V if soc is not None and soc >= _NEARLY_FULL else _LFP_MOST_V
    return capacity * len(module.cells or ()) * _LFP_V / 1000 if mean <= most else None


# -------------------- cells

# How far the lowest cell may move between the module's own report and the reading of its cells.
_SAME_CELL_V = 0.005

_Extreme = tuple[Volts | None, int | None]


def _difference(low: float | None, high: float | None) -> float | None:
    return None if low is None or high is None else high - low


def _mean_cell_voltage(modules: Sequence[Module]) -> Volts | None:
    """The mean over all cells of all modules; None if one is not known."""
    voltages = [cell.voltage for module in modules for cell in module.cells or ()]
    known = [voltage for voltage in voltages if voltage is not None]
    complete = len(known) == len(voltages) and all(module.cells for module in modules)
    return _mean(known) if complete else None


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


def _extremes(pairs: Sequence[Pair]) -> dict[str, Any]:
    """The extreme cells and temperatures over all modules, with the modules' and the cells' numbers."""
    found: dict[str, Any] = {}
    for what in ("cell_voltage", "cell_temperature"):
        for name, pick in ((f"{what}_min", min), (f"{what}_max", max)):
            values = [_of(pair, name) for pair in pairs]
            if None in values:
                continue
            found[name] = pick(values)
            if what == "cell_voltage":
                module, figures = pairs[values.index(found[name])]
                found |= {f"{name}_module": module.number, f"{name}_cell": getattr(figures, f"{name}_cell")}
        found[f"{what}_difference"] = _difference(found.get(f"{what}_min"), found.get(f"{what}_max"))
    return found


def _groups(module: Module) -> list[Celsius]:
    """The temperatures of the groups of cells whose sensors measure anything."""
    return [celsius for celsius in module.temperatures or () if celsius is not None]


def _temperature(modules: Sequence[Module]) -> Celsius | None:
    """The mean of the cells' temperatures; of the modules' own where no cell temperature is known."""
    groups = [celsius for module in modules for celsius in _groups(module)]
    if groups and all(_groups(module) for module in modules):
        return _mean(groups)
    return _over(modules, "temperature", _mean)


# -------------------- state


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
