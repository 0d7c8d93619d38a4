"""Deye: the current counts the other way round, alarms have seven tables, and each module sends frames of its own."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pylon2mqtt.model import Bank, Module, State
from pylon2mqtt.protocols.can.dbc import Values
from pylon2mqtt.protocols.can.dialect import CanDialect, ValuesByAddress, bank_values, module_values
from pylon2mqtt.protocols.can.received import Received
from pylon2mqtt.protocols.can.values import MANUFACTURER, joined_text, low_voltage_bank, module_fields

# Dyness sends "DYNESS-L": the two letters alone do not make a Deye.
_NAME = re.compile(rb"DY\d{3}")
# Frames that only its modules send.
_MODULES = (range(0x110, 0x120), range(0x150, 0x160))
_STATES = {0: State.IDLE, 1: State.CHARGING, 2: State.DISCHARGING}


def _signature(received: Received, keys: frozenset[int]) -> bool:
    name = received.last(MANUFACTURER) if MANUFACTURER in keys else None
    return bool(name and _NAME.match(name)) or all(keys.intersection(ids) for ids in _MODULES)


def _bank(values: ValuesByAddress) -> Bank:
    own, modules = bank_values(values), module_values(values)
    count = own.get("module_count")
    # A sum only over all of them.
    whole = count is not None and len(modules) == count
    energies = {name: _sum(modules, name) if whole else None for name in ("energy_charged", "energy_discharged")}
    bank = low_voltage_bank({**own, **energies, "current": _reversed(own.get("current"))})
    return replace(bank, modules=tuple(_module(address, module) for address, module in modules.items()))


def _module(address: int, values: Values) -> Module:
    fields = module_fields(values) | {
        "current": _reversed(values.get("current")),
        "state": _STATES.get(values.get("mode", -1)),
        "barcode": joined_text(values, "serial_1", "serial_2"),
    }
    return Module(number=address + 1, address=address, **fields)


def _reversed(current: float | None) -> float | None:
    return None if current is None else 0.0 - current


def _sum(modules: Mapping[int, Values], name: str) -> float | None:
    found: list[Any] = [values.get(name) for values in modules.values()]
    return None if None in found else round(sum(found), 3)


DEYE = CanDialect(
    title="Deye's low-voltage language",
    files=("lv.dbc", "deye.dbc"),
    signature=_signature,
    bank=_bank,
    settle_s=6.0,
)
