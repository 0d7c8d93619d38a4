"""The text console's tables: a header that names the columns, and rows that fit it or are refused.

::

    Power Volt   Curr   Tempr  ... Base.St  ... Coulomb  Time                 B.V.St   B.T.St
    1     50691  3806   17000  ... Charge   ... 89%      2025-12-21 20:53:06  Normal   Normal
    2     -      -      -      ... Absent   ... -        -                    -        -

The firmwares know many layouts, under one version prefix even, and new ones appear; so the names of the header decide,
never the number of columns or an offset. From the header comes one pattern for a whole row; a column that nobody knows
matches anything. A row that does not fit is damaged: then the whole table is refused, for nothing tells which
of its other rows lost bytes too. Rows are printed in columns: a lost digit shows where one row's numbers do not stand
below the others'. Units stay the device's here: mV, mA, m°C, %, mAh.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile

from pylon2mqtt.errors import FrameError

_INDEX = r"\s+(\d{1,3})"
_NUMBER = r"\s+(-?\d{1,9}|-)"
_WORD = r"\s+([A-Za-z][\w.+/-]*|-)"
_TEXT = r"\s+([!-~]+)"
_TIME = r"\s+(\d{4}-\d\d-\d\d\s+\d\d:\d\d:\d\d|-)"
_PERCENT = r"\s+(\d{1,3}%|-)"
_YES_NO = r"\s+([YN]|-)"
# The charge of a cell, told apart by its tokens: `64%  32000 mAH`, `32000 mAH`, `61000        mAH` or only `47%`.
_CHARGE = r"\s+((?:\d{1,3}%\s+)?\d{1,9}\s*m?A[HhS]|\d{1,3}%|-)"
# -100000 (mA, or m°C of a broken sensor) fills its 7 characters: nothing stands between it and the next number. That
# one has to end where its column does, or a blank was lost: `-3384717300` is -33847 and 17300, not -338471 and 7300.
_GLUED = r"(?:\s+|(?<=-\d{{6}})(?=.{{{}}}\s\S|-\d{{6}}\S))(-?\d{{1,9}}|-)"
_BEHIND_SEVEN, _NINE_BEHIND_SEVEN = _GLUED.format(6), _GLUED.format(8)
# Charge or energy with its own share: `78%  28903 mAH`, `84%  11903117 mWH`; in `bat` the header has the unit.
_SHARE = r"\s+(\d{1,3}%\s+\d{1,12}\s*[A-Za-z]{2,4}|-)"
_SHARE_OF_CELL = r"\s+(\d{1,3}%\s+\d{1,9}|-)"
_CODE = r"\s+(0[xX][0-9A-Fa-f]{1,8}|-)"

# What each column holds: `pwr` of all layouts, `bat` of all makers, `soh`; of racks `pwr`, `unit` and `bat`.
COLUMNS = {
    "Power": _INDEX,
    "Battery": _INDEX,
    **dict.fromkeys(("Volt", "Voltage", "Curr", "Vhigh", "MosTempr", "SOHCount", "Vlow.Id", "Vhigh.Id"), _NUMBER),
    **dict.fromkeys(("Tempr", "Tlow", "Thigh", "Vlow"), _BEHIND_SEVEN),
    **dict.fromkeys(("Tlow.Id", "Thigh.Id"), _NINE_BEHIND_SEVEN),
    **dict.fromkeys(("Base.St", "Volt.St", "Curr.St", "Temp.St"), _WORD),
    **dict.fromkeys(("B.V.St", "B.T.St", "M.T.St", "SysAlarm.St", "SOHStatus"), _WORD),
    **dict.fromkeys(("Base State", "Volt. State", "Curr. State", "Temp. State"), _WORD),
    **dict.fromkeys(("DTemp. State", "CTemp. State"), _WORD),
    "SOC": _PERCENT,
    "Coulomb": _CHARGE,
    "Time": _TIME,
    "BAL": _YES_NO,
    "Barcode": _TEXT,
    "DevType": _TEXT,
    # `soh` of Pytes V5: eight hexadecimal digits of unknown meaning.
    "M-H$": _TEXT,
    # Racks: B is a cell, U a unit.
    "Index": _INDEX,
    "Bat": _INDEX,
    **dict.fromkeys(("BTlow", "BThigh", "BVlow", "BVhigh", "UTlow", "UThigh", "UVlow", "UVhigh", "AvgTempr"), _NUMBER),
    **dict.fromkeys(("U.V.St", "U.T.St", "V.State", "T.State"), _WORD),
    **dict.fromkeys(("CoulombAH", "CoulombWH"), _SHARE),
    **dict.fromkeys(("AH(mAH)", "WH(mWH)"), _SHARE_OF_CELL),
    "Bal": _YES_NO,
    "Err Code": _CODE,
}
_NUMBERS = (_INDEX, _NUMBER, _BEHIND_SEVEN, _NINE_BEHIND_SEVEN)
_NAME = re.compile(r"Err Code|\S+(?: State)?")
# With more of them in one header a row could be read in too many ways.
_MOST_STRETCHES = 2
_MOST_EXTRA_TOKENS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The rows of one table, each by column name; ``-`` is None. ``unknown`` are the columns that nobody knows."""

    rows: tuple[Mapping[str, str | None], ...]
    absent: tuple[int, ...] = ()
    unknown: tuple[str, ...] = ()


