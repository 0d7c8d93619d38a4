"""What of a console's values can be true.

Without any checksum a lost digit shows only where a value becomes impossible; so every value is held against what the
device says beside it: cells that it calls normal are between 1.0 and 4.2 V. What cannot be true is left out, and is a
doubt: the driver asks again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import median
from typing import Any, TypeVar

from pylon2mqtt.model import Cell, Readings

from .values import sensor_fault

R = TypeVar("R", bound=Readings)
Range = tuple[float, float]

MOST_CELLS_OF_MODULE, MOST_CELLS_OF_RACK = 32, 640

_CELL_V, _NORMAL_CELL_V = (0.0, 4.5), (1.0, 4.2)
# 8 cells at 2.0 V … 16 at 4.2 V; an abnormal module may be at 0.
_MODULE_V, _NORMAL_MODULE_V = (0.0, 80.0), (16.0, 68.0)
_CURRENT_A = 500.0
# Of how many cells, and from which percent on, charge and percent are compared; how far cells are apart.
_FEWEST_COMPARED, _LEAST_COMPARED = 4, 10.0
_CELLS_APART = 0.05


def plausible(
    reported: R,
    who: str,
    doubts: list[str],
    *,
    normal: bool,
    cells_normal: bool,
    most_a: float = _CURRENT_A,
    volts: tuple[Range, Range] = (_NORMAL_MODULE_V, _MODULE_V),
) -> R:
    """Return the readings without the values that cannot be true; each of them is added to ``doubts``.

    ``normal`` says whether the device calls its voltage so; ``volts``: between which voltages it may be then, and else.
    """
    cell_v = _NORMAL_CELL_V if cells_normal else _CELL_V
    bounds = {
        "voltage": volts[0] if normal else volts[1],
        "current": (-most_a, most_a),
        "cell_voltage_min": cell_v,
        "cell_voltage_max": cell_v,
        "soh": (0.0, 100.0),
    }
    bad = [name for name, limits in bounds.items() if not _within(getattr(reported, name), limits)]
    for kind in ("cell_voltage", "cell_temperature"):
        low, high = getattr(reported, f"{kind}_min"), getattr(reported, f"{kind}_max")
        bad += [f"{kind}_min", f"{kind}_max"] if low is not None and high is not None and low > high else []
    return without(reported, who, bad, doubts)


def made_of(
    volts: float | None, low: float | None, high: float | None, *, most: int = MOST_CELLS_OF_MODULE, apart: float = 0.01
) -> bool:
    """Whether some whole number of parts, between the lowest and the highest of them, makes a voltage.

    ``apart``: how far two meters of one battery may be from each other; seen are 0.4 %.
    """
    if volts is None or low is None or high is None or low <= 0:
        return True
    fewest, largest = volts * (1 - apart) / high, volts * (1 + apart) / low
    return int(largest) >= max(1.0, fewest) and fewest <= most


def without(reported: R, who: str, bad: Iterable[str], doubts: list[str]) -> R:
    """Return the readings without the ``bad`` fields, with an alarm for each; each is added to ``doubts``."""
    names = list(dict.fromkeys(bad))
    if not names:
        return reported
    texts = [f"{name.replace('_', ' ')} out of range" for name in names]
    doubts += [f"{who}: {text}" for text in texts]
    alarms = (*(reported.alarms or ()), *(sensor_fault(None, text) for text in texts))
    changes: dict[str, Any] = dict.fromkeys(names)
    return replace(reported, **changes, alarms=alarms)


def plausible_cell(cell: Cell, doubts: list[str], *, normal: bool) -> Cell:
    """Return the cell without the values that cannot be true; ``normal`` is what the device calls its voltage."""
    bounds = {"voltage": _NORMAL_CELL_V if normal else _CELL_V, "current": (-_CURRENT_A, _CURRENT_A)}
    bad = [name for name, limits in bounds.items() if not _within(getattr(cell, name), limits)]
    if not bad:
        return cell
    doubts += [f"cell {cell.number}: {name} out of range" for name in bad]
    alarms = (*(cell.alarms or ()), *(sensor_fault(cell.number, f"{name} out of range") for name in bad))
    changes: dict[str, Any] = dict.fromkeys(bad)
    return replace(cell, **changes, alarms=alarms)


def charges_that_fit(cells: Sequence[Cell], doubts: list[str]) -> tuple[Cell, ...]:
    """Return the cells, without the charge and the percent of those where the two are not those of one cell.

    All cells of a module hold nearly the same: charge over percent is compared with that of most cells.
    """
    full = {
        cell.number: cell.capacity / cell.soc
        for cell in cells
        if cell.capacity and cell.soc and cell.soc >= _LEAST_COMPARED
    }
    if len(full) < _FEWEST_COMPARED:
        return tuple(cells)
    middle = median(full.values())
    odd = {cell.number for cell in cells if cell.number in full and not _holds(full[cell.number], middle, cell.soc)}
    doubts += [f"cell {number}: its charge does not fit its percent" for number in sorted(odd)]
    return tuple(replace(cell, capacity=None, soc=None) if cell.number in odd else cell for cell in cells)


def _holds(full: float, middle: float, soc: float | None) -> bool:
    """Whether a cell holds what most do; the percent is whole, so it may be half of one off."""
    return abs(full / middle - 1) <= _CELLS_APART + 1 / (soc or 1.0)


def _within(value: float | None, bounds: Range) -> bool:
    return value is None or bounds[0] <= value <= bounds[1]
