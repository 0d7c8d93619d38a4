"""The text console's values: from the device's words and milli-units to the model's.

The console counts mV, mA, m°C, % and mAh (Pytes also mA·s), and prints states as words. A temperature that cannot be
true is no damage of the line: thermistors break, and then they read nonsense for good.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TypeVar

from pylon2mqtt.errors import FrameError
from pylon2mqtt.model import Alarm, AlarmKind, Severity, State

from .spelling import shape

# A 12-bit converter that reads nothing: the measurement failed. No console is known that tells m°C as finely as this.
NO_READING = 4095

T = TypeVar("T")
_TEMPERATURE_C = (-40.0, 120.0)
# 107 % is real (US3000A).
_SOC = (0, 150)

_TIME = re.compile(r"\b(?:20)?(\d\d-\d\d-\d\d)\s+(\d\d:\d\d:\d\d)", re.ASCII)
_AMOUNT = re.compile(r"(-?\d{1,12})\s*([A-Za-z%]*)", re.ASCII)

STATES = {
    "Charge": State.CHARGING,
    "Dischg": State.DISCHARGING,
    "Idle": State.IDLE,
    "Balance": State.BALANCING,
    "Sleep": State.SLEEPING,
    "SysError": State.FAULT,
}
SYSTEM_FAULT = Alarm(kind=AlarmKind.SYSTEM_FAULT, severity=Severity.FAULT, text="SysError")
WORDS = frozenset((*STATES, "Normal", "High", "Low", "Full", "Absent", "Protect", "Null"))
"""Every word of a state that recordings or their readers know."""

# Words that stand for no value.
NOTHING = ("-", "Null")

HIGH, LOW = ("High", "HV", "HT"), ("Low", "LV", "LT")
OVER, UNDER = ("OV", "OT", "OC"), ("UV", "UT", "UC", "SLP")

Kinds = Mapping[str, tuple[AlarmKind, AlarmKind]]

# What a state column is about: the alarm for too much, and for too little.
KINDS: Kinds = {
    "Volt.St": (AlarmKind.MODULE_OVERVOLTAGE, AlarmKind.MODULE_UNDERVOLTAGE),
    "Curr.St": (AlarmKind.OVERCURRENT, AlarmKind.OVERCURRENT),
    "Temp.St": (AlarmKind.OVERTEMPERATURE, AlarmKind.UNDERTEMPERATURE),
    "B.V.St": (AlarmKind.CELL_OVERVOLTAGE, AlarmKind.CELL_UNDERVOLTAGE),
    "B.T.St": (AlarmKind.OVERTEMPERATURE, AlarmKind.UNDERTEMPERATURE),
    "M.T.St": (AlarmKind.MOSFET_OVERTEMPERATURE, AlarmKind.UNDERTEMPERATURE),
    "Volt. State": (AlarmKind.CELL_OVERVOLTAGE, AlarmKind.CELL_UNDERVOLTAGE),
    "Curr. State": (AlarmKind.OVERCURRENT, AlarmKind.OVERCURRENT),
    "Temp. State": (AlarmKind.OVERTEMPERATURE, AlarmKind.UNDERTEMPERATURE),
    "DTemp. State": (AlarmKind.DISCHARGE_OVERTEMPERATURE, AlarmKind.DISCHARGE_UNDERTEMPERATURE),
    "CTemp. State": (AlarmKind.CHARGE_OVERTEMPERATURE, AlarmKind.CHARGE_UNDERTEMPERATURE),
    "Volt Status": (AlarmKind.MODULE_OVERVOLTAGE, AlarmKind.MODULE_UNDERVOLTAGE),
    "Current Status": (AlarmKind.OVERCURRENT, AlarmKind.OVERCURRENT),
    "Tmpr Status": (AlarmKind.OVERTEMPERATURE, AlarmKind.UNDERTEMPERATURE),
    "Coul Status": (AlarmKind.OTHER, AlarmKind.LOW_SOC),
}
# Words that say themselves what they are about.
_OWN_KINDS = {
    "COC": AlarmKind.CHARGE_OVERCURRENT,
    "COC2": AlarmKind.CHARGE_OVERCURRENT,
    "DOC": AlarmKind.DISCHARGE_OVERCURRENT,
    "DOC2": AlarmKind.DISCHARGE_OVERCURRENT,
    "SC": AlarmKind.SHORT_CIRCUIT,
}
# A full battery is what one wants.
_GOOD = {"Normal", "Full"}


def milli(digits: str | None) -> float | None:
    """Return V, A or °C of a table's number in mV, mA or m°C; None where there is none."""
    return None if digits is None else int(digits) / 1000


def converted(text: str | None, convert: Callable[[str], T], what: str, doubts: list[str]) -> T | None:
    """Return a text converted; None, and the doubt ``what`` with its form, where ``convert`` raises FrameError."""
    if text is None:
        return None
    try:
        return convert(text)
    except FrameError:
        doubts.append(f"{what} : {shape(text)}")
        return None


def whole(text: str) -> int:
    """Return the number of a text, whatever unit follows; raise FrameError where there is none."""
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise FrameError(f"{text[:40]!r} is no number: ask again")
    return int(found[1])


