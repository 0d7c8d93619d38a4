"""What becomes of a rack's dictionaries in the model: ``info``, ``bmuinfo``, ``sysinfo`` and ``stat`` of high voltage.

::

    Device name         : CMU_A           info: first the rack's controller
    Barcode             :                 empty at times
    BMU 2 Barcode                         then a block for each module: the highest BMU first, or `Unit 1` first
    Module:   : P22D108002250016          two colons; either way the first block is unit 1 and has the first cells
    PCBA:     : H1004005223T2202380214
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pylon2mqtt.errors import FrameError
from pylon2mqtt.model import Bank, Module, Topology
from pylon2mqtt.protocols.console.decoded import Decoded
from pylon2mqtt.protocols.console.dictionary import Dictionary, canonical, dictionary
from pylon2mqtt.protocols.console.plausible import plausible
from pylon2mqtt.protocols.console.stack.dictionaries import (
    PERCENT_LEFT,
    counter_name,
    firmware,
    full_ah,
    greatest_currents,
    size,
    whole_cycles,
)
from pylon2mqtt.protocols.console.text import Answer
from pylon2mqtt.protocols.console.values import (
    words,
)

# -------------------- info

_VALUES = (
    "Device address", "Manufacturer", "Device name", "Main Soft version", "Soft version", "Barcode", "Module Barcode",
    "Specification", "Cell Number", "Max Dischg Curr", "Max Charge Curr",
)  # fmt: skip
_IGNORED = (
    "Board version", "Board", "Hard version", "Sub Soft version", "Boot version", "Comm version", "Release Date",
    "PCBA Barcode", "PowerSupply Barcode", "Device Test Time", "Shut Circuit", "Relay Feedback", "New Board",
    "Console Port rate",
)  # fmt: skip
_CONTROLLERS = re.compile(r"CMU|^FORCE|^SC\d|^POWERCUBE", re.IGNORECASE)
_BLOCK = re.compile(r"(BMU|Unit)\s+(\d{1,3})\s+Barcode", re.ASCII)
_OF_BLOCK = re.compile(r"(Module|PCBA):\s*:\s*(.*)", re.ASCII)
_PLATE = r"^(?P<volts>\d{1,4})(?:\.\d+)?V\s*/\s*(?P<ah>\d{1,4})(?:\.\d+)?AH"
_BMU = re.compile(r"BMU", re.IGNORECASE)
_MOST_MODULE_V, _MOST_MODULE_CELLS = 100, 32


@dataclass(slots=True)
class _Block:
    """A module in ``info``: who counts it (BMU or Unit) and how, and the barcodes of its parts."""

    kind: str
    number: int
    reported: dict[str, str] = field(default_factory=dict)


def is_rack_info(answer: Answer) -> bool:
    """Whether ``info`` is that of a rack's controller; a single BMU tells of itself alone."""
    reported = dictionary(answer.lines, ())
    name = reported.text("Device name") or ""
    if any(_BLOCK.fullmatch(line) for line in answer.lines) or _CONTROLLERS.search(name):
        return True
    found = size(reported, _PLATE) or {}
    large = found.get("nominal_voltage_v", 0) > _MOST_MODULE_V or found.get("cell_count", 0) > _MOST_MODULE_CELLS
    return large and not _BMU.search(name)


def rack_identity(answer: Answer, _number: int | None = None) -> Decoded:
    """Return who a rack is, and its modules with their barcodes.

    Modules are numbered as `unit` does. Static data may be damaged without a trace: believe it after two equal
    readings. Where they do not count without a gap, nobody is named.
    """
    starts = [i for i, line in enumerate(answer.lines) if _BLOCK.fullmatch(line)]
    end = min(starts, default=len(answer.lines))
    reported = dictionary(answer.lines[:end], _VALUES, ignored=_IGNORED, required="Device name")
    found = _blocks(answer.lines[end:])
    blocks = _in_order(found)
    if len(blocks) < len(found):
        reported.doubts.append(f"info tells of {', '.join(f'{block.kind} {block.number}' for block in found)}")
    counters = size(reported, _PLATE)
    bank = Bank(
        topology=Topology.SERIES,
        manufacturer=words(reported.text("Manufacturer")),
        model=words(reported.text("Device name")),
        barcode=words(reported.text("Barcode")) or words(reported.text("Module Barcode")),
        firmware=firmware(reported),
        module_count=len(blocks) or None,
        parameters=greatest_currents(reported),
        rated_capacity=(counters or {}).get("nominal_capacity_ah"),
        counters=counters,
        modules=tuple(
            Module(number=number, barcode=words(block.reported.get("Module"))) for number, block in enumerate(blocks, 1)
        ),
    )
    return Decoded(bank=bank, unknown=reported.unknown, doubts=tuple(reported.doubts))


