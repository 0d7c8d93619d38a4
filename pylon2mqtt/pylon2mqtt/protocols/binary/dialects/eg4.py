"""The dialect of EG4 LifePower4 (VER 20, CID1 4A): tables, and what becomes of them.

Multi-byte values are big-endian. The unit stands in each name: mv, ca = 0.01 A, cv = 0.01 V, cah = 0.01 Ah, dk = 0.1 K
(here 2730 is 0 °C). docs/protocols/eg4.md says how sure each field is and where it was seen.

Source: captures and source of nkinnan/esphome-pace-bms; the maker's document was not to be had.
"""

from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any

from construct import (
    Bytes,
    Const,
    ConstructError,
    Int8ub,
    Int16sb,
    Int16ub,
    Int32ub,
    Struct,
    Terminated,
)

from pylon2mqtt.errors import DecodeError
from pylon2mqtt.model import Alarm, AlarmKind, Bank, Module, Severity, State
from pylon2mqtt.protocols.binary.dialect import HOUR, BinaryDialect, Group, ProbeQuestion
from pylon2mqtt.protocols.binary.frame import Frame
from pylon2mqtt.protocols.binary.values import (
    ABOVE,
    BELOW,
    OTHER_ERROR,
    TEMPERATURE_STATES,
    Bits,
    Counted,
    balancing,
    believed,
    bit_alarms,
    cells,
    celsius,
    each_once,
    state_alarms,
    text,
)

from .seplos import CHARGE_SWITCH, CURRENT_BITS, DISCHARGE_SWITCH, TEMPERATURE_BITS, VOLTAGE_BITS, states

_ZERO_DK = 2730
_W, _P, _F = Severity.WARNING, Severity.PROTECTION, Severity.FAULT


class Eg4Command(IntEnum):
    """The commands that may be sent (CID2): all of them only read, and there is no other."""

    ANALOG = 0x42
    ALARM = 0x44
    MANUFACTURER = 0x51


# -------------------- the layouts

_ANALOG = Struct(
    "flag" / Int8ub,
    "address" / Int8ub,
    "cells_mv" / Counted(Int16ub),
    "temperatures_dk" / Counted(Int16ub),
    "ambient_dk" / Int16ub,
    "mosfet_dk" / Int16ub,
    "current_ca" / Int16sb,
    "voltage_cv" / Int16ub,
    "remaining_cah" / Int16ub,
    "full_cah" / Int16ub,
    "cycles" / Int16ub,
    "user_defined_items" / Const(15, Int8ub),
    "soc" / Int16ub,
    "soh" / Int16ub,
    "cell_max_mv" / Int16ub,
    "cell_min_mv" / Int16ub,
    "difference_mv" / Int16ub,
    "cell_max_dk" / Int16ub,
    "cell_min_dk" / Int16ub,
    "charged_cah" / Int32ub,
    "discharged_cah" / Int32ub,
    "since_then" / Bytes(20),  # energies, hours and counts, in units that nobody has confirmed
    Terminated,
)

_ALARM = Struct(
    "flag" / Int8ub,
    "address" / Int8ub,
    "cells" / Counted(Int8ub),
    "temperatures" / Counted(Int8ub),
    "ambient" / Int8ub,
    "mosfet" / Int8ub,
    "current" / Int8ub,
    "module_voltage" / Int8ub,
    "user_defined_items" / Const(9, Int8ub),
    "balance_event" / Int8ub,
    "voltage_event" / Int8ub,
    "ambient_event" / Int8ub,
    "temperature_event" / Int8ub,
    "current_event" / Int8ub,
    "capacity_event" / Int8ub,
    "switches" / Int8ub,
    "system" / Int8ub,
    "balance" / Int32ub,
    "reserved" / Int8ub,
    Terminated,
)

_MANUFACTURER = Struct("device" / Bytes(20), "unknown" / Bytes(26), Terminated)

# -------------------- the bits, by position

