"""Dyness: the common frames, and 70D with the installed capacity."""

from pylon2mqtt.protocols.can.dialect import CanDialect, bank_values
from pylon2mqtt.protocols.can.values import low_voltage_bank, named

DYNESS = CanDialect(
    title="Dyness' low-voltage language",
    files=("lv.dbc", "dyness.dbc"),
    signature=named(b"DYNESS"),
    bank=lambda values: low_voltage_bank(bank_values(values)),
)
