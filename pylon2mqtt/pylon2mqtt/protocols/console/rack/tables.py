"""What becomes of a rack's tables in the model: ``pwr``, ``unit``, ``bat`` and ``getpwr`` of high-voltage systems.

::

    AverageTempr   : 22483                                         pwr: not in old firmware
    Volt   Curr   Tempr  BTlow  BThigh BVlow  BVhigh UTlow … CoulombAH           CoulombWH               … Err Code
    401758 521    33000  22000  24000  3346   3349   22000 …  78%   28903 mAH     84%   11903117 mWH     … 0x0
    Index  Volt   Curr   Tempr  [AvgTempr] BTlow … CoulombAH [CoulombWH] Time      unit: a row for each module, from 1
    C.Curr : 37000   mA                                            bat: what the rack takes now, then all its cells
    Bat  Volt Curr    Tempr   V.State T.State AH(mAH)  WH(mWH)  Bal

The rack's modules are wired in series: one current flows through all of them, and the charge left is that of the
emptiest. A module is a unit (U) here, its cells are B. Energy is counted beside charge by newer firmware, in mWh or in
Wh as its unit says; where it does not fit the charge, the unit is wrong and the energy not known.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pylon2mqtt.errors import FrameError
from pylon2mqtt.model import Alarm, AlarmKind, Bank, Cell, Module, Severity, Topology
from pylon2mqtt.protocols.console.dictionaries import Sheet, sheet
from pylon2mqtt.protocols.console.events import fault_alarms
from pylon2mqtt.protocols.console.modules import Row, blind, check_order, check_sum, get_power_rows, got_cell
from pylon2mqtt.protocols.console.tables import header_at, table
from pylon2mqtt.protocols.console.text import Answer
from pylon2mqtt.protocols.console.values import (
    KINDS,
    MOST_CELLS_OF_RACK,
    amount,
    celsius,
    check,
    check_cell,
    milli,
    moment,
    percent,
    reading,
    sensor_fault,
    state_alarms,
    state_and_alarms,
    whole,
)

_RACK_V, _NORMAL_RACK_V = (0.0, 2000.0), (20.0, 1600.0)
_UNIT_V, _NORMAL_UNIT_V = (0.0, 160.0), (10.0, 150.0)
_MOST_UNITS = 64
# How far a rack's own meter may be from its units', and theirs from their cells: 1 %, seen are 0.4.
_METERS_APART = 0.01

_UNIT_KINDS = {
    "U.V.St": (AlarmKind.MODULE_OVERVOLTAGE, AlarmKind.MODULE_UNDERVOLTAGE),
    "U.T.St": (AlarmKind.OVERTEMPERATURE, AlarmKind.UNDERTEMPERATURE),
    "V.State": (AlarmKind.CELL_OVERVOLTAGE, AlarmKind.CELL_UNDERVOLTAGE),
    "T.State": (AlarmKind.OVERTEMPERATURE, AlarmKind.UNDERTEMPERATURE),
}
_MODULE_KINDS = {**KINDS, **_UNIT_KINDS}
_RACK_KINDS = {**_MODULE_KINDS, "Volt.St": (AlarmKind.OVERVOLTAGE, AlarmKind.UNDERVOLTAGE)}
_ENDS = ("low", "high")
_STATES = ("Volt.St", "Curr.St", "Temp.St", "B.V.St", "B.T.St", "U.V.St", "U.T.St")
_CELL_STATES = ("V.State", "T.State")

# Energy for charge: how many Wh a full rack or cell may be said to hold for each Wh that its charge says. Nothing but a
# wrong unit is beyond.
_ENERGY_FITS = (0.2, 5.0)
_CELL_V = 3.2


def is_rack_row(answer: Answer) -> bool:
    """Whether an answer to ``pwr`` is that of a rack, or of a single BMU: its one row has no slot."""
    return any(re.match(r"Volt\s+[A-Z]", line) for line in answer.lines)


def is_rack_cells(answer: Answer) -> bool:
    """Whether an answer to ``bat`` is that of a rack."""
    return any(line.split()[:2] == ["Bat", "Volt"] for line in answer.lines)


# -------------------- pwr


def rack_row(answer: Answer) -> tuple[Bank, tuple[str, ...], datetime | None]:
    """Return the rack as ``pwr`` tells it, the columns and keys that nobody knows, and its clock.

    Raises FrameError when the row is damaged, or is not the only one.
    """
    before = _before(answer, "Volt", ("AverageTempr", "DC Volt", "Bat Volt"))
    told = table(answer.lines, "Volt", required=("Volt", "Base.St"))
    if len(told.rows) != 1:
        raise FrameError(f"{len(told.rows)} rows of one rack: ask again")
    row = _whole(told.rows[0])
    state, alarms = state_and_alarms(row["Base.St"])
    alarms += state_alarms(((name, row.get(name)) for name in _STATES), kinds=_RACK_KINDS)
    measured, broken = _measured(row)
    aside = {
        "average_temperature_c": _milli(before.told("AverageTempr")),
        "dc_voltage_v": _milli(before.told("DC Volt")),
        "bat_voltage_v": _milli(before.told("Bat Volt")),
    }
    bank = Bank(
        topology=Topology.SERIES,
        **measured,
        state=state,
        alarms=(*alarms, *broken, *_error(row.get("Err Code"))),
        counters=_told(aside),
    )
    normal = row.get("Volt.St") == "Normal"
    check(bank, "a rack", normal=normal, cells_normal=_normal(row, "B.V.St"), volts=(_NORMAL_RACK_V, _RACK_V))
    if normal and _normal(row, "U.V.St"):
        _check_parts("the rack", row["Volt"], row.get("UVlow"), row.get("UVhigh"), most=_MOST_UNITS)
    return bank, (*before.unknown, *told.unknown), moment(row.get("Time"))


def _error(code: str | None) -> tuple[Alarm, ...]:
    """The alarm of ``Err Code``: its bits are not known, so it stands there whole."""
    if code is None or int(code, 16) == 0:
        return ()
    return (Alarm(kind=AlarmKind.SYSTEM_FAULT, severity=Severity.FAULT, code=code, text=f"Err Code {code}"),)


def _check_parts(who: str, volts: str | None, low: str | None, high: str | None, *, most: int) -> None:
    """Raise FrameError unless some whole number of parts, between the lowest and the highest, makes this voltage."""
    if volts is None or low is None or high is None or int(low) <= 0:
        return
    fewest, largest = int(volts) * (1 - _METERS_APART) / int(high), int(volts) * (1 + _METERS_APART) / int(low)
    if int(largest) < max(1, fewest) or fewest > most:
        raise FrameError(f"{who} of {volts} mV of parts from {low} to {high} mV: ask again")


# -------------------- unit


def unit_table(answer: Answer) -> tuple[Bank, tuple[str, ...], dict[int, datetime]]:
    """Return the rack with the modules that ``unit`` tells of, the columns that nobody knows, and their clocks.

    Raises FrameError when a row is damaged or missing in the middle.
    """
    before = _before(answer, "Index", ("AverageTempr",))
    told = table(answer.lines, "Index", required=("Volt", "Base.St"))
    check_order(told, "Index", first=1)
    aside = {"average_temperature_c": _milli(before.told("AverageTempr"))}
    bank = Bank(topology=Topology.SERIES, counters=_told(aside), modules=tuple(map(_unit, told.rows)))
    clocks = {int(row["Index"] or 0): at for row in told.rows if (at := moment(row.get("Time")))}
    return bank, (*before.unknown, *told.unknown), clocks


def _unit(told: Row) -> Module:
    row = _whole(told)
    number = int(row["Index"] or 0)
    state, alarms = state_and_alarms(row["Base.St"])
    alarms += state_alarms(((name, row.get(name)) for name in _STATES), kinds=_MODULE_KINDS)
    measured, broken = _measured(row)
    module = Module(
        number=number,
        **measured,
        state=state,
        alarms=(*alarms, *broken),
        counters=_told({"average_temperature_c": _milli(row.get("AvgTempr"))}),
    )
    normal = row.get("Volt.St") == "Normal"
    check(module, f"unit {number}", normal=normal, cells_normal=normal, volts=(_NORMAL_UNIT_V, _UNIT_V))
    if normal and number <= _MOST_UNITS:
        _check_parts(f"unit {number}", row["Volt"], row.get("BVlow"), row.get("BVhigh"), most=MOST_CELLS_OF_RACK)
    return module


# -------------------- bat


def rack_cells(answer: Answer) -> tuple[Bank, tuple[str, ...]]:
    """Return what the rack takes and gives now and all its cells, as those of module 1; and the unknown columns.

    How many cells belong to each module this answer does not tell. Raises FrameError when a row is damaged or missing.
    """
    before = _before(answer, "Bat", ("Time", "ATempr", "CCurr", "DCurr", "BState", "BalVolt"))
    told = table(answer.lines, "Bat", required=("Volt",))
    check_order(told, "Bat")
    state, alarms = state_and_alarms(before.told("BState"))
    aside = {
        "average_temperature_c": _milli(before.told("ATempr")),
        "balance_voltage_v": _milli(before.told("BalVolt")),
    }
    limits = (amount(before.told(key), mA=0.001) for key in ("CCurr", "DCurr"))
    charge, discharge = (None if limit is None else abs(limit) for limit in limits)
    bank = Bank(
        topology=Topology.SERIES,
        charge_current_limit=charge,
        discharge_current_limit=discharge,
        state=state,
        alarms=tuple(alarms) or None,
        counters=_told(aside),
        modules=(Module(number=1, cells=tuple(map(_cell, told.rows))),),
    )
    return bank, (*before.unknown, *told.unknown)


def _cell(row: Row) -> Cell:
    if row["Volt"] is None:
        raise FrameError(f"a cell without voltage: {dict(row)!r}: ask again")
    number = int(row["Bat"] or 0) + 1
    alarms = state_alarms(((name, row.get(name)) for name in _CELL_STATES), number, _MODULE_KINDS)
    alarms += [sensor_fault(number)] if blind(row["Volt"]) else []
    degrees, broken = celsius({"Tempr": milli(row.get("Tempr"))}, {"Tempr": number})
    soc, charge = _share(row.get("AH(mAH)", row.get("Coulomb")), "mAH")
    energy_soc, energy = _share(row.get("WH(mWH)"), "mWH")
    cell = Cell(
        number=number,
        voltage=reading(row["Volt"]),
        current=milli(row.get("Curr")),
        temperature=degrees["Tempr"],
        soc=soc,
        capacity=charge,
        energy=energy if _fits(energy_soc, energy, soc, charge, _CELL_V) else None,
        balancing=None if row.get("Bal") is None else row["Bal"] == "Y",
        alarms=(*alarms, *broken) if "V.State" in row else None,
    )
    check_cell(cell, normal=row.get("V.State") == "Normal", most=MOST_CELLS_OF_RACK)
    return cell


# -------------------- getpwr


def rack_power(answer: Answer) -> Bank | None:
    """Return the rack of ``getpwr`` with all its cells as those of module 1; None where it is no rack's.

    The fourth field is the energy left in Wh (SC0500), where a low-voltage module tells its mAh. Raises FrameError when
    a row is damaged.
    """
    head, cells, trailer = get_power_rows(answer)
    voltage, current, temperature, energy, base, *states = head
    if whole(voltage) <= _LOW_VOLTAGE_MV and len(cells) <= _MOST_CELLS_OF_ONE:
        return None
    state, alarms = state_and_alarms(base)
    alarms += state_alarms(zip(("Volt.St", "Curr.St", "Temp.St"), states, strict=True), kinds=_RACK_KINDS)
    fault, cycles = (*trailer, None, None)[:2]
    degrees, broken = celsius({"Tempr": whole(temperature) / 1000})
    told = tuple(got_cell(i, row, most=MOST_CELLS_OF_RACK) for i, row in enumerate(cells, 1))
    check_sum(Module(number=1, voltage=whole(voltage) / 1000, cells=told), _METERS_APART * whole(voltage) / 1000)
    bank = Bank(
        topology=Topology.SERIES,
        voltage=whole(voltage) / 1000,
        current=whole(current) / 1000,
        temperature=degrees["Tempr"],
        remaining_energy=amount(energy, **{"": 0.001}),
        cycles=None if cycles is None else whole(cycles),
        state=state,
        alarms=(*alarms, *broken, *(fault_alarms(fault) if fault else ())),
        modules=(Module(number=1, cells=told),) if told else (),
    )
    check(bank, "a rack", normal=states[0] == "Normal", cells_normal=False, volts=(_NORMAL_RACK_V, _RACK_V))
    return bank


_SCALES = {"mAH": 1e-3, "WH": 1e-3, "mWH": 1e-6}
_LOW_VOLTAGE_MV, _MOST_CELLS_OF_ONE = 80_000, 32


# -------------------- what rows have in common


def _before(answer: Answer, first: str, keys: tuple[str, ...]) -> Sheet:
    """The lines of ``key : value`` that stand before the table."""
    return sheet(answer.lines[: header_at(answer.lines, first)], keys)


def _whole(row: Row) -> Row:
    """The row, if it has what each has; a single BMU does not measure the current."""
    if row["Volt"] is None or row["Base.St"] is None or ("Curr" in row and row["Curr"] is None):
        raise FrameError(f"a row without voltage, current or state: {dict(row)!r}: ask again")
    return row


def _measured(row: Row) -> tuple[dict[str, Any], list[Alarm]]:
    """The fields that the rows of ``pwr`` and ``unit`` share, and an alarm for each sensor that is broken.

    A single BMU's columns lack the B.
    """
    sensors = {"Tempr": row.get("Tempr")} | {f"T{end}": row.get(f"BT{end}", row.get(f"T{end}")) for end in _ENDS}
    degrees, broken = celsius({name: milli(text) for name, text in sensors.items()})
    low, high = (row.get(f"BV{end}", row.get(f"V{end}")) for end in _ENDS)
    broken += [sensor_fault(None)] if blind(low) or blind(high) else []
    soc, charge = _share(row.get("CoulombAH", row.get("Coulomb")), "mAH")
    energy_soc, energy = _share(row.get("CoulombWH"), "mWH", "WH")
    fits = _fits(energy_soc, energy, soc, charge, int(row["Volt"] or 0) / 1000)
    measured = {
        "voltage": milli(row["Volt"]),
        "current": milli(row.get("Curr")),
        "temperature": degrees["Tempr"],
        "cell_temperature_min": degrees["Tlow"],
        "cell_temperature_max": degrees["Thigh"],
        "cell_voltage_min": reading(low),
        "cell_voltage_max": reading(high),
        "soc": soc,
        "remaining_capacity": charge,
        "soe": energy_soc if fits else None,
        "remaining_energy": energy if fits else None,
    }
    return measured, broken


def _normal(row: Row, column: str) -> bool:
    return row.get(column) == "Normal"


def _milli(text: str | None) -> float | None:
    return None if text is None else whole(text) / 1000


def _told(values: Mapping[str, float | None]) -> dict[str, float] | None:
    """The values that were told; None where there are none."""
    return {name: value for name, value in values.items() if value is not None} or None


def _share(text: str | None, *units: str) -> tuple[float | None, float | None]:
    """A state of charge, and beside it Ah or kWh: `78%  28903 mAH`; without a unit it is in the first of ``units``."""
    soc, sign, rest = (text or "").rpartition("%")
    told = rest.strip()
    scales = {unit: _SCALES[unit] for unit in units} | {"": _SCALES[units[0]]}
    return percent(soc) if sign else None, amount(told, **scales) if told else None


def _fits(
    energy_soc: float | None, energy_kwh: float | None, soc: float | None, charge_ah: float | None, volts: float
) -> bool:
    """Whether energy and charge are those of one battery: its unit was told wrong else, or bytes were lost."""
    if energy_kwh is None or energy_soc is None or charge_ah is None or soc is None:
        return False
    full_by_charge = charge_ah / max(soc, 0.5) * volts / 1000
    full_by_energy = energy_kwh / max(energy_soc, 0.5)
    return _ENERGY_FITS[0] * full_by_charge <= full_by_energy <= _ENERGY_FITS[1] * full_by_charge
