"""The 1363 family (VER 22, CID1 4A): Daren, Basen, SacredSun, Tian Power, NIE, Chisage and others.

Multi-byte values are big-endian. The unit stands in each name: mv, cv = 0.01 V, ca = 0.01 A, cah = 0.01 Ah,
dc = 0.1 °C. docs/protocols/ver22.md says how sure each field is and where it was seen.

Sources: frames of five makers; for the bits and for 47, 51 and B0 the public drivers of the family (cpttinkering's
daren-485, mr-manuel's dbus-serialbattery, an ESPHome component). Their form is that of the Chinese standard YD/T 1363.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import IntEnum
from typing import Any

from construct import (
    Bytes,
    ConstructError,
    GreedyBytes,
    Int8ub,
    Int16sb,
    Int16ub,
    Int32ub,
    Struct,
)

from pylon2mqtt.errors import DecodeError
from pylon2mqtt.model import Alarm, AlarmKind, Bank, Module, Severity, State
from pylon2mqtt.model.alarms import combined
from pylon2mqtt.protocols.binary.dialect import HOUR, MINUTE, Barcodes, BinaryDialect, Group, ProbeQuestion
from pylon2mqtt.protocols.binary.frame import Frame
from pylon2mqtt.protocols.binary.values import (
    Bits,
    Counted,
    alike,
    balancing,
    believed,
    bit_alarms,
    cells,
    each_once,
    text_if_any,
)

_A = AlarmKind
_W, _P, _F = Severity.WARNING, Severity.PROTECTION, Severity.FAULT


class Ver22Command(IntEnum):
    """The questions that may be sent: all of them only read, and there is no other.

    B0 reads several blocks, and it writes too: the block is the second byte here, and only its reading form is known.
    """

    ANALOG = 0x42
    PARAMETERS = 0x47
    MANUFACTURER = 0x51
    MAKER_BLOCK = 0xB003
    CAPACITY_BLOCK = 0xB004


_BLOCKS = 0xB0
_READ = 0x01

# -------------------- the layouts

_ANALOG = Struct(
    "flag" / Int8ub,
    "soc" / Int16ub,  # 0.01 %
    "voltage_cv" / Int16ub,
    "cells_mv" / Counted(Int16ub),
    "ambient_dc" / Int16sb,
    "pack_dc" / Int16sb,
    "mosfet_dc" / Int16sb,
    "temperatures_dc" / Counted(Int16sb),
    "current_ca" / Int16sb,
    "resistance" / Int16ub,  # 0 wherever it was seen: not used
    "soh" / Int16ub,
    "user_defined" / Int8ub,
    "full_cah" / Int16ub,
    "remaining_cah" / Int16ub,
    "cycles" / Int16ub,
    "voltage_bits" / Int16ub,
    "current_bits" / Int16ub,
    "temperature_bits" / Int16ub,
    "warning_bits" / Int16ub,
    "switches" / Int16ub,
    "rest" / GreedyBytes,
)

# Behind the switches, where it is there: for cells 1 to 16 their protections and alarms, and who is bled.
_CELL_BITS = Struct(
    "over_protected" / Int16ub,
    "under_protected" / Int16ub,
    "over_alarm" / Int16ub,
    "under_alarm" / Int16ub,
    "balancing" / Int16ub,
)

_PARAMETERS = Struct(
    "flag" / Int8ub,
    "cell_high_mv" / Int16ub,
    "cell_low_mv" / Int16ub,
    "high_celsius" / Int16sb,
    "low_celsius" / Int16sb,
    "charge_limit_ca" / Int16ub,
    "total_high" / Int16ub,  # its unit is disputed: not used
    "total_low" / Int16ub,
    "cells" / Int16ub,
    "charge_current_ca" / Int16ub,
    "design_cah" / Int16ub,
    "history" / Int16ub,
    "balance_mode" / Int16ub,
    "product" / Bytes(20),
    "board" / Bytes(20),
)

_MANUFACTURER = Struct("hardware" / Bytes(10), "product" / Bytes(10), "project" / Bytes(10), "version" / Bytes(3))

_MAKER_BLOCK = Struct(
    "header" / Bytes(6),
    "barcode" / Bytes(30),
    "product" / Bytes(30),
    "board" / Bytes(30),
    "made" / Bytes(3),
    "manufacturer" / Bytes(20),
)

_CAPACITY_BLOCK = Struct(
    "header" / Bytes(6),
    "remaining_cah" / Int16ub,
    "full_cah" / Int16ub,
    "design_cah" / Int16ub,
    "charged_ah" / Int32ub,
    "discharged_ah" / Int32ub,
    "charged_hwh" / Int16ub,  # 0.1 kWh, by one source
    "discharged_hwh" / Int16ub,
)

# -------------------- the bits, by position

_VOLTAGES = {
    0: _A.CELL_OVERVOLTAGE,
    1: _A.CELL_UNDERVOLTAGE,
    2: _A.MODULE_OVERVOLTAGE,
    3: _A.MODULE_UNDERVOLTAGE,
}
_TEMPERATURES = {
    0: _A.CHARGE_OVERTEMPERATURE,
    1: _A.CHARGE_UNDERTEMPERATURE,
    2: _A.DISCHARGE_OVERTEMPERATURE,
    3: _A.DISCHARGE_UNDERTEMPERATURE,
    4: _A.OVERTEMPERATURE,
    5: _A.UNDERTEMPERATURE,
    6: _A.MOSFET_OVERTEMPERATURE,
}


def _shifted(kinds: dict[int, AlarmKind], by: int) -> Bits:
    return alike(_W, {bit + by: kind for bit, kind in kinds.items()})


BITS: dict[str, Bits] = {
    "voltage_bits": {
        **alike(_P, _VOLTAGES),
        **_shifted(_VOLTAGES, 4),
        8: (_A.CELL_IMBALANCE, _W),
        13: (_A.SYSTEM_FAULT, _F),  # the fuse
        14: (_A.CELL_IMBALANCE, _P),
    },
    "current_bits": {
        2: (_A.CHARGE_OVERCURRENT, _P),
        3: (_A.SHORT_CIRCUIT, _P),
        4: (_A.DISCHARGE_OVERCURRENT, _P),
        5: (_A.DISCHARGE_OVERCURRENT, _P),
        6: (_A.CHARGE_OVERCURRENT, _W),
        7: (_A.DISCHARGE_OVERCURRENT, _W),
    },
    "temperature_bits": {**alike(_P, _TEMPERATURES), **_shifted(_TEMPERATURES, 8)},
    "warning_bits": {**alike(_F, dict.fromkeys(range(1, 7), _A.SYSTEM_FAULT)), 7: (_A.LOW_SOC, _W)},
}
CELL_BITS = {
    "over_protected": (_A.CELL_OVERVOLTAGE, _P),
    "under_protected": (_A.CELL_UNDERVOLTAGE, _P),
    "over_alarm": (_A.CELL_OVERVOLTAGE, _W),
    "under_alarm": (_A.CELL_UNDERVOLTAGE, _W),
}
_CHARGE_SWITCH, _DISCHARGE_SWITCH = 0, 1
_MOST_BITS = 16

# -------------------- what becomes of them


def decode(answer: Frame, asked: Frame) -> Bank:
    """Return what an answer says to the question ``asked``; raise DecodeError where it cannot be true."""
    command = Ver22Command(_command_of(asked))
    try:
        return Bank(modules=(_DECODERS[command](answer),))
    except (ConstructError, struct.error) as error:
        raise DecodeError(f"INFO of {command:02X} does not fit its layout: {error}", raw=answer.to_bytes()) from error


def _place(frame: Frame) -> dict[str, Any]:
    return {"number": max(1, frame.address), "address": frame.address}


def _analog(frame: Frame) -> Module:
    block = _ANALOG.parse(frame.info)
    current = block.current_ca / 100
    bits = _CELL_BITS.parse(block.rest) if len(block.rest) >= _CELL_BITS.sizeof() else None
    module = Module(
        **_place(frame),
        at_once=True,
        voltage=block.voltage_cv / 100,
        current=current,
        state=State.CHARGING if current > 0 else State.DISCHARGING if current < 0 else State.IDLE,
        temperature=block.pack_dc / 10,
        temperatures=tuple(celsius / 10 for celsius in block.temperatures_dc) or None,
        ambient_temperature=block.ambient_dc / 10,
        mos_temperature=block.mosfet_dc / 10,
        soc=block.soc / 100,
        soh=float(block.soh),
        remaining_capacity=block.remaining_cah / 100,
        full_capacity=block.full_cah / 100,
        cycles=block.cycles,
        charge_enabled=bool(block.switches >> _CHARGE_SWITCH & 1),
        discharge_enabled=bool(block.switches >> _DISCHARGE_SWITCH & 1),
        cells=cells(block.cells_mv),
    )
    return _with_bits(believed(module, frame), block, bits)


def _with_bits(module: Module, block: Any, bits: Any) -> Module:
    """The module with its alarms, and with who is bled where that is told."""
    if module.voltage is None:
        return module
    found = each_once(_cell_alarms(bits), _alarms(block))
    alarms = combined((*(module.alarms or ()), *found))
    if bits is None:
        return replace(module, alarms=alarms)
    bled = balancing(bits.balancing, len(module.cells or ()))[:_MOST_BITS]
    known = [replace(cell, balancing=its.balancing) for cell, its in zip(module.cells or (), bled, strict=False)]
    return replace(module, alarms=alarms, cells=(*known, *(module.cells or ())[len(known) :]))


def _alarms(block: Any) -> Iterator[Alarm]:
    for name, bits in BITS.items():
        yield from bit_alarms(getattr(block, name), bits, name.replace("_bits", ""))


def _cell_alarms(bits: Any) -> Iterator[Alarm]:
    """The alarms that say of which cells they are."""
    for name, (kind, severity) in CELL_BITS.items() if bits is not None else ():
        numbers = tuple(n + 1 for n in range(_MOST_BITS) if getattr(bits, name) >> n & 1)
        if numbers:
            yield Alarm(kind=kind, severity=severity, cells=numbers, text=name.replace("_", " "))


def _parameters(frame: Frame) -> Module:
    """47: the BMS's own limits, and the barcodes of the product and of its board."""
    block = _PARAMETERS.parse(frame.info)
    return Module(
        **_place(frame),
        barcode=text_if_any(block.product) or text_if_any(block.board),
        rated_capacity=block.design_cah / 100 or None,
        parameters={
            "cell_high_voltage_limit": block.cell_high_mv / 1000,
            "cell_low_voltage_limit": block.cell_low_mv / 1000,
            "charge_high_temperature_limit": float(block.high_celsius),
            "charge_low_temperature_limit": float(block.low_celsius),
            "charge_current_limit": block.charge_limit_ca / 100,
        },
    )