BITS: dict[str, Bits] = {
    "balance_event": {
        4: (AlarmKind.CELL_IMBALANCE, _W),
        5: (AlarmKind.RELAY_FAULT, _F),  # charge MOSFET
        6: (AlarmKind.RELAY_FAULT, _F),  # discharge MOSFET
    },
    "voltage_event": VOLTAGE_BITS,
    "ambient_event": {
        0: (AlarmKind.OVERTEMPERATURE, _W),
        1: (AlarmKind.OVERTEMPERATURE, _P),
        2: (AlarmKind.UNDERTEMPERATURE, _W),
        3: (AlarmKind.UNDERTEMPERATURE, _P),
        4: (AlarmKind.MOSFET_OVERTEMPERATURE, _P),
        5: (AlarmKind.SYSTEM_FAULT, _F),  # fire
    },
    "temperature_event": TEMPERATURE_BITS,
    "current_event": CURRENT_BITS,
    "capacity_event": {0: (AlarmKind.LOW_SOC, _W)},
}
_DISCHARGING, _CHARGING, _STANDBY = 0, 1, 3
_MOSFET_STATES = {
    BELOW: AlarmKind.UNDERTEMPERATURE,
    ABOVE: AlarmKind.MOSFET_OVERTEMPERATURE,
    OTHER_ERROR: AlarmKind.SENSOR_FAULT,
}

# -------------------- what becomes of them


def decode(answer: Frame, asked: Frame) -> Bank:
    """Return what an answer says to the question ``asked``; raise DecodeError where it cannot be true."""
    try:
        return _DECODERS[Eg4Command(asked.cid2)](answer)
    except ConstructError as error:
        raise DecodeError(
            f"INFO of {asked.cid2:02X} does not fit its layout: {error}", raw=answer.to_bytes()
        ) from error


def _place(frame: Frame) -> dict[str, Any]:
    return {"number": max(1, frame.address), "address": frame.address}


def _analog(frame: Frame) -> Bank:
    block = _ANALOG.parse(frame.info)
    module = Module(
        **_place(frame),
        at_once=True,
        voltage=block.voltage_cv / 100,
        current=block.current_ca / 100,
        temperatures=tuple(celsius(dk, _ZERO_DK) for dk in block.temperatures_dk),
        ambient_temperature=celsius(block.ambient_dk, _ZERO_DK),
        mos_temperature=celsius(block.mosfet_dk, _ZERO_DK),
        soc=float(block.soc),
        soh=float(block.soh),
        remaining_capacity=block.remaining_cah / 100,
        full_capacity=block.full_cah / 100,
        cycles=block.cycles,
        counters={"charged_ah": block.charged_cah / 100, "discharged_ah": block.discharged_cah / 100},
        cells=cells(block.cells_mv),
    )
    return Bank(modules=(believed(module, frame),))


def _alarm(frame: Frame) -> Bank:
    block = _ALARM.parse(frame.info)
    module = Module(
        **_place(frame),
        state=_state(block.system),
        charge_enabled=bool(block.switches >> CHARGE_SWITCH & 1),
        discharge_enabled=bool(block.switches >> DISCHARGE_SWITCH & 1),
        alarms=tuple(each_once(_states(block), _events(block))),
        cells=balancing(block.balance, len(block.cells)),
    )
    return Bank(modules=(module,))


def _state(system: int) -> State | None:
    if system >> _DISCHARGING & 1:
        return State.DISCHARGING
    if system >> _CHARGING & 1:
        return State.CHARGING
    return State.IDLE if system >> _STANDBY & 1 else None


def _states(block: Any) -> Iterator[Alarm]:
    yield from states(block)
    yield from state_alarms([block.ambient], TEMPERATURE_STATES, "ambient", _W)
    yield from state_alarms([block.mosfet], _MOSFET_STATES, "mosfet", _W)


def _events(block: Any) -> Iterator[Alarm]:
    for name, bits in BITS.items():
        yield from bit_alarms(getattr(block, name), bits, name)


def _manufacturer(frame: Frame) -> Bank:
    """51: the name of the device, which was blank where it was seen; what follows is not understood."""
    return Bank(model=text(_MANUFACTURER.parse(frame.info).device, frame))


_DECODERS: dict[Eg4Command, Callable[[Frame], Bank]] = {
    Eg4Command.ANALOG: _analog,
    Eg4Command.ALARM: _alarm,
    Eg4Command.MANUFACTURER: _manufacturer,
}

EG4 = BinaryDialect(
    title="EG4's binary protocol",
    lines={"rs485": 4, "rs232": 4},
    timeout_s={9600: 1.5, 115200: 1.0},
    stacks=((Group(1, 16),),),
    cid1=0x4A,
    decode=decode,
    commands=frozenset(Eg4Command),
    info=lambda _command, _place: b"",
    of_bank={Eg4Command.MANUFACTURER: HOUR},
    probe=ProbeQuestion(protocol="rs232", command=Eg4Command.ANALOG, places=(1,), wait_s={9600: 0.8}, rank=4),
)
