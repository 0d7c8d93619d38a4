"""The text console's events: bits and names of what is wrong now, and the battery's own list of what was.

``pwr N`` ends in words of bits, with the names of the bits where the firmware knows them::

    Bat Events      : 0x8        BLV              of the cells (B)
    Power Events    : 0x2100     ...              of the module (P)
    System Fault    : 0x0008     ...              of the BMS itself

Bits are OR-ed: every one is read by itself. The printed names count more than the table, which is partly guessed
(docs/protocols/console.md); a bit that nobody knows stays an alarm with its code. Decimal numbers occur too.
"""

import re
from collections.abc import Iterator, Mapping

from pylon2mqtt.errors import FrameError
from pylon2mqtt.model import Alarm, AlarmKind, Bank, Event, Severity
from pylon2mqtt.protocols.console.decoded import Decoded
from pylon2mqtt.protocols.console.text import Answer
from pylon2mqtt.protocols.console.values import moment

Meaning = tuple[AlarmKind, Severity] | None

_WARNING, _PROTECTION, _FAULT = Severity.WARNING, Severity.PROTECTION, Severity.FAULT

# Bat Events and Power Events: bit -> name; {} is B (cells) or P (module).
EVENT_BITS = {
    0x1: "{}OV",
    0x2: "{}HV",
    0x4: "{}VNOR",
    0x8: "{}LV",
    0x10: "{}UV",
    0x20: "{}SLP",
    0x40: "LIFEALARM1",
    0x80: "PWRON",
    0x100: "{}OT",
    0x200: "{}HT",
    0x400: "{}TNOR",
    0x800: "{}LT",
    0x1000: "{}UT",
    0x2000: "COULFULL",
    0x4000: "COULNOR",
    0x8000: "COULLOW",
    0x10000: "SC",
    0x20000: "DOC2",
    0x40000: "COC2",
    0x80000: "DOC",
    0x100000: "COC",
    0x200000: "IDLE",
    0x400000: "CHG",
    0x800000: "DSG",
    0x1000000: "PWRFAIL",
    0x2000000: "IDLE",
    0x4000000: "CHG",
    0x8000000: "DSG",
    0x10000000: "SYSERR",
    0x20000000: "HIBERNATION",
    0x40000000: "SHUTDOWN",
    0x80000000: "LIFEALARM2",
}
FAULT_BITS = {
    0x1: "reverse polarity",
    0x2: "input over-voltage",
    0x4: "current sense",
    0x8: "AFE",
    0x10: "sleep module",
    0x20: "temperature sensor",
    0x40: "voltage sense",
    0x80: "I2C",
    0x100: "ONLINE err",
    0x200: "CAN communication",
    0x400: "CMOS",
    0x800: "DMOS",
    0x1000: "EXCOMMTIMEOUT",
    0x2000: "InitVoltDiff",
}
# The words of bits of the US3000D: what is normal there has a bit of its own.
VOLTAGE_BITS = {0x1: "{}OV", 0x2: "{}HV", 0x4: "{}VNOR", 0x8: "{}LV", 0x10: "{}UV", 0x20: "{}SLP"}
TEMPERATURE_BITS = {0x8: "{}TNOR"}
_SUBJECTS = {"Bat": "B", "Power": "P", "Pwr": "P", "Unit": "U", "Mos": "M", "Env": "E"}
# A word of the key -> its bits, and whether it is a state, whose unknown bits are no alarms (``Pwr Base Status``).
_BITS_OF: dict[str, tuple[dict[int, str], bool]] = {
    "Volt": (VOLTAGE_BITS, False),
    "Tmpr": (TEMPERATURE_BITS, False),
    "Curr": ({}, False),
    "Coul": ({}, False),
    "Base": ({}, True),
    "Cascade": ({}, True),
}

_UNKNOWN: Meaning = (AlarmKind.OTHER, _WARNING)

