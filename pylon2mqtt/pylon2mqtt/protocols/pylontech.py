"""What becomes of Pylontech's INFO in the model: plain functions from frames to values.

Shared by the drivers of RS485 and (with packs instead of addresses) RS232. Each answer becomes a bank with only that
filled in; `model.joining` puts them together. What cannot be true is refused, never mended.
"""

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from io import BytesIO
from typing import Any

from construct import Construct, ConstructError

from pylon2mqtt.errors import DecodeError, FrameError
from pylon2mqtt.model import Alarm, AlarmKind, Bank, Cell, Module, Severity, State

from .frame import Frame
from .pylontech_info import (
    ALARM_MODULE,
    ANALOG_MODULE,
    CELL_STATES,
    FIRMWARE,
    MANAGEMENT,
    MANUFACTURER,
    MODULE_STATES,
    OTHER_ERROR,
    PARAMETERS,
    SERIAL,
    STATUS1,
    STATUS3_CHARGING,
    STATUS3_DISCHARGING,
    SYSTEM_ALARM,
    SYSTEM_ANALOG,
    SYSTEM_BASIC,
    SYSTEM_BITS,
    TEMPERATURE_STATES,
    Command,
)

# What can be true. Beyond it an answer is refused: the additive checksum does not see two swapped digits.
_CELL_V = (0.0, 4.5)
# Twelve bits of ones: a converter that reads nothing.
_NO_READING_V = 4.095
_TEMPERATURE_C = (-40.0, 120.0)
_CURRENT_A = 500.0
_MOST_CELLS, _MOST_TEMPERATURES = 32, 16
# The cells add up to the module's voltage within 60 mV in every answer known; the rest is for a step of the load
# between the two measurements.
_SUM_V = 0.3
_MOST_REMAINING = 1.1
# 61 of a 60 V bank overflows its 16 bits of millivolts; no bank has less than this.
_LEAST_SYSTEM_MV = 10_000


def module_number(address: int) -> int:
    """The number of the module at an address: 2 is module 1; each further group of 0x10 has room for 12."""
    group = address >> 4
    return max(1, (address & 0x0F) - 1 + 12 * max(0, group - 1))


def decode_info(command: Command, frame: Frame, *, all_modules: bool = False) -> Bank:
    """Return what an answer to ``command`` says, as a bank with only that filled in.

    ``frame`` is a sound answer with RTN 00. Raises DecodeError when it is not laid out as the document says or when
    its values cannot be true.
    """
    try:
        if command in (Command.ANALOG, Command.ALARM):
            return Bank(modules=tuple(_modules(command, frame, all_modules)))
        return _DECODERS[command](frame)
    except (ConstructError, struct.error) as error:  # a compiled layout passes the second on
        raise DecodeError(f"INFO of {command:02X} does not fit its layout: {error}", raw=frame.to_bytes()) from error


def scrub(asked: bytes, answer: bytes, pseudonym: Callable[[str], str]) -> bytes:
    """Return recorded bytes with the barcodes in them replaced; what is too damaged to find them in is blanked."""
    try:
        command = Frame.parse(asked).cid2
    except FrameError:
        return answer
    if command not in (Command.SERIAL, Command.SYSTEM_BASIC):
        return answer
    barcodes_at = 1 if command == Command.SERIAL else 33
    return b"".join(_scrubbed(piece, barcodes_at, pseudonym) for piece in re.findall(rb"~[^~\r]*\r?|[^~]+", answer))


# -------------------- 42 and 44, module by module


def _modules(command: Command, frame: Frame, all_modules: bool) -> Iterator[Module]:
    layout, build = (ANALOG_MODULE, _analog) if command is Command.ANALOG else (ALARM_MODULE, _alarm)
    blocks = _walk(layout, frame, all_modules, extra_bytes=(0,) if command is Command.ANALOG else (0, 1))
    for offset, block in enumerate(blocks):
        address = frame.address + offset
        yield build(block, frame, module_number(address), address)


