"""What the conversions of several dialects share: from the values of the frames to a bank, where makers differ.

The arguments are values by the signals' names, as `dbc` gives them; absent means not received, None not a value.
"""

from collections.abc import Callable
from dataclasses import fields, replace
from math import ceil, floor
from typing import Any, TypeVar

from pylon2mqtt.model import Bank, Module
from pylon2mqtt.model.plausibility import contradictions

from .dbc import AlarmBit, Values, alarms_in
from .received import Received

LIMITS, STATE_OF_CHARGE, MEASURED = 0x351, 0x355, 0x356
CORE = frozenset({LIMITS, STATE_OF_CHARGE, MEASURED})
"""What every low-voltage battery sends: limits, state of charge, measured values."""

PYLONTECHS_MARKER = "PN"
"""What Pylontech's 359 has behind the number of modules, and Deye's has not."""

_ALARMS, _MANUFACTURER, _PRODUCT = 0x359, 0x35E, 0x370

P = TypeVar("P", Bank, Module)

_BANK_FIELDS = frozenset(field.name for field in fields(Bank)) - {"name", "topology", "alarms", "modules", "silent"}
_MODULE_FIELDS = frozenset(field.name for field in fields(Module)) - {"number", "address", "alarms", "cells"}
_LIMITS = ("charge_current_limit", "discharge_current_limit")
_DOUBTED = frozenset({"charge_voltage_limit", "discharge_voltage_limit", "full_capacity", "remaining_capacity"})
_EXTREMES = ("cell_voltage", "cell_temperature")
_CELL_TEMPERATURES = ("cell_temperature_min", "cell_temperature_max")

# A battery's voltage lies between these parts of the voltage up to which it is charged.
_LEAST_OF_LIMIT, _MOST_OF_LIMIT = 0.2, 1.6
# The bounds of the language, in V, where nothing else decides: 12 V batteries that are empty, 48 V ones that are full.
_LEAST_VOLTS, _MOST_VOLTS = 9.0, 65.0
# So many cells are in series, and by so much their voltages may differ from the battery's.
_LEAST_CELLS, _MOST_CELLS, _CELLS_AGREE = 4, 330, 0.01
# A finer state of charge is one if it agrees with the whole percent.
_SOC_AGREES = 1.0
# A capacity of unknown meaning is what is left if it agrees with the state of charge by so many percent.
_CAPACITY_AGREES = 2.0
# From here on a battery counts as full.
_FULL = 98
# So far may the finer extreme values be from the others, in V and °C.
_FINE_AGREES = {"voltage_min": 0.02, "voltage_max": 0.02, "temperature_min": 1.5, "temperature_max": 1.5}
# So far may the mean temperature be from the extreme ones, in °C: it may be that of the board.
_MEAN_AGREES = 20.0
# A real name has so many characters at least; numbers in its place rarely print.
_SHORTEST_NAME = 3


def low_voltage_bank(values: Values) -> Bank:
    """A bank that speaks the common low-voltage language, whoever made it."""
    bank = Bank(
        **bank_fields(values)
        | {
            "voltage": voltage(values),
            **_without_zeros(values),
            "soc": state_of_charge(values),
            "model": joined_text(values, "product_1", "product_2", shortest=_SHORTEST_NAME) or values.get("family"),
            "barcode": joined_text(values, "serial_1", "serial_2"),
            "firmware": firmware(values),
            "module_count": module_count(values),
        }
        | _capacities(values)
        | _fine_extremes(values)
        | _energies(values)
    )
    return without_contradictions(bank)


def without_contradictions(part: P) -> P:
    """Leave out limits of voltage and capacities that contradict what is measured, or each other."""
    doubted = (name for found in contradictions(part) for name in found.fields if name in _DOUBTED)
    nothing: dict[str, Any] = dict.fromkeys(doubted)
    return replace(part, **nothing)