def _manufacturer(frame: Frame) -> Module:
    block = _MANUFACTURER.parse(frame.info)
    return Module(
        **_place(frame), model=text_if_any(block.hardware), firmware=".".join(f"{part:02d}" for part in block.version)
    )


def _maker_block(frame: Frame) -> Module:
    block = _MAKER_BLOCK.parse(frame.info)
    return Module(**_place(frame), manufacturer=text_if_any(block.manufacturer), barcode=text_if_any(block.barcode))


def _capacity_block(frame: Frame) -> Module:
    """B0/04; the charge that went through is believed as far as the cycles of 42 are, so only the label's stays."""
    block = _CAPACITY_BLOCK.parse(frame.info)
    return Module(
        **_place(frame),
        rated_capacity=block.design_cah / 100 or None,
        counters={"charged_ah": float(block.charged_ah), "discharged_ah": float(block.discharged_ah)},
    )


_DECODERS: dict[Ver22Command, Callable[[Frame], Module]] = {
    Ver22Command.ANALOG: _analog,
    Ver22Command.PARAMETERS: _parameters,
    Ver22Command.MANUFACTURER: _manufacturer,
    Ver22Command.MAKER_BLOCK: _maker_block,
    Ver22Command.CAPACITY_BLOCK: _capacity_block,
}


