"""PACE's INFO: commands, layouts, bits. No code, only tables.

Multi-byte values are big-endian. The unit stands in each name: mv, ca = 0.01 A, cah = 0.01 Ah, dk = 0.1 K (here 2730 is
0 °C). docs/protocols/pace.md says how sure each field is and where it was seen.

Sources: PACE-RS232 TY16S (2018-07-05) chapter 4; for what firmwares send beyond it, and for the bits: captures and
source of nkinnan/esphome-pace-bms, ClassicDIY/PylonToMQTT, Tertiush/bmspace.
"""

from collections.abc import Mapping
from enum import IntEnum

from construct import Bytes, Construct, GreedyBytes, Int8ub, Int16sb, Int16ub, Struct, Tell, Terminated

from pylon2mqtt.model import AlarmKind, Severity
from pylon2mqtt.protocols.binary.values import ABOVE, BELOW, OTHER_ERROR, VOLTAGE_STATES, Bits, Counted, alike

ZERO_DK = 2730


class PaceCommand(IntEnum):
    """The commands that may be sent (CID2): all of them only read, and there is no other."""

    ANALOG = 0x42
    ALARM = 0x44
    PACK_COUNT = 0x90
    CAPACITY = 0xA6
    FIRMWARE = 0xC1
    BARCODE = 0xC2


# -------------------- the layouts

ANALOG_PACK = Struct(
    "cells_mv" / Counted(Int16ub),
    "temperatures_dk" / Counted(Int16ub),
    "current_ca" / Int16sb,
    "voltage_mv" / Int16ub,
    "remaining_cah" / Int16ub,
    "user_defined_items" / Int8ub,  # 2, 3, 4 or 9, whatever follows: of no use
    "full_cah" / Int16ub,
    "cycles" / Int16ub,
    "design_cah" / Int16ub,
    "end" / Tell,
)

Tails = Mapping[int, Construct | None]

TAILS: Tails = {
    0: None,
    1: Struct("soc" / Int8ub),  # Jakiper and most firmwares since
    8: Struct("unknown" / Bytes(8)),  # 15-cell packs: two numbers of 32 bits
    10: Struct("soc" / Int8ub, "unknown" / Bytes(8), "soh" / Int8ub),  # SungoldPower
    14: Struct("soc" / Int8ub, "unknown1" / Bytes(8), "soh" / Int8ub, "unknown2" / Bytes(4)),  # EASUN
}
"""What firmwares send behind a pack's design capacity, by its length: only LENID tells which one it is."""

UNKNOWN_TAIL = Struct("perhaps_soc" / Int8ub)
"""All longer tails that are known but one begin with the SOC, which follows remaining / full within 1 %."""

SOC_POINTS = 1.5
# A longer one could be a pack by itself. Packs that are away leave several ways to read the same.
LONGEST_TAIL, MOST_WAYS = 30, 8

ALARM_PACK = Struct(
    "cells" / Counted(Int8ub),
    "temperatures" / Counted(Int8ub),
    "charge_current" / Int8ub,
    "module_voltage" / Int8ub,
    "discharge_current" / Int8ub,
    "protect1" / Int8ub,
    "protect2" / Int8ub,
    "system" / Int8ub,
    "control" / Int8ub,
    "fault" / Int8ub,
    "balance1" / Int8ub,  # cells 1 to 8
    "balance2" / Int8ub,  # cells 9 to 16
    "warn1" / Int8ub,
    "warn2" / Int8ub,
)

CAPACITY = Struct("remaining_cah" / Int16ub, "full_cah" / Int16ub, "design_cah" / Int16ub, Terminated)
PACK_COUNT = Struct("packs" / Int8ub, Terminated)
FIRMWARE = Struct("text" / Bytes(20), Terminated)
BARCODE = Struct("barcode" / Bytes(20), "made" / GreedyBytes)

# -------------------- the bits, by position

_FIRST = {
    5: AlarmKind.DISCHARGE_OVERCURRENT,
    4: AlarmKind.CHARGE_OVERCURRENT,
    3: AlarmKind.MODULE_UNDERVOLTAGE,
    2: AlarmKind.MODULE_OVERVOLTAGE,
    1: AlarmKind.CELL_UNDERVOLTAGE,
    0: AlarmKind.CELL_OVERVOLTAGE,
}
_TEMPERATURES = {
    3: AlarmKind.DISCHARGE_UNDERTEMPERATURE,
    2: AlarmKind.CHARGE_UNDERTEMPERATURE,
    1: AlarmKind.DISCHARGE_OVERTEMPERATURE,
    0: AlarmKind.CHARGE_OVERTEMPERATURE,
}
BITS: dict[str, Bits] = {
    "protect1": alike(Severity.PROTECTION, {7: AlarmKind.OVERVOLTAGE, 6: AlarmKind.SHORT_CIRCUIT} | _FIRST),
    # Bit 7 says that the battery is full, which is no fault.
    "protect2": alike(
        Severity.PROTECTION,
        {6: AlarmKind.UNDERTEMPERATURE, 5: AlarmKind.OVERTEMPERATURE, 4: AlarmKind.MOSFET_OVERTEMPERATURE}
        | _TEMPERATURES,
    ),
    "fault": alike(
        Severity.FAULT,
        {
            7: AlarmKind.OTHER,  # heater
            6: AlarmKind.OTHER,  # current limiting board
            5: AlarmKind.SENSOR_FAULT,
            4: AlarmKind.CELL_FAULT,
            3: AlarmKind.OTHER,
            2: AlarmKind.SENSOR_FAULT,
            1: AlarmKind.RELAY_FAULT,  # discharge MOSFET
            0: AlarmKind.RELAY_FAULT,  # charge MOSFET
        },
    ),
    "warn1": alike(Severity.WARNING, {7: AlarmKind.OTHER, 6: AlarmKind.OTHER} | _FIRST),
    "warn2": alike(
        Severity.WARNING,
        {
            7: AlarmKind.LOW_SOC,
            6: AlarmKind.MOSFET_OVERTEMPERATURE,
            5: AlarmKind.UNDERTEMPERATURE,
            4: AlarmKind.OVERTEMPERATURE,
        }
        | _TEMPERATURES,
    ),
    "system": {4: (AlarmKind.OTHER, Severity.FAULT)},  # plus and minus are swapped
}
# Bits of the system byte, and the one of protect2 that is no protection.
CURRENT_LIMITED, CHARGE_MOSFET, DISCHARGE_MOSFET, AC_INPUT, HEATER = 0, 1, 2, 5, 7
FULLY_CHARGED = 7

MOSFET_STATES = {
    BELOW: AlarmKind.UNDERTEMPERATURE,
    ABOVE: AlarmKind.MOSFET_OVERTEMPERATURE,
    OTHER_ERROR: AlarmKind.SENSOR_FAULT,
}
MODULE_STATES = {
    "charge_current": {ABOVE: AlarmKind.CHARGE_OVERCURRENT},
    "module_voltage": VOLTAGE_STATES,
    "discharge_current": {BELOW: AlarmKind.DISCHARGE_OVERCURRENT, ABOVE: AlarmKind.DISCHARGE_OVERCURRENT},
}
