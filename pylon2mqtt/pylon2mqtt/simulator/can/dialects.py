"""The languages that can be played: which frames of a bank, how often, and which of an inverter beside it.

Sources: PYLON CANBUS low voltage V1.2; PCS CAN-Bus protocol DY low voltage V3.3; CANBUS Protocol of High Voltage system
V1.18; the measured cadences of docs/protocols/can.md.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pylon2mqtt.model.units import AlarmKind, Seconds
from pylon2mqtt.simulator.battery import VirtualBank
from pylon2mqtt.transports.base import CanFrame

from .pack import GROUPS, Sums, bits, frame, requests, text

Frames = list[CanFrame]

INVERTER = (CanFrame(0x305, bytes(8)),)
_GX = (*INVERTER, CanFrame(0x306, bytes(8)), CanFrame(0x307, bytes.fromhex("1234567856494300")))
QUESTIONS = tuple(CanFrame(0x4200, bytes([what, *bytes(7)]), extended=True) for what in (0, 2))

# 359: over- and under-voltage, over- and under-temperature, discharge and charge current, the system.
_PROTECTS = tuple(zip((1, 2, 3, 4, 7, 8, 11), GROUPS, strict=True))
_WARNS = tuple(zip((17, 18, 19, 20, 23, 24), GROUPS[:6], strict=True))
# 35A: the same as pairs of bits.
_PAIRS = tuple(zip((2, 4, 6, 8, 14, 16, 22), GROUPS, strict=True))
_ALL_GOOD = 0x02AAAAAA
# Deye's first table: over- and under-voltage, of modules, charge and discharge current, temperatures.
_NONE = frozenset[AlarmKind]()
_OF_DEYE = tuple(enumerate((*GROUPS[:2], _NONE, _NONE, GROUPS[5], GROUPS[4], GROUPS[2], GROUPS[3])))
# Between two frames of a burst.
GAP_S = 0.0015


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualDialect:
    """``bursts``: seconds between two of them, and what each holds. ``asked``: the answer to an inverter."""

    bursts: tuple[tuple[Seconds, Callable[[VirtualBank], Frames]], ...] = ()
    asked: Callable[[VirtualBank, CanFrame], Frames] | None = None
    inverter: tuple[CanFrame, ...] = INVERTER
    alarm_kinds: frozenset[AlarmKind] = frozenset().union(*GROUPS)


def _limits(number: int, sums: Sums) -> CanFrame:
    volts, charge, discharge, least = sums.limits
    return frame(number, "HhhH", 10 * volts, 10 * charge, 10 * discharge, 10 * least)


def _measured(number: int, sums: Sums, *, per_volt: int = 100, sign: int = 1) -> CanFrame:
    return frame(number, "hhh", per_volt * sums.voltage, 10 * sign * sums.current, 10 * sums.temperature)


def _pylontech(bank: VirtualBank) -> Frames:
    sums = Sums(bank)
    alarms = bits(sums.alarms(), _PROTECTS) | bits(sums.warnings(), _WARNS)
    return [
        _limits(0x351, sums),
        frame(0x355, "HH", bank.soc, sums.soh),
        _measured(0x356, sums),
        frame(0x359, "IBBB", alarms, len(sums.modules), 0x50, 0x4E),
        frame(0x35C, "BB", requests(sums.modules), 0),
        CanFrame(0x35E, b"PYLON\x02\x03\x00"),
    ]


def _pairs(sums: Sums) -> CanFrame:
    """Good is 10, active is 01."""
    words = []
    for active in (sums.alarms(), sums.warnings()):
        word = _ALL_GOOD
        for place, kinds in _PAIRS:
            if active & kinds:
                word ^= 0b11 << place
        words.append(word)
    return frame(0x35A, "II", *words)


def _victron(bank: VirtualBank) -> Frames:
    sums = Sums(bank)
    capacity = sum(module.model.capacity for module in sums.modules)
    kelvins = [t + 273 for t in (min(sums.temperatures), max(sums.temperatures))]
    return [
        _limits(0x351, sums),
        frame(0x355, "HHHH", int(bank.soc), sums.soh, 100 * bank.soc, 0),
        _measured(0x356, sums),
        _pairs(sums),
        text(0x35E, "BYD"),
        frame(0x35F, "HBBHH", 0x694C, 1, 0x17, sums.remaining, 0),
        text(0x370, "SIM Bat"),
        text(0x371, "tery"),
        frame(0x372, "HHHH", len(sums.modules), 0, 0, 0),
        frame(0x373, "HHHH", 1000 * min(sums.cells), 1000 * max(sums.cells), *kelvins),
        frame(0x378, "II", bank.charged_wh / 100, bank.discharged_wh / 100),
        frame(0x379, "H", capacity),
        text(0x380, sums.modules[0].barcode[:8]),
        text(0x381, sums.modules[0].barcode[8:]),
    ]


def _discover(bank: VirtualBank) -> Frames:
    sums = Sums(bank)
    return [
        _limits(0x351, sums),
        frame(0x354, "HHHH", sums.full_capacity, sums.remaining, 0, 0),
        frame(0x355, "HHHH", bank.soc, sums.soh, 0, 0),
        _measured(0x356, sums, per_volt=10),
        text(0x35E, "DISCOVER"),
        text(0x370, "Discover"),
        text(0x371, " AES"),
        frame(0x373, "HH", 1, 0),
    ]


def _dyness(bank: VirtualBank) -> Frames:
    sums = Sums(bank)
    capacity = sum(module.model.capacity for module in sums.modules)
    alarms = bits(sums.alarms(), _PROTECTS) | bits(sums.warnings(), _WARNS)
    return [
        _limits(0x351, sums),
        frame(0x355, "HHHH", bank.soc, sums.soh, 0, 0),
        _measured(0x356, sums),
        frame(0x359, "IBBBB", alarms, len(sums.modules), 0, 0, 0),
        _pairs(sums),
        frame(0x35C, "BBBBBBBB", requests(sums.modules), 0, 0, 0, 0, 0, 0, 0),
        text(0x35E, "DYNESS-L"),
        frame(0x35F, "HBBHH", 0, 0x66, 0, sums.remaining, 0),
        text(0x370, "DYNESS-L"),
        text(0x371, " BATTERY"),
        frame(0x70D, "HHHH", 100, 5, 0, capacity),
    ]


def _deye(bank: VirtualBank) -> Frames:
    sums = Sums(bank)
    tables = bits(sums.alarms(), _OF_DEYE) | bits(sums.warnings(), _OF_DEYE) << 32
    return [
        _limits(0x351, sums),
        frame(0x355, "HHHH", bank.soc, sums.soh, 0, 0),
        _measured(0x356, sums, sign=-1),
        frame(0x359, "Q", tables),
        frame(0x35C, "BB", requests(sums.modules), 0),
        CanFrame(0x35E, b"DY001\x1c" + _tenths_of_ah(sums)),
        frame(0x361, "HHhh", 1000 * max(sums.cells), 1000 * min(sums.cells), *_tenths(sums.temperatures)),
        frame(0x364, "BBBBB", len(sums.modules), 0, 0, 0, len(sums.modules)),
        *_deye_modules(bank, sums),
    ]


def _deye_as_victron(bank: VirtualBank) -> Frames:
    """Its bank as Victron wants it, positive while charging; its modules as always."""
    sums = Sums(bank)
    return [
        _limits(0x351, sums),
        frame(0x355, "HHHH", bank.soc, sums.soh, 0, 0),
        _measured(0x356, sums),
        _pairs(sums),
        CanFrame(0x35E, b"PYLON\x1c" + _tenths_of_ah(sums)),
        CanFrame(0x35F, b"\x00\x1c\xf0\x05" + _tenths_of_ah(sums) + b"DY"),
        *_deye_modules(bank, sums),
    ]


def _deye_modules(bank: VirtualBank, sums: Sums) -> Frames:
    frames = []
    for place, module in enumerate(sums.modules):
        one = Sums(bank)
        one.modules = [module]
        values = (10 * module.voltage(), -10 * module.measured_current, 10 * module.soc, 10 * module.soh)
        cells, groups = module.cell_voltages(), module.temperatures()[1:5]
        mode = 0 if not module.current else 1 if module.current > 0 else 2
        frames += [
            frame(0x110 + place, "Q", bits(one.alarms(), _OF_DEYE) | 0x21 << 56),
            frame(0x150 + place, "HhHH", *values),
            frame(0x200 + place, "HHhh", 1000 * max(cells), 1000 * min(cells), *_tenths(groups)),
            frame(0x250 + place, "hhHH", 10 * module.mosfet_temperature, -400, 211, 230),
            frame(0x400 + place, "BBHHH", mode, 0, 0, 0, 18),
        ]
    return frames


def _tenths_of_ah(sums: Sums) -> bytes:
    """The installed capacity behind a Deye's name."""
    return round(10 * sum(module.model.capacity for module in sums.modules)).to_bytes(2, "little")


