"""The seam between the hub and whatever keeps its state over a restart."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

Json = dict[str, Any]


class Memory(Protocol):
    """Keeps JSON values by name, and a journal of what has to be reported to somebody.

    It is called from one thread. What cannot be written raises OutputError: the state of before is still there then.
    What cannot be read is set aside, logged once, and counts as missing.
    """

    keeps: bool
    """Whether it keeps anything over a restart."""

    def load(self, name: str) -> Json:
        """Return what was saved under ``name``; empty where there is nothing that can be read."""

    def save(self, name: str, content: Mapping[str, Any]) -> None:
        """Replace what is saved under ``name``, whole or not at all."""

    def append(self, entry: Mapping[str, Any]) -> None:
        """Add an entry, which has an ``id``, to the journal; it is on the disk when this returns."""

    def done(self, ids: Iterable[str]) -> None:
        """Note that these entries of the journal were reported."""

    def open_entries(self) -> list[Json]:
        """Return the entries of the journal that were not reported yet, the oldest first."""

    def close(self) -> None:
        """Close what is open."""
