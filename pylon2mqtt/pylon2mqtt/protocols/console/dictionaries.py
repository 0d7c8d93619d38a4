"""What becomes of the text console's dictionaries in the model: ``pwr N``, ``info``, ``stat``, ``pwrsys`` and ``euro``.

::

    Voltage         : 50123       mV          key and value part at the first colon; widths and order differ
    Soft  version       : V1.3                blanks within a key mean nothing
    Board version       :                     an empty value is unknown, and so is erased memory: ????????
    Max Dischg Curr     : -100000mA           no blank before the unit

A key that nobody knows is reported, never fatal. A known key that lost a letter is damage, and so is a key with signs
that no firmware prints: then the whole answer is refused. What the model has no field for becomes a counter whose name
ends in its unit.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pylon2mqtt.errors import FrameError
from pylon2mqtt.model import Alarm, AlarmKind, Bank, Module, Severity, State

from .events import event_alarms, fault_alarms
from .modules import check_number
from .tables import maimed
from .text import Answer
from .values import amount, celsius, charge_ah, check, known, percent, state_alarms, state_and_alarms, whole, words

# What one entry of a datasheet of counters says: its name here, and what one of each printed unit is in that name's.
Units = Mapping[str, float]
ONE = {"": 1.0}
_V, _S = {"mV": 0.001}, {"s": 1.0, "": 1.0}
_AH = {"AS": 1 / 3600, "mAS": 1 / 3.6e6, "mAH": 0.001, "AH": 1.0, "Ah": 1.0, "": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The values of one answer by their keys; ``unknown`` are the keys that nobody knows."""

    values: Mapping[str, str]
    unknown: tuple[str, ...] = ()

    def told(self, key: str) -> str | None:
        """The value of a key; None where it is missing, empty or ``-``."""
        value = self.values.get(key, "")
        return value if value.strip("- ") else None


def sheet(
    lines: Sequence[str], read: Iterable[str], *, ignored: Iterable[str] = (), required: str | None = None
) -> Sheet:
    """Return the dictionary in an answer's lines; those without a colon say other things. Keys lose their dots.

    Raises FrameError when a required key is missing, or when a key is one that is ``read`` but for lost letters.
    """
    pairs = (line.partition(":") for line in lines if ":" in line)
    values = {" ".join(_DOT.sub("", key).split()): value.strip() for key, _, value in pairs}
    keys = frozenset(read)
    for key in values:
        if not _KEY.fullmatch(key) or _maimed_key(key, frozenset(keys - values.keys())):
            raise FrameError(f"a damaged key {key[:40]!r}: ask again")
    if required and required not in values:
        raise FrameError(f"no {required!r} in the answer: ask again")
    return Sheet(values=values, unknown=tuple(key for key in values if key and key not in keys.union(ignored)))


# What firmwares print in keys; anything else is noise. A dot between digits counts, others come and go.
_KEY = re.compile(r"[A-Za-z0-9 _.,/()@+-]*")
_DOT = re.compile(r"\.(?!\d)")


@lru_cache(maxsize=1024)
def _maimed_key(key: str, keys: frozenset[str]) -> str | None:
    """As `maimed`, remembered: a firmware's keys are the same every time."""
    return maimed(key, tuple(keys))


# -------------------- pwr N

_POWER_STATES = ("Volt Status", "Current Status", "Tmpr Status", "Coul Status", "Soh Status")
_POWER_EVENTS = (
    "Bat Events",
    "Power Events",
    "Bat Volt Status",
    "Bat Tmpr Status",
    "Pwr Volt Status",
    "Pwr Tmpr Status",
    "Pwr Curr Status",
    "Pwr Base Status",
    "Pwr Coul Status",
    "Mos Tmpr Status",
    "Env Tmpr Status",
    "Cascade Status",
)
# Charge Times counts changes of direction, not cycles, and stands in `stat` too.
_POWER_COUNTERS: dict[str, tuple[str, Units]] = {
    "SOC Voltage": ("soc_voltage_v", _V),
    "B+B-Volt": ("terminal_voltage_v", _V),
    "Max Voltage": ("max_voltage_v", _V),
    "Total Power In": ("charged_ah", _AH),
    "Total Power Out": ("discharged_ah", _AH),
    "Charge Times": ("charge_times", ONE),
    "Charge Sec": ("charge_s", _S),
    "Discharge Sec": ("discharge_s", _S),
    "Bat Num": ("cell_count", ONE),
}
_SWITCHES = {"Heater Status": "heater_on", "CMOS Status": "charge_mosfet_on", "DMOS Status": "discharge_mosfet_on"}
_POWER_VALUES = (
    "Voltage", "Current", "Temperature", "Coulomb", "Total Coulomb", "Real Coulomb", "Basic Status", "Bat Status",
    "System Fault", "Barcode", "DevType",
)  # fmt: skip
# What the BMS watches is not what is wrong; the rest says nothing that is not said elsewhere.
_POWER_IGNORED = (
    "Protect ENA", "Bat Protect ENA", "Pwr Protect ENA", "Charge Count", "Discharge Count", "Work Status",
    "Firm Version", "Next Device", "Input Status", "Terminal Res",
)  # fmt: skip
_LIMIT_NAME = re.compile(r"\b(?=[OHLU][VT]\b)")
_POWER = frozenset((*_POWER_STATES, *_POWER_EVENTS, *_POWER_COUNTERS, *_SWITCHES, *_POWER_VALUES))


