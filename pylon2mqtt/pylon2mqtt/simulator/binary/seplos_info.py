"""What the answers of Seplos' dialect hold, and what EG4's has alike: each function packs the INFO of one command.

Written from Seplos, BMS communication protocol V2.0 (2019-10-15), 4.1 and 4.2, and for EG4 from what was captured of
it; never from the decoder. All numbers are big-endian.
"""

from struct import pack

from pylon2mqtt.model.units import AlarmKind, Celsius
from pylon2mqtt.simulator.module import VirtualModule

from .pace_info import hundredths, kelvin, temperatures
from .rs485_info import kelvin as kelvin_2731
from .rs485_info import text

_A = AlarmKind
# Each kind's byte of alarm events (2, 3, 4, 5 or 6), and the bit of its warning; the next one is its protection.
EVENTS = {
    _A.CELL_OVERVOLTAGE: (2, 0x01),
    _A.CELL_UNDERVOLTAGE: (2, 0x04),
    _A.MODULE_OVERVOLTAGE: (2, 0x10),
    _A.MODULE_UNDERVOLTAGE: (2, 0x40),
    _A.CHARGE_OVERTEMPERATURE: (3, 0x01),
    _A.CHARGE_UNDERTEMPERATURE: (3, 0x04),
    _A.DISCHARGE_OVERTEMPERATURE: (3, 0x10),
    _A.DISCHARGE_UNDERTEMPERATURE: (3, 0x40),
    _A.OVERTEMPERATURE: (4, 0x01),
    _A.UNDERTEMPERATURE: (4, 0x04),
    _A.CHARGE_OVERCURRENT: (5, 0x01),
    _A.DISCHARGE_OVERCURRENT: (5, 0x04),
}
_STATES = {_A.CELL_UNDERVOLTAGE: 0x01, _A.CELL_OVERVOLTAGE: 0x02}


def _cells(module: VirtualModule) -> bytes:
    cells = [round(volts * 1000) for volts in module.cell_voltages()]
    return pack(f">B{len(cells)}H", len(cells), *cells)


def _events(module: VirtualModule) -> dict[int, int]:
    """The bytes of alarm events by their number: both bits of an alarm, the lower one of a warning."""
    events = dict.fromkeys(range(2, 7), 0)
    for kind, cell in module.alarms | module.warnings:
        byte, bit = EVENTS[kind]
        events[byte] |= bit * 3 if (kind, cell) in module.alarms else bit
    return events


def _states(module: VirtualModule, temperatures_reported: int) -> bytes:
    """How 44 begins: the states of cells and temperatures, of the current and the voltage."""
    cells = [0x00] * module.model.cells
    for kind, cell in module.alarms | module.warnings:
        if kind in _STATES:
            cells[(cell or 1) - 1] = _STATES[kind]
    return bytes([len(cells), *cells, temperatures_reported]) + bytes(6 + 2)


def _switches(module: VirtualModule) -> int:
    return (module.charge_enabled or module.full) << 1 | module.discharge_enabled


def _balance(module: VirtualModule) -> int:
    return sum(bled << n for n, bled in enumerate(module.balancing))


def seplos_analog(module: VirtualModule, address: int) -> bytes:
    """42: six temperatures, ten user defined items."""
    reported = [kelvin_2731(celsius) for celsius in _seplos_temperatures(module)]
    volts, full, rated = map(hundredths, (module.voltage(), module.full_capacity, module.model.capacity))
    return (
        bytes([0x00, address])
        + _cells(module)
        + pack(">B6H", 6, *reported)
        + pack(">hHHB", hundredths(module.current), volts, hundredths(module.remaining), 10)
        + pack(">HHHHHH", full, round(10 * module.soc), rated, module.cycles, 10 * module.soh, volts)
        + bytes(8)
    )


def _seplos_temperatures(module: VirtualModule) -> list[Celsius]:
    *groups, switches, surroundings = temperatures(module)
    return [*groups, surroundings, switches]


def seplos_alarm(module: VirtualModule, _address: int) -> bytes:
    """44: the command group is 0, then the states, then 20 bytes of bits."""
    events = _events(module)
    system = 0x01 if module.current < 0 else 0x02 if module.current > 0 else 0x10
    return (
        bytes([0x00, 0x00])
        + _states(module, 6)
        + bytes([20, 0x00, *(events[n] for n in range(2, 7)), _switches(module)])
        + _balance(module).to_bytes(2, "little")
        + bytes([system, 0x00, 0x00, 0x00, 0x00])
        + bytes(6)
    )


def seplos_manufacturer(module: VirtualModule, _address: int) -> bytes:
    """51."""
    return text(module.model.device_name, 10, b" ") + bytes(module.model.software) + text("CANProtocol:Sofar", 20, b" ")


def eg4_analog(module: VirtualModule, address: int) -> bytes:
    """42: four temperatures and two more behind them, 15 user defined items."""
    *groups, switches, surroundings = (kelvin(celsius) for celsius in temperatures(module))
    cells = [round(volts * 1000) for volts in module.cell_voltages()]
    remaining, capacity = hundredths(module.remaining), hundredths(module.full_capacity)
    return (
        bytes([0x10, address])
        + _cells(module)
        + pack(">B6H", 4, *groups, surroundings, switches)
        + pack(">hHHH", hundredths(module.current), hundredths(module.voltage()), remaining, capacity)
        + pack(">HBHH", module.cycles, 15, round(module.soc), module.soh)
        + pack(">HHHHH", max(cells), min(cells), max(cells) - min(cells), max(groups), min(groups))
        + pack(">II", hundredths(module.discharged), hundredths(module.discharged))
        + bytes(20)
    )


def eg4_alarm(module: VirtualModule, address: int) -> bytes:
    """44: nine user defined items."""
    events = _events(module)
    system = 0x01 if module.current < 0 else 0x02 if module.current > 0 else 0x08
    return (
        bytes([0x10, address])
        + _states(module, 4)
        + bytes([9, 0x00, events[2], events[4], events[3], events[5], 0x00, _switches(module), system])
        + _balance(module).to_bytes(4)
        + bytes(1)
    )


def eg4_manufacturer(_module: VirtualModule, _address: int) -> bytes:
    """51: a blank name; what follows is not understood, and left out here."""
    return b" " * 20 + bytes(26)