def _info(command: int, place: int) -> bytes:
    if command == Ver22Command.MANUFACTURER:
        return b""
    if command >> 8 == _BLOCKS:
        return bytes((place, _READ, command & 0xFF, 0xFF, 0x00))
    return bytes((place,))


def _command_of(asked: Frame) -> int:
    """The command of a question; of B0 only its reading form is one."""
    if asked.cid2 != _BLOCKS:
        return asked.cid2
    block = asked.info[2] if len(asked.info) == len(_info(Ver22Command.MAKER_BLOCK, 0)) else 0
    return _BLOCKS << 8 | block if asked.info == _info(_BLOCKS << 8 | block, asked.address) else _BLOCKS


VER22 = BinaryDialect(
    title="the 1363 protocol (VER 22)",
    lines={"rs485": 5, "rs232": 5},
    timeout_s={9600: 2.0},  # an answer costs up to half a second
    begins_s=0.7,
    stacks=((Group(1, 15),), (Group(0, 14),)),
    version=0x22,
    cid1=0x4A,
    decode=decode,
    command_of=_command_of,
    commands=frozenset(Ver22Command),
    info=_info,
    of_module={
        Ver22Command.MANUFACTURER: HOUR,
        Ver22Command.MAKER_BLOCK: HOUR,
        Ver22Command.CAPACITY_BLOCK: 10 * MINUTE,
    },
    identity=Ver22Command.PARAMETERS,
    barcodes={Ver22Command.PARAMETERS: Barcodes(25, 20, most=2), Ver22Command.MAKER_BLOCK: Barcodes(6, 30, most=3)},
    probe=ProbeQuestion(protocol="rs485", command=Ver22Command.ANALOG, places=(1,), wait_s={9600: 1.0}, rank=6),
)
