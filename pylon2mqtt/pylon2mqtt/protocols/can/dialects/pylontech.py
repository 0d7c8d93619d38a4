"""Pylontech's low-voltage language, and that of all who follow it."""

from pylon2mqtt.protocols.can.dbc import by_key
from pylon2mqtt.protocols.can.dialect import CanDialect, bank_values
from pylon2mqtt.protocols.can.foreign import foreign_language
from pylon2mqtt.protocols.can.received import Received
from pylon2mqtt.protocols.can.values import CORE, low_voltage_bank

_FILES = ("lv.dbc",)
# A part of a log may hold nothing of the core; then at most so many identifiers are unknown for each that is known.
_MOST_UNKNOWN = 3


def _signature(received: Received, keys: frozenset[int]) -> bool:
    return bool(keys & CORE) or (_is_a_part(keys) and foreign_language(received, keys) is None)


def _is_a_part(keys: frozenset[int]) -> bool:
    """Whether some frames but those of the core are there, and not much is unknown."""
    tables = by_key(_FILES)
    own = [key for key in keys & tables.keys() if not tables[key][0].by_inverter]
    return bool(own) and len(keys - tables.keys()) <= _MOST_UNKNOWN * len(own)


PYLONTECH = CanDialect(
    title="Pylontech's low-voltage language",
    files=_FILES,
    signature=_signature,
    bank=lambda values: low_voltage_bank(bank_values(values)),
)
