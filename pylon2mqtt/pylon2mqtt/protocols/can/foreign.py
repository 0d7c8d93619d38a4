"""Languages of batteries and inverters on CAN that are known and not read here: their bytes mean something else.

They are named, so that an owner knows what to change. Sources: the inverter protocols of dalathegreat/Battery-Emulator,
Growatt's documents, issues 63 and 85 of ai-republic/bms-to-inverter.
"""

from collections.abc import Callable
from dataclasses import dataclass

from .dbc import EXTENDED
from .received import Received


@dataclass(frozen=True, slots=True)
class ForeignLanguage:
    """A language that is not read.

    ``signature`` gets what was received and the identifiers of the last seconds. ``shares_identifiers``: it uses those
    of a language that is read, so it is looked for first.
    """

    title: str
    signature: Callable[[Received, frozenset[int]], bool]
    shares_identifiers: bool = False


def foreign_language(received: Received, since: float, *, sharing: bool = False) -> ForeignLanguage | None:
    """Return the foreign language that was spoken since then; with ``sharing`` only one that shares identifiers."""
    keys = received.keys(since)
    languages = (one for one in FOREIGN if one.shares_identifiers or not sharing)
    return next((one for one in languages if one.signature(received, keys)), None)


def _one_of_each(*groups: frozenset[int]) -> Callable[[Received, frozenset[int]], bool]:
    return lambda _received, keys: all(keys & group for group in groups)


def _standard(*identifiers: int) -> frozenset[int]:
    return frozenset(identifiers)


def _extended(*identifiers: int) -> frozenset[int]:
    return frozenset(EXTENDED | identifier for identifier in identifiers)


FOREIGN: tuple[ForeignLanguage, ...] = (
    ForeignLanguage(
        "Growatt's low-voltage protocol (311 to 321, big-endian)", _one_of_each(_standard(*range(0x311, 0x322)))
    ),
    ForeignLanguage(
        "Sofar's protocol (351 to 35E with 29 bits)", _one_of_each(_extended(0x351, 0x355, 0x356, 0x359, 0x35E))
    ),
)
