"""PACE's dialect (VER 25), also of Jakiper, SOK, EASUN, Eenovance and others: tables, and what becomes of them.

Multi-byte values are big-endian. The unit stands in each name: mv, ca = 0.01 A, cah = 0.01 Ah, dk = 0.1 K (here 2730 is
0 °C). docs/protocols/pace.md says how sure each field is and where it was seen.

Sources: PACE-RS232 TY16S (2018-07-05) chapter 4; for what firmwares send beyond it, and for the bits: captures and
source of nkinnan/esphome-pace-bms, ClassicDIY/PylonToMQTT, Tertiush/bmspace.
"""

from collections.abc import Callable, Iterator
from enum import IntEnum
from itertools import islice
from typing import Any

from construct import (
    Bytes,
    ConstructError,
    GreedyBytes,
    Int8ub,
    Int16sb,
    Int16ub,
    PrefixedArray,
    Struct,
    Tell,
    Terminated,
)

from pylon2mqtt.errors import DecodeError
from pylon2mqtt.model import Alarm, AlarmKind, Bank, Module, Severity, State
from pylon2mqtt.protocols.binary.dialect import (
    ALL_MODULES,
    HOUR,
    Barcodes,
    BinaryDialect,
    Group,
    ProbeQuestion,
)
from pylon2mqtt.protocols.binary.frame import Frame
from pylon2mqtt.protocols.binary.values import (
    ABOVE,
    BELOW,
    CELL_STATES,
    OTHER_ERROR,
    TEMPERATURE_STATES,
    VOLTAGE_STATES,
    Bits,
    alike,
    balancing,
    believed,
    bit_alarms,
    cells,
    celsius,
    doubt,
    each_once,
    is_away,
    state_alarms,
    text,
    walk,
    without_false_label,
    without_faulty_sensors,
)

_ZERO_DK = 2730


class Command(IntEnum):
    """The commands that may be sent (CID2): all of them only read, and there is no other."""

    ANALOG = 0x42
    ALARM = 0x44
    PACK_COUNT = 0x90
    CAPACITY = 0xA6
    FIRMWARE = 0xC1
    BARCODE = 0xC2


# -------------------- the layouts

_ANALOG_PACK = Struct(
    "cells_mv" / PrefixedArray(Int8ub, Int16ub),
    "temperatures_dk" / PrefixedArray(Int8ub, Int16ub),
    "current_ca" / Int16sb,
    "voltage_mv" / Int16ub,
    "remaining_cah" / Int16ub,
    "user_defined_items" / Int8ub,  # 2, 3, 4 or 9, whatever follows: of no use
    "full_cah" / Int16ub,
    "cycles" / Int16ub,
    "design_cah" / Int16ub,
    "end" / Tell,
)

_TAILS = {
    0: None,
    1: Struct("soc" / Int8ub),  # Jakiper and most firmwares since
    8: Struct("unknown" / Bytes(8)),  # 15-cell packs: two numbers of 32 bits
    10: Struct("soc" / Int8ub, "unknown" / Bytes(8), "soh" / Int8ub),  # SungoldPower
    14: Struct("soc" / Int8ub, "unknown1" / Bytes(8), "soh" / Int8ub, "unknown2" / Bytes(4)),  # EASUN
}
"""What firmwares send behind a pack's design capacity, by its length: only LENID tells which one it is."""