def _walk(layout: Construct, frame: Frame, all_modules: bool, extra_bytes: Sequence[int]) -> list[Any]:
    """Parse the blocks of all modules up to the very end of INFO: INFOFLAG, command value or count, blocks.

    C models and US5000 send one status byte more in 44: every block has it, or none.
    """
    if len(frame.info) < 2:
        raise DecodeError("INFO is too short for any module", raw=frame.to_bytes())
    count = frame.info[1] if all_modules else 1
    for extra in extra_bytes:
        stream = BytesIO(frame.info[2:])
        blocks = []
        for _ in range(count):
            blocks.append(layout.parse_stream(stream))
            stream.seek(extra, 1)
        if count and stream.tell() == len(frame.info) - 2:
            return blocks
    raise DecodeError(f"INFO does not end behind its {count} modules", raw=frame.to_bytes())


def _analog(block: Any, frame: Frame, number: int, address: int) -> Module:
    if block["user_defined_items"] not in (2, 4):
        items = block["user_defined_items"]
        raise DecodeError(f"{items} user defined items is another dialect", raw=frame.to_bytes())
    capacity = block["above_65_ah"] or block
    temperatures = [*map(_celsius, block["temperatures_dk"])]
    groups = temperatures[1:5] + temperatures[6:]
    module = Module(
        number=number,
        address=address,
        voltage=block["voltage_mv"] / 1000,
        current=block["current_da"] / 10,
        temperature=temperatures[0] if temperatures else None,
        temperatures=tuple(groups) or None,
        mos_temperature=temperatures[5] if len(temperatures) > 5 else None,
        remaining_capacity=capacity["remaining_mah"] / 1000,
        full_capacity=capacity["full_mah"] / 1000,
        cycles=block["cycles"],
        cells=tuple(map(_cell, range(1, len(block["cells_mv"]) + 1), block["cells_mv"])),
    )
    if doubt := _doubt(module):
        raise DecodeError(f"module {number}: {doubt}", raw=frame.to_bytes())
    return module


@lru_cache(maxsize=4096)
def _cell(number: int, mv: int) -> Cell:
    """A cell is a value: most of them were met before."""
    return Cell(number=number, voltage=mv / 1000)


def _doubt(module: Module) -> str | None:
    """What about an analog answer cannot be true, if anything."""
    cells = [cell.voltage or 0.0 for cell in module.cells or ()]
    if not 0 < len(cells) <= _MOST_CELLS:
        return f"{len(cells)} cells"
    if min(cells) < _CELL_V[0] or max(cells) >= _CELL_V[1] or _NO_READING_V in cells:
        return f"cells of {cells} V"
    return _module_doubt(module, sum(cells))


def _module_doubt(module: Module, cells_v: float) -> str | None:
    temperatures = (module.temperature, *(module.temperatures or ()), module.mos_temperature)
    told = [t for t in temperatures if t is not None]
    voltage, current = module.voltage or 0.0, module.current or 0.0
    remaining, full = module.remaining_capacity or 0.0, module.full_capacity or 0.0
    if abs(cells_v - voltage) > _SUM_V:
        return f"cells of {cells_v:.3f} V in a module of {voltage} V"
    if len(told) > _MOST_TEMPERATURES or not all(_TEMPERATURE_C[0] <= t <= _TEMPERATURE_C[1] for t in told):
        return f"temperatures of {told} °C"
    if abs(current) > _CURRENT_A:
        return f"a current of {current} A"
    return f"{remaining} Ah left of {full} Ah" if remaining > _MOST_REMAINING * full else None


def _alarm(block: Any, _frame: Frame, number: int, address: int) -> Module:
    return Module(number=number, address=address, state=_state(block.status3), alarms=tuple(_alarms(block)))


def _state(status3: int) -> State:
    if status3 >> STATUS3_CHARGING & 1:
        return State.CHARGING
    return State.DISCHARGING if status3 >> STATUS3_DISCHARGING & 1 else State.IDLE


def _alarms(block: Any) -> list[Alarm]:
    """Every alarm of one module, each once: the states say which cell, the status bits say it again without."""
    alarms = [
        *_state_alarms(block.cells, CELL_STATES, "cell"),
        *_state_alarms(block.temperatures, TEMPERATURE_STATES, "temperature"),
    ]
    for field, kinds in MODULE_STATES.items():
        alarms += _state_alarms([getattr(block, field)], kinds, field.replace("_", " "))
    seen = {alarm.kind for alarm in alarms}
    alarms += [a for a in _bit_alarms(block.status1, STATUS1, Severity.PROTECTION, "status1") if a.kind not in seen]
    faulty = block.status4 | block.status5 << 8
    for cell in (i + 1 for i in range(16) if faulty >> i & 1):
        if not any(alarm.kind is AlarmKind.CELL_FAULT and alarm.cell == cell for alarm in alarms):
            alarms.append(Alarm(kind=AlarmKind.CELL_FAULT, severity=Severity.FAULT, cell=cell, text=f"cell {cell}"))
    return alarms


