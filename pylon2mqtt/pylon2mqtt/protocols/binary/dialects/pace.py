"""PACE's dialect (VER 25), also of Jakiper, SOK, EASUN, Eenovance and others: what becomes of its INFO in the model.

`pace_info` holds the tables; docs/protocols/pace.md says how sure each field is and where it was seen.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from construct import ConstructError

from pylon2mqtt.errors import DecodeError
from pylon2mqtt.model import Alarm, Bank, Module, Severity, State
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
    CELL_STATES,
    TEMPERATURE_STATES,
    balancing,
    believed,
    bit_alarms,
    cells,
    celsius,
    each_once,
    state_alarms,
    text,
    walk,
)

from .pace_info import (
    AC_INPUT,
    ALARM_PACK,
    ANALOG_PACK,
    BARCODE,
    BITS,
    CAPACITY,
    CHARGE_MOSFET,
    CURRENT_LIMITED,
    DISCHARGE_MOSFET,
    FIRMWARE,
    FULLY_CHARGED,
    HEATER,
    LONGEST_TAIL,
    MODULE_STATES,
    MOSFET_STATES,
    MOST_WAYS,
    PACK_COUNT,
    SOC_POINTS,
    TAILS,
    UNKNOWN_TAIL,
    ZERO_DK,
    PaceCommand,
    Tails,
)

# -------------------- what becomes of them


def decode(answer: Frame, asked: Frame) -> Bank:
    """Return what an answer says to the question ``asked``; raise DecodeError where it cannot be true."""
    try:
        return _DECODERS[PaceCommand(asked.cid2)](answer, asked.info == ALL_MODULES)
    except ConstructError as error:
        raise DecodeError(
            f"INFO of {asked.cid2:02X} does not fit its layout: {error}", raw=answer.to_bytes()
        ) from error


def _analog(frame: Frame, everybody: bool) -> Bank:
    if len(frame.info) < 2:
        raise DecodeError("INFO is too short for any pack", raw=frame.to_bytes())
    count, first = (frame.info[1], 1) if everybody else (1, frame.info[1])
    ways = _ways(frame, count, first, TAILS) or _ways_with_another_tail(frame, count, first)
    if not ways:
        _refuse(frame, count, first)
    if any(way != ways[0] for way in ways):
        raise DecodeError(f"INFO can be read in several ways as {count} packs", raw=frame.to_bytes())
    return Bank(modules=ways[0])


def _ways(frame: Frame, count: int, first: int, tails: Tails) -> list[tuple[Module, ...]]:
    return list(islice(_walks(frame.info, 2, count, frame, first, tails), MOST_WAYS))


def _ways_with_another_tail(frame: Frame, count: int, first: int) -> list[tuple[Module, ...]]:
    """The ways to read packs that all have one tail which is not known: it is the firmware's own, and no damage."""
    lengths = (length for length in range(1, LONGEST_TAIL + 1) if length not in TAILS)
    return [way for length in lengths for way in _ways(frame, count, first, {length: UNKNOWN_TAIL})]


def _walks(info: bytes, at: int, count: int, frame: Frame, first: int, tails: Tails) -> Iterator[tuple[Module, ...]]:
    """Yield every way to read so many packs up to the very end of INFO, each with one of these tails.

    A tail of the wrong length makes nonsense of the next pack, which its own voltages give away.
    """
    if count == 0:
        if at == len(info):
            yield ()
        return
    try:
        block = ANALOG_PACK.parse(info[at:])
    except ConstructError:
        return
    for length, layout in tails.items():
        tail = info[at + block.end : at + block.end + length]
        if len(tail) == length and (pack := _sound_pack(block, layout.parse(tail) if layout else {}, frame, first)):
            for others in _walks(info, at + block.end + length, count - 1, frame, first + 1, tails):
                yield (pack, *others)


def _sound_pack(block: Any, tail: Any, frame: Frame, number: int) -> Module | None:
    """A pack as it is believed; one that is away reports nothing, and its tail is as empty."""
    try:
        return believed(_pack(block, tail, frame, number), frame)
    except DecodeError:
        return None


def _refuse(frame: Frame, count: int, first: int) -> None:
    """Say what is wrong with an answer that cannot be read in any way."""
    block = ANALOG_PACK.parse(frame.info[2:])
    believed(_pack(block, {}, frame, first), frame)
    if count == 1:
        raise DecodeError(
            f"{len(frame.info) - 2 - block.end} bytes behind the design capacity are not known", raw=frame.to_bytes()
        )
    raise DecodeError(f"INFO does not end behind its {count} packs", raw=frame.to_bytes())


def _pack(block: Any, tail: Any, frame: Frame, number: int) -> Module:
    temperatures = [celsius(dk, ZERO_DK) for dk in block.temperatures_dk]
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
        soc=_soc(block, tail),
        soh=float(tail["soh"]) if "soh" in tail else None,
        remaining_capacity=block.remaining_cah / 100,
        full_capacity=block.full_cah / 100,
        rated_capacity=block.design_cah / 100,
        cycles=block.cycles,
        cells=cells(block.cells_mv),
    )


