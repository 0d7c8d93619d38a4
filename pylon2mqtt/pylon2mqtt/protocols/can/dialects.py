"""Which language of the CAN bus is spoken, found out by what is heard, and what a bank says in it.

The families share identifiers: 359 of a Deye with its seven tables is not Pylontech's, and its current counts the other
way round. So a dialect is known by its maker's name or by frames that only it sends.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pylon2mqtt.model import Bank, Module

from .dbc import EXTENDED, Table, Values, by_key
from .heard import Heard
from .values import deye_bank, high_voltage_bank, low_voltage_bank, pytes_bank

_MANUFACTURER = 0x35E
# What only these send.
_DEYE_MODULES = (range(0x110, 0x120), range(0x150, 0x160))
_PYTES = frozenset({0x401, 0x402, 0x403, 0x404, 0x405, 0x409, 0x41E})
# Dyness sends "DYNESS-L": the two letters alone do not make a Deye.
_DEYE_NAME = re.compile(rb"DY\d{3}")
# Heard in the place of a battery, and not decoded: the bytes mean something else.
GROWATT = frozenset(range(0x311, 0x322))
SOFAR = frozenset(EXTENDED | key for key in (0x351, 0x355, 0x356, 0x359, 0x35E))

Addressed = Mapping[int | None, Values]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One language: its DBC files (a later one overrules an earlier one), how it is known, and what a bank says in it.

    ``bank`` gets the values by address; those of the whole bank stand under None. ``whole`` are the fields without
    which a module is not told of. ``settle_s`` is longer than anything in it takes to be repeated.
    """

    title: str
    files: tuple[str, ...]
    heard_in: Callable[[Heard, set[int]], bool]
    bank: Callable[[Addressed], Bank]
    whole: tuple[str, ...] = ("voltage", "current", "soc")
    settle_s: float = 2.5

    @property
    def tables(self) -> dict[int, tuple[Table, int]]:
        """The table and the address behind each identifier."""
        return by_key(self.files)

    def is_whole(self, module: Module) -> bool:
        """Whether a module told enough to be told of."""
        return None not in [getattr(module, field) for field in self.whole]


def _hears_deye(heard: Heard, keys: set[int]) -> bool:
    name = heard.last(_MANUFACTURER) if _MANUFACTURER in keys else None
    return bool(name and _DEYE_NAME.match(name[1])) or all(keys.intersection(ids) for ids in _DEYE_MODULES)


def _hears_low_voltage(_heard: Heard, keys: set[int]) -> bool:
    return any(key in keys and not table.by_inverter for key, (table, _) in by_key(("lv.dbc",)).items())


def _modules(told: Addressed) -> dict[int, Values]:
    return {address: values for address, values in told.items() if address is not None}


DIALECTS = (
    Dialect(
        title="high voltage",
        files=("hv.dbc",),
        heard_in=lambda _heard, keys: any(0x4210 <= key & ~EXTENDED < 0x7350 for key in keys if key & EXTENDED),
        bank=lambda told: high_voltage_bank(_modules(told)),
    ),
    Dialect(
        title="Deye's low-voltage language",
        files=("lv.dbc", "deye.dbc"),
        heard_in=_hears_deye,
        settle_s=6.0,
        bank=lambda told: deye_bank(told.get(None, {}), _modules(told)),
    ),
    Dialect(
        title="Pytes' own language",
        files=("lv.dbc", "pytes.dbc"),
        heard_in=lambda _heard, keys: len(keys & _PYTES) > 1,
        bank=lambda told: pytes_bank(told.get(None, {})),
    ),
    Dialect(
        title="Pylontech's low-voltage language",
        files=("lv.dbc",),
        heard_in=_hears_low_voltage,
        bank=lambda told: low_voltage_bank(told.get(None, {})),
    ),
)
"""The first that is heard is it."""


def ears() -> Heard:
    """Return an empty memory for everything that any dialect knows."""
    return Heard(known(), by_inverter=lambda key: key in sent_by_inverters())


@cache
def known() -> frozenset[int]:
    """The identifiers of all dialects."""
    return frozenset(key for dialect in DIALECTS for key in dialect.tables)


@cache
def sent_by_inverters() -> frozenset[int]:
    """The identifiers that say nothing of a battery, whoever it is: 305 to 307, and the question to racks."""
    return frozenset(key for dialect in DIALECTS for key, (table, _) in dialect.tables.items() if table.by_inverter)


def recognise(heard: Heard, since: float) -> Dialect | None:
    """Return the dialect that was spoken since then, or None if nothing says which."""
    keys = heard.keys(since)
    return next((dialect for dialect in DIALECTS if dialect.heard_in(heard, keys)), None)


def remark(keys: set[int]) -> str:
    """Return what an owner may miss in what is heard, and that it is normal; nothing if there is nothing."""
    if 0x35A in keys and not keys & {0x359, 0x35C}:
        return " (35A in place of 359 and 35C: permissions to charge and discharge are not told, which is normal)"
    return ""


def told_in(dialect: Dialect, heard: Heard, since: float) -> dict[int | None, dict[str, Any]]:
    """Return what was said since then, by address; what belongs to the whole bank stands under None.

    What never changes counts however old it is, as long as anything is newer.
    """
    told: dict[int | None, dict[str, Any]] = {}
    tables = dialect.tables
    fresh = False
    for at, key, data in heard.frames():
        table, address = tables.get(key, (None, 0))
        if table is None or table.by_inverter or (at < since and not table.constant):
            continue
        fresh = fresh or at >= since
        told.setdefault(address if table.addresses > 1 else None, {}).update(table.decode(data))
    return told if fresh else {}


def foreigner(keys: Iterable[int]) -> str | None:
    """Return whose language it is, if it is one that is known and not read here."""
    heard = set(keys)
    if heard & GROWATT:
        return "Growatt's low-voltage protocol (311 to 321, big-endian), which is not read here"
    if heard & SOFAR:
        return "Sofar's protocol (351 to 35E with 29 bits), which is not read here"
    return None