# Name -> what it means; None is information. BOV, PLV, CBHT, DBUT, COC2 and the like are put together below.
_NAMES: dict[str, Meaning] = {
    "SC": (AlarmKind.SHORT_CIRCUIT, _PROTECTION),
    "COULLOW": (AlarmKind.LOW_SOC, _WARNING),
    "LCOUL": (AlarmKind.LOW_SOC, _WARNING),
    "SYSERR": (AlarmKind.SYSTEM_FAULT, _FAULT),
    **dict.fromkeys(("PWRFAIL", "HIBERNATION", "SHUTDOWN", "LIFEALARM1", "LIFEALARM2"), (AlarmKind.OTHER, _WARNING)),
    "reverse polarity": (AlarmKind.SYSTEM_FAULT, _FAULT),
    "input over-voltage": (AlarmKind.MODULE_OVERVOLTAGE, _FAULT),
    "current sense": (AlarmKind.SENSOR_FAULT, _FAULT),
    "AFE": (AlarmKind.SENSOR_FAULT, _FAULT),
    "sleep module": (AlarmKind.SYSTEM_FAULT, _FAULT),
    "temperature sensor": (AlarmKind.SENSOR_FAULT, _FAULT),
    "voltage sense": (AlarmKind.SENSOR_FAULT, _FAULT),
    "I2C": (AlarmKind.COMMUNICATION_FAULT, _FAULT),
    "ONLINE err": (AlarmKind.COMMUNICATION_FAULT, _FAULT),
    "CAN communication": (AlarmKind.COMMUNICATION_FAULT, _FAULT),
    "CMOS": (AlarmKind.RELAY_FAULT, _FAULT),
    "DMOS": (AlarmKind.RELAY_FAULT, _FAULT),
    "EXCOMMTIMEOUT": (AlarmKind.COMMUNICATION_FAULT, _FAULT),
    "InitVoltDiff": (AlarmKind.SYSTEM_FAULT, _FAULT),
    **dict.fromkeys(("PWRON", "COULFULL", "COULNOR", "IDLE", "CHG", "DSG", "Normal", "NORMAL", "NONE"), None),
}
_PART = {"B": "CELL_", "P": "MODULE_", "U": "MODULE_", "": "", "M": "", "E": ""}
_WHEN = {"C": "CHARGE_", "D": "DISCHARGE_", "": ""}
_BELOW = {"L", "U"}
LIMIT = re.compile(r"([CD]?)([BPUME]?)(?:([OHLU])([VT])|(SLP))\d?", re.ASCII)
OVERCURRENT = re.compile(r"([CD])OC(A|\d)?", re.ASCII)
_WORD_OF_BITS = re.compile(r"(0[xX][0-9A-Fa-f]{1,8}|\d{1,10})(?:\s+(.*))?", re.ASCII)


def event_alarms(key: str, value: str) -> tuple[Alarm, ...]:
    """Return the alarms of ``Bat Events``, ``Power Events``, ``Unit Events`` or one of the US3000D's status words.

    ``value`` is a number, hexadecimal or decimal, with the names of its bits or without. Raises FrameError for others.
    """
    bits, is_state = next((row for word, row in _BITS_OF.items() if word in key.split()), (EVENT_BITS, False))
    named = {bit: name.format(_SUBJECTS.get(key.split(maxsplit=1)[0], "P")) for bit, name in bits.items()}
    alarms = _alarms(key, value, named, Severity.WARNING)
    return tuple(alarm for alarm in alarms if not (is_state and alarm.kind is AlarmKind.OTHER))


def fault_alarms(value: str) -> tuple[Alarm, ...]:
    """Return the alarms of ``System Fault``; every bit of it is one."""
    return tuple(_alarms("System Fault", value, FAULT_BITS, Severity.FAULT))


def meaning(name: str) -> Meaning:
    """Return kind and severity of a printed or tabled name; None for information, OTHER where nobody knows it."""
    if name in _NAMES or name.endswith("NOR"):
        return _NAMES.get(name)
    if found := OVERCURRENT.fullmatch(name):
        return AlarmKind[f"{_WHEN[found[1]]}OVERCURRENT"], _PROTECTION
    if found := LIMIT.fullmatch(name):
        return _limit(*(group or "" for group in found.groups()))
    return _UNKNOWN


def _limit(when: str, part: str, side: str, what: str, sleeps: str) -> Meaning:
    """BOV, PLV, CBHT …: H and L warn, O and U protect; SLP is so low that it sleeps."""
    severity = _PROTECTION if sleeps or side in ("O", "U") else _WARNING
    over = "UNDER" if sleeps or side in _BELOW else "OVER"
    if what != "T":
        return AlarmKind[f"{_PART[part]}{over}VOLTAGE"], severity
    if part == "M" and over == "OVER":
        return AlarmKind.MOSFET_OVERTEMPERATURE, severity
    return AlarmKind[f"{_WHEN[when]}{over}TEMPERATURE"], severity


def word_of_bits(value: str) -> int:
    """Return a number, hexadecimal or decimal, whatever names stand behind it; raise FrameError for others."""
    return _split(value)[0]


def _split(value: str) -> tuple[int, str]:
    found = _WORD_OF_BITS.fullmatch(value.strip())
    if found is None:
        raise FrameError(f"{value[:40]!r} is no word of bits: ask again")
    return int(found[1], 16 if found[1][:2] in ("0x", "0X") else 10), found[2] or ""


