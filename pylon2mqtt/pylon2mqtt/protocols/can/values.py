"""What a DBC file cannot say: from the values of the frames to a bank, where makers differ. Few, named functions.

The arguments are values by the signals' names, as `can_dbc` gives them; absent means not heard, None not a value.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from pylon2mqtt.model import Bank, Module, State

from .dbc import Values, alarms_in

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

_DEYE_STATES = {0: State.IDLE, 1: State.CHARGING, 2: State.DISCHARGING}
_HV_STATES = {0: State.SLEEPING, 1: State.CHARGING, 2: State.DISCHARGING, 3: State.IDLE}
_FORBIDS = 0xAA
_ASKS = 0xFF


def low_voltage_bank(values: Values) -> Bank:
    """A bank that speaks the common low-voltage language, whoever made it."""
    told = _fields(values, _BANK_FIELDS)
    return Bank(
        **told
        | {
            "voltage": voltage(values),
            "soc": state_of_charge(values),
            "model": _joined_text(values, "product_1", "product_2", shortest=_SHORTEST_NAME) or values.get("family"),
            "barcode": _joined_text(values, "serial_1", "serial_2"),
            "firmware": firmware(values),
            "module_count": module_count(values),
            "remaining_capacity": remaining_capacity(values),
        }
        | _fine_extremes(values)
        | _energies(values)
    )


def pytes_bank(values: Values) -> Bank:
    """A Pytes in its own language, with what it says in the common one beside it."""
    asks = values.get("asks_for_charge")
    own = {
        "charge_enabled": _flag(values.get("may_charge")),
        "discharge_enabled": _flag(values.get("may_discharge")),
        "force_charge_1": None if asks is None else asks != 0,
    }
    return low_voltage_bank({**values, **{name: value for name, value in own.items() if value is not None}})


def deye_bank(values: Values, modules: Mapping[int, Values]) -> Bank:
    """A Deye: its current counts the other way round, and its modules speak themselves."""
    count = values.get("module_count")
    # A sum only over all of them.
    whole = count is not None and len(modules) == count
    energies = {name: _sum(modules, name) if whole else None for name in ("energy_charged", "energy_discharged")}
    bank = low_voltage_bank({**values, **energies, "current": _reversed(values.get("current"))})
    told = tuple(_deye_module(address, modules[address]) for address in sorted(modules))
    return replace(bank, modules=told)


def high_voltage_bank(racks: Mapping[int, Values]) -> Bank:
    """High-voltage racks as the modules of one bank; older ones count their addresses from 0."""
    first = 1 if 0 in racks else 0
    return Bank(modules=tuple(_rack(address, address + first, racks[address]) for address in sorted(racks)))


# ----------------------------------------------------------------------------------------------- what makers differ in


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


# ------------------------------------------------------------------------------------------------------------- modules


def _deye_module(address: int, values: Values) -> Module:
    told = _fields(values, _MODULE_FIELDS) | {
        "current": _reversed(values.get("current")),
        "state": _DEYE_STATES.get(values.get("mode", -1)),
        "barcode": _joined_text(values, "serial_1", "serial_2"),
    }
    return Module(number=address + 1, address=address, **told)


def _rack(address: int, number: int, values: Values) -> Module:
    told = _fields(values, _MODULE_FIELDS) | {
        "state": _HV_STATES.get(values.get("mode", -1)),
        "charge_enabled": _allowed(values.get("charge_forbidden")),
        "discharge_enabled": _allowed(values.get("discharge_forbidden")),
        "manufacturer": _joined_text(values, "manufacturer_1", "manufacturer_2"),
    }
    if values.get("software_major") is not None and values.get("software_minor") is not None:
        told["firmware"] = f"{values['software_major']}.{values['software_minor']}"
    return Module(number=number, address=address, **told)


# ------------------------------------------------------------------------------------------------------- single values


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


def _joined_text(values: Values, *names: str, shortest: int = 1) -> str | None:
    text = "".join(values.get(name) or "" for name in names).strip()
    return text if len(text) >= shortest else None


def _flag(value: int | None) -> bool | None:
    return None if value is None else value != 0


def _allowed(forbidden: int | None) -> bool | None:
    """Only AA forbids."""
    return None if forbidden is None else forbidden != _FORBIDS


def _reversed(current: float | None) -> float | None:
    return None if current is None else 0.0 - current


def _sum(modules: Mapping[int, Values], name: str) -> float | None:
    told: list[Any] = [values.get(name) for values in modules.values()]
    return None if None in told else round(sum(told), 3)