def _state_alarms(states: Sequence[int], kinds: dict[int, AlarmKind], what: str) -> Iterator[Alarm]:
    """An alarm for every state that is not normal; the document calls them all protections, F0 an error."""
    for number, state in enumerate(states, 1):
        if state:
            yield Alarm(
                kind=kinds.get(state, AlarmKind.OTHER),
                severity=Severity.FAULT if state == OTHER_ERROR else Severity.PROTECTION,
                cell=number if what == "cell" else None,
                code=f"0x{state:02X}",
                text=f"{what} {number}" if len(states) > 1 else what,
            )


def _bit_alarms(byte: int, kinds: dict[int, AlarmKind], severity: Severity, name: str) -> Iterator[Alarm]:
    for bit, kind in kinds.items():
        if byte >> bit & 1:
            yield Alarm(kind=kind, severity=severity, code=f"0x{1 << bit:02X}", text=f"{name} bit {bit}")


def _scrubbed(piece: bytes, barcodes_at: int, pseudonym: Callable[[str], str]) -> bytes:
    try:
        frame = Frame.parse(piece)
    except FrameError:
        return re.sub(rb"[0-9A-Fa-f]", b"0", piece)
    info = frame.info
    for at in range(barcodes_at, len(info) - 15, 16):
        name = pseudonym(info[at : at + 16].decode("latin-1")).ljust(16, "\0")[:16]
        info = info[:at] + name.encode("latin-1") + info[at + 16 :]
    return replace(frame, info=info).to_bytes()


# -------------------- the other commands


def _celsius(dk: int) -> float:
    return (dk - 2731) / 10


def _text(octets: bytes, frame: Frame) -> str | None:
    """The printable text of a padded field, or None for an empty one."""
    text = octets.rstrip(b"\0 -").decode("latin-1")
    if not (text.isascii() and text.isprintable()):
        raise DecodeError(f"{octets!r} is no text", raw=frame.to_bytes())
    return text or None


def _version(octets: bytes) -> str:
    return ".".join(map(str, octets))


def _one_module(frame: Frame, **told: Any) -> Bank:
    return Bank(modules=(Module(number=module_number(frame.address), address=frame.address, **told),))


def _parameters(frame: Frame) -> Bank:
    p = PARAMETERS.parse(frame.info)
    limits = {
        "cell_high_voltage_limit": p.cell_high_mv / 1000,
        "cell_low_voltage_limit": p.cell_low_mv / 1000,
        "cell_under_voltage_limit": p.cell_under_mv / 1000,
        "charge_high_temperature_limit": _celsius(p.charge_high_dk),
        "charge_low_temperature_limit": _celsius(p.charge_low_dk),
        "charge_current_limit": abs(p.charge_current_da) / 10,
        "module_high_voltage_limit": p.module_high_mv / 1000,
        "module_low_voltage_limit": p.module_low_mv / 1000,
        "module_under_voltage_limit": p.module_under_mv / 1000,
        "discharge_high_temperature_limit": _celsius(p.discharge_high_dk),
        "discharge_low_temperature_limit": _celsius(p.discharge_low_dk),
        "discharge_current_limit": abs(p.discharge_current_da) / 10,
    }
    return _one_module(frame, parameters=limits)


def _limits(block: Any) -> dict[str, Any]:
    """The limits of 92 and 63; a charge voltage below the discharge voltage overflowed its 16 bits (60 V banks)."""
    overflow = 0x10000 if block.charge_voltage_mv < block.discharge_voltage_mv else 0
    return {
        "charge_voltage_limit": (block.charge_voltage_mv + overflow) / 1000,
        "discharge_voltage_limit": block.discharge_voltage_mv / 1000,
        "charge_current_limit": abs(block.charge_current_da) / 10,
        "discharge_current_limit": abs(block.discharge_current_da) / 10,
        "charge_enabled": bool(block.status & 0x80),
        "discharge_enabled": bool(block.status & 0x40),
        "force_charge_1": bool(block.status & 0x20),
    }


