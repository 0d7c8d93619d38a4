"""Deye in its own profile: the current counts the other way round, and alarms have seven tables."""

from dataclasses import replace

from pylon2mqtt.model import Bank
from pylon2mqtt.protocols.can.dialect import CanDialect, ValuesByAddress, bank_values, module_values
from pylon2mqtt.protocols.can.received import Received
from pylon2mqtt.protocols.can.values import has_pylontechs_alarms, low_voltage_bank, maker

from .deye_modules import NAME, installed, modules, modules_speak, reversed_current, sum_of_all

# Extreme cells and the number of modules, which only this profile sends.
_OWN = frozenset({0x361, 0x364})
_ENERGIES = ("energy_charged", "energy_discharged")


def _signature(received: Received, keys: frozenset[int]) -> bool:
    if has_pylontechs_alarms(received, keys):
        return False
    name = maker(received, keys)
    if name is not None:
        return bool(NAME.match(name))
    return keys >= _OWN or (bool(keys & _OWN) and modules_speak(keys))


def _bank(values: ValuesByAddress) -> Bank:
    own, of_modules = bank_values(values), module_values(values)
    # A sum only over all of them.
    whole = own.get("module_count") == len(of_modules)
    energies = {name: sum_of_all(of_modules, name) if whole else None for name in _ENERGIES}
    reported = {"current": reversed_current(own.get("current")), "full_capacity": installed(own)}
    return replace(low_voltage_bank({**own, **energies, **reported}), modules=modules(of_modules))


DEYE = CanDialect(
    title="Deye's low-voltage language",
    files=("lv.dbc", "deye_modules.dbc", "deye.dbc"),
    signature=_signature,
    bank=_bank,
    settle_s=6.0,
)
