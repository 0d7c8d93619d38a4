"""The text console's dictionaries: lines with a key and its value.

::

    Voltage         : 50123       mV          key and value part at the first colon; widths and order differ
    Soft  version       : V1.3                blanks, dots and capitals of a key mean nothing
    Board version       :                     an empty value is unknown, and so is erased memory: ????????
    Max Dischg Curr     : -100000mA           no blank before the unit

A key that nobody knows costs its own value only, and is reported. A known key that lost a letter, and a value in a form
that is not known, are doubts: the value is left out.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeVar

from pylon2mqtt.errors import FrameError

from .spelling import SPELLINGS, damaged, one_off
from .values import WORDS, amount, converted

T = TypeVar("T")

# A dot between digits counts (0.5C), others come and go.
_DOT = re.compile(r"\.(?!\d)")
_MEANS_NOTHING = re.compile(r"[\s_.,:/()\[\]-]+")


@lru_cache(maxsize=4096)
def canonical(key: str) -> str:
    """Return a key without what firmwares print differently: blanks, dots, brackets and capitals."""
    return _MEANS_NOTHING.sub("", _DOT.sub("", key).lower())


@dataclass(frozen=True, slots=True, kw_only=True)
class Dictionary:
    """The values of one answer by their keys; ``unknown`` are the keys that nobody knows, as they are printed."""

    printed: dict[str, str]
    unknown: tuple[str, ...]
    doubts: list[str]
    _values: dict[str, str] = field(repr=False)

    def text(self, key: str) -> str | None:
        """The value of a key; None where it is missing, empty or ``-``."""
        value = self._values.get(canonical(key), "")
        return value if value.strip("- ") else None

    def is_empty(self, key: str) -> bool:
        """Whether a key is printed without a value."""
        return canonical(key) in self._values and self.text(key) is None

    def value(self, key: str, convert: Callable[[str], T]) -> T | None:
        """The value of a key, converted; None, and a doubt, where ``convert`` raises FrameError."""
        return converted(self.text(key), convert, key, self.doubts)

    def amount(self, key: str, **per_unit: float) -> float | None:
        """The number of a key in the unit that ``per_unit`` counts in, see `values.amount`."""
        return self.value(key, lambda text: amount(text, **per_unit))

    def word(self, key: str, vocabulary: Iterable[str] = WORDS) -> str | None:
        """The word of a state; a doubt where it is one of the vocabulary that was damaged."""
        word = self.text(key)
        if word is not None and word not in vocabulary and (not word.isascii() or one_off(word, vocabulary)):
            self.doubts.append(f"{key} : {word[:40]}")
        return word


def dictionary(
    lines: Sequence[str],
    read: Iterable[str],
    *,
    counted: Iterable[str] = (),
    ignored: Iterable[str] = (),
    required: str | None = None,
) -> Dictionary:
    """Return the dictionary in an answer's lines; those without a colon say other things.

    ``read`` are the keys whose values become fields, ``counted`` those that become counters, ``ignored`` those that are
    known beside. A ``required`` key that is missing is a doubt. Raises FrameError where none of the others is there
    either: this is another answer.
    """
    pairs = [line.partition(":") for line in lines if ":" in line]
    printed = {_spelt(key): value.strip() for key, _, value in pairs}
    values = {canonical(key): value for key, value in printed.items()}
    wanted, counters, others = (_canonicals(frozenset(keys)) for keys in (read, counted, ignored))
    known = wanted | counters | others
    unknown = [key for key in printed if key and canonical(key) not in known]
    missing, uncounted = frozenset(wanted - values.keys()), frozenset(counters - values.keys())
    doubts = [
        f"the key {key[:40]!r}"
        for key in unknown
        if damaged(canonical(key), missing) or damaged(canonical(key), uncounted, changed=False)
    ]
    if required and not values.keys() & known:
        raise FrameError("no known key in the answer: ask again")
    if required and canonical(required) not in values:
        doubts.append(f"no key {required!r}")
    return Dictionary(printed=printed, unknown=tuple(unknown), doubts=doubts, _values=values)


def _spelt(key: str) -> str:
    key = " ".join(_DOT.sub("", key).split())
    return SPELLINGS.get(key, key)


@lru_cache(maxsize=64)
def _canonicals(keys: frozenset[str]) -> frozenset[str]:
    return frozenset(map(canonical, keys))
