"""What becomes of a rack's tables in the model: ``pwr``, ``unit`` and ``bat`` of high-voltage systems.

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

from pylon2mqtt.errors import FrameError
from pylon2mqtt.model import Alarm, AlarmKind, Bank, Cell, Module, Severity, Topology
from pylon2mqtt.protocols.console.decoded import Decoded
from pylon2mqtt.protocols.console.dictionary import Dictionary, dictionary
from pylon2mqtt.protocols.console.plausible import (
    MOST_CELLS_OF_RACK,
    charges_that_fit,
    made_of,
    plausible,
    plausible_cell,
    without,
)
from pylon2mqtt.protocols.console.stack.tables import check_order, own_words
from pylon2mqtt.protocols.console.tables import Row, Table, header_at, table
from pylon2mqtt.protocols.console.text import Answer
from pylon2mqtt.protocols.console.values import (
    blind,
    celsius,
    milli,
    moment,
    reading,
    sensor_fault,
    state_alarms,
    state_and_alarms,
    whole,
)

from .rows import MODULE_KINDS, RACK_KINDS, RACK_VOLTS, energy_fits, measured, missing, share

_UNIT_V, _NORMAL_UNIT_V = (0.0, 160.0), (10.0, 150.0)
_MOST_UNITS = 64

_STATES = ("Volt.St", "Curr.St", "Temp.St", "B.V.St", "B.T.St", "U.V.St", "U.T.St")
_CELL_STATES = ("V.State", "T.State")

_CELL_V = 3.2


def is_rack_row(answer: Answer) -> bool:
    """Whether an answer to ``pwr`` is that of a rack, or of a single BMU: its one row has no slot."""
    return any(re.match(r"Volt\s+[A-Z]", line) for line in answer.lines)


def is_rack_cells(answer: Answer) -> bool:
    """Whether an answer to ``bat`` is that of a rack."""
    return any(line.split()[:2] == ["Bat", "Volt"] for line in answer.lines)


# -------------------- pwr


def rack_row(answer: Answer, _number: int | None = None) -> Decoded:
    """Return the rack as ``pwr`` tells it, and its clock; raise FrameError when its row is not the only one."""
    before = _before(answer, "Volt", ("AverageTempr", "DC Volt", "Bat Volt"))
    reported = table(answer.lines, "Volt", required=("Volt",))
    if len(reported.rows) != 1:
        raise FrameError(f"{len(reported.rows)} rows of one rack: ask again")
    (row,) = reported.rows
    state, alarms = state_and_alarms(row.get("Base.St"))
    alarms += state_alarms(((name, row.get(name)) for name in _STATES), kinds=RACK_KINDS)
    doubts = [*before.doubts, *reported.doubts, *missing("the rack", row)]
    found, broken = measured("the rack", row, doubts)
    aside = {
        "average_temperature_c": before.value("AverageTempr", _milli),
        "dc_voltage_v": before.value("DC Volt", _milli),
        "bat_voltage_v": before.value("Bat Volt", _milli),
    }
    bank = Bank(
        topology=Topology.SERIES,
        **found,
        state=state,
        alarms=(*alarms, *broken, *_error(row.get("Err Code"))),
        counters=_reported(aside),
    )
    normal, cells_normal = _normal(row, "Volt.St"), _normal(row, "B.V.St")
    bank = plausible(bank, "the rack", doubts, normal=normal, cells_normal=cells_normal, volts=RACK_VOLTS)
    units = (milli(row.get("UVlow")), milli(row.get("UVhigh")))
    if normal and _normal(row, "U.V.St") and not made_of(bank.voltage, *units, most=_MOST_UNITS):
        bank = without(bank, "the rack", ("voltage",), doubts)
    at = moment(row.get("Time"))
    return Decoded(
        bank=bank, unknown=_unknown(before, reported), doubts=tuple(doubts), clocks={} if at is None else {0: at}
    )


def _error(code: str | None) -> tuple[Alarm, ...]:
    """The alarm of ``Err Code``: its bits are not known, so it stands there whole."""
    if code is None or int(code, 16) == 0:
        return ()
    return (Alarm(kind=AlarmKind.SYSTEM_FAULT, severity=Severity.FAULT, code=code, text=f"Err Code {code}"),)


# -------------------- unit


def unit_table(answer: Answer, _number: int | None = None) -> Decoded:
    """Return the rack with the modules that ``unit`` tells of, and their clocks.

    Some firmwares count them from 0. Raises FrameError when a row is missing in the middle.
    """
    before = _before(answer, "Index", ("AverageTempr",))
    reported = table(answer.lines, "Index", required=("Volt",))
    first = int(reported.rows[0]["Index"] or 0) if reported.rows else 1
    check_order(reported, "Index", first=min(first, 1), most=_MOST_UNITS)
    doubts = [*before.doubts, *reported.doubts]
    units = tuple(_unit(number, row, doubts) for number, row in enumerate(reported.rows, 1))
    aside = {"average_temperature_c": before.value("AverageTempr", _milli)}
    clocks = {number: at for number, row in enumerate(reported.rows, 1) if (at := moment(row.get("Time")))}
    bank = Bank(topology=Topology.SERIES, counters=_reported(aside), modules=units)
    return Decoded(bank=bank, unknown=_unknown(before, reported), doubts=tuple(doubts), clocks=clocks)


def _unit(number: int, row: Row, doubts: list[str]) -> Module:
    who = f"unit {number}"
    doubts += missing(who, row)
    state, alarms = state_and_alarms(row.get("Base.St"))
    alarms += state_alarms(((name, row.get(name)) for name in _STATES), kinds=MODULE_KINDS)
    found, broken = measured(who, row, doubts)
    module = Module(
        number=number,
        **found,
        state=state,
        alarms=(*alarms, *broken),
        counters=_reported({"average_temperature_c": milli(row.get("AvgTempr"))}),
        words=own_words(row, ("Base.St", *_STATES)),
    )
    normal = _normal(row, "Volt.St")
    volts = (_NORMAL_UNIT_V, _UNIT_V)
    module = plausible(module, who, doubts, normal=normal, cells_normal=normal, volts=volts)
    cells = (module.cell_voltage_min, module.cell_voltage_max)
    if normal and not made_of(module.voltage, *cells, most=MOST_CELLS_OF_RACK):
        return without(module, who, ("voltage", "cell_voltage_min", "cell_voltage_max"), doubts)
    return module


# -------------------- bat


def rack_cells(answer: Answer, _number: int | None = None) -> Decoded:
    """Return what the rack takes and gives now and all its cells, as those of module 1.

    How many cells belong to each module this answer does not tell. Raises FrameError when a row is missing.
    """
    before = _before(answer, "Bat", ("Time", "ATempr", "CCurr", "DCurr", "BState", "BalVolt"))
    reported = table(answer.lines, "Bat", required=("Volt",))
    check_order(reported, "Bat")
    doubts = [*reported.doubts]
    cells = charges_that_fit([_cell(row, doubts) for row in reported.rows], doubts)
    state, alarms = state_and_alarms(before.word("BState"))
    aside = {
        "average_temperature_c": before.value("ATempr", _milli),
        "balance_voltage_v": before.value("BalVolt", _milli),
    }
    limits = (before.amount(key, mA=0.001) for key in ("CCurr", "DCurr"))
    at_once = all("Curr" in row for row in reported.rows)
    charge, discharge = (None if limit is None else abs(limit) for limit in limits)
    bank = Bank(
        topology=Topology.SERIES,
        charge_current_limit=charge,
        discharge_current_limit=discharge,
        state=state,
        alarms=tuple(alarms) or None,
        counters=_reported(aside),
        modules=(Module(number=1, at_once=at_once, cells=cells),),
    )
    return Decoded(bank=bank, unknown=_unknown(before, reported), doubts=(*before.doubts, *doubts))


def _cell(row: Row, doubts: list[str]) -> Cell:
    number = int(row["Bat"] or 0) + 1
    alarms = state_alarms(((name, row.get(name)) for name in _CELL_STATES), number, MODULE_KINDS)
    alarms += [sensor_fault(number)] if blind(row["Volt"]) else []
    degrees, broken = celsius({"Tempr": milli(row.get("Tempr"))}, {"Tempr": number})
    soc, charge = share(f"cell {number}", row.get("AH(mAH)", row.get("Coulomb")), doubts, "mAH")
    energy_soc, energy = share(f"cell {number}", row.get("WH(mWH)"), doubts, "mWH")
    cell = Cell(
        number=number,
        voltage=reading(row["Volt"]),
        current=milli(row.get("Curr")),
        temperature=degrees["Tempr"],
        soc=soc,
        capacity=charge,
        energy=energy if energy_fits(energy_soc, energy, soc, charge, _CELL_V) else None,
        balancing=None if row.get("Bal") is None else row["Bal"] == "Y",
        alarms=(*alarms, *broken) if "V.State" in row else None,
        words=own_words(row, _CELL_STATES),
    )
    doubts += [f"cell {number}: no Volt"] if row["Volt"] is None else []
    return plausible_cell(cell, doubts, normal=row.get("V.State") == "Normal")


# -------------------- what they have in common


def _before(answer: Answer, first: str, keys: tuple[str, ...]) -> Dictionary:
    """The lines of ``key : value`` that stand before the table, if there are any."""
    return dictionary(answer.lines[: header_at(answer.lines, first)], keys, ignored=("Time",))


def _unknown(before: Dictionary, reported: Table) -> tuple[str, ...]:
    return (*before.unknown, *reported.unknown)


def _normal(row: Row, column: str) -> bool:
    return row.get(column) == "Normal"


def _milli(text: str) -> float:
    return whole(text) / 1000


def _reported(values: Mapping[str, float | None]) -> dict[str, float] | None:
    """The values that were reported; None where there are none."""
    return {name: value for name, value in values.items() if value is not None} or None
