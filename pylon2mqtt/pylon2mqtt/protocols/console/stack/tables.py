"""What becomes of the text console's tables in the model: ``pwr``, ``bat`` and ``soh`` of a stack.

Plain functions from the lines of an answer to modules. The current's sign is what ``Curr`` says (+ charging); the
state's word says ``Charge`` at -610 mA at times. ``bat``, ``soh`` count cells from 0, the model from 1.
"""

import re
from collections.abc import Sequence

from pylon2mqtt.errors import DecodeError, FrameError
from pylon2mqtt.model import Alarm, Bank, Cell, Module
from pylon2mqtt.protocols.console.decoded import Decoded
from pylon2mqtt.protocols.console.plausible import (
    MOST_CELLS_OF_MODULE,
    MOST_CELLS_OF_RACK,
    charges_that_fit,
    made_of,
    plausible,
    plausible_cell,
    without,
)
from pylon2mqtt.protocols.console.tables import Row, Table, table
from pylon2mqtt.protocols.console.text import Answer
from pylon2mqtt.protocols.console.values import (
    blind,
    celsius,
    charge_ah,
    converted,
    milli,
    moment,
    percent,
    reading,
    sensor_fault,
    state_alarms,
    state_and_alarms,
    words,
)

MOST_SLOTS = 16
"""One console has 8 or 16 slots."""
SUM_V = 1.5
"""How far cells may be from their module's voltage: less than a cell, more than a step of the load makes."""

_MODULE_STATES = ("Volt.St", "Curr.St", "Temp.St", "B.V.St", "B.T.St", "M.T.St", "SysAlarm.St")
_SENSORS = ("Tempr", "Tlow", "Thigh", "MosTempr")
_CELL_STATES = ("Volt. State", "Curr. State", "Temp. State", "DTemp. State", "CTemp. State")
# So many letters of it in their places, and a word is Power with others wrong.
_DAMAGED_POWER = 3
_FULL = 100.0
# So far a cell and a current go between two answers, unless the load makes a large step.
_STEP_V, _STEP_A = 0.1, 5.0


# -------------------- pwr


def power_table(answer: Answer, _number: int | None = None) -> Decoded:
    """Return the modules of ``pwr`` and their clocks.

    Empty slots are left out, and so are modules that measure nothing, whatever their state is called. Raises
    FrameError when rows are missing, DecodeError for a table whose first column is another one.
    """
    if strange := next((line for line in answer.lines if _is_strange_header(line)), None):
        raise DecodeError(
            f"the table {strange[:60]!r} is not that of one stack (of an LV-Hub?), and is not read yet", raw=answer.raw
        )
    reported = table(answer.lines, "Power", required=("Volt", "Curr"))
    _check_slots(reported)
    doubts = list(reported.doubts)
    measured = [row for row in reported.rows if row["Volt"] is not None or row["Curr"] is not None]
    modules = tuple(_module(row, doubts) for row in measured)
    clocks = {int(row["Power"] or 0): at for row in measured if (at := moment(row.get("Time")))}
    return Decoded(bank=Bank(modules=modules), unknown=reported.unknown, doubts=tuple(doubts), clocks=clocks)


def _is_strange_header(line: str) -> bool:
    """Whether a line names columns of ``pwr``, but first another one: the table of an LV-Hub was never published."""
    first, *others = line.split()
    alike = sum(ours == theirs for ours, theirs in zip(first, "Power", strict=False)) >= _DAMAGED_POWER
    damaged = alike or re.fullmatch(r"P?o?w?e?r?", first)
    return not damaged and first.isalpha() and first.isascii() and {"Volt", "Curr", "Base.St"} <= set(others)


def _check_slots(reported: Table) -> None:
    """Slots stand in order; where empty ones are printed too, none may be missing."""
    present = [int(row["Power"] or 0) for row in reported.rows]
    every = sorted([*present, *reported.absent])
    in_order = present == sorted(set(present)) and list(reported.absent) == sorted(set(reported.absent))
    gapless = every == list(range(1, len(every) + 1))
    if not every or not in_order or len(set(every)) < len(every) or not 1 <= every[0] <= every[-1] <= MOST_SLOTS:
        raise FrameError(f"slots {every} cannot be true: ask again")
    if reported.absent and not gapless:
        raise FrameError(f"rows are missing between the slots {every}: ask again")


