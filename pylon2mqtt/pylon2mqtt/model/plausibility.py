"""What cannot be true: every reported value is held against what the battery reports beside it.

A wrong unit, a lost sign, a field read at the wrong place and two swapped digits show here, in whatever language the
battery speaks. The bounds are wide: no recording of a sound battery that is known comes near them. What to do with a
contradiction (ask again, refuse, leave the values out, try another layout) is the driver's decision.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import TypeVar

from .battery import Bank, Module
from .quantities import QUANTITIES
from .units import State, Topology

Part = Bank | Module
P = TypeVar("P", Bank, Module)
Fields = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Reported values that cannot all be true: the names of their fields, and a phrase that gives them."""

    fields: Fields
    text: str


def contradictions(part: Part) -> tuple[Contradiction, ...]:
    """Return what in a bank or a module cannot be true; empty where nothing speaks against it."""
    found = [*_possible(part), *_charge(part), *_voltage(part), *_current(part)]
    found += _bank(part) if isinstance(part, Bank) else _module(part)
    return tuple([Contradiction(names, "; ".join(_phrase(part, name, names) for name in names)) for names in found])


def only_plausible(candidates: Iterable[P]) -> P | None:
    """Return the one reading of an answer that nothing speaks against; None where it is none of them, or not one."""
    plausible = [candidate for candidate in candidates if not contradictions(candidate)]
    return plausible[0] if len(plausible) == 1 else None


def _phrase(part: Part, name: str, names: Fields) -> str:
    if name == "cells" and isinstance(part, Module):
        voltages = _cell_voltages(part)
        return f"{len(voltages)} cells of {min(voltages)} to {max(voltages)} V, together {sum(voltages):.3f} V"
    if name == "modules" and isinstance(part, Bank):
        return f"its modules: {', '.join(str(getattr(module, names[0])) for module in part.modules)}"
    row = QUANTITIES[type(part)][name]
    return f"{row.title.lower()}: {getattr(part, name)} {row.unit or ''}".rstrip()


# -------------------- each value by itself

_TEMPERATURE_C = (-40.0, 120.0)
_PERCENT = (0.0, 100.0)
_CELL_V = (0.0, 4.45)
_POSSIBLE = {
    "voltage": (1.0, 2000.0),  # A BMS is fed by its own cells: none of them answers at 0 V.
    "soc": _PERCENT,
    "soe": _PERCENT,
    "soh": _PERCENT,
    "temperature": _TEMPERATURE_C,
    "mos_temperature": _TEMPERATURE_C,
    "ambient_temperature": _TEMPERATURE_C,
    "cell_temperature_min": _TEMPERATURE_C,
    "cell_temperature_max": _TEMPERATURE_C,
    "cell_voltage_min": _CELL_V,
    "cell_voltage_max": _CELL_V,
}
# Of a module: the smallest with a BMS of this kind, and more than the greatest.
_MODULE_AH = (15.0, 1500.0)
_MODULE_A = (-500.0, 500.0)


_OF_MODULE = _POSSIBLE | {"full_capacity": _MODULE_AH, "current": _MODULE_A}
_BOUNDS = {
    kind: [(name, *pair) for name, pair in bounds.items() if name in {field.name for field in fields(kind)}]
    for kind, bounds in ((Bank, _POSSIBLE), (Module, _OF_MODULE))
}
_VALUES = {kind: attrgetter(*(name for name, _, _ in bounds)) for kind, bounds in _BOUNDS.items()}


def _possible(part: Part) -> Iterator[Fields]:
    kind = type(part)
    for value, (name, low, high) in zip(_VALUES[kind](part), _BOUNDS[kind], strict=True):
        if value is not None and not low <= value <= high:
            yield (name,)
    if not _within(part.cell_voltage_min, -273.15, part.cell_voltage_max):
        yield "cell_voltage_min", "cell_voltage_max"
    if not _within(part.cell_temperature_min, -273.15, part.cell_temperature_max):
        yield "cell_temperature_min", "cell_temperature_max"


def _within(value: float | None, low: float, high: float | None) -> bool:
    """Whether a value lies between two bounds; a value that is not known contradicts nothing."""
    return value is None or high is None or low <= value <= high


def _is_share(value: float | None, whole: float | None, low: float, high: float) -> bool:
    """Whether a value is between two shares of another one; what is 0 or not known contradicts nothing."""
    return not value or not whole or low <= value / whole <= high


# -------------------- charge and energy

# A BMS rounds, and it may count a little more than full. Swapped digits and wrong units are far outside.
_SOC_POINTS = 10.0
_MOST_REMAINING = 1.1
# A new module may have more than its label says, and an old one has less than half.
_FULL_OF_RATED = (0.3, 1.3)
# The energy of modules in series is that of all cells, the charge is that of the emptiest one.
_ENERGY_OF_CHARGE = (1 / 3, 3.0)
# Near empty both are rounded to little.
_LEAST_ENERGY_KWH = 0.5


def _charge(part: Part) -> Iterator[Fields]:
    remaining, full, energy = part.remaining_capacity, part.full_capacity, part.remaining_energy
    if remaining is not None and full:
        if not 0 <= remaining <= _MOST_REMAINING * full:
            yield "remaining_capacity", "full_capacity"
        elif part.soc is not None and abs(part.soc - min(100.0, 100 * remaining / full)) > _SOC_POINTS:
            yield "soc", "remaining_capacity", "full_capacity"
    if not _is_share(full, part.rated_capacity, *_FULL_OF_RATED):
        yield "full_capacity", "rated_capacity"
    computed = (remaining or 0.0) * (part.voltage or 0.0) / 1000
    if energy and max(energy, computed) > _LEAST_ENERGY_KWH and not _is_share(energy, computed, *_ENERGY_OF_CHARGE):
        yield "remaining_energy", "remaining_capacity", "voltage"


