"""What a module's BMS has measured and judged, in the console's units (mV, mA, m°C) and words."""

from collections.abc import Callable
from dataclasses import dataclass

from pylon2mqtt.model.units import AlarmKind
from pylon2mqtt.simulator.module import VirtualModule

from .firmware import firmware_of

NORMAL = "Normal"
UNMEASURED_MV = 4095
"""What a cell shows that cannot be measured: all twelve bits of the converter."""

UNMEASURED_CELSIUS_M = -100_000
"""What a group of cells shows whose thermistor is broken. A guess: nobody recorded one yet."""

# Less than this is idle.
_IDLE_A = 0.1


@dataclass(frozen=True, slots=True)
class AlarmWords:
    """How an alarm shows: the state ``column`` of ``pwr``, its words, and the register with its bits.

    The first word and bits are those of the alarm, the second ones those of the warning before it; 0: no bit.
    ``register``: bat or power events, or the system's faults. ``of_cells``: the cells' column shows it as well.
    """

    column: str | None
    words: tuple[str, str]
    register: str
    bits: tuple[int, int]
    of_cells: str | None = None


_A = AlarmKind
_OVER, _UNDER, _FAULT = ("OV", "High"), ("UV", "Low"), ("", "")
_HOT, _COLD = ("OT", "High"), ("UT", "Low")
SIGNS = {
    _A.CELL_OVERVOLTAGE: AlarmWords("B.V.St", _OVER, "bat", (0x1, 0x2), "voltage"),
    _A.CELL_UNDERVOLTAGE: AlarmWords("B.V.St", _UNDER, "bat", (0x10, 0x8), "voltage"),
    _A.MODULE_OVERVOLTAGE: AlarmWords("Volt.St", _OVER, "power", (0x1, 0x2)),
    _A.MODULE_UNDERVOLTAGE: AlarmWords("Volt.St", _UNDER, "power", (0x10, 0x8)),
    _A.CHARGE_OVERCURRENT: AlarmWords("Curr.St", ("COC", "High"), "power", (0x100000, 0), "current"),
    _A.DISCHARGE_OVERCURRENT: AlarmWords("Curr.St", ("DOC", "High"), "power", (0x80000, 0), "current"),
    _A.SHORT_CIRCUIT: AlarmWords("Curr.St", ("SC", "SC"), "power", (0x10000, 0x10000), "current"),
    _A.OVERTEMPERATURE: AlarmWords("Temp.St", _HOT, "power", (0x100, 0x200)),
    _A.UNDERTEMPERATURE: AlarmWords("Temp.St", _COLD, "power", (0x1000, 0x800)),
    _A.CHARGE_OVERTEMPERATURE: AlarmWords("B.T.St", _HOT, "bat", (0x100, 0x200), "charge_temperature"),
    _A.CHARGE_UNDERTEMPERATURE: AlarmWords("B.T.St", _COLD, "bat", (0x1000, 0x800), "charge_temperature"),
    _A.DISCHARGE_OVERTEMPERATURE: AlarmWords("B.T.St", _HOT, "bat", (0x100, 0x200), "discharge_temperature"),
    _A.DISCHARGE_UNDERTEMPERATURE: AlarmWords("B.T.St", _COLD, "bat", (0x1000, 0x800), "discharge_temperature"),
    _A.MOSFET_OVERTEMPERATURE: AlarmWords("M.T.St", _HOT, "power", (0, 0)),
    _A.LOW_SOC: AlarmWords("Coul.St", ("Low", "Low"), "power", (0x8000, 0x8000)),
    _A.CELL_FAULT: AlarmWords("Base.St", _FAULT, "fault", (0x8, 0x8)),
    _A.SENSOR_FAULT: AlarmWords("Base.St", _FAULT, "fault", (0x20, 0x20)),
    _A.COMMUNICATION_FAULT: AlarmWords("Base.St", _FAULT, "fault", (0x200, 0x200)),
    _A.RELAY_FAULT: AlarmWords("Base.St", _FAULT, "fault", (0x400, 0x400)),
    _A.SYSTEM_FAULT: AlarmWords("Base.St", _FAULT, "fault", (0x10000000, 0x10000000)),
}
"""Every alarm that this console can show."""