def _module(row: Row, doubts: list[str]) -> Module:
    number = int(row["Power"] or 0)
    who = f"module {number}"
    state, alarms = state_and_alarms(row.get("Base.St"))
    alarms += state_alarms((name, row.get(name)) for name in _MODULE_STATES)
    at = {name: _cell(row.get(f"{name}.Id")) for name in ("Tlow", "Thigh", "Vlow", "Vhigh")}
    alarms += [sensor_fault(at[name]) for name in ("Vlow", "Vhigh") if blind(row.get(name))]
    degrees, broken = celsius({name: milli(row.get(name)) for name in _SENSORS}, at)
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
        soc=converted(row.get("Coulomb"), percent, f"{who}: Coulomb", doubts),
        state=state,
        barcode=words(row.get("Barcode")),
        model=words(row.get("DevType")),
        alarms=(*alarms, *broken),
        words=own_words(row, ("Base.St", *_MODULE_STATES)),
    )
    doubts += [f"{who}: no {name}" for name in ("Volt", "Curr", "Base.St") if row.get(name) is None]
    normal, cells_normal = row.get("Volt.St") == "Normal", row.get("B.V.St") == "Normal"
    module = plausible(module, who, doubts, normal=normal, cells_normal=cells_normal)
    if normal and cells_normal and not made_of(module.voltage, module.cell_voltage_min, module.cell_voltage_max):
        return without(module, who, ("voltage", "cell_voltage_min", "cell_voltage_max"), doubts)
    return module


def _cell(index: str | None) -> int | None:
    """The number of a cell that the device counts from 0."""
    return None if index is None else int(index) + 1


# -------------------- bat


def cell_table(answer: Answer, number: int | None) -> Decoded:
    """Return the cells of ``bat`` as the module ``number``.

    The charge of a cell at 100 % is the capacity of the module; of several the least. Raises FrameError when rows are
    missing or out of order.
    """
    reported = table(answer.lines, "Battery", required=("Volt",))
    check_order(reported, "Battery", most=MOST_CELLS_OF_MODULE)
    doubts = list(reported.doubts)
    cells = charges_that_fit([_cell_of(row, doubts) for row in reported.rows], doubts)
    full = [cell.capacity for cell in cells if cell.capacity and cell.soc == _FULL]
    module = Module(
        number=number or 1,
        full_capacity=min(full, default=None),
        at_once=all("Curr" in row for row in reported.rows),
        cells=cells,
    )
    return of_module(module, reported.unknown, doubts)


def fit(reported: Module, row: Module) -> bool:
    """Whether cells are those of a module's row in `pwr`: by their sum, their extremes and their current.

    Between the two answers the load may change.
    """
    cells = reported.cells or ()
    volts = [cell.voltage for cell in cells if cell.voltage is not None]
    whole = len(volts) == len(cells) > 0 and row.voltage is not None
    if whole and abs(sum(volts) - (row.voltage or 0.0)) > SUM_V:
        return False
    low, high = row.cell_voltage_min, row.cell_voltage_max
    if low is not None and high is not None and any(not low - _STEP_V <= each <= high + _STEP_V for each in volts):
        return False
    currents = {cell.current for cell in cells if cell.current is not None}
    return row.current is None or all(abs(each - row.current) <= _STEP_A for each in currents)


def own_words(row: Row, columns: Sequence[str]) -> dict[str, str] | None:
    """The device's own words, by its own names of the columns."""
    return {name: word for name in columns if (word := row.get(name)) is not None} or None


def of_module(module: Module, unknown: Sequence[str], doubts: Sequence[str]) -> Decoded:
    """What an answer about one module says."""
    return Decoded(bank=Bank(modules=(module,)), unknown=tuple(unknown), doubts=tuple(doubts))


