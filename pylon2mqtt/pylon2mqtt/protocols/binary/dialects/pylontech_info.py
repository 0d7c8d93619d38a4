"""Pylontech's INFO as the document draws it: commands, layouts, bits. No code, only tables.

Multi-byte values are big-endian. The unit stands in each name: mv, mah, da = 0.1 A, dk = 0.1 K (2731 is 0 °C).
docs/protocols/rs485.md says how sure each field is and where it was seen.

Sources: RS485-protocol-pylon-low-voltage V3.3 (2018-08-21) chapter 3 for 42 to 96; 60 to 63 (V3.5 and later) from
answers of UP5000 and JK.
"""

from enum import IntEnum

from construct import (
    Bytes,
    GreedyBytes,
    If,
    Int8ub,
    Int16sb,
    Int16ub,
    Int24ub,
    Struct,
    Terminated,
    this,
)

from pylon2mqtt.model import AlarmKind, Severity
from pylon2mqtt.protocols.binary.values import ABOVE, BELOW, VOLTAGE_STATES, Bits, Counted, alike


class PylontechCommand(IntEnum):
    """The commands that may be sent (CID2): all of them only read, and there is no other."""

    ANALOG = 0x42
    ALARM = 0x44
    PARAMETERS = 0x47
    VERSION = 0x4F
    MANUFACTURER = 0x51
    SYSTEM_BASIC = 0x60
    SYSTEM_ANALOG = 0x61
    SYSTEM_ALARM = 0x62
    SYSTEM_LIMITS = 0x63
    PACK_COUNT = 0x90  # on RS232 only
    MANAGEMENT = 0x92
    SERIAL = 0x93
    FIRMWARE = 0x96


SYSTEM = frozenset(
    (
        PylontechCommand.SYSTEM_BASIC,
        PylontechCommand.SYSTEM_ANALOG,
        PylontechCommand.SYSTEM_ALARM,
        PylontechCommand.SYSTEM_LIMITS,
    )
)
"""The commands that ask a group as a whole."""

# -------------------- the layouts

ANALOG_MODULE = Struct(
    "cells_mv" / Counted(Int16sb),
    "temperatures_dk" / Counted(Int16ub),
    "current_da" / Int16sb,
    "voltage_mv" / Int16ub,
    "remaining_mah" / Int16ub,
    "user_defined_items" / Int8ub,
    "full_mah" / Int16ub,
    "cycles" / Int16ub,
    "above_65_ah" / If(this.user_defined_items == 4, Struct("remaining_mah" / Int24ub, "full_mah" / Int24ub)),
).compile()

ALARM_MODULE = Struct(
    "cells" / Counted(Int8ub),
    "temperatures" / Counted(Int8ub),
    "charge_current" / Int8ub,
    "module_voltage" / Int8ub,
    "discharge_current" / Int8ub,
    "status1" / Int8ub,
    "status2" / Int8ub,
    "status3" / Int8ub,
    "status4" / Int8ub,
    "status5" / Int8ub,
).compile()

PARAMETERS = Struct(
    "infoflag" / Int8ub,
    "cell_high_mv" / Int16ub,
    "cell_low_mv" / Int16ub,
    "cell_under_mv" / Int16ub,
    "charge_high_dk" / Int16ub,
    "charge_low_dk" / Int16ub,
    "charge_current_da" / Int16sb,
    "module_high_mv" / Int16ub,
    "module_low_mv" / Int16ub,
    "module_under_mv" / Int16ub,
    "discharge_high_dk" / Int16ub,
    "discharge_low_dk" / Int16ub,
    "discharge_current_da" / Int16sb,
    Terminated,
).compile()

MANAGEMENT = Struct(
    "charge_voltage_mv" / Int16ub,
    "discharge_voltage_mv" / Int16ub,
    "charge_current_da" / Int16sb,
    "discharge_current_da" / Int16sb,
    "status" / Int8ub,
    Terminated,
).compile()

PACK_COUNT = Struct("packs" / Int8ub, Terminated).compile()

SERIAL = Struct("command" / Int8ub, "barcode" / Bytes(16), Terminated).compile()

