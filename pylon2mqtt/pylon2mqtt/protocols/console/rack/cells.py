"""Which cells belong to which module of a rack: `bat` and `soh` number all of them through.

Module 1 has the first cells. How many a module has, its own `bmuinfo` says, else the rack's number of cells and of
modules; and the modules' voltages have to bear it out. It is never assumed: 15, 30 and 32 are all in use.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

from pylon2mqtt.errors import FrameError
from pylon2mqtt.model import Alarm, Cell, Module

_HALF_A_CELL = 0.5
# More than a step of the load makes between two answers.
_BETWEEN_ANSWERS_V = 0.2

_OF_CELL = re.compile(r"cell_(\d+)_(\w+)", re.ASCII)


def sizes(cells: int, modules: int, *, by_modules: Sequence[int] = (), by_rack: int | None = None) -> tuple[int, ...]:
    """Return how many of ``cells`` each module has.

    ``by_modules``: what each module says, ``by_rack``: what the rack says. Raises FrameError where these do not agree.
    """
    if by_rack is not None and cells != by_rack:
        raise FrameError(f"{cells} cells in the answer, {by_rack} in the rack: ask again")
    if len(by_modules) == modules and sum(by_modules) == cells:
        return tuple(by_modules)
    if not modules or cells % modules:
        raise FrameError(f"{cells} cells in {modules} modules do not go: ask again")
    return (cells // modules,) * modules


def cut(rack: Module, into: Sequence[int]) -> tuple[Module, ...]:
    """Return the modules with their own cells, each numbered from 1; ``rack`` has all of them."""
    cells = rack.cells or ()
    return tuple(
        Module(
            number=number,
            at_once=rack.at_once,
            cells=tuple(_renumbered(cell, index) for index, cell in enumerate(cells[start:end], 1)),
            counters=_counters(rack, start, end),
        )
        for number, (start, end) in enumerate(pairwise(accumulate(into, initial=0)), 1)
    )


def check(modules: Sequence[Module], units: Sequence[Module]) -> None:
    """Raise FrameError where cells are not those of the modules that `unit` tells of: by sum and by extremes."""
    rows = {unit.number: unit for unit in units}
    for module in modules:
        unit = rows.get(module.number)
        reported = [cell.voltage for cell in module.cells or () if cell.voltage is not None]
        if unit is None or not reported or len(reported) < len(module.cells or ()):
            continue
        if (
            unit.voltage
            and abs(unit.voltage * len(reported) / max(sum(reported), 0.001) - len(reported)) > _HALF_A_CELL
        ):
            raise FrameError(
                f"module {module.number} of {unit.voltage} V has no {len(reported)} cells of {sum(reported):.2f} V "
                "together: ask again"
            )
        for ours, theirs in ((min(reported), unit.cell_voltage_min), (max(reported), unit.cell_voltage_max)):
            if theirs is not None and abs(ours - theirs) > _BETWEEN_ANSWERS_V:
                raise FrameError(f"module {module.number} has no cell of {ours} V: ask again")


def _renumbered(cell: Cell, number: int) -> Cell:
    alarms = None if cell.alarms is None else tuple(_of_cell(alarm, number) for alarm in cell.alarms)
    return replace(cell, number=number, alarms=alarms)


def _of_cell(alarm: Alarm, number: int) -> Alarm:
    return replace(alarm, cells=(number,)) if alarm.cells else alarm


def _counters(rack: Module, start: int, end: int) -> dict[str, float] | None:
    """The counters of single cells, under the numbers that these have in their module."""
    found = {}
    for name, value in (rack.counters or {}).items():
        if (cell := _OF_CELL.fullmatch(name)) and start < int(cell[1]) <= end:
            found[f"cell_{int(cell[1]) - start}_{cell[2]}"] = value
    return found or None
