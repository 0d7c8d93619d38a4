"""What becomes of ``getpwr`` in the model: a table without a header, ``#`` behind every field.

::

    51345# 4210# 22000# 30511# Charge# Normal# Normal# Normal#    V, I, T, remaining charge and four states
    3423#  22000# Normal# Normal#                                 a row for each cell, without its number
    0#                                                            the fault
    311#                                                          the cycles
"""

import re
from collections.abc import Sequence

from pylon2mqtt.errors import FrameError
from pylon2mqtt.model import Cell, Module
from pylon2mqtt.protocols.console.decoded import Decoded
from pylon2mqtt.protocols.console.events.bits import fault_alarms
from pylon2mqtt.protocols.console.plausible import plausible, plausible_cell
from pylon2mqtt.protocols.console.spelling import one_off
from pylon2mqtt.protocols.console.text import Answer
from pylon2mqtt.protocols.console.values import (
    WORDS,
    amount,
    blind,
    celsius,
    milli,
    reading,
    sensor_fault,
    state_alarms,
    state_and_alarms,
    whole,
)

from .tables import SUM_V, of_module

# The longest row: V, I, T, remaining charge and four states.
_OF_MODULE, _OF_CELL = 8, 4
_CELL_STATES = ("Volt. State", "Temp. State")


def get_power_rows(answer: Answer) -> tuple[list[str], list[list[str]], list[str]]:
    """Return the fields of ``getpwr``: those of the module or the rack, those of each cell, and the trailer.

    Raises FrameError when a row is damaged or of another length.
    """
    rows = [[field.strip() for field in line.split("#")[:-1]] for line in answer.lines if "#" in line]
    if not rows or len(rows[0]) != _OF_MODULE or any(_is_cut(line) for line in answer.lines):
        raise FrameError("no row of 8 fields in the answer: ask again")
    cells = [row for row in rows[1:] if len(row) == _OF_CELL]
    trailer = [row[0] for row in rows[1 + len(cells) :] if len(row) == 1]
    if len(cells) + len(trailer) + 1 != len(rows) or len(trailer) > 2:
        raise FrameError("getpwr has rows of other lengths: ask again")
    return rows[0], cells, trailer


def _is_cut(line: str) -> bool:
    """Whether a line lost its last ``#``; one of words alone says other things."""
    *fields, rest = line.split("#")
    return bool(rest.strip()) and (bool(fields) or re.search(r"\d", rest) is not None)


def get_power(answer: Answer, number: int | None) -> Decoded:
    """Return the module of ``getpwr``: ``#`` behind every field, a row of 8, then cells of 4, then fault and cycles.

    Raises FrameError when a row is damaged or of another length.
    """
    head, cells, trailer = get_power_rows(answer)
    voltage, current, temperature, charge, base, *states = head
    state, alarms = state_and_alarms(base)
    alarms += state_alarms(zip(("Volt.St", "Curr.St", "Temp.St"), states, strict=True))
    degrees, broken = celsius({"Tempr": whole(temperature) / 1000})
    fault, cycles = (*trailer, None, None)[:2]
    doubts = odd_words((base, *states), cells)
    module = Module(
        number=number or 1,
        voltage=whole(voltage) / 1000,
        current=whole(current) / 1000,
        temperature=degrees["Tempr"],
        remaining_capacity=amount(charge, **{"": 0.001}),
        cycles=None if cycles is None else whole(cycles),
        state=state,
        alarms=(*alarms, *broken, *(fault_alarms(fault) if fault else ())),
        cells=tuple(got_cell(i, row, doubts) for i, row in enumerate(cells, 1)) or None,
    )
    check_sum(module)
    module = plausible(module, "the module", doubts, normal=states[0] == "Normal", cells_normal=False)
    return of_module(module, (), doubts)


def odd_words(states: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
    """The words of ``getpwr`` that are a known one which was damaged."""
    reported = {word for word in (*states, *(word for row in cells for word in row[2:])) if word not in WORDS}
    return [f"the word {word[:40]!r}" for word in sorted(reported) if not word.isascii() or one_off(word, WORDS)]


def check_sum(module: Module, most_v: float = SUM_V) -> None:
    """Raise FrameError where the cells make another voltage: a row of getpwr has no number, a lost one shows here."""
    cells = [cell.voltage for cell in module.cells or () if cell.voltage is not None]
    if len(cells) == len(module.cells or ()) > 0 and abs(sum(cells) - (module.voltage or 0.0)) > most_v:
        raise FrameError(f"cells of {sum(cells):.3f} V in a module of {module.voltage} V: ask again")


def got_cell(number: int, row: Sequence[str], doubts: list[str]) -> Cell:
    """Return the cell of a row of getpwr."""
    voltage, temperature, *states = str(whole(row[0])), str(whole(row[1])), *row[2:]
    alarms = state_alarms(zip(_CELL_STATES, states, strict=True), number)
    alarms += [sensor_fault(number)] if blind(voltage) else []
    degrees, broken = celsius({"Tempr": milli(temperature)}, {"Tempr": number})
    cell = Cell(number=number, voltage=reading(voltage), temperature=degrees["Tempr"], alarms=(*alarms, *broken))
    return plausible_cell(cell, doubts, normal=states[0] == "Normal")
