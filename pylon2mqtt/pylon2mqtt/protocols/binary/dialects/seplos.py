"""Seplos' dialect (VER 20, 10 or 20 user defined items): tables, and what becomes of them.

Multi-byte values are big-endian. The unit stands in each name: mv, ca = 0.01 A, cv = 0.01 V, cah = 0.01 Ah, dk = 0.1 K
(2731 is 0 °C). docs/protocols/seplos.md says how sure each field is and where it was seen.

Source: Seplos, BMS communication protocol V2.0 for EMU10xx and 11xx (2019-10-15), 4.1 and 4.2.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from construct import Bytes, Const, ConstructError, Int8ub, Int16sb, Int16ub, Struct, Terminated

from pylon2mqtt.errors import DecodeError
from pylon2mqtt.model import Alarm, AlarmKind, Bank, Module, Severity, State
from pylon2mqtt.protocols.binary.dialect import ALARM, ANALOG, HOUR, BinaryDialect, Group, ProbeQuestion
from pylon2mqtt.protocols.binary.frame import Frame
from pylon2mqtt.protocols.binary.values import (
    ABOVE,
    BELOW,
    CELL_STATES,
    TEMPERATURE_STATES,
    VOLTAGE_STATES,
    Bits,
    Counted,
    balancing,
    believed,
    bit_alarms,
    cell_faults,
    cells,
    celsius,
    each_once,
    state_alarms,
)

from .pylontech import decode_info
from .pylontech_info import PylontechCommand

_W, _P, _F = Severity.WARNING, Severity.PROTECTION, Severity.FAULT

# -------------------- the layouts

_ANALOG = Struct(
    "flag" / Int8ub,
    "group" / Int8ub,
    "cells_mv" / Counted(Int16ub),
    "temperatures_dk" / Counted(Int16ub),  # four of the cells, the ambient's, the MOSFETs'
    "current_ca" / Int16sb,
    "voltage_cv" / Int16ub,
    "remaining_cah" / Int16ub,
    "user_defined_items" / Const(10, Int8ub),
    "full_cah" / Int16ub,
    "soc_permille" / Int16ub,
    "rated_cah" / Int16ub,
    "cycles" / Int16ub,
    "soh_permille" / Int16ub,
    "port_cv" / Int16ub,
    "reserved" / Bytes(4),
    "charged_hwh" / Int16ub,  # 0.1 kWh
    "discharged_hwh" / Int16ub,
    Terminated,
)

_ALARM = Struct(
    "flag" / Int8ub,
    "group" / Int8ub,
    "cells" / Counted(Int8ub),
    "temperatures" / Counted(Int8ub),
    "current" / Int8ub,
    "module_voltage" / Int8ub,
    "user_defined_items" / Const(20, Int8ub),
    "event1" / Int8ub,
    "event2" / Int8ub,
    "event3" / Int8ub,
    "event4" / Int8ub,
    "event5" / Int8ub,
    "event6" / Int8ub,
    "switches" / Int8ub,
    "balance1" / Int8ub,
    "balance2" / Int8ub,
    "system" / Int8ub,
    "disconnected1" / Int8ub,
    "disconnected2" / Int8ub,
    "event7" / Int8ub,
    "event8" / Int8ub,
    "reserved" / Bytes(6),
    Terminated,
)

# -------------------- the bits, by position

VOLTAGE_BITS: Bits = {
    0: (AlarmKind.CELL_OVERVOLTAGE, _W),
    1: (AlarmKind.CELL_OVERVOLTAGE, _P),
    2: (AlarmKind.CELL_UNDERVOLTAGE, _W),
    3: (AlarmKind.CELL_UNDERVOLTAGE, _P),
    4: (AlarmKind.MODULE_OVERVOLTAGE, _W),
    5: (AlarmKind.MODULE_OVERVOLTAGE, _P),
    6: (AlarmKind.MODULE_UNDERVOLTAGE, _W),
    7: (AlarmKind.MODULE_UNDERVOLTAGE, _P),
}
TEMPERATURE_BITS: Bits = {
    0: (AlarmKind.CHARGE_OVERTEMPERATURE, _W),
    1: (AlarmKind.CHARGE_OVERTEMPERATURE, _P),
    2: (AlarmKind.CHARGE_UNDERTEMPERATURE, _W),
    3: (AlarmKind.CHARGE_UNDERTEMPERATURE, _P),
    4: (AlarmKind.DISCHARGE_OVERTEMPERATURE, _W),
    5: (AlarmKind.DISCHARGE_OVERTEMPERATURE, _P),
    6: (AlarmKind.DISCHARGE_UNDERTEMPERATURE, _W),
    7: (AlarmKind.DISCHARGE_UNDERTEMPERATURE, _P),
}
CURRENT_BITS: Bits = {
    0: (AlarmKind.CHARGE_OVERCURRENT, _W),
    1: (AlarmKind.CHARGE_OVERCURRENT, _P),
    2: (AlarmKind.DISCHARGE_OVERCURRENT, _W),
    3: (AlarmKind.DISCHARGE_OVERCURRENT, _P),
    4: (AlarmKind.OVERCURRENT, _P),
    5: (AlarmKind.SHORT_CIRCUIT, _P),
    6: (AlarmKind.OVERCURRENT, _F),
    7: (AlarmKind.SHORT_CIRCUIT, _F),
}
_AMBIENT_BITS: Bits = {
    0: (AlarmKind.OVERTEMPERATURE, _W),
    1: (AlarmKind.OVERTEMPERATURE, _P),
    2: (AlarmKind.UNDERTEMPERATURE, _W),
    3: (AlarmKind.UNDERTEMPERATURE, _P),
}
BITS: dict[str, Bits] = {
    "event1": {
        0: (AlarmKind.SENSOR_FAULT, _F),  # voltage
        1: (AlarmKind.SENSOR_FAULT, _F),  # temperature
        2: (AlarmKind.SENSOR_FAULT, _F),  # current
        3: (AlarmKind.OTHER, _F),  # power key
        4: (AlarmKind.CELL_IMBALANCE, _F),
        5: (AlarmKind.RELAY_FAULT, _F),  # charge switch
        6: (AlarmKind.RELAY_FAULT, _F),  # discharge switch
        7: (AlarmKind.RELAY_FAULT, _F),  # current limiter
    },
    "event2": VOLTAGE_BITS,
    "event3": TEMPERATURE_BITS,
    "event4": {**_AMBIENT_BITS, 4: (AlarmKind.MOSFET_OVERTEMPERATURE, _P), 5: (AlarmKind.MOSFET_OVERTEMPERATURE, _W)},
    "event5": CURRENT_BITS,
    "event6": {
        0: (AlarmKind.OVERVOLTAGE, _P),  # of the charger
        2: (AlarmKind.LOW_SOC, _W),
        3: (AlarmKind.LOW_SOC, _P),
        4: (AlarmKind.CELL_UNDERVOLTAGE, _F),  # too low to be charged again
        5: (AlarmKind.OTHER, _P),  # plus and minus are swapped
        6: (AlarmKind.OTHER, _F),  # output connection
    },
    "event8": {
        0: (AlarmKind.SYSTEM_FAULT, _F),  # memory
        1: (AlarmKind.SYSTEM_FAULT, _F),  # clock
        2: (AlarmKind.OTHER, _W),  # voltage not calibrated
        3: (AlarmKind.OTHER, _W),  # current not calibrated
        4: (AlarmKind.OTHER, _W),  # zero not calibrated
    },
}
DISCHARGE_SWITCH, CHARGE_SWITCH = 0, 1
CURRENT_STATES = {BELOW: AlarmKind.OVERCURRENT, ABOVE: AlarmKind.OVERCURRENT}
_DISCHARGING, _CHARGING, _FLOATING, _STANDBY = 0, 1, 2, 4

# -------------------- what becomes of them


def has_seplos_layout(answer: Frame, asked: Frame) -> bool:
    """Whether this is Seplos' answer and not Pylontech's: its user defined items stand where they should."""
    layout = {ANALOG: _ANALOG, ALARM: _ALARM}.get(asked.cid2)
    with suppress(ConstructError):
        return layout is not None and bool(layout.parse(answer.info))
    return False


def decode(answer: Frame, asked: Frame) -> Bank:
    """Return what an answer says to the question ``asked``; raise DecodeError where it cannot be true."""
    command = PylontechCommand(asked.cid2)
    if command not in (PylontechCommand.ANALOG, PylontechCommand.ALARM):
        return decode_info(command, answer)
    try:
        build, layout = (_analog, _ANALOG) if command is PylontechCommand.ANALOG else (_alarm, _ALARM)
        return Bank(modules=(build(layout.parse(answer.info), answer),))
    except ConstructError as error:
        raise DecodeError(f"INFO of {command:02X} does not fit its layout: {error}", raw=answer.to_bytes()) from error


def _place(frame: Frame) -> dict[str, Any]:
    """The master of a stack is at address 0."""
    return {"number": frame.address + 1, "address": frame.address}


def _analog(block: Any, frame: Frame) -> Module:
    temperatures = [*map(celsius, block.temperatures_dk)]
    return believed(
        Module(
            **_place(frame),
            at_once=True,
            voltage=block.voltage_cv / 100,
            current=block.current_ca / 100,
            temperatures=tuple(temperatures[:4]) or None,
            ambient_temperature=temperatures[4] if len(temperatures) > 4 else None,
            mos_temperature=temperatures[5] if len(temperatures) > 5 else None,
            soc=block.soc_permille / 10,
            soh=block.soh_permille / 10,
            remaining_capacity=block.remaining_cah / 100,
            full_capacity=block.full_cah / 100,
            rated_capacity=block.rated_cah / 100,
            counters=_energies(block),
            cycles=block.cycles,
            cells=cells(block.cells_mv),
        ),
        frame,
    )


def _energies(block: Any) -> dict[str, float] | None:
    """What went in and out; firmwares that do not count it send zeros."""
    if not block.charged_hwh and not block.discharged_hwh:
        return None
    return {"charged_kwh": block.charged_hwh / 10, "discharged_kwh": block.discharged_hwh / 10}


def _alarm(block: Any, frame: Frame) -> Module:
    return Module(
        **_place(frame),
        state=_state(block.system),
        charge_enabled=bool(block.switches >> CHARGE_SWITCH & 1),
        discharge_enabled=bool(block.switches >> DISCHARGE_SWITCH & 1),
        alarms=tuple(each_once(states(block), _events(block))),
        cells=balancing(block.balance1 | block.balance2 << 8, len(block.cells)),
    )


def _state(system: int) -> State | None:
    if system >> _DISCHARGING & 1:
        return State.DISCHARGING
    if system >> _CHARGING & 1 or system >> _FLOATING & 1:
        return State.CHARGING
    return State.IDLE if system >> _STANDBY & 1 else None


def states(block: Any) -> Iterator[Alarm]:
    """The alarms that say of which cell or temperature they are: 44 begins with them, here and at EG4."""
    yield from state_alarms(block.cells, CELL_STATES, "cell", _W)
    yield from state_alarms(block.temperatures, TEMPERATURE_STATES, "temperature", _W)
    yield from state_alarms([block.current], CURRENT_STATES, "current", _W)
    yield from state_alarms([block.module_voltage], VOLTAGE_STATES, "module voltage", _W)


def _events(block: Any) -> Iterator[Alarm]:
    for name, bits in BITS.items():
        yield from bit_alarms(getattr(block, name), bits, name)
    yield from cell_faults(block.disconnected1 | block.disconnected2 << 8, AlarmKind.SENSOR_FAULT)


SEPLOS = BinaryDialect(
    title="Seplos' binary protocol",
    lines={"rs485": 3, "rs232": 3},
    timeout_s={9600: 1.5, 19200: 1.0},
    # The master is at address 0. Where nobody is there, a stack may begin at 1.
    stacks=((Group(0, 15),), (Group(1, 15, number=2),)),
    decode=decode,
    recognises=lambda answer, asked: asked.cid2 == PylontechCommand.MANUFACTURER or has_seplos_layout(answer, asked),
    # They all only read. 47 is answered in another layout, of no use here.
    commands=frozenset((PylontechCommand.ANALOG, PylontechCommand.ALARM, PylontechCommand.MANUFACTURER)),
    info=lambda command, place: bytes((place,)) if command in (ANALOG, ALARM) else b"",
    of_bank={PylontechCommand.MANUFACTURER: HOUR},
    probe=ProbeQuestion(protocol="rs232", command=ANALOG, places=(0,), wait_s={9600: 0.7}, rank=3),
)
