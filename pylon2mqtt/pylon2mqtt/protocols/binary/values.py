"""What the layouts of all dialects have in common: cells, texts, states and bits, and what cannot be true.

Plain functions from raw numbers to values of the model. What cannot be true is refused by the caller, never mended:
the additive checksum does not see two swapped digits.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from io import BytesIO
from typing import Any

from construct import Construct, ConstructError, Container, FormatField, stream_read

from pylon2mqtt.errors import DecodeError
from pylon2mqtt.model import Alarm, AlarmKind, AlarmSource, Cell, Module, Severity
from pylon2mqtt.model.alarms import combined
from pylon2mqtt.model.plausibility import contradictions

from .frame import Frame

Bits = Mapping[int, tuple[AlarmKind, Severity]]
"""What the bits of one byte mean, by position; a bit that is not in it is no alarm."""

LOWEST_CELL_V, HIGHEST_CELL_V = 0.0, 4.5
# Twelve bits of ones: a converter that reads nothing. Cells with more voltage than LFP come across it by themselves.
_NO_READING_V, _LFP_V = 4.095, 3.8
_LEAST_CELL_V = 1.5
_TEMPERATURE_C = (-40.0, 120.0)
_MOST_CELLS, _MOST_TEMPERATURES = 32, 16

# What a state byte of 44 says beside 0, normal.
BELOW, ABOVE, OTHER_ERROR = 0x01, 0x02, 0xF0
CELL_STATES = {
    BELOW: AlarmKind.CELL_UNDERVOLTAGE,
    ABOVE: AlarmKind.CELL_OVERVOLTAGE,
    OTHER_ERROR: AlarmKind.CELL_FAULT,
}
TEMPERATURE_STATES = {
    BELOW: AlarmKind.UNDERTEMPERATURE,
    ABOVE: AlarmKind.OVERTEMPERATURE,
    OTHER_ERROR: AlarmKind.SENSOR_FAULT,
}
VOLTAGE_STATES = {BELOW: AlarmKind.MODULE_UNDERVOLTAGE, ABOVE: AlarmKind.MODULE_OVERVOLTAGE}


def celsius(dk: int, zero: int = 2731) -> float:
    """°C from tenths of a kelvin; ``zero`` is what the dialect sends for 0 °C."""
    return (dk - zero) / 10


def text(octets: bytes, frame: Frame) -> str | None:
    """The printable text of a padded field, or None for an empty one."""
    stripped = octets.rstrip(b"\0 -").decode("latin-1").strip()
    if not (stripped.isascii() and stripped.isprintable()):
        raise DecodeError(f"{octets!r} is no text", raw=frame.to_bytes())
    return stripped or None


def text_if_any(octets: bytes) -> str | None:
    """The printable text of a padded field, or None for an empty one and for what is no text."""
    stripped = octets.rstrip(b"\0 -").decode("latin-1").strip()
    return stripped if stripped.isascii() and stripped.isprintable() and stripped else None


def cells(millivolts: Sequence[int]) -> tuple[Cell, ...]:
    """The cells by their voltages, the first cell first."""
    return tuple(map(_cell, range(1, len(millivolts) + 1), millivolts))


@lru_cache(maxsize=4096)
def _cell(number: int, mv: int) -> Cell:
    """A cell is a value: most of them were met before."""
    return Cell(number=number, voltage=mv / 1000)


def balancing(bits: int, count: int) -> tuple[Cell, ...]:
    """Which of so many cells are bled; bit 0 is cell 1."""
    return tuple(Cell(number=n + 1, balancing=bool(bits >> n & 1)) for n in range(count))


class Counted(Construct):  # type: ignore[misc]  # construct has no types
    """A layout: a count in one byte, and so many numbers behind it. A PrefixedArray that is read in one step.

    ``number`` is the layout of one of them, big-endian. Raises StreamError where the stream ends before the last one.
    """

    def __init__(self, number: FormatField) -> None:
        super().__init__()
        self._form, self._size = number.fmtstr[-1], number.length

    def _parse(self, stream: BytesIO, _context: Container, path: str) -> tuple[int, ...]:
        count = stream_read(stream, 1, path)[0]
        return struct.unpack(f">{count}{self._form}", stream_read(stream, count * self._size, path))


def walk(layout: Construct, frame: Frame, count: int, *, extra_bytes: Sequence[int] = (0,)) -> list[Any]:
    """Parse the blocks of so many modules up to the very end of INFO, behind INFOFLAG and command value or count.

    Some firmwares send a byte more behind each block, named in ``extra_bytes``: every block has it, or none.
    """
    if len(frame.info) < 2:
        raise DecodeError("INFO is too short for any module", raw=frame.to_bytes())
    for extra in extra_bytes:
        blocks = _blocks(layout, frame.info[2:], count, extra)
        if blocks:
            return blocks
    raise DecodeError(f"INFO does not end behind its {count} modules", raw=frame.to_bytes())


def _blocks(layout: Construct, octets: bytes, count: int, extra: int) -> list[Any]:
    """The blocks of so many modules, with so many bytes more behind each; none where they do not end with INFO."""
    stream = BytesIO(octets)
    blocks = []
    try:
        for _ in range(count):
            blocks.append(layout.parse_stream(stream))
            stream.seek(extra, 1)
    except (ConstructError, struct.error):  # a compiled layout passes the second on
        return []
    return blocks if stream.tell() == len(octets) else []


# -------------------- what cannot be true


def believed(module: Module, frame: Frame) -> Module:
    """Return the module with what its sensors can have measured, or raise DecodeError for one that cannot be true.

    One that is listed with zeros alone is away: nothing of it is returned but its place.
    """
    if is_away(module):
        return Module(number=module.number, address=module.address)
    sound = without_faulty_sensors(module)
    what = doubt(sound)
    if what and sound.rated_capacity is not None:  # what a label says vetoes nothing that was measured
        sound = replace(sound, rated_capacity=None)
        what = doubt(sound)
    if what:
        raise DecodeError(f"module {module.number}: {what}", raw=frame.to_bytes())
    return sound


def is_away(module: Module) -> bool:
    """Whether a module is listed that is not there: no cell lives at 0 V."""
    return not module.voltage and bool(module.cells) and not any(cell.voltage for cell in module.cells or ())


def doubt(module: Module) -> str | None:
    """What about an analog answer cannot be true, if anything."""
    all_cells = module.cells or ()
    if not 0 < len(all_cells) <= _MOST_CELLS or (len(all_cells) == 1 and all_cells[0].voltage is None):
        return f"{len(all_cells)} cells"
    if _unread(module) and any(cell.voltage and cell.voltage < _LFP_V for cell in all_cells):
        return f"cells of {[cell.voltage for cell in all_cells]} V"
    temperatures = module.temperatures or ()
    if len(temperatures) > _MOST_TEMPERATURES or not _are_temperatures(temperatures):
        return f"temperatures of {temperatures} °C"
    return next((found.text for found in contradictions(module)), None)


def _are_temperatures(values: Iterable[float | None]) -> bool:
    low, high = _TEMPERATURE_C
    return not [value for value in values if value is not None and not low <= value <= high]


# -------------------- sensors that measure nothing

_SENSORS = ("temperature", "mos_temperature", "ambient_temperature")


def without_faulty_sensors(module: Module) -> Module:
    """Return the module without what its sensors cannot have measured, and with an alarm for each of these.

    Where no temperature is sound, nothing is changed: then it is the layout that is wrong. A cell is taken for unread
    only where the other cells leave a cell's voltage for it.
    """
    groups = module.temperatures or ()
    all_cells, unread = _without_unread_cell(module)
    if not unread and _are_temperatures(
        (*groups, module.temperature, module.mos_temperature, module.ambient_temperature)
    ):
        return module
    measured = {name: getattr(module, name) for name in _SENSORS} | dict(enumerate(groups, 1))
    faulty = {name: value for name, value in measured.items() if not _are_temperatures((value,))}
    if len(faulty) == sum(value is not None for value in measured.values()):
        faulty = {}
    alarms = (*unread, *(_sensor_fault(f"{_title(name)}: {value} °C") for name, value in faulty.items()))
    absent: dict[str, Any] = {name: None for name in faulty if isinstance(name, str)}
    sound = tuple(None if number in faulty else value for number, value in enumerate(groups, 1))
    return replace(module, temperatures=sound or None, cells=all_cells, alarms=combined(alarms), **absent)


def _title(name: str | int) -> str:
    return f"temperature {name}" if isinstance(name, int) else name.replace("_", " ")


def _unread(module: Module) -> list[Cell]:
    """The cells with the voltage of a converter that reads nothing."""
    return [cell for cell in module.cells or () if cell.voltage == _NO_READING_V]


def _without_unread_cell(module: Module) -> tuple[tuple[Cell, ...] | None, tuple[Alarm, ...]]:
    """The cells, with None for the one that the converter did not read, and the alarm that says so."""
    unread = _unread(module)
    if not unread:
        return module.cells, ()
    others = [cell.voltage or 0.0 for cell in module.cells or () if cell not in unread]
    left = (module.voltage or 0.0) - sum(others)
    if len(unread) != 1 or not others or min(others) >= _LFP_V or not _LEAST_CELL_V <= left < _LFP_V:
        return module.cells, ()
    fault = replace(_sensor_fault(f"cell {unread[0].number}: {_NO_READING_V} V"), cells=(unread[0].number,))
    return tuple(replace(cell, voltage=None) if cell is unread[0] else cell for cell in module.cells or ()), (fault,)


def _sensor_fault(text: str) -> Alarm:
    return Alarm(kind=AlarmKind.SENSOR_FAULT, severity=Severity.FAULT, by=AlarmSource.BRIDGE, text=text)


# -------------------- alarms


def state_alarms(
    states: Sequence[int], kinds: Mapping[int, AlarmKind], what: str, severity: Severity = Severity.PROTECTION
) -> Iterator[Alarm]:
    """An alarm of that severity for every state that is not normal; F0 is a fault."""
    for number, state in enumerate(states, 1):
        if state:
            yield Alarm(
                kind=kinds.get(state, AlarmKind.OTHER),
                severity=Severity.FAULT if state == OTHER_ERROR else severity,
                cells=(number,) if what == "cell" else (),
                code=f"0x{state:02X}",
                text=f"{what} {number}" if len(states) > 1 else what,
            )


def bit_alarms(byte: int, bits: Bits, name: str) -> Iterator[Alarm]:
    """An alarm for every bit that is set and means one."""
    for bit, (kind, severity) in bits.items():
        if byte >> bit & 1:
            yield Alarm(kind=kind, severity=severity, code=f"0x{1 << bit:02X}", text=f"{name} bit {bit}")


def alike(severity: Severity, kinds: Mapping[int, AlarmKind]) -> Bits:
    """The bits of a byte whose alarms are all of one severity."""
    return {bit: (kind, severity) for bit, kind in kinds.items()}


def cell_faults(bits: int, kind: AlarmKind = AlarmKind.CELL_FAULT) -> Iterator[Alarm]:
    """A fault for every bit that is set; bit 0 is cell 1."""
    for cell in (n + 1 for n in range(16) if bits >> n & 1):
        yield Alarm(kind=kind, severity=Severity.FAULT, cells=(cell,), text=f"cell {cell}")


def each_once(alarms: Iterable[Alarm], more: Iterable[Alarm]) -> list[Alarm]:
    """The alarms, and of ``more`` what they do not say already, by kind and severity."""
    told = list(alarms)
    seen = {(alarm.kind, alarm.severity) for alarm in told}
    return told + [alarm for alarm in more if (alarm.kind, alarm.severity) not in seen]
