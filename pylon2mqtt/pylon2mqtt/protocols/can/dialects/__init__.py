"""The dialects of the CAN bus, one file each, and which of them is spoken.

The families share identifiers: 359 of a Deye with its seven tables is not Pylontech's, and its current counts the other
way round; 354 is a capacity with Discover alone. So a dialect is recognised by its maker's name, or by frames that only
it sends, and what no dialect claims is refused.
"""

from functools import cache

from pylon2mqtt.protocols.can.dialect import CanDialect
from pylon2mqtt.protocols.can.foreign import foreign_language
from pylon2mqtt.protocols.can.received import Received

from .deye import DEYE
from .deye_profile import DEYE_PROFILE
from .discover import DISCOVER
from .dyness import DYNESS
from .high_voltage import HIGH_VOLTAGE
from .pylontech import PYLONTECH
from .pytes import PYTES

DIALECTS: tuple[CanDialect, ...] = (HIGH_VOLTAGE, DEYE, DEYE_PROFILE, PYTES, DISCOVER, DYNESS, PYLONTECH)
"""The first whose signature is there is the one that is spoken."""


def recognise(received: Received, since: float) -> CanDialect | None:
    """Return the dialect that was spoken since then, or None if none claims the frames.

    A foreign language with the same identifiers comes first: nothing of it may be read as ours.
    """
    keys = received.keys(since)
    if foreign_language(received, keys, sharing=True) is not None:
        return None
    return next((dialect for dialect in DIALECTS if dialect.signature(received, keys)), None)


def nothing_received() -> Received:
    """Return an empty memory for the frames of all dialects."""
    return Received(known())


@cache
def known() -> frozenset[int]:
    """The identifiers of all dialects."""
    return frozenset(key for dialect in DIALECTS for key in dialect.tables)


@cache
def sent_by_inverters() -> frozenset[int]:
    """The identifiers that no battery sends: 305 to 307, and the question to racks."""
    return frozenset(key for dialect in DIALECTS for key, (table, _) in dialect.tables.items() if table.by_inverter)


@cache
def serials() -> frozenset[int]:
    """The identifiers that hold parts of serial numbers in any dialect."""
    return frozenset().union(*(dialect.serials for dialect in DIALECTS))
