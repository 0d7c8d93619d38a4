"""How firmwares spell columns and keys, and whether a word is a known one that was damaged on the line.

Bytes vanish there without a trace, or change.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

SPELLINGS = {
    "Tmpr": "Tempr",  # XHB_CMU_H7
    "Tmpr.St": "Temp.St",
}
"""A column or a key as a firmware spells it -> as the tables here do."""

# In shorter words too much is alike.
_SHORTEST, _SHORTEST_STATE = 5, 4


def shape(text: str) -> str:
    """Return a text without its numbers: the form in which a firmware prints a value."""
    return re.sub(r"\d+", "#", text)[:40]


@lru_cache(maxsize=4096)
def damaged(word: str, known: frozenset[str], *, changed: bool = True) -> str | None:
    """Return the known word that this one is, but for one or two letters lost, one added or one ``changed``.

    None where it is one of them, or like none of them.
    """
    if word in known:
        return None
    word = re.sub("\ufffd+", "\ufffd", word)  # the bytes that stand for one lost character
    return next((whole for whole in known if _near(word, whole, changed=changed)), None)


def one_off(word: str, known: Iterable[str]) -> bool:
    """Whether a word is one of the known ones with one letter lost, added or changed."""
    longer = (whole for whole in known if len(whole) >= _SHORTEST_STATE)
    return any(_changed(word, whole) or _lost(word, whole, 1) or _lost(whole, word, 1) for whole in longer)


def _near(word: str, whole: str, *, changed: bool) -> bool:
    if len(whole) < _SHORTEST:
        return False
    if len(word) == len(whole):
        return changed and _changed(word, whole)
    return _lost(word, whole, 1) or _lost(word, whole, 2) or _lost(whole, word, 1)


def _changed(word: str, whole: str) -> bool:
    return len(word) == len(whole) and sum(a != b for a, b in zip(word, whole, strict=True)) == 1


def _lost(word: str, whole: str, gap: int) -> bool:
    return len(whole) - len(word) == gap and any(whole[:i] + whole[i + gap :] == word for i in range(len(word) + 1))
