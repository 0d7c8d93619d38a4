"""What becomes of the dictionaries of a stack in the model: ``pwr N``, ``info`` and ``stat``.

What the model has no field for becomes a counter whose name ends in its unit.
"""

import re
from collections.abc import Mapping

from pylon2mqtt.errors import FrameError
from pylon2mqtt.model import Alarm, Module
from pylon2mqtt.protocols.console.decoded import Decoded
from pylon2mqtt.protocols.console.dictionary import Dictionary, dictionary
from pylon2mqtt.protocols.console.events.bits import event_alarms, fault_alarms, word_of_bits
from pylon2mqtt.protocols.console.plausible import plausible
from pylon2mqtt.protocols.console.text import Answer
from pylon2mqtt.protocols.console.values import (
    celsius,
    charge_ah,
    percent,
    state_alarms,
    state_and_alarms,
    whole,
    words,
)

from .tables import check_number, of_module

# What one counter's key says: its name here, and what one of each printed unit is in that name's.
Units = Mapping[str, float]
ONE = {"": 1.0}
_V, _S = {"mV": 0.001}, {"s": 1.0, "": 1.0}
_AH = {"AS": 1 / 3600, "mAS": 1 / 3.6e6, "mAH": 0.001, "AH": 1.0, "Ah": 1.0, "": 1.0}


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
_REGISTERS = {"Bat Events": "bat_events", "Power Events": "power_events", "System Fault": "sys_events"}
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


def power(answer: Answer, number: int | None) -> Decoded:
    """Return what ``pwr N`` says of one module; raise FrameError when the answer is about another one."""
    check_number(answer, r"Power\s+(\d{1,3})", number)
    reported = dictionary(answer.lines, _POWER, ignored=_POWER_IGNORED, required="Basic Status")
    state, alarms = state_and_alarms(reported.word("Basic Status"))
    alarms += state_alarms((key, reported.word(key)) for key in _POWER_STATES)
    degrees, broken = celsius({"Temperature": reported.amount("Temperature", mC=0.001)})
    module = Module(
        number=number or 1,
        voltage=reported.amount("Voltage", **_V),
        current=reported.amount("Current", mA=0.001),
        temperature=degrees["Temperature"],
        soc=reported.value("Coulomb", percent),
        full_capacity=reported.value("Real Coulomb", charge_ah),
        rated_capacity=reported.value("Total Coulomb", charge_ah),
        state=state,
        barcode=words(reported.text("Barcode")),
        model=words(reported.text("DevType")),
        alarms=(*alarms, *broken, *_power_events(reported)),
        counters=_counters(reported, _POWER_COUNTERS) | _switches(reported),
        registers=_registers(reported),
        words={key: word for key in ("Basic Status", *_POWER_STATES, *_SWITCHES) if (word := reported.text(key))},
    )
    reported.doubts.extend(f"no {name}" for name in ("voltage", "current") if getattr(module, name) is None)
    normal = reported.text("Volt Status") == "Normal"
    module = plausible(module, "the module", reported.doubts, normal=normal, cells_normal=False)
    return of_module(module, reported.unknown, reported.doubts)


def _power_events(reported: Dictionary) -> list[Alarm]:
    found = [reported.value(key, lambda value, key=key: event_alarms(key, value)) or () for key in _POWER_EVENTS]  # type: ignore[misc]
    if names := reported.text("Bat Status"):  # Pytes: only the names, without their B: `VNOR TNOR`
        found.append(event_alarms("Bat Status", f"0 {re.sub(_LIMIT_NAME, 'B', names)}"))
    found.append(reported.value("System Fault", fault_alarms) or ())
    return [alarm for alarms in found for alarm in alarms]


def _registers(reported: Dictionary) -> dict[str, int] | None:
    """The words of bits, whole."""
    bits = ((name, reported.value(key, word_of_bits)) for key, name in _REGISTERS.items())
    return {name: word for name, word in bits if word is not None} or None


def _counters(reported: Dictionary, keys: Mapping[str, tuple[str, Units]]) -> dict[str, float]:
    amounts = ((name, reported.amount(key, **units)) for key, (name, units) in keys.items())
    return {name: value for name, value in amounts if value is not None}