def power(answer: Answer, number: int) -> tuple[Module, tuple[str, ...]]:
    """Return what ``pwr N`` says of one module, and the keys that nobody knows.

    Raises FrameError when a key or a value is damaged.
    """
    check_number(answer, r"Power\s+(\d{1,3})", number)
    told = sheet(answer.lines, _POWER, ignored=_POWER_IGNORED, required="Basic Status")
    state, alarms = state_and_alarms(told.told("Basic Status"))
    alarms += state_alarms((key, told.told(key)) for key in _POWER_STATES)
    degrees, broken = celsius({"Temperature": _milli(told, "Temperature", "mC")})
    module = Module(
        number=number,
        voltage=amount(told.told("Voltage"), **_V),
        current=amount(told.told("Current"), mA=0.001),
        temperature=degrees["Temperature"],
        soc=percent(told.told("Coulomb")),
        full_capacity=charge_ah(told.told("Real Coulomb")) or charge_ah(told.told("Total Coulomb")),
        state=state,
        barcode=words(told.told("Barcode")),
        model=words(told.told("DevType")),
        alarms=(*alarms, *broken, *_power_events(told)),
        counters=_counters(told, _POWER_COUNTERS) | _switches(told),
    )
    if module.voltage is None or module.current is None:
        raise FrameError("a module without voltage or current: ask again")
    check(module, f"module {number}", normal=told.told("Volt Status") == "Normal", cells_normal=False)
    return module, told.unknown


def _power_events(told: Sheet) -> list[Alarm]:
    alarms = [alarm for key in _POWER_EVENTS if (value := told.told(key)) for alarm in event_alarms(key, value)]
    if names := told.told("Bat Status"):  # Pytes: only the names, without their B: `VNOR TNOR`
        alarms += event_alarms("Bat Status", f"0 {re.sub(_LIMIT_NAME, 'B', names)}")
    return alarms + list(fault_alarms(told.told("System Fault") or "0"))


def _counters(told: Sheet, sheet_of: Mapping[str, tuple[str, Units]]) -> dict[str, float]:
    amounts = ((name, amount(told.told(key), **units)) for key, (name, units) in sheet_of.items())
    return {name: value for name, value in amounts if value is not None}


def _switches(told: Sheet) -> dict[str, float]:
    """ON and OFF as 1 and 0."""
    return {name: float(word == "ON") for key, name in _SWITCHES.items() if (word := told.told(key)) in ("ON", "OFF")}


# -------------------- info

_INFO = frozenset((
    "Device address", "Manufacturer", "Device name", "Main Soft version", "Soft version", "Barcode", "Specification",
    "Cell Number", "Max Dischg Curr", "Max Charge Curr",
))  # fmt: skip
_INFO_IGNORED = (
    "Board version", "Board", "Hard version", "Sub Soft version", "Boot version", "Comm version", "Iterate version",
    "Release Date", "PCBA Barcode", "Module Barcode", "PowerSupply Barcode",
    "Board ID", "Board SRAM Size", "Board FLASH Size", "Module AfeType", "Device Test Time",
    "EPONPort rate", "Console Port rate",
)  # fmt: skip