def _tenths(temperatures: list[float]) -> tuple[float, float]:
    return 10 * max(temperatures), 10 * min(temperatures)


def _deye_rarely(bank: VirtualBank) -> Frames:
    frames = []
    for place, module in enumerate(bank.modules):
        serial = module.barcode
        frames += [text(0x600 + place, serial[:8]), text(0x650 + place, serial[8:])]
        frames.append(frame(0x550 + place, "II", bank.charged_wh / len(bank.modules), 1000 + place))
    return frames


def _pytes(bank: VirtualBank) -> Frames:
    sums = Sums(bank)
    protects = bits(sums.alarms(), zip((0, 4, 8, 12, 17, 19), GROUPS[:6], strict=True))
    warns = bits(sums.warnings(), zip((1, 3, 9, 11, 21, 22), GROUPS[:6], strict=True))
    allowed = requests(sums.modules)
    return [
        _limits(0x400, sums),
        frame(0x401, "HHHH", 1000 * max(sums.cells), 1000 * min(sums.cells), 4, 14),
        frame(0x402, "hhHH", *_tenths(sums.temperatures), 0, 0),
        frame(0x403, "II", protects | warns, 0),
        frame(0x404, "HHHH", bank.soc, sums.soh, 1, max(module.cycles for module in sums.modules)),
        _measured(0x405, sums),
        frame(0x406, "II", (bool(sums.alarms() & GROUPS[6])) << 15, 0),
        frame(0x408, "BBB", bool(allowed & 0x80), bool(allowed & 0x40), bool(allowed & 0x20)),
        frame(0x409, "II", 1000 * sums.full_capacity, 1000 * sums.remaining),
        text(0x40A, "PYTES"),
        frame(0x40B, "BBBBBBBB", 0, 0, 0, 0, 0, 0, len(sums.modules), len(bank.modules) - len(sums.modules)),
        frame(0x41E, "II", bank.charged_wh / 100, bank.discharged_wh / 100),
    ]


DIALECTS = {
    "pylontech": VirtualDialect(bursts=((2.0, _pylontech),)),
    "victron": VirtualDialect(bursts=((1.0, _victron),), inverter=_GX),
    "discover": VirtualDialect(bursts=((1.0, _discover),)),
    "dyness": VirtualDialect(bursts=((1.0, _dyness),)),
    "deye-victron": VirtualDialect(bursts=((1.05, _deye_as_victron), (5.3, _deye_rarely)), inverter=_GX),
    "deye": VirtualDialect(bursts=((1.05, _deye), (5.3, _deye_rarely))),
    "pytes": VirtualDialect(bursts=((1.0, _pytes),)),
}
"""Name -> dialect that sends by itself; `high_voltage` adds the one that has to be asked."""