def _management(frame: Frame) -> Bank:
    """92; RS485 V2.8 prints it without the command value in front, every battery sends it."""
    block = MANAGEMENT.parse(frame.info[len(frame.info) - 9 :] if len(frame.info) in (9, 10) else frame.info)
    status = block.status
    return _one_module(
        frame, **_limits(block), force_charge_2=bool(status & 0x10), full_charge_requested=bool(status & 0x08)
    )


def _serial(frame: Frame) -> Bank:
    return _one_module(frame, barcode=_text(SERIAL.parse(frame.info).barcode, frame))


def _firmware(frame: Frame) -> Bank:
    block = FIRMWARE.parse(frame.info)
    return _one_module(frame, firmware=f"{_version(block.main_line)} V{_version(block.manufacture)}")


def _protocol_version(frame: Frame) -> Bank:
    if frame.info:
        raise DecodeError("4F answers with VER alone", raw=frame.to_bytes())
    return Bank(protocol_version=f"{frame.version >> 4}.{frame.version & 0xF}")


def _manufacturer(frame: Frame) -> Bank:
    """51: a slave answers with its master's data, so this is the bank's and no module's."""
    block = MANUFACTURER.parse(frame.info)
    return Bank(
        model=_text(block.device, frame),
        manufacturer=_text(block.manufacturer, frame),
        firmware=_version(block.software),
    )


def _system_basic(frame: Frame) -> Bank:
    block = SYSTEM_BASIC.parse(frame.info)
    return Bank(
        model=_text(block.device, frame),
        manufacturer=_text(block.manufacturer, frame),
        firmware=_version(block.software),
        module_count=block.modules,
        barcode=_text(block.serials[:16], frame),
    )


def _system_analog(frame: Frame) -> Bank:
    block = SYSTEM_ANALOG.parse(frame.info)
    bank = Bank(
        voltage=block.voltage_mv / 1000 if block.voltage_mv >= _LEAST_SYSTEM_MV else None,
        soc=float(block.soc),
        soh=float(block.soh_average),
        cycles=block.cycles_average,
        temperature=_celsius(block.cell_average_dk),
        cell_voltage_max=block.cell_max_mv / 1000,
        cell_voltage_min=block.cell_min_mv / 1000,
        cell_temperature_max=_celsius(block.cell_max_dk),
        cell_temperature_min=_celsius(block.cell_min_dk),
    )
    low, high = _CELL_V
    plausible = block.soc <= 100 and block.soh_average <= 100 and low <= block.cell_min_mv / 1000 < high
    in_order = block.cell_min_mv <= block.cell_max_mv < high * 1000 and block.cell_min_dk <= block.cell_max_dk
    if not (plausible and in_order):
        raise DecodeError("61 with values that cannot be true", raw=frame.to_bytes())
    return bank


def _system_alarm(frame: Frame) -> Bank:
    block = SYSTEM_ALARM.parse(frame.info)
    alarms: list[Alarm] = []
    for name, kinds in SYSTEM_BITS.items():
        severity = Severity.PROTECTION if name.startswith("protect") else Severity.WARNING
        alarms += _bit_alarms(block[name], kinds, severity, name)
    return Bank(alarms=tuple(alarms))


def _system_limits(frame: Frame) -> Bank:
    block = MANAGEMENT.parse(frame.info)
    return Bank(**_limits(block), full_charge_requested=bool(block.status & 0x10))


_DECODERS: dict[Command, Callable[[Frame], Bank]] = {
    Command.PARAMETERS: _parameters,
    Command.VERSION: _protocol_version,
    Command.MANUFACTURER: _manufacturer,
    Command.SYSTEM_BASIC: _system_basic,
    Command.SYSTEM_ANALOG: _system_analog,
    Command.SYSTEM_ALARM: _system_alarm,
    Command.SYSTEM_LIMITS: _system_limits,
    Command.MANAGEMENT: _management,
    Command.SERIAL: _serial,
    Command.FIRMWARE: _firmware,
}