def _switches(reported: Dictionary) -> dict[str, float]:
    """ON and OFF as 1 and 0."""
    return {
        name: float(word == "ON") for key, name in _SWITCHES.items() if (word := reported.text(key)) in ("ON", "OFF")
    }


# -------------------- info

_INFO = frozenset((
    "Device address", "Manufacturer", "Device name", "Main Soft version", "Soft version", "Barcode", "Specification",
    "Module Barcode", "Cell Number", "Max Dischg Curr", "Max Charge Curr",
))  # fmt: skip
_INFO_IGNORED = (
    "Board version", "Board", "Hard version", "Sub Soft version", "Boot version", "Comm version", "Iterate version",
    "Release Date", "PCBA Barcode", "PowerSupply Barcode",
    "Board ID", "Board SRAM Size", "Board FLASH Size", "Module AfeType", "Device Test Time",
    "EPONPort rate", "Console Port rate",
)  # fmt: skip


def identity(answer: Answer, number: int | None) -> Decoded:
    """Return who a module is (``info``).

    ``firmware`` is ``B69.16.0.0 V1.3``; the greatest currents become parameters. Static data may be damaged without a
    trace (`1152` for `115200`): believe it after two equal readings. Raises FrameError when another module answers.
    """
    reported = dictionary(answer.lines, _INFO, ignored=_INFO_IGNORED, required="Device name")
    address = reported.value("Device address", whole)
    if address is not None and number is not None and address != number and number > 1:
        raise FrameError(f"module {number} was asked, {address} answered: ask again")
    counters = size(reported, r"/\s*(?P<ah>\d{1,4})\s*AH")
    module = Module(
        number=number or 1,
        manufacturer=words(reported.text("Manufacturer")),
        model=words(reported.text("Device name")),
        barcode=words(reported.text("Barcode")) or words(reported.text("Module Barcode")),
        firmware=firmware(reported),
        rated_capacity=(counters or {}).get("nominal_capacity_ah"),
        parameters=greatest_currents(reported),
        counters=counters,
    )
    return of_module(module, reported.unknown, reported.doubts)


def firmware(reported: Dictionary) -> str | None:
    """The versions of the software, the main one first."""
    return " ".join(filter(None, (words(reported.text(key)) for key in ("Main Soft version", "Soft version")))) or None


def greatest_currents(reported: Dictionary) -> dict[str, float] | None:
    """The currents that the maker allows, as magnitudes."""
    limits = {
        "charge_current_limit": reported.amount("Max Charge Curr", mA=0.001),
        "discharge_current_limit": reported.amount("Max Dischg Curr", mA=0.001),
    }
    return {name: abs(value) for name, value in limits.items() if value is not None} or None


def size(reported: Dictionary, plate: str) -> dict[str, float] | None:
    """How many cells there are, and what ``plate`` finds of volts and Ah in the specification."""
    printed = re.search(plate, reported.text("Specification") or "", re.ASCII | re.IGNORECASE)
    on_plate = printed.groupdict() if printed else {}
    counters = {
        "cell_count": reported.amount("Cell Number", **ONE),
        "nominal_voltage_v": float(on_plate["volts"]) if on_plate.get("volts") else None,
        "nominal_capacity_ah": float(on_plate["ah"]) if on_plate.get("ah") else None,
    }
    return {name: value for name, value in counters.items() if value is not None} or None


# -------------------- stat