def _blocks(lines: Iterable[str]) -> list[_Block]:
    blocks: list[_Block] = []
    for line in lines:
        if found := _BLOCK.fullmatch(line):
            blocks.append(_Block(found[1], int(found[2])))
        elif found := _OF_BLOCK.fullmatch(line):
            if found[1] in blocks[-1].reported:
                raise FrameError(f"a second {line[:40]!r} in one block: ask again")
            blocks[-1].reported[found[1]] = found[2].strip()
    return blocks


def _in_order(blocks: Sequence[_Block]) -> list[_Block]:
    """The modules as `unit` counts them: BMUs down to 0, units up from 1; none where who is who would be a guess."""
    kinds = {block.kind for block in blocks}
    in_order = sorted(blocks, key=lambda block: block.number, reverse=kinds == {"BMU"})
    known = {"BMU": list(range(len(blocks)))[::-1], "Unit": list(range(1, len(blocks) + 1))}
    counted = len(kinds) == 1 and [block.number for block in in_order] == known[blocks[0].kind]
    return in_order if counted else []


# -------------------- bmuinfo N

_BMU_VALUES = ("Manufacturer", "Device name", "Specification", "Cell Number")


def bmu_identity(answer: Answer, number: int | None) -> Decoded:
    """Return what ``bmuinfo N`` says of one BMU, as module N + 1, with its ``address`` N.

    BMU 0 is the last unit of the rack: which module it is, only the number of units tells.
    """
    reported = dictionary(answer.lines, _BMU_VALUES, ignored=_IGNORED, required="Device name")
    address = number or 0
    counters = size(reported, r"(?P<ah>\d{1,4})\s*AH")
    module = Module(
        number=address + 1,
        address=address,
        manufacturer=words(reported.text("Manufacturer")),
        model=words(reported.text("Device name")),
        rated_capacity=(counters or {}).get("nominal_capacity_ah"),
        counters=counters,
    )
    bank = Bank(topology=Topology.SERIES, modules=(module,))
    return Decoded(bank=bank, unknown=reported.unknown, doubts=tuple(reported.doubts))


# -------------------- sysinfo

_REQUESTS = {"Force Chg Req": "force_charge_1", "Bal Chg Req": "full_charge_requested"}
_LIMITS = ("Chg Sug Volt", "Chg Cut Volt", "Dsg Cut Volt", "Max Chg Curr", "Max Dsg Curr")
# Vol High 1 … 4, Vol Low, Temp High, Temp Nor High, Temp Low …; R is where an alarm is released again.
_STEP = re.compile(r"(Vol|Temp) (?:Nor )?(?:High|Low) \d{1,2}R?", re.ASCII)
_STEP_IGNORED = re.compile(r"Bal High \d{1,2}R?", re.ASCII)
_FORCED = {"FChgV": "force_charge_cell_voltage"}
_SYSINFO_IGNORED = ("FChgVR", "FChgS", "FChgSR")


def rack_limits(answer: Answer, _number: int | None = None) -> Decoded:
    """Return what a rack admits and asks for now, and its own limits (``sysinfo``)."""
    reported = dictionary(
        answer.lines, (*_LIMITS, *_REQUESTS, *_FORCED), ignored=_SYSINFO_IGNORED, required="Chg Sug Volt"
    )
    discharge_a, charge_a = (reported.amount(f"Max {way} Curr", mA=0.001) for way in ("Dsg", "Chg"))
    requests = {field: reported.value(key, _yes) for key, field in _REQUESTS.items()}
    parameters = {"charge_cutoff_voltage": reported.amount("Chg Cut Volt", mV=0.001), **_steps(reported)}
    bank = Bank(
        topology=Topology.SERIES,
        charge_voltage_limit=reported.amount("Chg Sug Volt", mV=0.001),
        discharge_voltage_limit=reported.amount("Dsg Cut Volt", mV=0.001),
        charge_current_limit=None if charge_a is None else abs(charge_a),
        discharge_current_limit=None if discharge_a is None else abs(discharge_a),
        force_charge_1=requests["force_charge_1"],
        full_charge_requested=requests["full_charge_requested"],
        parameters={name: value for name, value in parameters.items() if value is not None},
    )
    steps = [key for key in reported.unknown if _STEP.fullmatch(key) or _STEP_IGNORED.fullmatch(key)]
    unknown = tuple(key for key in reported.unknown if key not in steps)
    return Decoded(bank=bank, unknown=unknown, doubts=tuple(reported.doubts))


def _yes(word: str) -> bool:
    reported = {"YES": True, "NO": False}
    if word.upper() not in reported:
        raise FrameError(f"{word[:40]!r} is neither yes nor no: ask again")
    return reported[word.upper()]


def _steps(reported: Dictionary) -> Mapping[str, float | None]:
    """The steps of the rack's warnings and protections, in V and °C; those of FChg say when it wants charge."""
    found: dict[str, float | None] = {}
    for key in reported.printed:
        if step := _STEP.fullmatch(key):
            name = key.lower().replace(" ", "_").replace("vol_", "cell_voltage_").replace("temp_", "cell_temperature_")
            found[name] = reported.amount(key, **({"mV": 0.001} if step[1] == "Vol" else {"": 0.001}))
    return found | {name: reported.amount(key, **{"": 0.001}) for key, name in _FORCED.items()}


