"""The screen output: a bank and its modules as one table, in Home Assistant's words and units."""

import sys
from collections.abc import Iterable
from typing import Any, TextIO

from pylon2mqtt.errors import OutputError
from pylon2mqtt.model import Bank, Module, Snapshot
from pylon2mqtt.model.report import bank_report, module_report
from pylon2mqtt.outputs.mqtt.discovery.entities import ROWS, Entity, entities

# Clears the terminal and puts the cursor at its top left (ANSI).
_CLEAR = "\x1b[2J\x1b[H"
# A value that is not reported.
_UNKNOWN = "-"

_Column = tuple[str, type[Bank] | type[Module], dict[str, Any]]


class Screen:
    """Shows each snapshot; on a terminal the table stands still and its values change. ``note`` stands below it."""

    name = "screen"
    keeps_all = False

    def __init__(self, *, note: str = "", file: TextIO = sys.stdout) -> None:
        self._note = note
        self._file = file

    def open(self) -> None:
        """Begin; nothing is to be done."""

    def publish(self, snapshot: Snapshot) -> None:
        """Show one snapshot."""
        time = f"{snapshot.taken_at.astimezone():%H:%M:%S}"
        name = snapshot.bank.name or "Battery"
        text = table(snapshot.bank) if snapshot.online else "the battery does not answer"
        clear = _CLEAR if self._file.isatty() else ""
        try:
            self._file.write(f"{clear}{name}, {time}\n\n{text}\n\n{self._note}\n")
            self._file.flush()
        except OSError as error:
            raise OutputError(f"the screen cannot be written to: {error}") from error

    def refresh(self) -> None:
        """Nothing is due without a snapshot."""

    def close(self) -> None:
        """End; nothing is to be done."""


def table(bank: Bank) -> str:
    """Return the values of a bank and its modules, one line per quantity that anybody reports."""
    columns: list[_Column] = [("Bank", Bank, bank_report(bank))]
    columns += [(_title(module), Module, module_report(module)) for module in bank.modules]
    rows = [["", *(title for title, _, _ in columns)]]
    for entity in _known(columns):
        cells = [_text(report.get(entity.key), entity) for _, _, report in columns]
        rows.append([f"{_name(entity)}{f' ({entity.unit})' if entity.unit else ''}", *cells])
    rows += [["Modules silent", ", ".join(map(str, bank.silent))]] if bank.silent else []
    return "\n".join(_aligned(rows))


def _title(module: Module) -> str:
    return module.barcode or f"Module {module.number}"


def _known(columns: list[_Column]) -> Iterable[Entity]:
    """The entities that anybody has a value for, in the order of Home Assistant's table, each once."""
    known: dict[str, Entity] = {}
    for _, kind, report in columns:
        keys = {key for key in ROWS[kind] if report.get(key) is not None}
        known |= {entity.key: entity for entity in entities(kind, keys, "none") if entity.key not in known}
    return known.values()


def _name(entity: Entity) -> str:
    """What Home Assistant calls it in English: its name, or that of its device class."""
    return entity.name or (entity.device_class or entity.key).capitalize()


def _text(value: Any, entity: Entity) -> str:
    if value is None:
        return _UNKNOWN
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:.{entity.digits}f}" if entity.digits is not None else str(value)


def _aligned(rows: list[list[str]]) -> Iterable[str]:
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(max(map(len, rows)))]
    for row in rows:
        first, *rest = row
        yield "  ".join([first.ljust(widths[0]), *(cell.rjust(widths[i]) for i, cell in enumerate(rest, 1))]).rstrip()
