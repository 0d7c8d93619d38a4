"""Rows of small whole numbers as a short text: the differences from row to row, column by column, compressed."""

import sys
import zlib
from array import array
from base64 import b85decode, b85encode
from collections.abc import Sequence
from itertools import accumulate, pairwise

_LONGEST = 1_000_000
"""Bytes; more is no text of ours."""


def packed(rows: Sequence[Sequence[int]]) -> str:
    """Return rows of equal length as text; each number and difference fits 16 bits with its sign."""
    columns = zip(*rows, strict=True)
    differences = [step for column in columns for step in (column[0], *(new - old for old, new in pairwise(column)))]
    return b85encode(zlib.compress(_little(array("h", differences)).tobytes(), 9)).decode()


def unpacked(text: str, width: int) -> list[tuple[int, ...]]:
    """Return the rows, each of ``width`` numbers; raises ValueError where the text cannot be believed."""
    unzip = zlib.decompressobj()
    try:
        raw = unzip.decompress(b85decode(text), _LONGEST)
    except zlib.error as error:
        raise ValueError("damaged rows") from error
    if not unzip.eof or len(raw) % (2 * width):
        raise ValueError("damaged rows")
    differences = array("h")
    differences.frombytes(raw)
    height = len(_little(differences)) // width
    columns = [accumulate(differences[place * height : (place + 1) * height]) for place in range(width)]
    return list(zip(*columns, strict=True))


def _little(numbers: "array[int]") -> "array[int]":
    """Return the numbers in the order of bytes that is kept, whatever the computer's own is."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
