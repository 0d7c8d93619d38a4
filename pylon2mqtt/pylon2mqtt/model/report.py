"""The model as plain JSON values: what is published, shown and written, in one shape.

Measured values come first, with the digits that the battery reported; what is not measured but follows from them is
filled in, rounded by its unit. Every key is always there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

from .alarms import active_alarms, module_alarms, problems
from .battery import Bank, Cell, Module
from .derived import bank_figures, module_figures
from .figures import Figures
from .quantities import CELL, rounded

Json = dict[str, Any]

# The arrays of a module's cells, by the cell's field.
CELL_ARRAYS = {row.array: row.key for row in CELL if row.array}

# What stands in no topic of a module: how it was read, and what only the layouts of other tools show.
_RAW = ("at_once", "registers", "words")


def plain(value: Any) -> Any:
    """Return ``value`` as dicts, lists, strings, numbers and None."""
    if value is None or isinstance(value, str | float | int):  # Most values; first, because there are thousands.
        return value
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


def bank_report(bank: Bank) -> Json:
    """The bank's own fields and what is derived; ``alarms`` are those of all modules, with their numbers.

    ``problems`` says of each kind of alarm whether it is active, where it is known which kinds there are.
    """
    report = _merged(bank, bank_figures(bank), leave_out=("modules", "events", "alarm_kinds"))
    active = active_alarms(bank)
    report["alarms"] = [{"module": module, **plain(alarm)} for module, alarm in active]
    report["problems"] = problems(bank, *bank.modules, active=(alarm for _, alarm in active))
    return report


def module_report(module: Module, bank: Bank | None = None) -> Json:
    """The module's own fields and what is derived, without its cells; ``alarms`` are also those of its cells.

    ``bank`` is the one that it is in; without it, its share of the current is not known.
    """
    report = _merged(module, module_figures(module, bank), leave_out=("cells", "alarm_kinds", *_RAW))
    alarms = module_alarms(module)
    return report | {"alarms": plain(alarms), "problems": problems(module, active=alarms or ())}


def cells_report(cells: Iterable[Cell]) -> Json:
    """The cells as arrays, the first cell first; an array that no cell reports is None."""
    columns = {name: [getattr(cell, field) for cell in cells] for name, field in CELL_ARRAYS.items()}
    return {name: column if any(v is not None for v in column) else None for name, column in columns.items()}


def whole_report(bank: Bank) -> Json:
    """The bank with its modules, their cells and its events: what `decode`, `read` and `replay` print."""
    keys = (*_RAW, "cells")
    modules = [
        module_report(module, bank) | {key: plain(getattr(module, key)) for key in keys} for module in bank.modules
    ]
    return bank_report(bank) | {"modules": modules, "events": plain(bank.events)}


def summary(bank: Bank) -> str:
    """Return which modules a bank has, as a small table for the log."""
    head = " ".join(filter(None, (bank.manufacturer, bank.model, bank.firmware))) or "battery"
    lines = [f"{head}, {len(bank.modules)} modules" + (f", silent: {bank.silent}" if bank.silent else "")]
    for module in bank.modules:
        barcode, firmware = module.barcode or "no serial number", module.firmware or "-"
        lines.append(f"  module {module.number:2}  {barcode:16}  {firmware:12}  {len(module.cells or ())} cells")
    return "\n".join(lines)


def _merged(part: Bank | Module, figures: Figures, leave_out: tuple[str, ...]) -> Json:
    report = {field.name: plain(getattr(part, field.name)) for field in fields(part) if field.name not in leave_out}
    for field in fields(figures):
        if report.get(field.name) is None:
            report[field.name] = rounded(field.name, getattr(figures, field.name))
    return report