_ALARM_PACK = Struct(
    "cells" / PrefixedArray(Int8ub, Int8ub),
    "temperatures" / PrefixedArray(Int8ub, Int8ub),
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

_CAPACITY = Struct("remaining_cah" / Int16ub, "full_cah" / Int16ub, "design_cah" / Int16ub, Terminated)
_PACK_COUNT = Struct("packs" / Int8ub, Terminated)
_FIRMWARE = Struct("text" / Bytes(20), Terminated)
_BARCODE = Struct("barcode" / Bytes(20), "made" / GreedyBytes)

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
_CURRENT_LIMITED, _CHARGE_MOSFET, _DISCHARGE_MOSFET, _AC_INPUT, _HEATER = 0, 1, 2, 5, 7
_FULLY_CHARGED = 7

_MOSFET_STATES = {
    BELOW: AlarmKind.UNDERTEMPERATURE,
    ABOVE: AlarmKind.MOSFET_OVERTEMPERATURE,
    OTHER_ERROR: AlarmKind.SENSOR_FAULT,
}
_MODULE_STATES = {
    "charge_current": {ABOVE: AlarmKind.CHARGE_OVERCURRENT},
    "module_voltage": VOLTAGE_STATES,
    "discharge_current": {BELOW: AlarmKind.DISCHARGE_OVERCURRENT, ABOVE: AlarmKind.DISCHARGE_OVERCURRENT},
}

# -------------------- what becomes of them


def decode(answer: Frame, asked: Frame) -> Bank:
    """Return what an answer says to the question ``asked``; raise DecodeError where it cannot be true."""
    try:
        return _DECODERS[Command(asked.cid2)](answer, asked.info == ALL_MODULES)
    except ConstructError as error:
        raise DecodeError(
            f"INFO of {asked.cid2:02X} does not fit its layout: {error}", raw=answer.to_bytes()
        ) from error


def _analog(frame: Frame, everybody: bool) -> Bank:
    if len(frame.info) < 2:
        raise DecodeError("INFO is too short for any pack", raw=frame.to_bytes())
    count, first = (frame.info[1], 1) if everybody else (1, frame.info[1])
    ways = list(islice(_walks(frame.info, 2, count, frame, first), 2))
    if not ways:
        _refuse(frame, count, first)
    if len(ways) > 1:
        raise DecodeError(f"INFO can be read in several ways as {count} packs", raw=frame.to_bytes())
    return Bank(modules=ways[0])


def _walks(info: bytes, at: int, count: int, frame: Frame, first: int) -> Iterator[tuple[Module, ...]]:
    """Yield every way to read so many packs up to the very end of INFO, each with a tail that is known.

    A tail of the wrong length makes nonsense of the next pack, which its own voltages give away.
    """
    if count == 0:
        if at == len(info):
            yield ()
        return
    try:
        block = _ANALOG_PACK.parse(info[at:])
    except ConstructError:
        return
    for length, layout in _TAILS.items():
        tail = info[at + block.end : at + block.end + length]
        if len(tail) == length and (pack := _sound_pack(block, layout.parse(tail) if layout else {}, frame, first)):
            for others in _walks(info, at + block.end + length, count - 1, frame, first + 1):
                yield (pack, *others)


def _sound_pack(block: Any, tail: Any, frame: Frame, number: int) -> Module | None:
    """A pack as it is believed; one that is away tells nothing, and its tail is as empty."""
    pack = _pack(block, tail, frame, number)
    if is_away(pack):
        return Module(number=pack.number, address=pack.address)
    sound = without_false_label(without_faulty_sensors(pack))
    return None if doubt(sound) else sound


def _refuse(frame: Frame, count: int, first: int) -> None:
    """Say what is wrong with an answer that cannot be read in any way."""
    block = _ANALOG_PACK.parse(frame.info[2:])
    believed(_pack(block, {}, frame, first), frame)
    if count == 1:
        raise DecodeError(
            f"{len(frame.info) - 2 - block.end} bytes behind the design capacity are not known", raw=frame.to_bytes()
        )
    raise DecodeError(f"INFO does not end behind its {count} packs", raw=frame.to_bytes())


def _pack(block: Any, tail: Any, frame: Frame, number: int) -> Module:
    temperatures = [celsius(dk, _ZERO_DK) for dk in block.temperatures_dk]
    current = block.current_ca / 100
    groups = temperatures[:4] + temperatures[6:]
    return Module(
        **_place(frame, number),
        at_once=True,
        voltage=block.voltage_mv / 1000,
        current=current,
        # The bits of 44 that say it mean other things in other editions of the document.
        state=State.CHARGING if current > 0 else State.DISCHARGING if current < 0 else State.IDLE,
        temperatures=tuple(groups) or None,
        mos_temperature=temperatures[4] if len(temperatures) > 4 else None,
        ambient_temperature=temperatures[5] if len(temperatures) > 5 else None,
        soc=float(tail["soc"]) if "soc" in tail else None,
        soh=float(tail["soh"]) if "soh" in tail else None,
        remaining_capacity=block.remaining_cah / 100,
        full_capacity=block.full_cah / 100,
        rated_capacity=block.design_cah / 100,
        cycles=block.cycles,
        cells=cells(block.cells_mv),
    )


def _place(frame: Frame, number: int) -> dict[str, Any]:
    """A pack is known by the number in INFO; a single one may be number 0."""
    return {"number": max(1, number), "address": number or frame.address}


def _alarms(frame: Frame, everybody: bool) -> Bank:
    if len(frame.info) < 2:
        raise DecodeError("INFO is too short for any pack", raw=frame.to_bytes())
    count, first = (frame.info[1], 1) if everybody else (1, frame.info[1])
    # Jakiper and newer firmwares send a byte more, whose meaning is not known.
    blocks = walk(_ALARM_PACK, frame, count, extra_bytes=(0, 1))
    return Bank(modules=tuple(_state(block, frame, first + n) for n, block in enumerate(blocks)))


def _state(block: Any, frame: Frame, number: int) -> Module:
    bled = block.balance1 | block.balance2 << 8
    return Module(
        **_place(frame, number),
        charge_enabled=bool(block.system >> _CHARGE_MOSFET & 1),
        discharge_enabled=bool(block.system >> _DISCHARGE_MOSFET & 1),
        charge_current_limited=bool(block.system >> _CURRENT_LIMITED & 1),
        ac_input_present=bool(block.system >> _AC_INPUT & 1),
        heater_on=bool(block.system >> _HEATER & 1),
        fully_charged=bool(block.protect2 >> _FULLY_CHARGED & 1),
        alarms=tuple(_alarms_of(block)),
        cells=balancing(bled, len(block.cells)),
    )


def _alarms_of(block: Any) -> list[Alarm]:
    """Every alarm of one pack: the states are warnings that say where, the bits say how bad it is."""
    told: list[Alarm] = [*state_alarms(block.cells, CELL_STATES, "cell", Severity.WARNING)]
    for number, state in enumerate(block.temperatures, 1):
        kinds = _MOSFET_STATES if number == 5 else TEMPERATURE_STATES
        told += state_alarms([state], kinds, f"temperature {number}", Severity.WARNING)
    for field, kinds in _MODULE_STATES.items():
        told += state_alarms([getattr(block, field)], kinds, field.replace("_", " "), Severity.WARNING)
    return each_once(told, (a for name, bits in BITS.items() for a in bit_alarms(getattr(block, name), bits, name)))


def _one(frame: Frame, **told: Any) -> Bank:
    """An answer of one pack that does not say its number: the one of its address."""
    return Bank(modules=(Module(**_place(frame, frame.address), **told),))


def _capacity(frame: Frame, _everybody: bool) -> Bank:
    block = _CAPACITY.parse(frame.info)
    return _one(frame, remaining_capacity=block.remaining_cah / 100, full_capacity=block.full_cah / 100)


def _pack_count(frame: Frame, _everybody: bool) -> Bank:
    return Bank(module_count=_PACK_COUNT.parse(frame.info).packs)


def _firmware(frame: Frame, _everybody: bool) -> Bank:
    """C1: the name of the board and its version in one text, such as P16S100A-1B470-1.04."""
    return _one(frame, firmware=text(_FIRMWARE.parse(frame.info).text, frame))


def _barcode(frame: Frame, _everybody: bool) -> Bank:
    """C2: the barcode, and on most firmwares when it was given."""
    block = _BARCODE.parse(frame.info)
    if len(block.made) not in (0, 20):
        raise DecodeError(f"{len(frame.info)} bytes are no barcode that is known", raw=frame.to_bytes())
    return _one(frame, barcode=text(block.barcode, frame))


_DECODERS: dict[Command, Callable[[Frame, bool], Bank]] = {
    Command.ANALOG: _analog,
    Command.ALARM: _alarms,
    Command.PACK_COUNT: _pack_count,
    Command.CAPACITY: _capacity,
    Command.FIRMWARE: _firmware,
    Command.BARCODE: _barcode,
}


# 0 and FF mean whoever is there.
_EVERYBODY = (0x00, 0xFF)
_MASTER = (0x00, 0x01)
_NAMED = frozenset((Command.ANALOG, Command.ALARM))
_IN_INFO = _NAMED | {Command.FIRMWARE, Command.BARCODE}


def _answers(answer: Frame, asked: Frame) -> bool:
    """Whether an answer is of the pack that was asked: by its address, or by its number in INFO.

    Whoever is asked at 0 answers as itself. A master may answer for its packs from its own address: then the INFO of
    42 and 44 has to name the pack.
    """
    if asked.address in _EVERYBODY:
        return answer.address in range(0x10)
    if asked.cid2 not in _IN_INFO or asked.info == ALL_MODULES:
        return answer.address == asked.address
    names_it = asked.cid2 not in _NAMED or answer.info[1:2] == asked.info
    return names_it and answer.address in (asked.address, *_MASTER)


PACE = BinaryDialect(
    title="PACE's binary protocol",
    lines={"rs232": 1, "rs485": 2},
    timeout_s={9600: 1.5, 19200: 1.0, 115200: 1.0},
    # DIP switches at 0: a module alone, or a master that tells of others.
    stacks=((Group(1, 15),), (Group(0, 14),)),
    version=0x25,
    decode=decode,
    answers=_answers,
    commands=frozenset(Command) - {Command.CAPACITY},
    also_decoded=frozenset((Command.CAPACITY,)),  # 42 says the same
    info=lambda command, place: bytes((max(1, place),)) if command in _IN_INFO else b"",
    of_module={Command.ALARM: 0.0, Command.FIRMWARE: HOUR},
    of_bank={Command.PACK_COUNT: HOUR},
    identity=Command.BARCODE,
    count=Command.PACK_COUNT,
    tells_all=_NAMED,
    through_master=True,
    barcodes={Command.BARCODE: Barcodes(0, 20)},
    probe=ProbeQuestion(protocol="rs232", command=Command.ANALOG, places=(1,), wait_s={9600: 0.7}, rank=2),
)
