"""The screen output: a bank and its modules as one table, one line per quantity."""

import sys
from collections.abc import Iterable
from typing import Any, TextIO

from pylon2mqtt.errors import OutputError
from pylon2mqtt.model import Bank, Module, Snapshot
from pylon2mqtt.model.quantities import JSON, QUANTITIES, Quantity
from pylon2mqtt.model.report import bank_report, module_report

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
    columns += [(_title(module), Module, module_report(module, bank)) for module in bank.modules]
    rows = [["", *(title for title, _, _ in columns)]]
    for row in _known(columns):
        cells = [_text(report.get(row.key), row) for _, _, report in columns]
        rows.append([f"{row.title}{f' ({row.unit})' if row.unit else ''}", *cells])
    rows += [["Modules silent", ", ".join(map(str, bank.silent))]] if bank.silent else []
    return "\n".join(_aligned(rows))


def _title(module: Module) -> str:
    return module.barcode or f"Module {module.number}"


def _known(columns: list[_Column]) -> Iterable[Quantity]:
    """The quantities that the bank or a module has one value of, in the order of their table, each once."""
    known: dict[str, Quantity] = {}
    for _, kind, report in columns:
        single = (key for key in QUANTITIES[kind] if not isinstance(report.get(key), list | None))
        known |= {key: QUANTITIES[kind][key] for key in single if QUANTITIES[kind][key].place is not JSON}
    return known.values()


def _text(value: Any, row: Quantity) -> str:
    if value is None:
        return _UNKNOWN
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:.{row.digits}f}" if row.digits is not None else str(value)


def _aligned(rows: list[list[str]]) -> Iterable[str]:
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(max(map(len, rows)))]
    for row in rows:
        first, *rest = row
        yield "  ".join([first.ljust(widths[0]), *(cell.rjust(widths[i]) for i, cell in enumerate(rest, 1))]).rstrip()
