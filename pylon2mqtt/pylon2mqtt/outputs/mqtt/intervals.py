"""How often each bank is read: what the option says, or what was set in Home Assistant since.

The broker keeps what was set, so it outlives a restart of the bridge. It counts for the option that it was set under: a
new value of the option wins.
"""

import json
from typing import Any

from .outbox import Publication

SHORTEST_S, LONGEST_S = 1, 3600


class Intervals:
    """The seconds from one reading to the next, by the slug of the bank; ``option_s`` where nothing was set."""

    def __init__(self, option_s: float) -> None:
        self._option_s = option_s
        self._set: dict[str, float] = {}

    def of(self, bank: str) -> float:
        """Return how often a bank is read."""
        return self._set.get(bank, self._option_s)

    def keep(self, bank: str, seconds: float) -> None:
        """Take in what was set."""
        self._set[bank] = seconds

    def publication(self, bank: str) -> Publication:
        """Return what the bank's topic says, which is also what is remembered."""
        return Publication({"seconds": self.of(bank), "option": self._option_s})

    def remembered(self, payload: str) -> str | None:
        """Return the seconds that the broker kept, unless the option has changed since or they are not ours."""
        try:
            kept: Any = json.loads(payload)
            same_option = kept["option"] == self._option_s
            return str(float(kept["seconds"])) if same_option else None
        except (ValueError, LookupError, TypeError):
            return None
