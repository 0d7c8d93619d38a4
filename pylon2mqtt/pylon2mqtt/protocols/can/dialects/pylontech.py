"""Pylontech's low-voltage language, and that of all who follow it."""

from pylon2mqtt.protocols.can.dbc import by_key
from pylon2mqtt.protocols.can.dialect import CanDialect, bank_values
from pylon2mqtt.protocols.can.received import Received
from pylon2mqtt.protocols.can.values import low_voltage_bank

_FILES = ("lv.dbc",)


def _signature(_received: Received, keys: frozenset[int]) -> bool:
    return any(key in keys and not table.by_inverter for key, (table, _) in by_key(_FILES).items())


PYLONTECH = CanDialect(
    title="Pylontech's low-voltage language",
    files=_FILES,
    signature=_signature,
    bank=lambda values: low_voltage_bank(bank_values(values)),
)
