"""The DBC files as tables of what CAN frames say: they are the only field tables, read by cantools.

A signal with the name of a field of the model is that field. ``warning_``, ``protection_`` and ``fault_`` begin the
names of alarms, and the kind follows; what stands behind ``__`` only tells two of a kind apart. Outside of the range
that the file gives, a value is not one: that is how "not available" looks (FFFF, 8000), and damage. The units "ASCII"
and "ASCIIZ" are text, the latter only if nothing but zeros follows. The sender of a frame says whether it is the
battery's or the inverter's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any, cast

import cantools.database
from cantools.database.can import Database, Message, Signal

from pylon2mqtt.model import Alarm, AlarmKind, Severity

EXTENDED = 0x80000000
"""The mark of an extended identifier in a key, as in a DBC file."""

Values = Mapping[str, Any]

_TEXTS = ("ASCII", "ASCIIZ")
_ALARM = re.compile(rf"({'|'.join(Severity)})_(\w+?)(?:__\w+)?")
# A pair of bits (35A): 1 is active, 2 is good, 0 and 3 mean that the battery does not know this alarm.
_PAIR_ACTIVE, _PAIR_GOOD = 1, 2


@dataclass(frozen=True, slots=True)
class AlarmBit:
    """What one alarm signal says: which alarm, and whether it is active."""

    alarm: Alarm
    active: bool


class FrameTable:
    """One kind of frame.

    ``holds_text``: it is a text. ``addresses``: how many identifiers in a row are this frame, each of another module.
    ``constant``: what it says does not change, so it stays true however long ago it came.
    """

    def __init__(self, message: Message) -> None:
        self.name = message.name
        self.key = message.frame_id | (EXTENDED if message.is_extended_frame else 0)
        self.by_inverter = "Inverter" in message.senders
        self.addresses = _attribute(message, "Addresses", 1)
        self.constant = bool(_attribute(message, "Constant", 0))
        # Without the texts: in 370 a name lies over numbers.
        self._message = Message(
            message.frame_id,
            message.name,
            message.length,
            [signal for signal in message.signals if signal.unit not in _TEXTS],
            is_extended_frame=message.is_extended_frame,
        )
        self._texts = [signal for signal in message.signals if signal.unit in _TEXTS]
        self.holds_text = any(signal.start == 0 for signal in self._texts)
        self._numbers = {signal.name: signal for signal in self._message.signals}
        self._alarms = {name: alarm for name, signal in self._numbers.items() if (alarm := self._alarm(signal))}

    def has(self, prefix: str) -> bool:
        """Whether a signal has a name that begins so."""
        return any(name.startswith(prefix) for name in (*self._numbers, *(signal.name for signal in self._texts)))

    def decode(self, data: bytes) -> dict[str, Any]:
        """Return what the frame says, by the signals' names; None for what is not a value. Cut fields are left out."""
        values: dict[str, Any] = {s.name: _text(data, s) for s in self._texts if data}
        if self._numbers:
            raw = self._message.decode(data, scaling=False, decode_choices=False, allow_truncated=True)
            values |= {name: self._value(name, value) for name, value in cast(Values, raw).items()}
        return values

    def _value(self, name: str, raw: int) -> Any:
        signal = self._numbers[name]
        if name in self._alarms:
            active, known = (raw == 1, True) if signal.length == 1 else (raw == _PAIR_ACTIVE, raw in (1, _PAIR_GOOD))
            return AlarmBit(self._alarms[name], active) if known else None
        if signal.length == 1:
            return bool(raw)
        scale = Decimal(str(signal.scale))
        value = raw * scale + Decimal(str(signal.offset))
        least, most = signal.minimum, signal.maximum
        if (least is not None and value < least) or (most is not None and value > most):
            return None
        return int(value) if scale == 1 else float(value)

    def _alarm(self, signal: Signal) -> Alarm | None:
        match = _ALARM.fullmatch(signal.name)
        if match is None:
            return None
        code = f"{self._message.frame_id:X}.{signal.start:02X}"
        return Alarm(kind=AlarmKind(match[2]), severity=Severity(match[1]), code=code, text=signal.comment)


@cache
def tables(file: str) -> tuple[FrameTable, ...]:
    """Return the tables of a DBC file of the folder `dialects`."""
    text = resources.files(__package__).joinpath("dialects", file).read_text(encoding="utf-8")
    # Not strict: some signals lie over each other.
    database = cantools.database.load_string(text, "dbc", strict=False)
    return tuple(FrameTable(message) for message in cast(Database, database).messages)


@cache
def by_key(files: tuple[str, ...]) -> dict[int, tuple[FrameTable, int]]:
    """Return the table and the address behind every identifier; a later file overrules an earlier one."""
    return {
        table.key + address: (table, address)
        for file in files
        for table in tables(file)
        for address in range(table.addresses)
    }


def alarms_in(values: Values) -> tuple[tuple[Alarm, ...] | None, tuple[AlarmKind, ...] | None]:
    """Return the active alarms, and the kinds that the battery can report at all; None where it reports none."""
    bits = [value for value in values.values() if isinstance(value, AlarmBit)]
    if not bits:
        return None, None
    known = {bit.alarm.kind for bit in bits}
    return tuple(bit.alarm for bit in bits if bit.active), tuple(kind for kind in AlarmKind if kind in known)


def _attribute(message: Message, name: str, default: int) -> int:
    attributes = message.dbc.attributes if message.dbc else {}
    return int(attributes[name].value) if name in attributes else default


def _text(data: bytes, signal: Signal) -> str | None:
    """The text up to the first byte that does not print: real batteries send rests of something else behind it."""
    data = data[signal.start // 8 : (signal.start + signal.length) // 8]
    text = data[: next((at for at, byte in enumerate(data) if not 0x20 <= byte <= 0x7E), len(data))]
    if signal.unit == "ASCIIZ" and data[len(text) :].strip(b"\0"):
        return None
    return text.decode("ascii").rstrip() or None
