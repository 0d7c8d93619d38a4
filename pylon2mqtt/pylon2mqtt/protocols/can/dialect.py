"""What a dialect of the CAN bus is: one object that says everything in which a maker's frames differ from another's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pylon2mqtt.model import Bank, Module

from .dbc import FrameTable, Values, by_key
from .received import Received

ValuesByAddress = Mapping[int | None, Values]
"""The values of the frames by the address of their module; those of the whole bank stand under None."""

# The signals that hold a part of a serial number begin with this.
_SERIAL = "serial_"


@dataclass(frozen=True, slots=True, kw_only=True)
class CanDialect:
    """One dialect: how it is recognised, which tables it has, and how their values become a bank.

    ``files`` are DBC files of the folder `dialects`; a later one overrules an earlier one. ``signature`` gets what was
    received and the identifiers of the last seconds. ``bank`` raises DecodeError where the values contradict each
    other. ``whole`` are the fields without which a module does not exist. ``settle_s`` is longer than anything in the
    dialect takes to be repeated.
    """

    title: str
    files: tuple[str, ...]
    signature: Callable[[Received, frozenset[int]], bool]
    bank: Callable[[ValuesByAddress], Bank]
    whole: tuple[str, ...] = ("voltage", "current", "soc")
    settle_s: float = 2.5

    @property
    def tables(self) -> dict[int, tuple[FrameTable, int]]:
        """The table and the address behind each identifier."""
        return by_key(self.files)

    @property
    def from_battery(self) -> frozenset[int]:
        """The identifiers that a battery sends, and no inverter."""
        return frozenset(key for key, (table, _) in self.tables.items() if not table.by_inverter)

    @property
    def serials(self) -> frozenset[int]:
        """The identifiers whose frames hold parts of serial numbers."""
        return frozenset(key for key, (table, _) in self.tables.items() if table.has(_SERIAL))

    def is_whole(self, module: Module) -> bool:
        """Whether a module reported everything without which it does not exist."""
        return None not in [getattr(module, field) for field in self.whole]

    def values(self, received: Received, since: float) -> dict[int | None, dict[str, Any]]:
        """Return the values that came since then, by address; nothing where no frame did.

        What never changes counts however old it is, as long as anything is newer.
        """
        values: dict[int | None, dict[str, Any]] = {}
        tables = self.tables
        fresh = False
        for at, key, data in received.frames():
            table, address = tables.get(key, (None, 0))
            if table is None or table.by_inverter or (at < since and not table.constant):
                continue
            if table.holds_text and len(data) < len(received.longest(key)):
                continue
            fresh = fresh or at >= since
            values.setdefault(address if table.addresses > 1 else None, {}).update(table.decode(data))
        return values if fresh else {}


def bank_values(values: ValuesByAddress) -> Values:
    """Return the values of the whole bank."""
    return values.get(None, {})


def module_values(values: ValuesByAddress) -> dict[int, Values]:
    """Return the values of each module, by address."""
    return {address: values[address] for address in sorted(key for key in values if key is not None)}
