"""What the answers of the RS485 protocol hold: each function packs the INFO, or a part of it, of one command.

Written from RS485-protocol-pylon-low-voltage V3.3 (2018-08-21) and, for 60 to 63, from what is known of V3.5; never
from the decoder. All numbers are big-endian.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from struct import pack

from pylon2mqtt.model.units import AlarmKind, Celsius
from pylon2mqtt.simulator.module import VirtualModule

_NORMAL, _BELOW, _ABOVE, _BROKEN = 0x00, 0x01, 0x02, 0xF0
# Up to this capacity the 16-bit fields of 42 do (65535 mAh); a stack with a bigger module uses the 24-bit ones for all.
_SIXTEEN_BITS_AH = 65.0


@dataclass(frozen=True, slots=True)
class AlarmBits:
    """How an alarm shows: in 44 the ``state`` of a ``place`` and a bit of status 1; in 62 the bits of its bytes.

    ``alarm`` and ``protect`` are both bytes of their kind, the first one above.
    """

    place: str | None = None
    state: int = _NORMAL
    status1: int = 0x00
    alarm: int = 0x0000
    protect: int = 0x0000


_A = AlarmKind
SIGNS = {
    _A.CELL_OVERVOLTAGE: AlarmBits("cell", _ABOVE, 0x00, 0x2000, 0x2000),
    _A.CELL_UNDERVOLTAGE: AlarmBits("cell", _BELOW, 0x02, 0x1000, 0x1000),
    _A.MODULE_OVERVOLTAGE: AlarmBits("voltage", _ABOVE, 0x01, 0x8000, 0x8000),
    _A.MODULE_UNDERVOLTAGE: AlarmBits("voltage", _BELOW, 0x80, 0x4000, 0x4000),
    _A.CHARGE_OVERCURRENT: AlarmBits("charge", _ABOVE, 0x04, 0x0040, 0x0040),
    _A.DISCHARGE_OVERCURRENT: AlarmBits("discharge", _ABOVE, 0x10, 0x0020, 0x0020),
    _A.CHARGE_OVERTEMPERATURE: AlarmBits("temperature", _ABOVE, 0x40, 0x0800, 0x0800),
    _A.DISCHARGE_OVERTEMPERATURE: AlarmBits("temperature", _ABOVE, 0x20, 0x0800, 0x0800),
    _A.CHARGE_UNDERTEMPERATURE: AlarmBits("temperature", _BELOW, 0x00, 0x0400, 0x0400),
    _A.DISCHARGE_UNDERTEMPERATURE: AlarmBits("temperature", _BELOW, 0x00, 0x0400, 0x0400),
    _A.OVERTEMPERATURE: AlarmBits("temperature", _ABOVE, 0x60, 0x0800, 0x0800),
    _A.UNDERTEMPERATURE: AlarmBits("temperature", _BELOW, 0x00, 0x0400, 0x0400),
    _A.MOSFET_OVERTEMPERATURE: AlarmBits("mosfet", _ABOVE, 0x00, 0x0200, 0x0200),
    _A.CELL_FAULT: AlarmBits("cell", _BROKEN),
    _A.SENSOR_FAULT: AlarmBits("temperature", _BROKEN),
    _A.CELL_IMBALANCE: AlarmBits(alarm=0x0100),
    _A.TEMPERATURE_IMBALANCE: AlarmBits(alarm=0x0080),
    _A.COMMUNICATION_FAULT: AlarmBits(alarm=0x0010),
    _A.SYSTEM_FAULT: AlarmBits(protect=0x0008),
}
"""Every alarm that this protocol can show; those without a place show in 62 alone."""


def milli(value: float) -> int:
    """V or A or Ah in thousandths."""
    return round(value * 1000)


def tenths(value: float) -> int:
    """A in tenths."""
    return round(value * 10)


def kelvin(celsius: Celsius) -> int:
    """°C in tenths of a kelvin above 273.1 K below zero: the documents' offset is 2731."""
    return round(celsius * 10) + 2731


def text(words: str, length: int, padding: bytes = b"\0") -> bytes:
    """ASCII filled up to ``length`` bytes."""
    return words.encode("ascii").ljust(length, padding)