def identity(answer: Answer, number: int) -> tuple[Module, tuple[str, ...]]:
    """Return who a module is (``info``), and the keys that nobody knows.

    ``firmware`` is ``B69.16.0.0 V1.3``; the greatest currents become parameters. Static data may be damaged without a
    trace (`1152` for `115200`): believe it after two equal readings. Raises FrameError when a key is damaged.
    """
    told = sheet(answer.lines, _INFO, ignored=_INFO_IGNORED, required="Device name")
    address = told.told("Device address")
    if address and number != whole(address) and number > 1:
        raise FrameError(f"module {number} was asked, {address} answered: ask again")
    capacity = re.search(r"/\s*(\d{1,4})\s*AH", told.told("Specification") or "", re.ASCII | re.IGNORECASE)
    cells = amount(told.told("Cell Number"), **ONE)
    counters = {"cell_count": cells, "nominal_capacity_ah": float(capacity[1]) if capacity else None}
    limits = {
        "charge_current_limit": amount(told.told("Max Charge Curr"), mA=0.001),
        "discharge_current_limit": amount(told.told("Max Dischg Curr"), mA=0.001),
    }
    versions = (words(told.told(key)) for key in ("Main Soft version", "Soft version"))
    module = Module(
        number=number,
        manufacturer=words(told.told("Manufacturer")),
        model=words(told.told("Device name")),
        barcode=words(told.told("Barcode")),
        firmware=" ".join(filter(None, versions)) or None,
        parameters={name: abs(value) for name, value in limits.items() if value is not None} or None,
        counters={name: value for name, value in counters.items() if value is not None} or None,
    )
    return module, told.unknown


# -------------------- stat

_CYCLES, _SOH, _CHARGE_LEFT, _DISCHARGED = "CYCLE Times", "SOH", "Pwr Coulomb", "Dsg Cap"
# Every label that becomes a counter.
_STAT = frozenset((
    "Data Items", "HisData Items", "MiscData Items", "Charge Cnt", "Discharge Cnt", "Status Cnt",
    "Charge Times", "Discharge Times", "Idle Times", "Charge Secs", "Discharge Secs", "Shut Times", "Reset Times",
    "Power on Times", "COC Times", "COC2 Times", "DOC Times", "DOC2 Times", "COCA Times", "DOCA Times", "SC Times",
    "Bat OV Times", "Bat HV Times", "Bat LV Times", "Bat UV Times", "Bat SLP Times", "Pwr OV Times", "Pwr HV Times",
    "Pwr LV Times", "Pwr UV Times", "Pwr SLP Times", "COT Times", "CUT Times", "DOT Times", "DUT Times", "CHT Times",
    "CLT Times", "DHT Times", "DLT Times", "RV Times", "Input OV Times", "SOH Times", "BMICERR Times", "I2CERR Times",
    "LifeWarn Times", "LifeAlarm Times", "HT@0.5C Cnt", "LT@0.5C Cnt", "HT Cnt", "LT Cnt", "LV Cnt", "HT@0.5C Secs",
    "LT@0.5C Secs", "HT Secs", "LT Secs", "LV Secs", "SOC LOW Secs", "Pwr Percent", _CYCLES, _SOH, _CHARGE_LEFT,
    _DISCHARGED,
))  # fmt: skip
# What a module holds, and so what it discharged in one cycle.
_LEAST_MAH, _MOST_MAH = 20_000, 400_000


def statistics(answer: Answer, number: int) -> tuple[Module, tuple[str, ...]]:
    """Return what ``stat`` counted: cycles, state of health and counters, and the labels that nobody knows.

    A state of health of 0 is not known (slaves). The remaining charge is a counter, ``remaining_charge_ah``: it was
    true when it was read. Raises FrameError when a label or a value is damaged.
    """
    check_number(answer, r"Device address\s*:?\s*(\d{1,3})", number)
    told = sheet(
        answer.lines, (_CYCLES, _CHARGE_LEFT, _DISCHARGED), ignored=(*_STAT, "Device address"), required="Bat OV Times"
    )
    counts = {key: whole(value) for key, value in told.values.items() if key in _STAT}
    soh = counts.pop(_SOH, None)
    cycles = whole_cycles(counts.pop(_CYCLES, None), counts.get(_DISCHARGED))
    counters = {counter_name(key): _scaled(key, count) for key, count in counts.items()}
    module = Module(number=number, soh=float(soh) if soh else None, cycles=cycles, counters=counters)
    check(module, f"module {number}", normal=False, cells_normal=False)
    return module, told.unknown


def detail(answer: Answer, number: int) -> tuple[Module, tuple[str, ...]]:
    """Return the counters of ``stat detail`` (US3000D): for how many seconds each limit was passed."""
    told = sheet(answer.lines, (), required="Low SOC1 Secs")
    seconds = {key: whole(value) for key, value in told.values.items() if key.endswith(" Secs")}
    counters = {counter_name(key): float(count) for key, count in seconds.items()}
    return Module(number=number, counters=counters), tuple(key for key in told.unknown if key not in seconds)


def whole_cycles(cycles: int | None, discharged_mah: int | None) -> int | None:
    """Return the cycles, if the discharged charge bears them out: the US3000D counts 4547 where it was 306 Ah."""
    if cycles is None or discharged_mah is None:
        return cycles
    return cycles if cycles * _LEAST_MAH <= discharged_mah <= (cycles + 1) * _MOST_MAH else None