def _without_zeros(values: Values) -> dict[str, None]:
    """What is not known of a battery that sends zeros in place of all that is measured."""
    zeros = "voltage" in values and values["voltage"] is None
    return {name: None for name in ("current", "temperature") if zeros and values.get(name) == 0}


def maker(received: Received, keys: frozenset[int]) -> str | None:
    """Return the maker's name as it was sent; None if it was not."""
    return received.longest(_MANUFACTURER).decode("latin-1") if _MANUFACTURER in keys else None


def named(name: bytes) -> Callable[[Received, frozenset[int]], bool]:
    """Return the signature of a maker whose name, or that of its product, begins so."""

    def signature(received: Received, keys: frozenset[int]) -> bool:
        texts = [received.longest(key) for key in (_MANUFACTURER, _PRODUCT) if key in keys]
        return any(text.upper().startswith(name) for text in texts)

    return signature


def has_pylontechs_alarms(received: Received, keys: frozenset[int]) -> bool:
    """Whether 359 has the shape of Pylontech's: PN behind the number of modules."""
    return _ALARMS in keys and received.longest(_ALARMS)[5:7] == PYLONTECHS_MARKER.encode()


def without_alarms(values: Values, identifier: int) -> dict[str, Any]:
    """Return the values without the alarms of one identifier."""
    prefix = f"{identifier:X}."
    return {
        name: value
        for name, value in values.items()
        if not (isinstance(value, AlarmBit) and str(value.alarm.code).startswith(prefix))
    }


def within_limit(volts: float, limit: float) -> bool:
    """Whether a voltage is one of a battery that is charged, or discharged, up to this limit."""
    return limit > 0 and _LEAST_OF_LIMIT <= volts / limit <= _MOST_OF_LIMIT


def voltage(values: Values) -> float | None:
    """Most send 0.01 V, Discover, Sol-Ark and some others 0.1 V: the charge voltage limit decides which it is.

    Without it the cells do, and without both the bounds of the language.
    """
    reported, limit = values.get("voltage"), values.get("charge_voltage_limit")
    if reported is None:
        return None
    readings = [round(reported * factor, 2) for factor in (1, 10)]
    if limit is not None:
        return next((volts for volts in readings if within_limit(volts, limit)), None)
    low, high = values.get("cell_voltage_min"), values.get("cell_voltage_max")
    by_cells = (volts for volts in readings if low and high and _is_series(volts, low, high))
    by_bounds = (volts for volts in readings if _LEAST_VOLTS <= volts <= _MOST_VOLTS)
    return next((volts for volts in (*by_cells, *by_bounds)), None)


def _is_series(volts: float, low: float, high: float) -> bool:
    """Whether a whole number of cells, each between these voltages, makes this one."""
    fewest, most = ceil(volts * (1 - _CELLS_AGREE) / high), floor(volts * (1 + _CELLS_AGREE) / low)
    return max(fewest, _LEAST_CELLS) <= min(most, _MOST_CELLS)


def state_of_charge(values: Values) -> float | None:
    """Whole percent, or hundredths where the next two bytes are that: with many makers they are something else."""
    whole, fine = values.get("soc"), values.get("fine_soc")
    if whole == 0 and "soh" in values and values["soh"] is None:
        return None  # zeros of one that knows neither
    if whole is None or fine is None or abs(fine - whole) > _SOC_AGREES:
        return whole
    return float(fine)


def firmware(values: Values) -> str | None:
    """Two numbers; BYD writes them as hexadecimal digits (01 17 is its 1.17)."""
    major, minor = values.get("firmware_major"), values.get("firmware_minor")
    if not major and not minor:
        return None
    if values.get("manufacturer") == "BYD" and major is not None and minor is not None:
        return f"{major:X}.{minor:02X}"
    return f"{major}.{minor}"


def module_count(values: Values) -> int | None:
    """The number of modules that are there, which the battery tells in one way or the other."""
    return values.get("module_count") or values.get("modules_online") or None


