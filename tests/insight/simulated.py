"""Virtual banks that are led through months, and the folds that look at them."""

from collections.abc import Callable, Sequence
from typing import Any

from tests.insight.sequences import BERLIN, Owner

from pylon2mqtt.insight.base import Insight
from pylon2mqtt.model import Happening, Snapshot
from pylon2mqtt.simulator.battery import VirtualBank
from pylon2mqtt.simulator.years import GRAINS, VirtualReading, readings

EVERY_S = 120.0
"""Of banks that are led through months: as often as a slow owner reads."""


class Months:
    """Folds that look at one virtual bank, and the last reading."""

    def __init__(self, *folds: Insight[Any]) -> None:
        self.owners = {fold.name: Owner(fold, zone=BERLIN) for fold in folds}
        self.last: VirtualReading | None = None
        self.day = 0

    def pass_by(
        self,
        virtual: VirtualBank,
        *,
        days: int,
        grain: str = "rs485",
        every_s: float = EVERY_S,
        until: Callable[[], bool] = lambda: False,
    ) -> None:
        """Let so many days pass, or fewer where ``until`` is true at the end of one."""
        passed = 0.0 if self.last is None else self.last.since_start_s
        first = self.day
        for reading in readings(virtual, days=days, grain=GRAINS[grain], every_s=every_s):
            since_s = passed + reading.since_start_s
            snapshot = Snapshot(bank=reading.bank, taken_at=reading.taken_at, since_start_s=since_s)
            for owner in self.owners.values():
                owner.gets(snapshot)
            self.last = VirtualReading(since_s, reading.taken_at, reading.bank, virtual)
            if reading.since_start_s >= (self.day - first + 1) * 86400:
                self.day += 1
                if until():
                    return

    def happenings(self) -> Sequence[Happening]:
        return [one for owner in self.owners.values() for one in owner.happenings]
