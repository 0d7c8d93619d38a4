"""The text console's tables: a header that names the columns, and rows that fit it or are refused.

::

    Power Volt   Curr   Tempr  ... Base.St  ... Coulomb  Time                 B.V.St   B.T.St
    1     50691  3806   17000  ... Charge   ... 89%      2025-12-21 20:53:06  Normal   Normal
    2     -      -      -      ... Absent   ... -        -                    -        -

The firmwares know many layouts, under one version prefix even, and new ones appear; so the names of the header decide,
never the number of columns or an offset. From the header comes one pattern for a whole row; a column that nobody knows
matches anything. Where no row at all fits, the firmware prints one of the known columns in another form: that column is
as one that nobody knows. A single row that does not fit is a doubt, and its values are left out. Rows are printed in
columns: a lost digit shows where one row's numbers do not stand below the others'. Units stay the device's here: mV,
mA, m°C, %, mAh.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, takewhile

from pylon2mqtt.errors import FrameError

from .spelling import SPELLINGS, damaged, one_off, shape
from .values import NOTHING, WORDS

_INDEX = r"\s+(\d{1,3})"
_NUMBER = r"\s+(-?\d{1,9}|-)"
_WORD = r"\s+([A-Za-z][\w.+/-]*|-)"
_TEXT = r"\s+([!-~]+)"
_TIME = r"\s+(\d{4}-\d\d-\d\d\s+\d\d:\d\d:\d\d|-)"
_PERCENT = r"\s+(\d{1,3}\s*%|-)"
_YES_NO = r"\s+([YN]|-)"
# The charge of a cell, told apart by its tokens: `64%  32000 mAH`, `32000 mAH`, `61000        mAH` or only `47%`.
_CHARGE = r"\s+((?:\d{1,3}%\s+)?\d{1,9}\s*m?A[HhS]|\d{1,3}%|-)"
# -100000 (mA, or m°C of a broken sensor) fills its 7 characters: nothing stands between it and the next number. That
# one has to end where its column does, or a blank was lost: `-3384717300` is -33847 and 17300, not -338471 and 7300.
_GLUED = r"(?:\s+|(?<=-\d{{6}})(?=.{{{}}}\s\S|-\d{{6}}\S))(-?\d{{1,9}}|-)"
_BEHIND_SEVEN, _NINE_BEHIND_SEVEN = _GLUED.format(6), _GLUED.format(8)
# Charge or energy with its own share: `78%  28903 mAH`, `84%  11903117 mWH`; in `bat` the header has the unit.
_SHARE = r"\s+(\d{1,3}%\s+\d{1,12}\s*[A-Za-z]{2,4}|-)"
_SHARE_OF_CELL = r"\s+(\d{1,3}%\s+\d{1,9}(?:\s*[A-Za-z]{2,4})?|-)"
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
_NAMES = frozenset(COLUMNS)
_WORDS_IN = frozenset(name for name, pattern in COLUMNS.items() if pattern == _WORD)
_NUMBERS = (_INDEX, _NUMBER, _BEHIND_SEVEN, _NINE_BEHIND_SEVEN)
_NAME = re.compile(r"Err Code|\S+(?: State)?")
# With more of them in one header a row could be read in too many ways.
_MOST_STRETCHES = 2
_MOST_EXTRA_TOKENS = 3
_MOST_IN_ANOTHER_FORM = 3
# The same form in so many rows is no damage.
_SURE_ROWS = 2
# Fewer rows do not tell which of them is the odd one.
_A_FEW = 3
# What stands in a row beside the words of states.
_OF_A_ROW = re.compile(r"-?\d+%?|-|\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d|m?A[HhS]|m?WH|[YN]|0x[0-9A-Fa-f]+", re.ASCII)


Row = Mapping[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The rows of one table, each by column name; ``-`` is None, and so is all of a row in doubt but its number.

    ``absent`` are the empty slots. ``unknown`` are the columns and lines that nobody knows, ``doubts`` what is damaged
    or in a form that is not known.
    """

    rows: tuple[Row, ...]
    absent: tuple[int, ...] = ()
    unknown: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def table(lines: Sequence[str], first: str, *, required: Sequence[str]) -> Table:
    """Return the table whose first column is named ``first``; the lines before its header say other things.

    Raises FrameError when there is no such header, when it lacks a required column, when an empty slot's row is damaged
    or when the rows fit their header in no way.
    """
    at = header_at(lines, first)
    names, doubts = _names(lines[at])
    if missing := [name for name in required if name not in names]:
        raise FrameError(f"no column {missing[0]!r} in the header: ask again")
    body = [line for line in lines[at + 1 :] if line != lines[at]]
    absent = [_slot(line, names) for line in body if "Absent" in line.split()]
    found, odd, foreign = _sorted_out(names, [line for line in body if "Absent" not in line.split()])
    values: list[Row] = [_cells(names, row) for row in found]
    if odd and not found:
        values, lost = _in_another_form(names, odd, required)
        doubts += [f"the column {name!r}" for name in lost] if len(odd) < _SURE_ROWS else []
        names = tuple(f"{name} (in another form)" if name in lost else name for name in names)
    elif odd:
        doubts += [f"a damaged row {shape(line)!r}" for line in odd]
        numbered = [*values, *(_number_only(names, line) for line in odd)]
        values = sorted((row for row in numbered if row), key=lambda row: int(row[first] or 0))
    return Table(
        rows=tuple(values),
        absent=tuple(absent),
        unknown=(*(name for name in names if name not in COLUMNS), *(line[:40] for line in foreign)),
        doubts=(*doubts, *_misaligned(names, found), *_odd_words(values)),
    )