def check_order(reported: Table, column: str, *, first: int = 0, most: int = MOST_CELLS_OF_RACK) -> None:
    """Raise FrameError unless the rows count up from ``first`` without a gap, and are not more than ``most``."""
    order = [int(row[column] or 0) - first for row in reported.rows]
    if order != list(range(len(order))) or not order or reported.absent:
        raise FrameError(f"rows {order} are not all rows in order: ask again")
    if len(order) > most:
        raise FrameError(f"row {len(order)} of {most} at the most: ask again")


def _cell_of(row: Row, doubts: list[str]) -> Cell:
    number = int(row["Battery"] or 0) + 1
    state, alarms = state_and_alarms(row.get("Base State"), number)
    alarms += state_alarms(((name, row.get(name)) for name in _CELL_STATES), number)
    alarms += [sensor_fault(number)] if blind(row["Volt"]) else []
    degrees, broken = celsius({"Tempr": milli(row.get("Tempr"))}, {"Tempr": number})
    alarms += broken
    soc, charge = _charge(row.get("SOC"), row.get("Coulomb"), number, doubts)
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
        words=own_words(row, ("Base State", *_CELL_STATES)),
    )
    doubts += [f"cell {number}: no Volt"] if row["Volt"] is None else []
    return plausible_cell(cell, doubts, normal=row.get("Volt. State") == "Normal")


def _charge(soc: str | None, charge: str | None, number: int, doubts: list[str]) -> tuple[float | None, float | None]:
    """A cell's state of charge and its Ah, told apart by their tokens: old headers name neither `SOC` nor a unit."""
    first, percent_sign, rest = (charge or "").partition("%")
    if percent_sign:
        soc, charge = f"{first}%", rest.strip() or None
    reported = converted(soc, percent, f"cell {number}: SOC", doubts)
    return reported, converted(charge, charge_ah, f"cell {number}: Coulomb", doubts)


# -------------------- soh


def weak_cells(answer: Answer, number: int | None) -> Decoded:
    """Return what ``soh`` says of the module ``number``: its cells' voltages and how often each was found weak.

    A rack tells of all its cells in one table. The count is a counter ``cell_3_soh_count`` where it is not 0; a status
    other than ``Normal`` is the cell's alarm.
    Raises FrameError when rows are missing or the answer is about another module.
    """
    check_number(answer, r"Power\s+(\d{1,3})", number)
    reported = table(answer.lines, "Battery", required=("Voltage",))
    check_order(reported, "Battery")
    doubts = list(reported.doubts)
    counts = [(int(row["Battery"] or 0) + 1, row.get("SOHCount")) for row in reported.rows]
    counters = {f"cell_{cell}_soh_count": float(count) for cell, count in counts if count and int(count)}
    cells = tuple(_aged_cell(row, doubts) for row in reported.rows)
    return of_module(Module(number=number or 1, counters=counters, cells=cells), reported.unknown, doubts)


def _aged_cell(row: Row, doubts: list[str]) -> Cell:
    number = int(row["Battery"] or 0) + 1
    alarms: list[Alarm] = state_alarms([("SOHStatus", row.get("SOHStatus"))], number)
    alarms += [sensor_fault(number)] if blind(row["Voltage"]) else []
    reported = "SOHStatus" in row or alarms
    cell = Cell(number=number, voltage=reading(row["Voltage"]), alarms=tuple(alarms) if reported else None)
    return plausible_cell(cell, doubts, normal=False)


def check_number(answer: Answer, pattern: str, number: int | None) -> None:
    """Raise FrameError when the answer names another module than the one that was asked about; 0 is a controller.

    A console that was asked without a number tells of itself, whichever number it has.
    """
    for line in answer.lines:
        found = re.fullmatch(pattern, line, re.ASCII)
        if found and number is not None and int(found[1]) not in (0, number):
            raise FrameError(f"module {number} was asked, {int(found[1])} answered: ask again")