def wide(modules: Iterable[VirtualModule]) -> bool:
    """Whether a group reports its capacities in 24 bits (UD=4), as it does for all as soon as one needs it."""
    return any(module.model.capacity > _SIXTEEN_BITS_AH for module in modules)


def analog(module: VirtualModule, *, in_24_bits: bool) -> bytes:
    """42, the part of one module: M, cells, N, temperatures, current, voltage, capacities, cycles."""
    cells = [milli(volts) for volts in module.cell_voltages()]
    temperatures = [kelvin(celsius) for celsius in module.temperatures()]
    remaining, total = milli(module.remaining), milli(module.full_capacity)
    ud, first, last = 2, (remaining, total), b""
    if in_24_bits:
        ud, first, last = 4, (0xFFFF, 0xFFFF), remaining.to_bytes(3) + total.to_bytes(3)
    return (
        pack(f">B{len(cells)}h", len(cells), *cells)
        + pack(f">B{len(temperatures)}H", len(temperatures), *temperatures)
        + pack(">hHH", tenths(module.measured_current), milli(module.voltage()), first[0])
        + pack(">BHH", ud, first[1], module.cycles)
        + last
    )


def alarm(module: VirtualModule) -> bytes:
    """44, the part of one module: M, states, N, states, charge, voltage, discharge, status 1 to 5 (and 6)."""
    cells = [_NORMAL] * module.model.cells
    temperatures = [_NORMAL] * module.model.temperatures
    whole = {"charge": _NORMAL, "voltage": _NORMAL, "discharge": _NORMAL}
    faulty = 0
    for kind, cell in module.alarms:
        sign = SIGNS[kind]
        if sign.place == "cell":
            cells[(cell or 1) - 1] = sign.state
            faulty |= 1 << (cell or 1) - 1 if kind is AlarmKind.CELL_FAULT else 0
        elif sign.place == "temperature":
            temperatures[1 + ((cell or 1) - 1) // 4] = sign.state
        elif sign.place == "mosfet" and len(temperatures) > 5:
            temperatures[5] = sign.state
        elif sign.place in whole:
            whole[sign.place] = sign.state
    statuses = [status1(module), switches(module), status3(module), faulty & 0xFF, faulty >> 8]
    return bytes(
        [len(cells), *cells, len(temperatures), *temperatures, *whole.values(), *statuses]
        + [0x00] * module.model.extra_status
    )


def status1(module: VirtualModule) -> int:
    """44, status 1: what the BMS protects from."""
    bits = 0
    for kind, _ in module.alarms:
        bits |= SIGNS[kind].status1
    return bits


def switches(module: VirtualModule) -> int:
    """44, status 2: bit 3 the module's own power is used, bit 2 discharge and bit 1 charge switched on."""
    return 0x08 | module.discharge_enabled << 2 | _charge_switch(module) << 1


def _charge_switch(module: VirtualModule) -> bool:
    """A full battery asks for no more charge, but leaves the switch on; only an alarm opens it."""
    return module.charge_enabled or module.full


def status3(module: VirtualModule) -> int:
    """44, status 3: bit 7 charging, bit 6 discharging (more than 0.1 A), bit 3 full."""
    return (module.current > 0.1) << 7 | (module.current < -0.1) << 6 | module.full << 3


def parameters(module: VirtualModule) -> bytes:
    """47: 12 x 16 bit; the discharge current is negative."""
    own = module.model.parameters
    warm, cold = kelvin(own.high_temperature), kelvin(own.low_temperature)
    return (
        pack(">3H", milli(own.cell_high), milli(own.cell_low), milli(own.cell_under))
        + pack(">2Hh", warm, cold, tenths(own.charge_current))
        + pack(">3H", milli(own.module_high), milli(own.module_low), milli(own.module_under))
        + pack(">2Hh", warm, cold, -tenths(own.discharge_current))
    )


def manufacturer(master: VirtualModule) -> bytes:
    """51: device name, software version, manufacturer."""
    return text(master.model.device_name, 10) + bytes(master.model.software) + text("Pylon", 20, b"-")


def management(module: VirtualModule) -> bytes:
    """92: limits of voltage and current, status."""
    status = (
        module.charge_enabled << 7
        | module.discharge_enabled << 6
        | module.force_charge_1 << 5
        | module.force_charge_2 << 4
        | module.full_charge_requested << 3
    )
    return _limits([module]) + bytes([status])


def firmware(module: VirtualModule) -> bytes:
    """96: manufacture version, main line version."""
    return bytes(module.model.manufacture_version + module.model.main_line_version)


def system_basics(group: Sequence[VirtualModule]) -> bytes:
    """60: as 51, the number of modules, and the master's barcode alone."""
    master = group[0]
    names = text(master.model.device_name, 10) + text("Pylon", 20) + bytes(master.model.software)
    return names + bytes([len(group)]) + text(master.barcode, 16)


def system_analog(group: Sequence[VirtualModule], address: Callable[[VirtualModule], int]) -> bytes:
    """61: voltage, current, SoC, cycles, SoH; extreme cells, temperatures of cells, switches and boards.

    The scale of the current is not settled by any recording: 0.01 A here, which ends at 327.67 A.
    """
    volts = sum(module.voltage() for module in group) / len(group)
    hundredths = max(-0x8000, min(0x7FFF, round(100 * sum(module.measured_current for module in group))))
    soc = round(100 * sum(module.remaining for module in group) / sum(module.full_capacity for module in group))
    cycles, healths = [module.cycles for module in group], [module.soh for module in group]
    cells = [(volts, module) for module in group for volts in module.cell_voltages()]
    high, low = max(cells, key=_value), min(cells, key=_value)
    temperatures = [module.temperatures() for module in group]
    groups = [
        (celsius, module) for module, reported in zip(group, temperatures, strict=True) for celsius in reported[1:5]
    ]
    mosfets = [(module.mosfet_temperature, module) for module in group]
    boards = [(reported[0], module) for module, reported in zip(group, temperatures, strict=True)]
    return (
        pack(">HhBHH", milli(volts), hundredths, soc, sum(cycles) // len(cycles), max(cycles))
        + pack(">BB", sum(healths) // len(healths), min(healths))
        + pack(">HHHH", milli(high[0]), address(high[1]), milli(low[0]), address(low[1]))
        + b"".join(_temperature_block(block, address) for block in (groups, mosfets, boards))
    )


def system_alarms(group: Sequence[VirtualModule]) -> bytes:
    """62: alarm 1 and 2, protect 1 and 2."""
    alarm_bits = protect_bits = 0
    for kind, _ in set().union(*(module.alarms for module in group)):
        alarm_bits |= SIGNS[kind].alarm
        protect_bits |= SIGNS[kind].protect
    return pack(">HH", alarm_bits, protect_bits)


def system_management(group: Sequence[VirtualModule]) -> bytes:
    """63: limits of the group; status bit 7 charge, 6 discharge, 5 charge at once, 4 full charge wanted."""
    at_once = any(module.force_charge_1 or module.force_charge_2 for module in group)
    status = (
        all(module.charge_enabled for module in group) << 7
        | all(module.discharge_enabled for module in group) << 6
        | at_once << 5
        | any(module.full_charge_requested for module in group) << 4
    )
    return _limits(group) + bytes([status])


def _limits(modules: Sequence[VirtualModule]) -> bytes:
    charge = sum(tenths(module.charge_current_limit) for module in modules)
    discharge = sum(tenths(module.discharge_current_limit) for module in modules)
    highest = min(milli(module.model.charge_voltage_limit) for module in modules)
    lowest = max(milli(module.model.discharge_voltage_limit) for module in modules)
    return pack(">HHhh", highest, lowest, charge, -discharge)


def _temperature_block(
    reported: Sequence[tuple[Celsius, VirtualModule]], address: Callable[[VirtualModule], int]
) -> bytes:
    """61: the mean, the highest and its module, the lowest and its module."""
    mean = sum(celsius for celsius, _ in reported) / len(reported)
    high, low = max(reported, key=_value), min(reported, key=_value)
    return pack(">HHHHH", kelvin(mean), kelvin(high[0]), address(high[1]), kelvin(low[0]), address(low[1]))


def _value(reported: tuple[float, VirtualModule]) -> float:
    return reported[0]