def table(lines: Sequence[str], first: str, *, required: Sequence[str]) -> Table:
    """Return the table whose first column is named ``first``; the lines before its header say other things.

    Raises FrameError when there is no such header, when it lacks a required column, or when any row is damaged.
    """
    at = header_at(lines, first)
    names, pattern, aligned = _layout(lines[at])
    if missing := [name for name in required if name not in names]:
        raise FrameError(f"no column {missing[0]!r} in the header: ask again")
    found, absent = [], []
    for line in lines[at + 1 :]:
        if "Absent" in line.split():
            absent.append(_slot(line, names))
        elif line != lines[at]:
            found.append(_row(line, pattern))
    _check_aligned(aligned, found)
    rows = (_cells(names, row) for row in found)
    return Table(rows=tuple(rows), absent=tuple(absent), unknown=tuple(n for n in names if n not in COLUMNS))


def header_at(lines: Sequence[str], first: str) -> int:
    """Return which line is the header whose first column is named ``first``; raise FrameError when there is none."""
    found = (i for i, line in enumerate(lines) if line.split()[0] == first and len(line.split()) > 1)
    if (at := next(found, None)) is None:
        raise FrameError(f"no header with {first!r} in the answer: ask again")
    return at


def maimed(word: str, known: Iterator[str] | Mapping[str, object] | Sequence[str]) -> str | None:
    """Return the known word that this one is, but for one or two characters lost on the line; None if it is none.

    Bytes vanish without a trace on a long cable: `Thgh` is no new column, but a damaged `Thigh`.
    """
    return None if word in known else next((whole for whole in known if _lost(word, whole)), None)


def _lost(word: str, whole: str) -> bool:
    gap = len(whole) - len(word)
    return 0 < gap <= 2 and len(whole) >= 5 and any(whole[:i] + whole[i + gap :] == word for i in range(len(word) + 1))


@lru_cache(maxsize=64)
def _layout(header: str) -> tuple[tuple[str, ...], re.Pattern[str], int]:
    """The names in a header; the pattern of its rows, one group for each name that is known; how many are aligned.

    The numbers at the beginning are, and the word behind them: what follows is printed in other ways.
    """
    names = tuple(_NAME.findall(header))
    doubtful = [name for name in names if maimed(name, COLUMNS) or not re.fullmatch(r"[\w .()/%$-]+", name, re.ASCII)]
    if doubtful or len(set(names)) < len(names):
        raise FrameError(f"a damaged header {(doubtful or names)!r}: ask again")
    parts = list(_stretches(names))
    loose = sum(isinstance(part, int) for part in parts) <= _MOST_STRETCHES
    pieces = [COLUMNS[p] if isinstance(p, str) else _anything(p, loose=loose) for p in parts]
    numbers = len(list(takewhile(lambda name: COLUMNS.get(name) in _NUMBERS, names)))
    aligned = numbers + (names[numbers : numbers + 1] != () and names[numbers] in COLUMNS)
    return names, re.compile("".join(pieces) + r"\s*", re.ASCII), aligned


def _stretches(names: Sequence[str]) -> Iterator[str | int]:
    """Each known name, and for the unknown ones between them how many there are."""
    unknown = 0
    for name in names:
        if name not in COLUMNS:
            unknown += 1
            continue
        if unknown:
            yield unknown
        unknown = 0
        yield name
    if unknown:
        yield unknown


def _anything(columns: int, *, loose: bool) -> str:
    """So many columns of any content: an empty cell has no token, a time has two."""
    fewest, most = (0, columns + _MOST_EXTRA_TOKENS) if loose else (columns, columns)
    return rf"(?:\s+[!-~]+){{{fewest},{most}}}?"


def _row(line: str, pattern: re.Pattern[str]) -> re.Match[str]:
    found = pattern.fullmatch(f" {line}")  # each column begins with a blank
    if found is None:
        raise FrameError(f"a damaged row {line[:80]!r}: ask again")
    return found


def _cells(names: Sequence[str], row: re.Match[str]) -> dict[str, str | None]:
    known = [name for name in names if name in COLUMNS]
    return {name: None if text == "-" else text for name, text in zip(known, row.groups(), strict=True)}


def _check_aligned(columns: int, rows: Sequence[re.Match[str]]) -> None:
    """Numbers stand below each other: where those of one row begin elsewhere, it lost a character, or has one more.

    A terminal that makes one blank of many takes the columns away; then nothing is said.
    """
    starts = {tuple(row.start(column) for column in range(1, columns + 1)) for row in rows}
    if len(starts) > 1 and any("  " in row.string[: row.start(columns)] for row in rows):
        raise FrameError("the columns of the rows do not stand below each other: ask again")


def _slot(line: str, names: Sequence[str]) -> int:
    """The number of an empty slot; its row may keep an older layout than the header: only ``-`` and ``Absent``."""
    index, *rest = line.split()
    strange = not set(rest) <= {"-", "Absent"} and all(name in COLUMNS for name in names)
    if not re.fullmatch(r"[0-9]{1,3}", index) or rest.count("Absent") != 1 or len(rest) > len(names) or strange:
        raise FrameError(f"a damaged row {line[:80]!r}: ask again")
    return int(index)
