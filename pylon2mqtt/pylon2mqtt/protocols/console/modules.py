"""What becomes of the text console's tables in the model: ``pwr``, ``bat``, ``soh`` and ``getpwr``.

Plain functions from the lines of an answer to modules. The current's sign is what ``Curr`` says (+ charging); the
state's word says ``Charge`` at -610 mA at times. ``bat``, ``soh`` count cells from 0, the model from 1.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from pylon2mqtt.errors import DecodeError, FrameError
from pylon2mqtt.model import Alarm, Cell, Module

from .events import fault_alarms
from .tables import Table, table
from .text import Answer
from .values import (
    MOST_CELLS_OF_MODULE,
    MOST_CELLS_OF_RACK,
    NO_READING,
    amount,
    celsius,
    charge_ah,
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
    words,
)

Row = Mapping[str, str | None]

MOST_SLOTS = 16
"""One console has 8 or 16 slots."""

_MODULE_STATES = ("Volt.St", "Curr.St", "Temp.St", "B.V.St", "B.T.St", "M.T.St", "SysAlarm.St")
_SENSORS = ("Tempr", "Tlow", "Thigh", "MosTempr")
_CELL_STATES = ("Volt. State", "Curr. State", "Temp. State", "DTemp. State", "CTemp. State")
_GETPWR_CELL_STATES = ("Volt. State", "Temp. State")
# So many letters of it in their places, and a word is Power with others wrong.
_DAMAGED_POWER = 3
# The longest row of getpwr: V, I, T, remaining charge and four states.
_GETPWR_MODULE, _GETPWR_CELL = 8, 4
# Less than a cell, more than a step of the load between two measurements makes.
_SUM_V = 1.5


# -------------------- pwr


def power_table(answer: Answer) -> tuple[tuple[Module, ...], tuple[str, ...], dict[int, datetime]]:
    """Return the modules of ``pwr``, the columns that nobody knows, and the modules' clocks.

    Empty slots are left out, and so are modules that measure nothing, whatever their state is called. Raises
    FrameError when any row is damaged, DecodeError for a table whose first column is another one.
    """
    if strange := next((line for line in answer.lines if _is_strange_header(line)), None):
        raise DecodeError(
            f"the table {strange[:60]!r} is not that of one stack (of an LV-Hub?), and is not read yet", raw=answer.raw
        )
    told = table(answer.lines, "Power", required=("Volt", "Curr", "Base.St"))
    _check_slots(told)
    measured = [row for row in told.rows if row["Volt"] is not None or row["Curr"] is not None]
    clocks = {int(row["Power"] or 0): at for row in measured if (at := moment(row.get("Time")))}
    return tuple(map(_module, measured)), told.unknown, clocks


def _is_strange_header(line: str) -> bool:
    """Whether a line names columns of ``pwr``, but first another one: the table of an LV-Hub was never published."""
    first, *others = line.split()
    alike = sum(ours == theirs for ours, theirs in zip(first, "Power", strict=False)) >= _DAMAGED_POWER
    damaged = alike or re.fullmatch(r"P?o?w?e?r?", first)
    return not damaged and first.isalpha() and first.isascii() and {"Volt", "Curr", "Base.St"} <= set(others)


def _check_slots(told: Table) -> None:
    """Slots stand in order; where empty ones are printed too, none may be missing."""
    present = [int(row["Power"] or 0) for row in told.rows]
    every = sorted([*present, *told.absent])
    in_order = present == sorted(set(present)) and list(told.absent) == sorted(set(told.absent))
    gapless = every == list(range(1, len(every) + 1))
    if not every or not in_order or len(set(every)) < len(every) or not 1 <= every[0] <= every[-1] <= MOST_SLOTS:
        raise FrameError(f"slots {every} cannot be true: ask again")
    if told.absent and not gapless:
        raise FrameError(f"rows are missing between the slots {every}: ask again")


def _module(row: Row) -> Module:
    if row["Volt"] is None or row["Curr"] is None or row["Base.St"] is None:
        raise FrameError(f"a module without voltage, current or state: {dict(row)!r}: ask again")
    number = int(row["Power"] or 0)
    state, alarms = state_and_alarms(row["Base.St"])
    alarms += state_alarms((name, row.get(name)) for name in _MODULE_STATES)
    at = {name: _cell(row.get(f"{name}.Id")) for name in ("Tlow", "Thigh", "Vlow", "Vhigh")}
    alarms += [sensor_fault(at[name]) for name in ("Vlow", "Vhigh") if blind(row.get(name))]
    degrees, broken = celsius({name: milli(row.get(name)) for name in _SENSORS}, at)
    alarms += broken
    module = Module(
        number=number,
        voltage=milli(row["Volt"]),
        current=milli(row["Curr"]),
        temperature=degrees["Tempr"],
        mos_temperature=degrees["MosTempr"],
        cell_temperature_min=degrees["Tlow"],
        cell_temperature_min_cell=None if degrees["Tlow"] is None else at["Tlow"],
        cell_temperature_max=degrees["Thigh"],
        cell_temperature_max_cell=None if degrees["Thigh"] is None else at["Thigh"],
        cell_voltage_min=reading(row.get("Vlow")),
        cell_voltage_min_cell=None if blind(row.get("Vlow")) else at["Vlow"],
        cell_voltage_max=reading(row.get("Vhigh")),
        cell_voltage_max_cell=None if blind(row.get("Vhigh")) else at["Vhigh"],
        soc=percent(row.get("Coulomb")),
        state=state,
        barcode=words(row.get("Barcode")),
        model=words(row.get("DevType")),
        alarms=tuple(alarms),
    )
    normal, cells_normal = row.get("Volt.St") == "Normal", row.get("B.V.St") == "Normal"
    check(module, f"module {number}", normal=normal, cells_normal=cells_normal)
    return module


def _cell(index: str | None) -> int | None:
    """The number of a cell that the device counts from 0."""
    return None if index is None else int(index) + 1


def blind(text: str | None) -> bool:
    """Whether a cell's mV stand for no reading."""
    return text is not None and int(text) == NO_READING