def counter_name(label: str) -> str:
    """Return the label as a name: `Bat OV Times` -> `bat_ov_times`, `Charge Secs` -> `charge_s`."""
    names = {_CHARGE_LEFT: "remaining_charge_ah", _DISCHARGED: "discharged_ah", "Pwr Percent": "soc_percent"}
    return names.get(label) or re.sub(r"\W+", "_", label.replace(" Secs", " s").replace("@", " at ").lower()).strip("_")


def _scaled(label: str, count: int) -> float:
    return round(count / {_CHARGE_LEFT: 3.6e6, _DISCHARGED: 1000}.get(label, 1), 3)


# -------------------- pwrsys

_SYSTEM_STATES = {
    "idle": State.IDLE,
    "charging": State.CHARGING,
    "discharging": State.DISCHARGING,
    "sleep": State.SLEEPING,
    "sleeping": State.SLEEPING,
}
# 16 modules of 500 A.
_MOST_SYSTEM_A = 8000.0
_SYSTEM_SENSORS = ("Highest temperature", "Average temperature", "Lowest temperature")
_LIMITS = ("chg voltage", "dsg voltage", "chg current", "dsg current")
_SYSTEM = frozenset((
    "Total Num", "Present Num", "Sleep Num", "System Volt", "System Curr", "System RC", "System FCC", "System SOC",
    "System SOH", "Highest voltage", "Average voltage", "Lowest voltage", "Highest temperature", "Average temperature",
    "Lowest temperature", *(f"{whose}ecommend {limit}" for whose in ("R", "system R") for limit in _LIMITS),
))  # fmt: skip


def system(answer: Answer) -> tuple[Bank, dict[str, int], tuple[str, ...]]:
    """Return what ``pwrsys`` says of the whole bank; how many modules it counts; and the keys that nobody knows.

    The counts are ``total``, ``present`` and ``sleeping``: where fewer are present than there are, a cable or a DIP
    switch is wrong. The currents of ``Recommend`` are one module's; the stack's stand in ``system Recommend``, which
    older firmwares do not have. Its voltages are the same for all. Where the lowest or the highest temperature cannot
    be true, the average means nothing either.
    """
    told = sheet(answer.lines, _SYSTEM, required="System Volt")
    state, alarms = _system_state(answer.lines)
    degrees, broken = celsius({key: _milli(told, key, "mC") for key in _SYSTEM_SENSORS})
    counted = {"total": "Total Num", "present": "Present Num", "sleeping": "Sleep Num"}
    counts = {name: whole(value) for name, key in counted.items() if (value := told.told(key))}
    bank = Bank(
        voltage=_milli(told, "System Volt", "mV"),
        current=_milli(told, "System Curr", "mA"),
        temperature=None if broken else degrees["Average temperature"],
        soc=percent(told.told("System SOC")),
        soh=amount(told.told("System SOH"), **{"%": 1.0}) or None,
        remaining_capacity=_milli(told, "System RC", "mAH"),
        full_capacity=_milli(told, "System FCC", "mAH") or None,
        module_count=counts.get("present"),
        cell_voltage_max=_milli(told, "Highest voltage", "mV"),
        cell_voltage_min=_milli(told, "Lowest voltage", "mV"),
        cell_temperature_max=degrees["Highest temperature"],
        cell_temperature_min=degrees["Lowest temperature"],
        charge_voltage_limit=_milli(told, "Recommend chg voltage", "mV"),
        discharge_voltage_limit=_milli(told, "Recommend dsg voltage", "mV"),
        charge_current_limit=_magnitude(_milli(told, "system Recommend chg current", "mA")),
        discharge_current_limit=_magnitude(_milli(told, "system Recommend dsg current", "mA")),
        state=state,
        alarms=(*alarms, *broken) or None,
    )
    check(bank, "the bank", normal=False, cells_normal=False, most_a=_MOST_SYSTEM_A)
    return bank, counts, told.unknown


def _system_state(lines: Iterable[str]) -> tuple[State | None, tuple[Alarm, ...]]:
    """The line `System is idle`; it may say so at -197 mA."""
    found = next((m for line in lines if (m := re.fullmatch(r"System is (\w+)", line, re.ASCII))), None)
    if found is None or known(found[1], _SYSTEM_STATES) in _SYSTEM_STATES:
        return (_SYSTEM_STATES[found[1]] if found else None), ()
    return None, (Alarm(kind=AlarmKind.OTHER, severity=Severity.WARNING, text=found[0]),)


def _milli(told: Sheet, key: str, unit: str) -> float | None:
    return amount(told.told(key), **{unit: 0.001})


def _magnitude(current: float | None) -> float | None:
    return None if current is None else abs(current)
