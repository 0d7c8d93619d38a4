"""Dyness: the common frames, and 70D with the installed capacity; 35F is what is left."""

from pylon2mqtt.model import Bank
from pylon2mqtt.protocols.can.dialect import CanDialect, ValuesByAddress, bank_values
from pylon2mqtt.protocols.can.values import low_voltage_bank, named


def _bank(values: ValuesByAddress) -> Bank:
    own = bank_values(values)
    return low_voltage_bank({**own, "remaining_capacity": own.get("some_capacity")})


DYNESS = CanDialect(
    title="Dyness' low-voltage language",
    files=("lv.dbc", "dyness.dbc"),
    signature=named(b"DYNESS"),
    bank=_bank,
)
