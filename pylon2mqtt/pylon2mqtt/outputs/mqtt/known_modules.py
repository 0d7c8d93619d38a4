"""Which modules a bank has had, and which of them are gone for good."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from pylon2mqtt.model import Snapshot
from pylon2mqtt.model.identity import module_slugs

# A module that is away for less may be switched off for repair or storage: it keeps its entities.
AWAY = timedelta(days=7)
# After a start a module gets this many seconds to answer before it can count as gone, however long the bridge was down.
SETTLING_S = 600.0


@dataclass(frozen=True, slots=True)
class Seen:
    """When a module last reported values, and its barcode then."""

    taken_at: datetime
    barcode: str | None


class KnownModules:
    """The modules of one bank by their slugs, as they were last seen; also before the start."""

    def __init__(self, bank_name: str) -> None:
        self.bank_name = bank_name
        self.modules: dict[str, Seen] = {}
        self._answers_since: float | None = None

    def see(self, snapshot: Snapshot, now: float) -> None:
        """Take in who is there; ``now`` in seconds."""
        if not snapshot.online:
            self._answers_since = None
        elif self._answers_since is None:
            self._answers_since = now
        found = module_slugs(snapshot.bank)
        self.modules |= {slug: Seen(snapshot.taken_at, module.barcode) for slug, module in found.items()}

    def remember(self, slug: str, payload: str) -> None:
        """Take in a module's state as the broker has kept it; one that was seen since is known better."""
        try:
            state = json.loads(payload)
            seen = Seen(datetime.fromisoformat(state["taken_at"]), state["barcode"])
        except (ValueError, LookupError, TypeError):
            return  # Not one of ours.
        if seen.taken_at.tzinfo:
            self.modules.setdefault(slug, seen)

    def take_gone(self, snapshot: Snapshot, now: float) -> dict[str, Seen]:
        """Forget the modules that have been away for long while the bank itself answers, and return them."""
        if self._answers_since is None or now - self._answers_since < SETTLING_S:
            return {}
        gone = {slug: seen for slug, seen in self.modules.items() if snapshot.taken_at - seen.taken_at > AWAY}
        for slug in gone:
            del self.modules[slug]
        return gone
