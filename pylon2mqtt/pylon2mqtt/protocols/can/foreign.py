"""Languages of batteries and inverters on CAN that are known and not read here: their bytes mean something else.

They are named, so that an owner knows what to change. Sources: the inverter protocols of dalathegreat/Battery-Emulator,
Growatt's documents, issues 63 and 85 of ai-republic/bms-to-inverter.
"""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal

from .dbc import EXTENDED
from .received import Received
from .values import LIMITS, MEASURED, within_limit

_TWO_BYTES = 2
# The upper half of the identifiers of Growatt's WIT; the lower one is who speaks to whom.
_FIRST_OF_WIT, _LAST_OF_WIT = 0x1A80, 0x1AD9
# Up to a voltage between these a low-voltage battery is charged.
_LEAST_VOLTS, _MOST_VOLTS = 9.0, 65.0
# The greatest limit that lv.dbc takes for one, in V.
_MOST_LIMIT = 1000.0


@dataclass(frozen=True, slots=True)
class ForeignLanguage:
    """A language that is not read.

    ``signature`` gets what was received and the identifiers of the last seconds. ``shares_identifiers``: it uses those
    of a language that is read, so it is looked for first.
    """

    title: str
    signature: Callable[[Received, frozenset[int]], bool]
    shares_identifiers: bool = False


def foreign_language(received: Received, keys: frozenset[int], *, sharing: bool = False) -> ForeignLanguage | None:
    """Return the foreign language of these identifiers; with ``sharing`` only one that shares some of ours."""
    languages = (one for one in FOREIGN if one.shares_identifiers or not sharing)
    return next((one for one in languages if one.signature(received, keys)), None)


def _one_of_each(*groups: AbstractSet[int]) -> Callable[[Received, frozenset[int]], bool]:
    return lambda _received, keys: all(keys & group for group in groups)


def _extended(*identifiers: int) -> frozenset[int]:
    return frozenset(EXTENDED | identifier for identifier in identifiers)


def _sungrows_inverter(received: Received, keys: frozenset[int]) -> bool:
    return 0x151 in keys and (0x191 in keys or b"SUNGROW" in received.longest(0x151))


def _big_endian(received: Received, keys: frozenset[int]) -> bool:
    """Whether voltage and charge limit agree only with their bytes the other way round."""
    limit, volts = received.longest(LIMITS), received.longest(MEASURED)
    if not keys >= {LIMITS, MEASURED} or min(len(limit), len(volts)) < _TWO_BYTES:
        return False
    is_low = _LEAST_VOLTS <= int.from_bytes(limit[:2], "big") / 10 <= _MOST_VOLTS
    return is_low and _agree(volts, limit, "big") and not _agree(volts, limit, "little")


def _agree(volts: bytes, limit: bytes, order: Literal["little", "big"]) -> bool:
    """Whether a voltage in 0.01 V or 0.1 V is one for its limit in 0.1 V."""
    raw, most = int.from_bytes(volts[:2], order), int.from_bytes(limit[:2], order) / 10
    return most <= _MOST_LIMIT and any(within_limit(raw * scale, most) for scale in (0.01, 0.1))


FOREIGN: tuple[ForeignLanguage, ...] = (
    ForeignLanguage("Afore's protocol (350 to 358)", _one_of_each({0x350}, {0x352, 0x353}), shares_identifiers=True),
    ForeignLanguage(
        "Pylontech's low-voltage language with its bytes in the other order (big-endian), as SMA's profile of "
        "Battery-Emulator sends it",
        _big_endian,
        shares_identifiers=True,
    ),
    ForeignLanguage(
        "BYD's high-voltage protocol (110, 150, 1D0, big-endian)", _one_of_each({0x110, 0x150}, {0x190, 0x1D0, 0x2D0})
    ),
    ForeignLanguage("Sungrow's protocol (inverter: 151 and 191)", _sungrows_inverter),
    ForeignLanguage("Sungrow's protocol (battery: 701 to 71E)", _one_of_each({0x702}, {0x704, 0x706})),
    ForeignLanguage("SMA's high-voltage protocol (158 to 618)", _one_of_each({0x358}, {0x3D8}, {0x458, 0x4D8, 0x158})),
    ForeignLanguage("Samsung's protocol (500 to 52A)", _one_of_each({0x500}, {0x501, 0x502, 0x510})),
    ForeignLanguage("SBS Unipower's protocol (610 to 670)", _one_of_each({0x610}, {0x630, 0x640, 0x670})),
    ForeignLanguage("Growatt's low-voltage protocol (311 to 321, big-endian)", _one_of_each(set(range(0x311, 0x322)))),
    ForeignLanguage(
        "Growatt's high-voltage protocol (3010 to 31A0 with 29 bits, big-endian)",
        _one_of_each(_extended(*range(0x3010, 0x3050, 0x10), *range(0x3110, 0x31B0, 0x10))),
    ),
    ForeignLanguage(
        "Growatt's commercial protocol (1A80FFF3 to 1AD9FFF3)",
        lambda _received, keys: any(_FIRST_OF_WIT <= (key & ~EXTENDED) >> 16 <= _LAST_OF_WIT for key in keys),
    ),
    ForeignLanguage(
        "SolaX' protocol, FoxESS' too (1871 to 1879 with 29 bits)", _one_of_each(_extended(*range(0x1871, 0x187A)))
    ),
    ForeignLanguage("Schneider's protocol (320 to 333 with 29 bits)", _one_of_each(_extended(*range(0x321, 0x334)))),
    ForeignLanguage(
        "Sofar's protocol (351 to 35E with 29 bits)",
        _one_of_each(_extended(*(pack << 12 | key for pack in range(16) for key in (0x351, 0x355, 0x356, 0x359)))),
    ),
    ForeignLanguage(
        "Pylontech's high-voltage protocol with 11 bits (420 to 42F), which V1.18 gave up",
        _one_of_each({0x420}, set(range(0x421, 0x430))),
    ),
)
