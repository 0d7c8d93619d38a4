"""Discover: the common frames, and 354 with the installed and the remaining capacity."""

from pylon2mqtt.protocols.can.dialect import CanDialect, bank_values
from pylon2mqtt.protocols.can.values import low_voltage_bank, named

DISCOVER = CanDialect(
    title="Discover's low-voltage language",
    files=("lv.dbc", "discover.dbc"),
    signature=named(b"DISCOVER"),
    bank=lambda values: low_voltage_bank(bank_values(values)),
)