def _capacities(values: Values) -> dict[str, float | None]:
    """What the battery holds when full and what is left, in Ah.

    35F is what is left with some makers and what is installed with others: the state of charge decides. Where 379
    repeats 35F and the battery is not full, one of them is not what it should be, and neither is believed.
    """
    full, left = values.get("full_capacity"), values.get("remaining_capacity")
    some, soc = values.get("some_capacity"), values.get("soc")
    if left is None and full and some is not None and soc is not None:
        if some == full and soc < _FULL:
            return {"full_capacity": None, "remaining_capacity": None}
        left = float(some) if abs(100 * some / full - soc) <= _CAPACITY_AGREES else None
    return {"full_capacity": full, "remaining_capacity": left}


def _fine_extremes(values: Values) -> dict[str, float]:
    """370 has the extreme values, finer than 373, with some makers that write no name there. Both have to agree."""
    fine: dict[str, Any] = {f"cell_{name}": values.get(f"fine_{name}") for name in _FINE_AGREES}
    if None in fine.values() or len(values.get("product_1") or "") >= _SHORTEST_NAME:
        return {}
    pairs: list[tuple[float, float | None, float]] = [
        (fine[f"cell_{name}"], values.get(f"cell_{name}"), most) for name, most in _FINE_AGREES.items()
    ]
    agree = all(other is None or abs(one - other) <= most for one, other, most in pairs)
    ordered = all(fine[f"{kind}_min"] <= fine[f"{kind}_max"] for kind in _EXTREMES)
    return fine if agree and ordered else {}


def _energies(values: Values) -> dict[str, None]:
    """MG counts energy in other units than all others: it is left out."""
    mg = (values.get("manufacturer") or "").upper().startswith("MG")
    return {"energy_charged": None, "energy_discharged": None} if mg else {}


def bank_fields(values: Values) -> dict[str, Any]:
    """What has the name of a bank's field, and its alarms."""
    return _fields(values, _BANK_FIELDS)


def module_fields(values: Values) -> dict[str, Any]:
    """What has the name of a module's field, and its alarms."""
    return _fields(values, _MODULE_FIELDS)


def _fields(values: Values, names: frozenset[str]) -> dict[str, Any]:
    """What has the name of a field, with limits of current as magnitudes, and the alarms."""
    found = {name: values[name] for name in names if values.get(name) is not None}
    found |= {name: value.strip() for name, value in found.items() if isinstance(value, str)}
    found |= {name: abs(found[name]) for name in _LIMITS if name in found}
    for kind in _EXTREMES:
        low, high = f"{kind}_min", f"{kind}_max"
        if low in found and high in found and found[low] > found[high]:
            del found[low], found[high]
    if _has_no_cells(values) or _contradicts_the_mean(values):
        found = {name: value for name, value in found.items() if name not in _CELL_TEMPERATURES}
    found["alarms"], found["alarm_kinds"] = alarms_in(values)
    return found


def _has_no_cells(values: Values) -> bool:
    """Whether zeros stand for extreme cells that are not known: no voltage, and exactly 0 °C."""
    no_voltage = "cell_voltage_max" in values and values["cell_voltage_max"] is None
    return no_voltage and all(values.get(name) == 0 for name in _CELL_TEMPERATURES)


def _contradicts_the_mean(values: Values) -> bool:
    """Whether the extreme temperatures are far from the mean one: some send them in tenths, or in °C in place of K.

    A mean of exactly 0 °C says nothing: many send that where they have none.
    """
    mean, low, high = (values.get(name) for name in ("temperature", *_CELL_TEMPERATURES))
    if not mean or low is None or high is None:
        return False
    return not low - _MEAN_AGREES <= mean <= high + _MEAN_AGREES


def joined_text(values: Values, *names: str, shortest: int = 1) -> str | None:
    """Return a text that comes in several frames; None if it is shorter than a real one."""
    text = "".join(values.get(name) or "" for name in names).strip()
    return text if len(text) >= shortest else None