_CYCLES, _SOH, _CHARGE_LEFT, _DISCHARGED = "CYCLE Times", "SOH", "Pwr Coulomb", "Dsg Cap"
PERCENT_LEFT = "Pwr Percent"
# Of less than this, half a percent of rounding is more than 1.25 % of the whole; 107 % is counted on, above full.
_LEAST_PERCENT, _MOST_PERCENT = 40, 100
# The US3000C and the US5000 from B69.25 on count seconds by current and by state of charge.
_RATES = ("0~0.2C", "0.2C~0.5C", "0.5C~0.8C", "0.8C~1C", "1C above")
_OF_B69_25 = (
    *(f"{way}Curr {rate} Secs" for way in ("Chg", "Dsg") for rate in _RATES),
    "Soc 0~20% Secs", "Soc 20~60% Secs", "Soc 60% above Secs", "Soc Low Thd1 Sec",
)  # fmt: skip
_OF_BMU = ("SysErr Times", "BOT Times", "BUT Times", "BHT Times", "BLT Times", "FlashFail Times")
# Every label that becomes a counter.
_STAT = frozenset((
    "Data Items", "HisData Items", "MiscData Items", "Charge Cnt", "Discharge Cnt", "Status Cnt",
    "Charge Times", "Discharge Times", "Idle Times", "Charge Secs", "Discharge Secs", "Shut Times", "Reset Times",
    "Power on Times", "COC Times", "COC2 Times", "DOC Times", "DOC2 Times", "COCA Times", "DOCA Times", "SC Times",
    "Bat OV Times", "Bat HV Times", "Bat LV Times", "Bat UV Times", "Bat SLP Times", "Pwr OV Times", "Pwr HV Times",
    "Pwr LV Times", "Pwr UV Times", "Pwr SLP Times", "COT Times", "CUT Times", "DOT Times", "DUT Times", "CHT Times",
    "CLT Times", "DHT Times", "DLT Times", "RV Times", "Input OV Times", "SOH Times", "BMICERR Times", "I2CERR Times",
    "LifeWarn Times", "LifeAlarm Times", "HT@0.5C Cnt", "LT@0.5C Cnt", "HT Cnt", "LT Cnt", "LV Cnt", "HT@0.5C Secs",
    "LT@0.5C Secs", "HT Secs", "LT Secs", "LV Secs", "SOC LOW Secs", PERCENT_LEFT, _CYCLES, _SOH, _CHARGE_LEFT,
    _DISCHARGED, *_OF_B69_25, *_OF_BMU,
))  # fmt: skip
# Fewer than these, and it is the answer to another command.
_FEWEST_COUNTS = 3
# What a module holds, and so what it discharged in one cycle.
_LEAST_MAH, _MOST_MAH = 20_000, 400_000


def statistics(answer: Answer, number: int | None) -> Decoded:
    """Return what ``stat`` counted: cycles, state of health and counters.

    A state of health of 0 is not known (slaves). The remaining charge is a counter, ``remaining_charge_ah``: it was
    true when it was read. With its percent it tells the full capacity, unless that is too little of it. Raises
    FrameError when it is about another module, or counts nothing.
    """
    check_number(answer, r"Device address\s*:?\s*(\d{1,3})", number)
    reported = dictionary(
        answer.lines, (_CYCLES, _CHARGE_LEFT, _DISCHARGED, _SOH), counted=_STAT, ignored=("Device address",)
    )
    counts = {key: count for key in _STAT if (count := reported.value(key, whole)) is not None}
    if len(counts) < _FEWEST_COUNTS:
        raise FrameError("no counters in the answer: ask again")
    reported.doubts.extend(f"{key} : nothing" for key in _STAT if reported.is_empty(key))
    soh = counts.pop(_SOH, None)
    cycles = whole_cycles(counts.pop(_CYCLES, None), counts.get(_DISCHARGED))
    counters = {counter_name(key): _scaled(key, count) for key, count in counts.items()}
    module = Module(
        number=number or 1,
        soh=float(soh) if soh else None,
        cycles=cycles,
        full_capacity=full_ah(counts.get(_CHARGE_LEFT), counts.get(PERCENT_LEFT)),
        counters=counters,
    )
    module = plausible(module, "the module", reported.doubts, normal=False, cells_normal=False)
    return of_module(module, reported.unknown, reported.doubts)


def full_ah(left_mas: int | None, percent_left: int | None) -> float | None:
    """The full capacity in Ah, from the charge that is left and its whole percent."""
    if not left_mas or percent_left is None or not _LEAST_PERCENT <= percent_left <= _MOST_PERCENT:
        return None
    return round(left_mas / 3.6e6 / (percent_left / 100), 1)


def detail(answer: Answer, number: int | None) -> Decoded:
    """Return the counters of ``stat detail`` (US3000D): for how many seconds each limit was passed."""
    reported = dictionary(answer.lines, (), counted=("Low SOC1 Secs",), required="Low SOC1 Secs")
    keys = [key for key in reported.printed if key.endswith(" Secs")]
    seconds = {key: count for key in keys if (count := reported.value(key, whole)) is not None}
    counters = {counter_name(key): float(count) for key, count in seconds.items()}
    unknown = tuple(key for key in reported.unknown if key not in seconds)
    return of_module(Module(number=number or 1, counters=counters), unknown, reported.doubts)


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
