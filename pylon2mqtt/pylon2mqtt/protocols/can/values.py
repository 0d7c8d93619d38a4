"""What the conversions of several dialects share: from the values of the frames to a bank, where makers differ.

The arguments are values by the signals' names, as `dbc` gives them; absent means not received, None not a value.
"""

from dataclasses import fields
from typing import Any

from pylon2mqtt.model import Bank, Module

from .dbc import Values, alarms_in

MANUFACTURER = 0x35E
"""The identifier of the maker's name in all low-voltage dialects."""

_BANK_FIELDS = frozenset(field.name for field in fields(Bank)) - {"name", "topology", "alarms", "modules", "silent"}
_MODULE_FIELDS = frozenset(field.name for field in fields(Module)) - {"number", "address", "alarms", "cells"}
_LIMITS = ("charge_current_limit", "discharge_current_limit")
_EXTREMES = ("cell_voltage", "cell_temperature")

# A battery's voltage lies between these parts of the voltage up to which it is charged.
_LEAST_OF_LIMIT, _MOST_OF_LIMIT = 0.2, 1.6
# Below this many volts no battery is read here: 12 V ones are at 10 V when empty.
_LEAST_VOLTS = 9.0
_MOST_VOLTS = 1000.0
# A finer state of charge is one if it agrees with the whole percent.
_SOC_AGREES = 1.0
# A capacity is what is left if it agrees with the state of charge by so many percent.
_CAPACITY_AGREES = 2.0
# So far may the finer extreme values be from the others, in V and °C.
_FINE_AGREES = {"voltage_min": 0.02, "voltage_max": 0.02, "temperature_min": 1.5, "temperature_max": 1.5}
# A real name has so many characters at least; numbers in its place rarely print.
_SHORTEST_NAME = 3


def low_voltage_bank(values: Values) -> Bank:
    """A bank that speaks the common low-voltage language, whoever made it."""
    told = _fields(values, _BANK_FIELDS)
    return Bank(
        **told
        | {
            "voltage": voltage(values),
            "soc": state_of_charge(values),
            "model": joined_text(values, "product_1", "product_2", shortest=_SHORTEST_NAME) or values.get("family"),
            "barcode": joined_text(values, "serial_1", "serial_2"),
            "firmware": firmware(values),
            "module_count": module_count(values),
            "remaining_capacity": remaining_capacity(values),
        }
        | _fine_extremes(values)
        | _energies(values)
    )


def voltage(values: Values) -> float | None:
    """Most send 0.01 V, Discover, Sol-Ark and some others 0.1 V: the charge voltage limit tells which it is.

    Without it, the voltage is told only where one of the two cannot be.
    """
    told, limit = values.get("voltage"), values.get("charge_voltage_limit")
    if told is None:
        return None
    readings = [round(told * factor, 2) for factor in (1, 10)]
    if limit is not None:
        return next((v for v in readings if _LEAST_OF_LIMIT <= v / limit <= _MOST_OF_LIMIT), None)
    possible = [v for v in readings if _LEAST_VOLTS <= v <= _MOST_VOLTS]
    return possible[0] if len(possible) == 1 else None


def state_of_charge(values: Values) -> float | None:
    """Whole percent, or hundredths where the next two bytes are that: with many makers they are something else."""
    whole, fine = values.get("soc"), values.get("fine_soc")
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


def remaining_capacity(values: Values) -> float | None:
    """What is left. 35F tells that with some makers and what is installed with others: the state of charge decides."""
    told, full, soc = values.get("remaining_capacity"), values.get("full_capacity"), values.get("soc")
    some = values.get("some_capacity")
    if told is not None or some is None or not full or soc is None:
        return told
    return float(some) if abs(100 * some / full - soc) <= _CAPACITY_AGREES else None


def _fine_extremes(values: Values) -> dict[str, float]:
    """370 has the extreme values, finer than 373, with some makers that write no name there. Both have to agree."""
    fine: dict[str, Any] = {f"cell_{name}": values.get(f"fine_{name}") for name in _FINE_AGREES}
    if None in fine.values() or len(values.get("product_1") or "") >= _SHORTEST_NAME:
        return {}
    told: list[tuple[float, float | None, float]] = [
        (fine[f"cell_{name}"], values.get(f"cell_{name}"), most) for name, most in _FINE_AGREES.items()
    ]
    agree = all(other is None or abs(one - other) <= most for one, other, most in told)
    ordered = all(fine[f"{kind}_min"] <= fine[f"{kind}_max"] for kind in _EXTREMES)
    return fine if agree and ordered else {}


def _energies(values: Values) -> dict[str, None]:
    """MG counts energy in other units than all others: it is left out."""
    mg = (values.get("manufacturer") or "").upper().startswith("MG")
    return {"energy_charged": None, "energy_discharged": None} if mg else {}


# ------------------------------------------------------------------------------------------------------- single values


def module_fields(values: Values) -> dict[str, Any]:
    """What has the name of a module's field, and its alarms."""
    return _fields(values, _MODULE_FIELDS)


def _fields(values: Values, names: frozenset[str]) -> dict[str, Any]:
    """What has the name of a field, with limits of current as magnitudes, and the alarms."""
    told = {name: values[name] for name in names if values.get(name) is not None}
    told |= {name: value.strip() for name, value in told.items() if isinstance(value, str)}
    told |= {name: abs(told[name]) for name in _LIMITS if name in told}
    for kind in _EXTREMES:
        low, high = f"{kind}_min", f"{kind}_max"
        if low in told and high in told and told[low] > told[high]:
            del told[low], told[high]
    told["alarms"], told["alarm_kinds"] = alarms_in(values)
    return told


def joined_text(values: Values, *names: str, shortest: int = 1) -> str | None:
    """Return a text that comes in several frames; None if it is shorter than a real one."""
    text = "".join(values.get(name) or "" for name in names).strip()
    return text if len(text) >= shortest else None