def amount(text: str | None, **per_unit: float) -> float | None:
    """Return a number in the unit that ``per_unit`` counts in, by the unit printed behind it; None where it is missing.

    ``amount("360000000 mAS", mAH=0.001, mAS=1 / 3.6e6)`` is 100.0. An unknown unit is not guessed at: FrameError.
    """
    if text is None or not text.strip("-? "):
        return None
    found = _AMOUNT.fullmatch(text)
    if found is None or found[2] not in per_unit:
        raise FrameError(f"{text[:40]!r} is no amount in {'/'.join(per_unit)}: ask again")
    return round(int(found[1]) * per_unit[found[2]], 6)


def charge_ah(text: str | None) -> float | None:
    """Return Ah of a charge in mAH, or in the mA·s of Pytes; None where the device does not know it (0 as well)."""
    return amount(text, mAH=1e-3, mAS=1 / 3.6e6, AH=1.0, AS=1 / 3600) or None


def percent(text: str | None) -> float | None:
    """Return a state of charge, at most 100; raise FrameError when it cannot be true."""
    if text is None:
        return None
    soc = whole(text)
    if not _SOC[0] <= soc <= _SOC[1]:
        raise FrameError(f"a state of charge of {soc} %: ask again")
    return min(100.0, float(soc))


def words(text: str | None) -> str | None:
    """Return what the device tells as text; None for an empty field and for erased memory (``????``)."""
    return text if text and text.isascii() and text.strip("?- ") else None


def moment(text: str | None) -> datetime | None:
    """Return a device's time (local, no zone; years of two digits are of this century), None where it is none."""
    found = _TIME.search(text or "")
    try:
        return datetime.fromisoformat(f"20{found[1]} {found[2]}") if found else None
    except ValueError:
        return None


def state_and_alarms(word: str | None, cell: int | None = None) -> tuple[State | None, list[Alarm]]:
    """Return what a module or a cell is doing; a word that nobody knows is an alarm with that word.

    A fault of the system is the module's alarm; the console repeats it for every cell.
    """
    if word is None or word in STATES:
        faulty = word == "SysError" and cell is None
        return STATES.get(word or ""), [SYSTEM_FAULT] if faulty else []
    severity = Severity.PROTECTION if word == "Protect" else Severity.WARNING
    return None, [Alarm(kind=AlarmKind.OTHER, severity=severity, cells=of(cell), text=word)]


def of(cell: int | None) -> tuple[int, ...]:
    """The cells that an alarm is about: one, or none."""
    return () if cell is None else (cell,)


def state_alarms(
    states: Iterable[tuple[str, str | None]], cell: int | None = None, kinds: Kinds = KINDS
) -> list[Alarm]:
    """Return an alarm for every state column whose word is not ``Normal``, with the device's word as its text."""
    return [_alarm(column, word, cell, kinds) for column, word in states if word is not None and word not in _GOOD]


def _alarm(column: str, word: str, cell: int | None, kinds: Kinds) -> Alarm:
    above, below = kinds.get(column, (AlarmKind.OTHER, AlarmKind.OTHER))
    kind = above if word in HIGH + OVER else below if word in LOW + UNDER else _OWN_KINDS.get(word, AlarmKind.OTHER)
    severity = Severity.PROTECTION if word in OVER + UNDER or word in _OWN_KINDS else Severity.WARNING
    return Alarm(kind=kind, severity=severity, cells=of(cell), text=f"{column} {word}")


def sensor_fault(cell: int | None, text: str = f"{NO_READING} mV") -> Alarm:
    """The alarm for a measurement that failed; what it measures may be sound."""
    return Alarm(kind=AlarmKind.SENSOR_FAULT, severity=Severity.FAULT, cells=of(cell), text=text)


def reading(digits: str | None) -> float | None:
    """Return V of a cell's mV in a table; None for 4095, which stands for no reading."""
    volts = milli(digits)
    return None if volts == NO_READING / 1000 else volts


def blind(digits: str | None) -> bool:
    """Whether a cell's mV stand for no reading."""
    return digits is not None and int(digits) == NO_READING


def celsius(
    reported: Mapping[str, float | None], cells: Mapping[str, int | None] | None = None
) -> tuple[dict[str, float | None], list[Alarm]]:
    """Return what temperature sensors read, by their columns, and an alarm for each of them that is broken.

    A reading that cannot be true is None. The rest of the row has to fit, or it is the line that is bad: the table and
    `check` see to that. ``cells``: the cell at each sensor. The alarm's text does not change with the nonsense read.
    """
    broken = [name for name, degrees in reported.items() if degrees is not None and not _can_be_true(degrees)]
    alarms = [sensor_fault((cells or {}).get(name), f"{name} out of range") for name in broken]
    return {name: None if name in broken else degrees for name, degrees in reported.items()}, alarms


def _can_be_true(degrees: float) -> bool:
    return _TEMPERATURE_C[0] <= degrees <= _TEMPERATURE_C[1] and degrees != NO_READING / 1000
