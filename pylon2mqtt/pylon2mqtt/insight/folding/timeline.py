"""How much time passed between two readings of a part of a bank."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median

from pylon2mqtt.model import PartSlug, Snapshot
from pylon2mqtt.model.identity import module_slugs
from pylon2mqtt.model.units import Seconds

# Readings that are further apart than this, and than three usual intervals, have nothing to tell of the time between.
LEAST_GAP_S = 60.0
# The usual interval is the median of so many.
_REMEMBERED = 5


@dataclass(frozen=True, slots=True)
class Timeline:
    """When each part of a bank was read last, in monotonic seconds; and the last few intervals of the bank."""

    taken_at: datetime | None = None
    read_at: Mapping[PartSlug, Seconds] = field(default_factory=dict)
    lately: tuple[Seconds, ...] = ()

    @property
    def longest_s(self) -> Seconds:
        """The longest interval that is not a gap."""
        return max(LEAST_GAP_S, 3 * median(self.lately)) if self.lately else LEAST_GAP_S

    def take(self, snapshot: Snapshot) -> tuple["Timeline", Mapping[PartSlug, Seconds | None]]:
        """Return the next timeline, and for each part that was read now the seconds since it was read before.

        None: it was not read before, or so long ago that there is a gap. A snapshot without a new reading has no parts.
        """
        if not snapshot.online or snapshot.taken_at == self.taken_at:
            return self, {}
        now = snapshot.since_start_s
        parts: list[PartSlug] = [None, *module_slugs(snapshot.bank)]
        passed = {part: self._passed(part, now) for part in parts}
        return Timeline(snapshot.taken_at, {**self.read_at, **dict.fromkeys(parts, now)}, self._lately(now)), passed

    def _passed(self, part: PartSlug, now: Seconds) -> Seconds | None:
        before = self.read_at.get(part)
        return now - before if before is not None and 0 < now - before <= self.longest_s else None

    def _lately(self, now: Seconds) -> tuple[Seconds, ...]:
        before = self.read_at.get(None)
        return (*self.lately, now - before)[-_REMEMBERED:] if before is not None and now > before else self.lately