# -------------------- voltage

# In one answer the cells add up to the module's voltage within 0.1 V; the rest is for a step of the load between the
# two measurements. Two answers may be a minute apart: then the sum may differ by this share, nearly a cell of 16.
_SUM_V, _LATER_SUM_SHARE = 0.3, 0.06
_OWN_EXTREME_V = 0.1
# How far the voltage may be from that of a whole number of cells, at high voltage.
_SUM_SHARE = 0.005
# Between a battery that is empty and one that is full. Of LFP 0.9 to 1.5 and 0.6 to 1.1 would do.
_CHARGE_LIMIT, _DISCHARGE_LIMIT = (0.75, 2.0), (0.4, 1.5)


def _voltage(part: Part) -> Iterator[Fields]:
    voltage, low, high = part.voltage, part.cell_voltage_min, part.cell_voltage_max
    if not _is_share(part.charge_voltage_limit, voltage, *_CHARGE_LIMIT):
        yield "charge_voltage_limit", "voltage"
    if not _is_share(part.discharge_voltage_limit, voltage, *_DISCHARGE_LIMIT):
        yield "discharge_voltage_limit", "voltage"
    if voltage and low and high and low <= high:
        tolerance = max(_SUM_V, _SUM_SHARE * voltage)
        most_cells = int((voltage + tolerance) / low)
        if most_cells < max(1.0, (voltage - tolerance) / high):  # No whole number of such cells makes this voltage.
            yield "voltage", "cell_voltage_min", "cell_voltage_max"


def _cell_voltages(module: Module) -> list[float]:
    return [cell.voltage for cell in module.cells or () if cell.voltage is not None]


def _module(module: Module) -> Iterator[Fields]:
    voltages = _cell_voltages(module)
    if not voltages:
        return
    low, high, together = min(voltages), max(voltages), sum(voltages)
    if low < _CELL_V[0] or high > _CELL_V[1] or not high:
        yield ("cells",)
    tolerance = _SUM_V if module.at_once else max(_SUM_V, _LATER_SUM_SHARE * together)
    complete = len(voltages) == len(module.cells or ())
    if complete and module.voltage is not None and abs(together - module.voltage) > tolerance:
        yield "voltage", "cells"
    if module.at_once and not _is_near(module.cell_voltage_min, low):
        yield "cell_voltage_min", "cells"
    if module.at_once and not _is_near(module.cell_voltage_max, high):
        yield "cell_voltage_max", "cells"


def _is_near(reported: float | None, own: float) -> bool:
    """Whether an extreme is that of the cells; one that is not known contradicts nothing."""
    return reported is None or own - _OWN_EXTREME_V <= reported <= own + _OWN_EXTREME_V


# -------------------- current

_SURELY_FLOWING_A = 0.5
# The field shows less than 1 C, and no LFP module is made for more than 3.
_MOST_C_RATE = 3.0
# A limit falls to 0 when the battery is full or empty, and the current follows some time later: so it is held against
# the greater one of the two.
_MOST_OF_LIMIT = 3.0
_AGAINST = {State.CHARGING: -1, State.DISCHARGING: 1}


def _current(part: Part) -> Iterator[Fields]:
    if not part.current:
        return
    if part.state and part.current * _AGAINST.get(part.state, 0) > _SURELY_FLOWING_A:
        yield "current", "state"
    if not _is_share(part.current, part.full_capacity, -_MOST_C_RATE, _MOST_C_RATE):
        yield "current", "full_capacity"
    limit = max(part.charge_current_limit or 0.0, part.discharge_current_limit or 0.0)
    if not _is_share(part.current, limit, -_MOST_OF_LIMIT, _MOST_OF_LIMIT):
        yield "current", "charge_current_limit", "discharge_current_limit"


# -------------------- a bank and its modules

# They may be some seconds apart.
_MODULES_V, _MODULES_SHARE = 2.0, 0.05
_MODULES_A = 1.0


def _bank(bank: Bank) -> Iterator[Fields]:
    """Of a whole bank: nothing is compared while a module is silent, or does not report the value."""
    voltages, currents, levels = (_all(bank, name) for name in ("voltage", "current", "soc"))
    if voltages and bank.voltage is not None:
        together = sum(voltages) if bank.topology is Topology.SERIES else sum(voltages) / len(voltages)
        if abs(together - bank.voltage) > max(_MODULES_V, _MODULES_SHARE * bank.voltage):
            yield "voltage", "modules"
    if currents and bank.current is not None:
        together = sum(currents)
        if together * bank.current < 0 and abs(together - bank.current) > _MODULES_A:
            yield "current", "modules"
    if levels and not _within(bank.soc, min(levels) - _SOC_POINTS, max(levels) + _SOC_POINTS):
        yield "soc", "modules"


def _all(bank: Bank, name: str) -> Sequence[float]:
    values = [value for module in bank.modules if (value := getattr(module, name)) is not None]
    return values if len(values) == len(bank.modules) and not bank.silent else ()
