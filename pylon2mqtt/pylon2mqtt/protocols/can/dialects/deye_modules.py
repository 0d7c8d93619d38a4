"""What a Deye sends in every profile: the frames of its modules, and its installed capacity behind the name.

Its own profile is known by the name. Dyness sends "DYNESS-L": the two letters alone do not make a Deye.
"""

import re
from collections.abc import Mapping
from typing import Any

from pylon2mqtt.model import Module, State
from pylon2mqtt.protocols.can.dbc import Values
from pylon2mqtt.protocols.can.values import joined_text, module_fields

NAME = re.compile("DY\\d{3}")
"""The name in its own profile, in which the current of the bank counts the other way round."""

_FAULTS, _MEASURED = frozenset(range(0x110, 0x120)), frozenset(range(0x150, 0x160))
_STATES = {0: State.IDLE, 1: State.CHARGING, 2: State.DISCHARGING}


def modules_speak(keys: frozenset[int]) -> bool:
    """Whether modules of a Deye send their frames; BYD's high-voltage ones use 110 and 150 too, and send 1D0."""
    return bool(keys & _FAULTS) and bool(keys & _MEASURED)


def modules(values: Mapping[int, Values]) -> tuple[Module, ...]:
    """Return the modules; their own current is positive while discharging, in every profile."""
    return tuple(_module(address, of_module) for address, of_module in values.items())


def installed(values: Values) -> float | None:
    """Return the installed capacity in Ah: 35E has it behind the name, 35F too; where both do, they are equal."""
    found = {values.get(name) for name in ("capacity_of_name", "capacity_of_battery")} - {None}
    return found.pop() if len(found) == 1 else None


def reversed_current(current: float | None) -> float | None:
    """Return a current that counts the other way round."""
    return None if current is None else 0.0 - current


def sum_of_all(values: Mapping[int, Values], name: str) -> float | None:
    """Return a sum over modules; None if one of them does not report it."""
    found: list[Any] = [of_module.get(name) for of_module in values.values()]
    return None if None in found else round(sum(found), 3)


def _module(address: int, values: Values) -> Module:
    fields = module_fields(values) | {
        "current": reversed_current(values.get("current")),
        "state": _STATES.get(values.get("mode", -1)),
        "barcode": joined_text(values, "serial_1", "serial_2"),
    }
    return Module(number=address + 1, address=address, **fields)