_FULL = 0x2000
_SUFFIXES = {0x1: "OV", 0x2: "HV", 0x8: "LV", 0x10: "UV", 0x100: "OT", 0x200: "HT", 0x800: "LT", 0x1000: "UT"}
_OTHERS = {_FULL: "COULFULL", 0x10000: "SC", 0x80000: "DOC", 0x100000: "COC"}
_PREFIX = {"bat": "B", "power": "P"}


_Concerns = Callable[[AlarmWords, int | None], bool]


def milli(value: float) -> int:
    """V, A or Ah in thousandths."""
    return round(value * 1000)


def celsius_m(module: VirtualModule, value: float) -> int:
    """°C in m°C, as finely as the module measures it."""
    step = firmware_of(module.model).step
    return round(value * 1000 / step) * step


def group_temperatures(module: VirtualModule) -> list[int]:
    """The temperatures of the groups of cells, in m°C."""
    broken = {group_of(cell - 1) for kind, cell in module.alarms if kind is AlarmKind.SENSOR_FAULT and cell}
    return [
        UNMEASURED_CELSIUS_M if group in broken else celsius_m(module, value)
        for group, value in enumerate(module.temperatures()[1:5])
    ]


def group_of(cell: int) -> int:
    """The temperature group of a cell, both from 0."""
    return cell // 4


def cells_mv(module: VirtualModule) -> list[int]:
    """The cells' voltages."""
    broken = {cell for kind, cell in module.alarms if kind is AlarmKind.CELL_FAULT}
    return [
        UNMEASURED_MV if number in broken else milli(volts) for number, volts in enumerate(module.cell_voltages(), 1)
    ]


def cell_percent(module: VirtualModule, cell: int) -> int:
    """The state of charge of a cell, from 0, as the BMS reports it."""
    return round(100 * module.cell_charges()[cell] / module.full_capacity)


def base_state(module: VirtualModule) -> str:
    """What the module is doing."""
    if register(module, "fault"):
        return "SysError"
    if abs(module.current) < _IDLE_A:
        return "Idle"
    return "Charge" if module.current > 0 else "Dischg"


def charge_state(module: VirtualModule) -> str:
    """How full it is, in a word."""
    return "Full" if module.full else column_state(module, "Coul.St")


def column_state(module: VirtualModule, column: str) -> str:
    """The word in a state column of ``pwr``; of several the worst."""
    return _worst(module, lambda sign, _: sign.column == column)


def cell_state(module: VirtualModule, cell: int, *of_cells: str) -> str:
    """The word of a cell (from 0) in a column of ``bat``."""

    def concerns(sign: AlarmWords, number: int | None) -> bool:
        return sign.of_cells in of_cells and number in {None, cell + 1}

    return _worst(module, concerns)


def _worst(module: VirtualModule, concerns: _Concerns) -> str:
    for stage, listed in enumerate((module.alarms, module.warnings)):
        words = [SIGNS[kind].words[stage] for kind, cell in sorted(listed, key=str) if concerns(SIGNS[kind], cell)]
        if words:
            return words[0]
    return NORMAL


def register(module: VirtualModule, name: str) -> int:
    """The bits of ``bat`` or ``power`` events, or of the system's ``fault``."""
    bits = _FULL if name == "power" and module.full else 0
    for stage, listed in enumerate((module.alarms, module.warnings)):
        for kind, _ in listed:
            bits |= SIGNS[kind].bits[stage] if SIGNS[kind].register == name else 0
    return bits


def names(bits: int, name: str) -> str:
    """The names printed behind the bits of a register; a fault has none."""
    if name not in _PREFIX:
        return ""
    said = [_PREFIX[name] + suffix for bit, suffix in _SUFFIXES.items() if bits & bit]
    return " ".join(said + [other for bit, other in _OTHERS.items() if bits & bit])