FIRMWARE = Struct("command" / Int8ub, "manufacture" / Bytes(2), "main_line" / Bytes(3), Terminated).compile()

MANUFACTURER = Struct("device" / Bytes(10), "software" / Bytes(2), "manufacturer" / Bytes(20), Terminated).compile()

SYSTEM_BASIC = Struct(
    "device" / Bytes(10), "manufacturer" / Bytes(20), "software" / Bytes(2), "modules" / Int8ub, "serials" / GreedyBytes
).compile()

SYSTEM_ANALOG = Struct(
    "voltage_mv" / Int16ub,
    "current" / Int16sb,  # its scale is disputed (0.01, 0.1 or 1 A): not used
    "soc" / Int8ub,
    "cycles_average" / Int16ub,
    "cycles_max" / Int16ub,
    "soh_average" / Int8ub,
    "soh_min" / Int8ub,
    "cell_max_mv" / Int16ub,
    "cell_max_module" / Int16ub,
    "cell_min_mv" / Int16ub,
    "cell_min_module" / Int16ub,
    "cell_average_dk" / Int16ub,
    "cell_max_dk" / Int16ub,
    "cell_max_dk_module" / Int16ub,
    "cell_min_dk" / Int16ub,
    "cell_min_dk_module" / Int16ub,
    "mosfet_and_bms" / Bytes(20),  # the same five for the MOSFETs and for the BMS boards
    Terminated,
).compile()

SYSTEM_ALARM = Struct(
    "alarm1" / Int8ub, "alarm2" / Int8ub, "protect1" / Int8ub, "protect2" / Int8ub, Terminated
).compile()

# -------------------- the bits, by position

# 44: what the states of the module mean.
MODULE_STATES = {
    "charge_current": {ABOVE: AlarmKind.CHARGE_OVERCURRENT},
    "module_voltage": VOLTAGE_STATES,
    # A discharge current is negative: too much of it may count as below its limit.
    "discharge_current": {BELOW: AlarmKind.DISCHARGE_OVERCURRENT, ABOVE: AlarmKind.DISCHARGE_OVERCURRENT},
}
STATUS1 = alike(
    Severity.PROTECTION,
    {
        7: AlarmKind.MODULE_UNDERVOLTAGE,
        6: AlarmKind.CHARGE_OVERTEMPERATURE,
        5: AlarmKind.DISCHARGE_OVERTEMPERATURE,
        4: AlarmKind.DISCHARGE_OVERCURRENT,
        2: AlarmKind.CHARGE_OVERCURRENT,
        1: AlarmKind.CELL_UNDERVOLTAGE,
        0: AlarmKind.MODULE_OVERVOLTAGE,
    },
)
STATUS3_CHARGING, STATUS3_DISCHARGING, STATUS3_HEATER, STATUS3_FULL = 7, 6, 5, 3

# 62
_SYSTEM1 = {
    7: AlarmKind.MODULE_OVERVOLTAGE,
    6: AlarmKind.MODULE_UNDERVOLTAGE,
    5: AlarmKind.CELL_OVERVOLTAGE,
    4: AlarmKind.CELL_UNDERVOLTAGE,
    3: AlarmKind.OVERTEMPERATURE,
    2: AlarmKind.UNDERTEMPERATURE,
    1: AlarmKind.MOSFET_OVERTEMPERATURE,
}
_SYSTEM2 = {6: AlarmKind.CHARGE_OVERCURRENT, 5: AlarmKind.DISCHARGE_OVERCURRENT}
SYSTEM_BITS: dict[str, Bits] = {
    "alarm1": alike(Severity.WARNING, _SYSTEM1 | {0: AlarmKind.CELL_IMBALANCE}),
    "alarm2": alike(
        Severity.WARNING, {7: AlarmKind.TEMPERATURE_IMBALANCE} | _SYSTEM2 | {4: AlarmKind.COMMUNICATION_FAULT}
    ),
    "protect1": alike(Severity.PROTECTION, _SYSTEM1),
    "protect2": alike(Severity.PROTECTION, _SYSTEM2 | {3: AlarmKind.SYSTEM_FAULT}),
}