def _soc(block: Any, tail: Any) -> float | None:
    """What the tail says; what stands in its place in one that is not known has to follow the capacities."""
    if "perhaps_soc" not in tail:
        return float(tail["soc"]) if "soc" in tail else None
    computed = 100 * block.remaining_cah / block.full_cah if block.full_cah else None
    near = computed is not None and abs(tail["perhaps_soc"] - computed) <= SOC_POINTS
    return float(tail["perhaps_soc"]) if near else None


def _place(frame: Frame, number: int) -> dict[str, Any]:
    """A pack is known by the number in INFO; a single one may be number 0."""
    return {"number": max(1, number), "address": number or frame.address}


def _alarms(frame: Frame, everybody: bool) -> Bank:
    if len(frame.info) < 2:
        raise DecodeError("INFO is too short for any pack", raw=frame.to_bytes())
    count, first = (frame.info[1], 1) if everybody else (1, frame.info[1])
    # Jakiper and newer firmwares send a byte more, whose meaning is not known.
    blocks = walk(ALARM_PACK, frame, count, extra_bytes=(0, 1))
    return Bank(modules=tuple(_state(block, frame, first + n) for n, block in enumerate(blocks)))


def _state(block: Any, frame: Frame, number: int) -> Module:
    bled = block.balance1 | block.balance2 << 8
    return Module(
        **_place(frame, number),
        charge_enabled=bool(block.system >> CHARGE_MOSFET & 1),
        discharge_enabled=bool(block.system >> DISCHARGE_MOSFET & 1),
        charge_current_limited=bool(block.system >> CURRENT_LIMITED & 1),
        ac_input_present=bool(block.system >> AC_INPUT & 1),
        heater_on=bool(block.system >> HEATER & 1),
        fully_charged=bool(block.protect2 >> FULLY_CHARGED & 1),
        alarms=tuple(_alarms_of(block)),
        cells=balancing(bled, len(block.cells)),
    )


def _alarms_of(block: Any) -> list[Alarm]:
    """Every alarm of one pack: the states are warnings that say where, the bits say how bad it is."""
    told: list[Alarm] = [*state_alarms(block.cells, CELL_STATES, "cell", Severity.WARNING)]
    for number, state in enumerate(block.temperatures, 1):
        kinds = MOSFET_STATES if number == 5 else TEMPERATURE_STATES
        told += state_alarms([state], kinds, f"temperature {number}", Severity.WARNING)
    for field, kinds in MODULE_STATES.items():
        told += state_alarms([getattr(block, field)], kinds, field.replace("_", " "), Severity.WARNING)
    return each_once(told, (a for name, bits in BITS.items() for a in bit_alarms(getattr(block, name), bits, name)))


def _one(frame: Frame, **told: Any) -> Bank:
    """An answer of one pack that does not say its number: the one of its address."""
    return Bank(modules=(Module(**_place(frame, frame.address), **told),))


def _capacity(frame: Frame, _everybody: bool) -> Bank:
    block = CAPACITY.parse(frame.info)
    return _one(frame, remaining_capacity=block.remaining_cah / 100, full_capacity=block.full_cah / 100)


def _pack_count(frame: Frame, _everybody: bool) -> Bank:
    return Bank(module_count=PACK_COUNT.parse(frame.info).packs)


def _firmware(frame: Frame, _everybody: bool) -> Bank:
    """C1: the name of the board and its version in one text, such as P16S100A-1B470-1.04."""
    return _one(frame, firmware=text(FIRMWARE.parse(frame.info).text, frame))


def _barcode(frame: Frame, _everybody: bool) -> Bank:
    """C2: the barcode, and on most firmwares when it was given."""
    block = BARCODE.parse(frame.info)
    if len(block.made) not in (0, 20):
        raise DecodeError(f"{len(frame.info)} bytes are no barcode that is known", raw=frame.to_bytes())
    return _one(frame, barcode=text(block.barcode, frame))


_DECODERS: dict[PaceCommand, Callable[[Frame, bool], Bank]] = {
    PaceCommand.ANALOG: _analog,
    PaceCommand.ALARM: _alarms,
    PaceCommand.PACK_COUNT: _pack_count,
    PaceCommand.CAPACITY: _capacity,
    PaceCommand.FIRMWARE: _firmware,
    PaceCommand.BARCODE: _barcode,
}


# 0 and FF mean whoever is there.
_EVERYBODY = (0x00, 0xFF)
_MASTER = (0x00, 0x01)
_NAMED = frozenset((PaceCommand.ANALOG, PaceCommand.ALARM))
_IN_INFO = _NAMED | {PaceCommand.FIRMWARE, PaceCommand.BARCODE}


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
    commands=frozenset(PaceCommand) - {PaceCommand.CAPACITY},
    also_decoded=frozenset((PaceCommand.CAPACITY,)),  # 42 says the same
    info=lambda command, place: bytes((max(1, place),)) if command in _IN_INFO else b"",
    of_module={PaceCommand.ALARM: 0.0, PaceCommand.FIRMWARE: HOUR},
    of_bank={PaceCommand.PACK_COUNT: HOUR},
    identity=PaceCommand.BARCODE,
    count=PaceCommand.PACK_COUNT,
    tells_all=_NAMED,
    through_master=True,
    barcodes={PaceCommand.BARCODE: Barcodes(0, 20)},
    probe=ProbeQuestion(protocol="rs232", command=PaceCommand.ANALOG, places=(1,), wait_s={9600: 0.7}, rank=2),
)
