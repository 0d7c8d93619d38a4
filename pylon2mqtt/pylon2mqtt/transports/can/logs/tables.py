"""CAN logs as tables of comma-separated values whose first row names the columns: SavvyCAN (GVRET), python-can, others.

::

    Time Stamp,ID,Extended,Dir,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8      SavvyCAN: microseconds, bytes in columns
    timestamp,arbitration_id,extended,remote,error,dlc,data         python-can: the bytes in base64
"""

import base64
import binascii
import csv
import re
from collections.abc import Iterator

from pylon2mqtt.transports.base import CanFrame

from .untimed import UntimedFrame, classic_frame

_DELIMITERS = (",", ";", "\t")
_NUMBER = ("id", "arbitration_id", "can id", "can_id", "identifier")
_TIME = ("timestamp", "time", "time stamp")
_LENGTH = ("len", "dlc", "length")
_SAVVYCANS_TIME, _PER_S = "time stamp", 1_000_000
_TRUE = frozenset({"true", "1", "x", "yes"})
_BYTES = re.compile(r"d(?:ata)?\s?\d")


def is_table(text: str) -> bool:
    """Whether the first row names at least an identifier and bytes."""
    names = _names(text.partition("\n")[0])
    return any(name in names for name in _NUMBER) and any(map(_holds_bytes, names))


def untimed_frames(text: str) -> Iterator[UntimedFrame]:
    """Yield the frames of a table with the times that it gives; rows that hold none are skipped."""
    lines = text.splitlines()
    names = _names(lines[0])
    for values in csv.reader(lines[1:], delimiter=_delimiter(lines[0])):
        row = {name: value.strip() for name, value in zip(names, values, strict=False)}
        try:
            found = _frame(row)
        except (ValueError, binascii.Error):
            continue
        if found is not None:
            yield _time(row), found


def _names(row: str) -> list[str]:
    return [name.strip().strip('"').lower() for name in row.split(_delimiter(row))]


def _delimiter(row: str) -> str:
    return max(_DELIMITERS, key=row.count)


def _holds_bytes(name: str) -> bool:
    return name == "data" or bool(_BYTES.fullmatch(name))


def _frame(row: dict[str, str]) -> CanFrame | None:
    number = int(_first(row, _NUMBER), 16)
    extended = row.get("extended", "").lower() in _TRUE if "extended" in row else number > 0x7FF
    if row.get("error", "").lower() in _TRUE:
        return CanFrame(number, error=True)
    if row.get("remote", "").lower() in _TRUE:
        return CanFrame(number, extended=extended, remote=True)
    length = int(_first(row, _LENGTH) or 0) if any(name in row for name in _LENGTH) else None
    data = _packed(row["data"], length) if "data" in row else _from_columns(row, length)
    return classic_frame(number, data, extended=extended) if length in (None, len(data)) else None


def _packed(text: str, length: int | None) -> bytes:
    """The bytes of one column: in hexadecimal, or in base64 as python-can writes them."""
    digits = re.sub(r"0x|\W", "", text)
    if (length is None or len(digits) == 2 * length) and re.fullmatch(r"(?:[0-9A-Fa-f]{2})*", digits):
        return bytes.fromhex(digits)
    return base64.b64decode(text, validate=True)


def _from_columns(row: dict[str, str], length: int | None) -> bytes:
    found = [row[name] for name in sorted(filter(_BYTES.fullmatch, row)) if row[name]]
    return bytes(int(one, 16) for one in found[:length])


def _first(row: dict[str, str], names: tuple[str, ...]) -> str:
    return next((row[name] for name in names if name in row), "")


def _time(row: dict[str, str]) -> float | None:
    try:
        at = float(_first(row, _TIME))
    except ValueError:
        return None
    return at / _PER_S if _SAVVYCANS_TIME in row else at