# -------------------- bat


def cell_table(answer: Answer, number: int) -> tuple[Module, tuple[str, ...]]:
    """Return the cells of ``bat`` as the module ``number``, and the columns that nobody knows.

    Raises FrameError when any row is damaged or out of order.
    """
    told = table(answer.lines, "Battery", required=("Volt",))
    check_order(told, "Battery")
    return Module(number=number, cells=tuple(_told_cell(row) for row in told.rows)), told.unknown


def check_order(told: Table, column: str, *, first: int = 0) -> None:
    """Raise FrameError unless the rows count up from ``first`` without a gap."""
    told_order = [int(row[column] or 0) - first for row in told.rows]
    if told_order != list(range(len(told_order))) or not told_order or told.absent:
        raise FrameError(f"rows {told_order} are not all rows in order: ask again")


def _told_cell(row: Row) -> Cell:
    if row["Volt"] is None:
        raise FrameError(f"a cell without voltage: {dict(row)!r}: ask again")
    number = int(row["Battery"] or 0) + 1
    state, alarms = state_and_alarms(row.get("Base State"), number)
    alarms += state_alarms(((name, row.get(name)) for name in _CELL_STATES), number)
    alarms += [sensor_fault(number)] if blind(row["Volt"]) else []
    degrees, broken = celsius({"Tempr": milli(row.get("Tempr"))}, {"Tempr": number})
    alarms += broken
    soc, charge = _charge(row.get("SOC"), row.get("Coulomb"))
    balancing = row.get("BAL")
    cell = Cell(
        number=number,
        voltage=reading(row["Volt"]),
        current=milli(row.get("Curr")),
        temperature=degrees["Tempr"],
        soc=soc,
        capacity=charge,
        state=state,
        balancing=None if balancing is None else balancing == "Y",
        alarms=tuple(alarms) if alarms or any(name in row for name in _CELL_STATES) else None,
    )
    check_cell(cell, normal=row.get("Volt. State") == "Normal")
    return cell


def _charge(soc: str | None, charge: str | None) -> tuple[float | None, float | None]:
    """A cell's state of charge and its Ah, told apart by their tokens: old headers name neither `SOC` nor a unit."""
    first, percent_sign, rest = (charge or "").partition("%")
    if percent_sign:
        return percent(first), charge_ah(rest.strip() or None)
    return percent(soc), charge_ah(charge)


# -------------------- soh


def weak_cells(answer: Answer, number: int) -> tuple[Module, tuple[str, ...]]:
    """Return what ``soh`` says of the module ``number``: its cells' voltages and how often each was found weak.

    A rack tells of all its cells in one table. The count is a counter ``cell_3_soh_count`` where it is not 0; a status
    other than ``Normal`` is the cell's alarm.
    Raises FrameError when a row is damaged or the answer is about another module.
    """
    check_number(answer, r"Power\s+(\d{1,3})", number)
    told = table(answer.lines, "Battery", required=("Voltage",))
    check_order(told, "Battery")
    counts = [(int(row["Battery"] or 0) + 1, row.get("SOHCount")) for row in told.rows]
    counters = {f"cell_{cell}_soh_count": float(count) for cell, count in counts if count and int(count)}
    return Module(number=number, counters=counters, cells=tuple(map(_aged_cell, told.rows))), told.unknown