# -------------------- stat

_CYCLES, _SOH, _DISCHARGED, _CHARGE_LEFT = "CYCLE Times", "SOH Percent", "Dsg Cap(mAH)", "Pwr Coulomb(mAS)"
# One cell's energy in µWh, whatever unit stands there (docs/protocols/console.md).
_CELL_ENERGY = ("Bat CoulWatt(mWH)", "Bat CoulWatt(uWH)")
_HISTORIC = {"His Chg Cap(WH)": "charged", "His Dsg Cap(WH)": "discharged"}
_STAT_VALUES = (_CYCLES, _SOH, _DISCHARGED, _CHARGE_LEFT, *_HISTORIC, *_CELL_ENERGY)
# Remainders below 1 Wh, in a unit that is not the printed one.
_REMAINDER = re.compile(r".* Capl\(mWH\)")
_COUNT = re.compile(r"(-?\d{1,15})\s*(?:%|m?[AW][HS])?", re.ASCII)
_NAMES = {_CHARGE_LEFT: ("remaining_charge_ah", 1 / 3.6e6), _DISCHARGED: ("discharged_ah", 1e-3)}
# What a cell can be at, and a rack's terminals: energy over charge, if both are those of the same thing.
_CELL_V, _RACK_V = (2.0, 4.2), (30.0, 1600.0)
_CHARGED_FOR_DISCHARGED = (0.9, 1.6)


def is_rack_statistics(answer: Answer) -> bool:
    """Whether ``stat`` is that of a rack's controller."""
    keys = {canonical(line.partition(":")[0]) for line in answer.lines}
    return not keys.isdisjoint(map(canonical, (_SOH, _DISCHARGED, _CHARGE_LEFT, *_CELL_ENERGY)))


def rack_statistics(answer: Answer, _number: int | None = None) -> Decoded:
    """Return what ``stat`` of a rack counted.

    Cycles, state of health, the energy of its life in kWh and, for the rest, counters. A state of health of 0 is not
    known. Keys that tell no number are unknown.
    """
    reported = dictionary(answer.lines, _STAT_VALUES)
    counts = {key: count for key in _STAT_VALUES if (count := reported.value(key, _count)) is not None}
    others = {key: int(found[1]) for key in reported.unknown if (found := _COUNT.fullmatch(reported.printed[key]))}
    charged, discharged = _energy(counts)
    counters = {counter_name(key): float(count) for key, count in others.items() if not _REMAINDER.fullmatch(key)}
    bank = Bank(
        topology=Topology.SERIES,
        soh=float(counts.get(_SOH, 0)) or None,
        cycles=whole_cycles(counts.get(_CYCLES), counts.get(_DISCHARGED)),
        full_capacity=full_ah(counts.get(_CHARGE_LEFT), others.get(PERCENT_LEFT)),
        energy_charged=charged,
        energy_discharged=discharged,
        counters={
            **counters,
            **{name: round(counts[key] * unit, 3) for key, (name, unit) in _NAMES.items() if key in counts},
            **_cell_energy(counts),
        },
    )
    bank = plausible(bank, "the rack", reported.doubts, normal=False, cells_normal=False)
    unknown = tuple(key for key in reported.unknown if reported.printed[key] and key not in others)
    return Decoded(bank=bank, unknown=unknown, doubts=tuple(reported.doubts))


def _count(text: str) -> int:
    found = _COUNT.fullmatch(text)
    if found is None:
        raise FrameError(f"{text[:40]!r} is no count: ask again")
    return int(found[1])


def _cell_energy(counts: Mapping[str, int]) -> dict[str, float]:
    """The energy in one cell, where it goes with the charge that is in each."""
    energy_wh = next((counts[key] / 1e6 for key in _CELL_ENERGY if key in counts), None)
    charge_ah = counts.get(_CHARGE_LEFT, 0) / 3.6e6
    fits = energy_wh is not None and charge_ah > 0 and _CELL_V[0] <= energy_wh / charge_ah <= _CELL_V[1]
    return {"cell_energy_wh": round(energy_wh, 3)} if fits and energy_wh is not None else {}


def _energy(counts: Mapping[str, int]) -> tuple[float | None, float | None]:
    """What the rack charged and discharged in its life; None where it cannot be that of the whole rack."""
    charged, discharged = ((counts.get(key) or 0) / 1000 for key in _HISTORIC)
    volts = 1e6 * discharged / max(counts.get(_DISCHARGED) or 0, 1)
    if not _RACK_V[0] <= volts <= _RACK_V[1]:
        return None, None
    fits = _CHARGED_FOR_DISCHARGED[0] <= charged / discharged <= _CHARGED_FOR_DISCHARGED[1]
    return (charged if fits else None), discharged