def _alarms(key: str, value: str, named: Mapping[int, str], unknown: Severity) -> Iterator[Alarm]:
    word, names_of_bits = _split(value)
    bits = [1 << i for i in range(word.bit_length()) if word >> i & 1]
    printed = _names(names_of_bits)
    names = _matched(bits, printed, named)
    for bit in bits:
        if alarm := _alarm(names.get(bit), named.get(bit), f"0x{bit:X}", f"{key} {names_of_bits}".strip(), unknown):
            yield alarm
    for name in (name for name in printed if name not in names.values()):
        if alarm := _alarm(name, None, None, name, unknown):
            yield alarm


def _matched(bits: list[int], printed: list[str], named: Mapping[int, str]) -> dict[int, str]:
    """The printed name of each bit: the table's, else that at its place where as many bits as names are left."""
    names = {bit: named[bit] for bit in bits if named.get(bit) in printed}
    free_bits = [bit for bit in bits if bit not in names]
    free_names = [name for name in printed if name not in names.values()]
    return names | (dict(zip(free_bits, free_names, strict=True)) if len(free_bits) == len(free_names) else {})


def _alarm(printed: str | None, tabled: str | None, code: str | None, text: str, unknown: Severity) -> Alarm | None:
    """The alarm of one bit: what its printed name means, else its tabled one; None where that is information."""
    reported: Meaning = (AlarmKind.OTHER, unknown)
    for name in filter(None, (tabled, printed)):
        if (meant := meaning(name)) != _UNKNOWN:
            reported = meant
    return reported and Alarm(kind=reported[0], severity=reported[1], code=code, text=printed or tabled or text)


def _names(text: str) -> list[str]:
    """The printed names; a word in small letters belongs to the one before it (``ONLINE err``)."""
    return re.findall(r"\S+(?:\s+[a-z]+(?=\s|$))*", text)


# -------------------- what was


_RECORD_STARTS = ("Index", "Item Index", "Rec Item Index")
_EVENT_WORDS = ("Power Events", "Bat Events", "Unit Events", "System Fault")
_LIST_ROW = re.compile(r"(\d{1,6})\s+(\d\d-\d\d-\d\d\s+\d\d:\d\d:\d\d)\s+(.*)", re.ASCII)
_BEHIND_STATES = re.compile(r"(?:.*\s)?(?:Normal|High|Low|OV|UV)((?:\s.*)?)", re.ASCII)


def recorded(answer: Answer, _number: int | None = None) -> Decoded:
    """Return the entries of ``log``, ``data event N``, ``data history N`` or ``datalist event``, as they stand there.

    An entry that is damaged is left out, for the others are not to be lost with it.
    """
    listed = [event for line in answer.lines if (event := _listed(line))]
    return Decoded(bank=Bank(events=tuple(listed) or tuple(_entries(answer.lines))))


def _entries(lines: tuple[str, ...]) -> Iterator[Event]:
    entry: dict[str, str] = {}
    for line in (*lines, "Index : "):
        key, colon, value = line.partition(":")
        key = " ".join(key.split())
        if key in _RECORD_STARTS:
            if event := _event(entry):
                yield event
            entry = {}
        if colon:
            entry.setdefault("Index" if key in _RECORD_STARTS else key, value.strip())


def _event(entry: Mapping[str, str]) -> Event | None:
    if not re.fullmatch(r"\d{1,6}", entry.get("Index", "")) or not all(value.isascii() for value in entry.values()):
        return None
    words = {key: entry[key] for key in _EVENT_WORDS if key in entry}
    reported = [
        f"{key} {' '.join(value.split())}" for key, value in words.items() if value.split()[:1] not in ([], ["0x0"])
    ]
    try:
        alarms = [a for key, value in words.items() for a in _record_alarms(key, value)]
    except FrameError:
        return None
    return Event(
        number=int(entry["Index"]),
        at=moment(entry.get("Time")),
        text=entry.get("Info") or "; ".join(reported) or entry.get("Base State"),
        source=entry.get("ModID"),
        code=entry.get("Code"),
        alarms=tuple(alarms),
    )


def _record_alarms(key: str, value: str) -> tuple[Alarm, ...]:
    return fault_alarms(value) if key == "System Fault" else event_alarms(key, value)


def _listed(line: str) -> Event | None:
    """A row of ``datalist``: item, time, values and states; behind them the names of events, which may be missing."""
    found = _LIST_ROW.fullmatch(line)
    if found is None or not line.isascii():
        return None
    states = _BEHIND_STATES.fullmatch(found[3])
    names = re.sub(r"\b0x0+\b", "", states[1]).strip() if states else ""  # an Err.Code of 0 is none
    alarms = [alarm for name in _names(names) if (alarm := _alarm(name, None, None, name, Severity.WARNING))]
    return Event(number=int(found[1]), at=moment(found[2]), text=names or None, alarms=tuple(alarms))
