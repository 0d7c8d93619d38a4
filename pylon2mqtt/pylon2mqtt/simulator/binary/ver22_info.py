"""What the answers of the 1363 family (VER 22) hold: each function packs the INFO of one command.

Written from docs/protocols/ver22.md, never from the decoder. All numbers are big-endian.
"""

from struct import pack

from pylon2mqtt.model.units import AlarmKind
from pylon2mqtt.simulator.module import VirtualModule

from .pace_info import hundredths, temperatures
from .rs485_info import text

_A = AlarmKind
# Protections, by word and bit; an alarm (a warning) of the same kind stands some bits above it.
_VOLTAGE = {
    _A.CELL_OVERVOLTAGE: 0,
    _A.CELL_UNDERVOLTAGE: 1,
    _A.MODULE_OVERVOLTAGE: 2,
    _A.MODULE_UNDERVOLTAGE: 3,
}
_CURRENT = {_A.CHARGE_OVERCURRENT: (2, 6), _A.DISCHARGE_OVERCURRENT: (4, 7), _A.SHORT_CIRCUIT: (3, 3)}
_TEMPERATURE = {
    _A.CHARGE_OVERTEMPERATURE: 0,
    _A.CHARGE_UNDERTEMPERATURE: 1,
    _A.DISCHARGE_OVERTEMPERATURE: 2,
    _A.DISCHARGE_UNDERTEMPERATURE: 3,
    _A.OVERTEMPERATURE: 4,
    _A.UNDERTEMPERATURE: 5,
    _A.MOSFET_OVERTEMPERATURE: 6,
}
ALARM_KINDS = frozenset({*_VOLTAGE, *_CURRENT, *_TEMPERATURE, _A.LOW_SOC})
_CELLS = (_A.CELL_OVERVOLTAGE, _A.CELL_UNDERVOLTAGE)


def analog(module: VirtualModule) -> bytes:
    """42: values, then the words of bits, then those of the cells."""
    cells = [round(volts * 1000) for volts in module.cell_voltages()]
    *groups, switches, surroundings = (round(10 * celsius) for celsius in temperatures(module))
    inside = round(10 * module.temperatures()[0])
    return (
        pack(">BHHB", 0, round(100 * module.soc), hundredths(module.voltage()), len(cells))
        + pack(f">{len(cells)}H", *cells)
        + pack(">hhh", surroundings, inside, switches)
        + pack(f">B{len(groups)}h", len(groups), *groups)
        + pack(">hHHB", hundredths(module.current), 0, module.soh, 1)
        + pack(">HHH", hundredths(module.full_capacity), hundredths(module.remaining), module.cycles)
        + _words(module)
        + _cell_words(module)
    )


def _words(module: VirtualModule) -> bytes:
    """Voltage, current, temperature, warnings, switches."""
    voltage = current = temperature = warning = 0
    for kind, _ in module.alarms:
        voltage |= 1 << _VOLTAGE[kind] if kind in _VOLTAGE else 0
        current |= 1 << _CURRENT[kind][0] if kind in _CURRENT else 0
        temperature |= 1 << _TEMPERATURE[kind] if kind in _TEMPERATURE else 0
    for kind, _ in module.warnings:
        voltage |= 1 << _VOLTAGE[kind] + 4 if kind in _VOLTAGE else 0
        current |= 1 << _CURRENT[kind][1] if kind in _CURRENT else 0
        temperature |= 1 << _TEMPERATURE[kind] + 8 if kind in _TEMPERATURE else 0
        warning |= 1 << 7 if kind is _A.LOW_SOC else 0
    switches = module.charge_enabled | module.discharge_enabled << 1
    return pack(">5H", voltage, current, temperature, warning, switches)


def _cell_words(module: VirtualModule) -> bytes:
    """Which of cells 1 to 16 are protected, warned of and bled; of 17 to 32 there are none; machine and inputs."""
    protected, warned = ([_cells_of(some, kind) for kind in _CELLS] for some in (module.alarms, module.warnings))
    bled = sum(bit << n for n, bit in enumerate(module.balancing))
    return pack(">6H", *protected, *warned, bled, 0) + bytes(11)


def _cells_of(alarms: set[tuple[AlarmKind, int | None]], kind: AlarmKind) -> int:
    return sum(1 << (cell or 1) - 1 for found, cell in alarms if found is kind)


def parameters(module: VirtualModule) -> bytes:
    """47: limits, sizes and two barcodes."""
    limits, model = module.model.parameters, module.model
    return (
        pack(">BHH", 0, round(1000 * limits.cell_high), round(1000 * limits.cell_low))
        + pack(">hhH", round(limits.high_temperature), round(limits.low_temperature), hundredths(limits.charge_current))
        + pack(">HHH", hundredths(limits.module_high), hundredths(limits.module_low), model.cells)
        + pack(">HHHH", hundredths(limits.charge_current), hundredths(model.capacity), 60, 0)
        + text(module.barcode, 20)
        + text(f"B{module.barcode}", 20)
    )


def manufacturer(module: VirtualModule) -> bytes:
    """51: hardware, product and project, and a version of three numbers."""
    name = module.model.device_name
    return text(name, 10) + text(f"{name[:6]}P", 10) + text("P01", 10) + bytes([*module.model.software, 3])


def maker_block(module: VirtualModule, asked: bytes) -> bytes:
    """B0/03: three numbers, the day and the maker."""
    barcodes = text(module.barcode, 30) + text("PRODUCT", 30) + text(f"B{module.barcode}", 30)
    return b"\x00" + asked + barcodes + bytes([24, 5, 17]) + text("Simulated", 20)


def capacity_block(module: VirtualModule, asked: bytes) -> bytes:
    """B0/04: capacities and what went through."""
    through = round(module.discharged)
    energy = round(through * module.model.cells * 3.2 / 100)
    return (
        b"\x00"
        + asked
        + pack(">HHH", *map(hundredths, (module.remaining, module.full_capacity, module.model.capacity)))
        + pack(">IIHH", through, through, energy, energy)
    )
