"""What the answers of PACE's dialect hold: each function packs the INFO, or a part of it, of one command.

Written from PACE-RS232 TY16S (2018-07-05), chapter 4, and from what newer firmwares are known to send; never from the
decoder. All numbers are big-endian.
"""

from struct import pack

from pylon2mqtt.model.units import AlarmKind, Celsius
from pylon2mqtt.simulator.module import VirtualModule

from .rs485_info import text

_A = AlarmKind
# The bits of both protect bytes, the first one below; those of the warn bytes are alike but for three of them.
PROTECT = {
    _A.CELL_OVERVOLTAGE: 0x0001,
    _A.CELL_UNDERVOLTAGE: 0x0002,
    _A.MODULE_OVERVOLTAGE: 0x0004,
    _A.MODULE_UNDERVOLTAGE: 0x0008,
    _A.CHARGE_OVERCURRENT: 0x0010,
    _A.DISCHARGE_OVERCURRENT: 0x0020,
    _A.SHORT_CIRCUIT: 0x0040,
    _A.CHARGE_OVERTEMPERATURE: 0x0100,
    _A.DISCHARGE_OVERTEMPERATURE: 0x0200,
    _A.CHARGE_UNDERTEMPERATURE: 0x0400,
    _A.DISCHARGE_UNDERTEMPERATURE: 0x0800,
    _A.MOSFET_OVERTEMPERATURE: 0x1000,
    _A.OVERTEMPERATURE: 0x2000,
    _A.UNDERTEMPERATURE: 0x4000,
}
_WARN = PROTECT | {
    _A.SHORT_CIRCUIT: 0x0000,
    _A.OVERTEMPERATURE: 0x1000,
    _A.UNDERTEMPERATURE: 0x2000,
    _A.MOSFET_OVERTEMPERATURE: 0x4000,
    _A.LOW_SOC: 0x8000,
}
_FAULT = {_A.RELAY_FAULT: 0x01, _A.SENSOR_FAULT: 0x04, _A.CELL_FAULT: 0x10}
_BELOW = {_A.CELL_UNDERVOLTAGE, _A.MODULE_UNDERVOLTAGE}
ALARM_KINDS = frozenset({*PROTECT, *_WARN, *_FAULT})
_FULL = 0x8000


def kelvin(celsius: Celsius) -> int:
    """°C in tenths of a kelvin; PACE counts from 2730."""
    return round(celsius * 10) + 2730


def hundredths(value: float) -> int:
    """A or Ah in hundredths."""
    return round(value * 100)


def temperatures(module: VirtualModule) -> list[Celsius]:
    """Four groups of cells, the switches, the surroundings."""
    return [*module.temperatures()[1:5], module.mosfet_temperature, module.ambient]


def analog(module: VirtualModule) -> bytes:
    """The part of one pack in an answer to 42; ``tail`` of its model: how many bytes follow the design capacity."""
    cells = [round(volts * 1000) for volts in module.cell_voltages()]
    reported = [kelvin(celsius) for celsius in temperatures(module)]
    full, design = hundredths(module.full_capacity), hundredths(module.model.capacity)
    soc = round(module.soc)
    tails = {0: b"", 1: bytes([soc]), 14: bytes([soc]) + bytes(8) + bytes([module.soh]) + bytes(4)}
    return (
        pack(f">B{len(cells)}H", len(cells), *cells)
        + pack(f">B{len(reported)}H", len(reported), *reported)
        + pack(">hHH", hundredths(module.current), round(module.voltage() * 1000), hundredths(module.remaining))
        + pack(">BHHH", {0: 3, 1: 2, 14: 9}[module.model.tail], full, module.cycles, design)
        + tails[module.model.tail]
    )


def alarm(module: VirtualModule) -> bytes:
    """44, the part of one pack: states, protect 1 and 2, system, control, fault, balance, warn 1 and 2."""
    cells, voltage = [0x00] * module.model.cells, 0x00
    protect = warn = fault = 0
    for kind, cell in module.alarms | module.warnings:
        state = 0x01 if kind in _BELOW else 0x02
        if kind in (_A.CELL_OVERVOLTAGE, _A.CELL_UNDERVOLTAGE):
            cells[(cell or 1) - 1] = state
        elif kind in (_A.MODULE_OVERVOLTAGE, _A.MODULE_UNDERVOLTAGE):
            voltage = state
        warn |= _WARN.get(kind, 0)
        if (kind, cell) in module.alarms:
            protect |= PROTECT.get(kind, 0)
            fault |= _FAULT.get(kind, 0)
    protect |= _FULL * module.full
    balance = sum(bled << n for n, bled in enumerate(module.balancing))
    return (
        bytes([len(cells), *cells, 6, *[0x00] * 6, 0x00, voltage, 0x00])
        + protect.to_bytes(2, "little")
        + bytes([_system(module), 0x00, fault])
        + balance.to_bytes(2, "little")
        + warn.to_bytes(2, "little")
        + bytes([0x00] * module.model.extra_status)
    )


def _system(module: VirtualModule) -> int:
    """Bit 3 the pack gives power, 2 discharge and 1 charge switched on."""
    charge = module.charge_enabled or module.full
    return (module.current < 0) << 3 | module.discharge_enabled << 2 | charge << 1


def firmware(module: VirtualModule) -> bytes:
    """C1."""
    return text(module.model.device_name, 20)


def barcode(module: VirtualModule) -> bytes:
    """C2: the barcode and when it was given."""
    return text(module.barcode, 20, b" ") + b"Mar 30 2022,18:18:16"


def capacity(module: VirtualModule) -> bytes:
    """A6: remaining, full, design."""
    return pack(">HHH", *(hundredths(ah) for ah in (module.remaining, module.full_capacity, module.model.capacity)))