def header_at(lines: Sequence[str], first: str) -> int:
    """Return which line is the header whose first column is named ``first``; raise FrameError when there is none."""
    found = (i for i, line in enumerate(lines) if line.split()[0] == first and len(line.split()) > 1)
    if (at := next(found, None)) is None:
        raise FrameError(f"no header with {first!r} in the answer: ask again")
    return at


# -------------------- the header


@lru_cache(maxsize=64)
def _header(header: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    printed = [SPELLINGS.get(name, name) for name in _NAME.findall(header)]
    twice = {name for name in printed if name in COLUMNS and printed.count(name) > 1}
    missing = _NAMES - set(printed)
    doubts = [
        f"a damaged header: {name!r}"
        for name in printed
        if name in twice or (name not in COLUMNS and damaged(name, missing))
    ]
    return tuple(f"{name} (twice)" if name in twice else name for name in printed), tuple(doubts)


def _names(header: str) -> tuple[tuple[str, ...], list[str]]:
    """The names in a header, and which of them are doubtful; one that stands there twice names no column."""
    names, doubts = _header(header)
    return names, list(doubts)


# -------------------- the rows


@lru_cache(maxsize=64)
def _pattern(names: tuple[str, ...], unknown: tuple[int, int] = (0, 0)) -> re.Pattern[str]:
    """The pattern of a row, one group for each name that is known but for those in the range ``unknown``."""
    kept = [name if name in COLUMNS and not unknown[0] <= i < unknown[1] else None for i, name in enumerate(names)]
    kept += [None] if unknown[1] > len(names) else []
    parts = [(name, len(list(group))) for name, group in groupby(kept)]
    loose = sum(name is None for name, _ in parts) <= _MOST_STRETCHES
    pieces = [_anything(count, loose=loose) if name is None else COLUMNS[name] for name, count in parts]
    return re.compile("".join(pieces) + r"\s*", re.ASCII)


def _anything(columns: int, *, loose: bool) -> str:
    """So many columns of any content: an empty cell has no token, a time has two."""
    fewest, most = (0, columns + _MOST_EXTRA_TOKENS) if loose else (columns, columns)
    return rf"(?:\s+\S+){{{fewest},{most}}}?"


def _sorted_out(names: tuple[str, ...], lines: Iterable[str]) -> tuple[list[re.Match[str]], list[str], list[str]]:
    """The rows that fit their header, those that do not, and the lines that are no row."""
    pattern = _pattern(names)
    found, odd, foreign = [], list[str](), list[str]()
    for line in lines:
        if row := pattern.fullmatch(f" {line}"):  # each column begins with a blank
            found.append(row)
        else:
            (odd if _is_like_a_row(line) else foreign).append(line)
    return found, odd, foreign


def _is_like_a_row(line: str) -> bool:
    tokens = line.split()
    return sum(token in WORDS or _OF_A_ROW.fullmatch(token) is not None for token in tokens) * 2 > len(tokens)


def _cells(names: Sequence[str], row: re.Match[str], unknown: tuple[int, int] = (0, 0)) -> dict[str, str | None]:
    known = [name for i, name in enumerate(names) if name in COLUMNS and not unknown[0] <= i < unknown[1]]
    return {name: None if text in NOTHING else text for name, text in zip(known, row.groups(), strict=True)}


def _number_only(names: Sequence[str], line: str) -> Row | None:
    """A row that is not understood: its number and nothing else; None where not even that is sure."""
    index = line.split(maxsplit=1)[0]
    if COLUMNS[names[0]] != _INDEX or not re.fullmatch(r"[0-9]{1,3}", index):
        return None
    return dict.fromkeys((name for name in names if name in COLUMNS), None) | {names[0]: index}


def _in_another_form(
    names: tuple[str, ...], lines: Sequence[str], required: Sequence[str]
) -> tuple[list[Row], tuple[str, ...]]:
    """The rows where none fits: as few columns as possible, side by side, are read as ones that nobody knows.

    Where that goes in several ways, a value counts that all of them read alike.
    """
    for length in range(1, _MOST_IN_ANOTHER_FORM + 1):
        readings = [
            [_cells(names, row, (start, start + length)) for row in rows if row]
            for start in range(1, len(names) - length + 2)
            if not set(names[start : start + length]) & set(required)
            and all(rows := [_pattern(names, (start, start + length)).fullmatch(f" {line}") for line in lines])
        ]
        if readings:
            return _alike(names, readings, required)
    raise FrameError(f"a damaged row {lines[0][:80]!r}: ask again")


def _alike(
    names: Sequence[str], readings: Sequence[Sequence[Row]], required: Sequence[str]
) -> tuple[list[Row], tuple[str, ...]]:
    """The columns that all readings have and read alike, and the others."""
    first = readings[0]
    lost = [
        name for name in names
        if name in COLUMNS
        and any(name not in row or (name in mine and row[name] != mine[name])
                for other in readings for row, mine in zip(other, first, strict=True))
    ]  # fmt: skip
    if set(lost) & set(required):
        raise FrameError(f"the rows of a table with {names[0]!r} do not fit its header: ask again")
    return [{name: text for name, text in row.items() if name not in lost} for row in first], tuple(lost)


def _slot(line: str, names: Sequence[str]) -> int:
    """The number of an empty slot; its row may keep an older layout than the header: only ``-`` and ``Absent``."""
    index, *rest = line.split()
    strange = not set(rest) <= {"-", "Absent"} and all(name in COLUMNS for name in names)
    if not re.fullmatch(r"[0-9]{1,3}", index) or rest.count("Absent") != 1 or len(rest) > len(names) or strange:
        raise FrameError(f"a damaged row {line[:80]!r}: ask again")
    return int(index)


# -------------------- what rows say of each other


def _misaligned(names: Sequence[str], rows: Sequence[re.Match[str]]) -> list[str]:
    """Numbers stand below each other: where those of one row begin elsewhere, it lost a character, or has one more.

    The numbers at the beginning do, and the word behind them: what follows is printed in other ways. A terminal that
    makes one blank of many takes the columns away, and some firmwares print without any: then nothing is said.
    """
    numbers = len(list(takewhile(lambda name: COLUMNS.get(name) in _NUMBERS, names)))
    aligned = numbers + (names[numbers] in COLUMNS if numbers < len(names) else 0)
    starts = [tuple(row.start(column) for column in range(1, aligned + 1)) for row in rows]
    common, count = Counter(starts).most_common(1)[0] if starts else ((), 0)
    elsewhere = len(rows) - count
    if not elsewhere or (len(rows) >= _A_FEW and elsewhere * 2 > len(rows)):
        return []
    if not any("  " in row.string[: row.start(aligned)] for row in rows):
        return []
    return [f"the numbers of row {i} do not stand below the others" for i, at in enumerate(starts, 1) if at != common]


def _odd_words(rows: Sequence[Row]) -> list[str]:
    """Words of a state that are a known one with a letter lost or wrong; a word of several rows is the firmware's."""
    words = Counter(
        (name, word) for row in rows for name, word in row.items() if word not in WORDS and word and name in _WORDS_IN
    )
    return [f"{name} : {word}" for (name, word), count in words.items() if count < _SURE_ROWS and one_off(word, WORDS)]
