"""Pylontech's low-voltage language, and that of all who follow it."""

from pylon2mqtt.protocols.can.dbc import by_key
from pylon2mqtt.protocols.can.dialect import CanDialect, bank_values
from pylon2mqtt.protocols.can.received import Received
from pylon2mqtt.protocols.can.values import CORE, low_voltage_bank

_FILES = ("lv.dbc",)


def _signature(_received: Received, keys: frozenset[int]) -> bool:
    """One frame of the core; or, in a part of a log, any other where nothing is unknown."""
    tables = by_key(_FILES)
    return bool(keys & CORE) or (keys <= tables.keys() and any(not tables[key][0].by_inverter for key in keys))


PYLONTECH = CanDialect(
    title="Pylontech's low-voltage language",
    files=_FILES,
    signature=_signature,
    bank=lambda values: low_voltage_bank(bank_values(values)),
)