def _aged_cell(row: Row) -> Cell:
    number = int(row["Battery"] or 0) + 1
    alarms: list[Alarm] = state_alarms([("SOHStatus", row.get("SOHStatus"))], number)
    alarms += [sensor_fault(number)] if blind(row["Voltage"]) else []
    told = "SOHStatus" in row or alarms
    cell = Cell(number=number, voltage=reading(row["Voltage"]), alarms=tuple(alarms) if told else None)
    check_cell(cell, normal=False, most=MOST_CELLS_OF_RACK)
    return cell


def check_number(answer: Answer, pattern: str, number: int) -> None:
    """Raise FrameError when the answer names another module than the one that was asked about; 0 is a controller."""
    for line in answer.lines:
        found = re.fullmatch(pattern, line, re.ASCII)
        if found and int(found[1]) not in (0, number):
            raise FrameError(f"module {number} was asked, {int(found[1])} answered: ask again")


# -------------------- getpwr


def get_power_rows(answer: Answer) -> tuple[list[str], list[list[str]], list[str]]:
    """Return the fields of ``getpwr``: those of the module or the rack, those of each cell, and the trailer.

    Raises FrameError when a row is damaged or of another length.
    """
    rows = [[field.strip() for field in line.split("#")[:-1]] for line in answer.lines if "#" in line]
    if not rows or len(rows[0]) != _GETPWR_MODULE or any(line.split("#")[-1].strip() for line in answer.lines):
        raise FrameError("no row of 8 fields in the answer: ask again")
    cells = [row for row in rows[1:] if len(row) == _GETPWR_CELL]
    trailer = [row[0] for row in rows[1 + len(cells) :] if len(row) == 1]
    if len(cells) + len(trailer) + 1 != len(rows) or len(trailer) > 2:
        raise FrameError("getpwr has rows of other lengths: ask again")
    return rows[0], cells, trailer


def get_power(answer: Answer, number: int) -> Module:
    """Return the module of ``getpwr``: ``#`` behind every field, a row of 8, then cells of 4, then fault and cycles.

    Raises FrameError when a row is damaged or of another length.
    """
    head, cells, trailer = get_power_rows(answer)
    voltage, current, temperature, charge, base, *states = head
    state, alarms = state_and_alarms(base)
    alarms += state_alarms(zip(("Volt.St", "Curr.St", "Temp.St"), states, strict=True))
    degrees, broken = celsius({"Tempr": whole(temperature) / 1000})
    fault, cycles = (*trailer, None, None)[:2]
    module = Module(
        number=number,
        voltage=whole(voltage) / 1000,
        current=whole(current) / 1000,
        temperature=degrees["Tempr"],
        remaining_capacity=amount(charge, **{"": 0.001}),
        cycles=None if cycles is None else whole(cycles),
        state=state,
        alarms=(*alarms, *broken, *(fault_alarms(fault) if fault else ())),
        cells=tuple(got_cell(i, row) for i, row in enumerate(cells, 1)) or None,
    )
    check_sum(module)
    check(module, f"module {number}", normal=states[0] == "Normal", cells_normal=False)
    return module


def check_sum(module: Module, most_v: float = _SUM_V) -> None:
    """Raise FrameError where the cells make another voltage: a row of getpwr has no number, a lost one shows here."""
    cells = [cell.voltage for cell in module.cells or () if cell.voltage is not None]
    if len(cells) == len(module.cells or ()) > 0 and abs(sum(cells) - (module.voltage or 0.0)) > most_v:
        raise FrameError(f"cells of {sum(cells):.3f} V in a module of {module.voltage} V: ask again")


def got_cell(number: int, row: Sequence[str], *, most: int = MOST_CELLS_OF_MODULE) -> Cell:
    """Return the cell of a row of getpwr; raise FrameError when it cannot be true."""
    voltage, temperature, *states = str(whole(row[0])), str(whole(row[1])), *row[2:]
    alarms = state_alarms(zip(_GETPWR_CELL_STATES, states, strict=True), number)
    alarms += [sensor_fault(number)] if blind(voltage) else []
    degrees, broken = celsius({"Tempr": milli(temperature)}, {"Tempr": number})
    cell = Cell(number=number, voltage=reading(voltage), temperature=degrees["Tempr"], alarms=(*alarms, *broken))
    check_cell(cell, normal=states[0] == "Normal", most=most)
    return cell
