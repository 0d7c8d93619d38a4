"""Who is on the line: which modules were found, which are silent, and whom to ask in this cycle.

A module that is not there costs a time-out, so it is not asked in every cycle; but nobody who was found is forgotten
before it was away for long, because no sum may be taken over the rest.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from pylon2mqtt.errors import DecodeError
from pylon2mqtt.model import Bank

from .complaints import Complaints

_LOG = logging.getLogger(__name__)

TRY_AGAIN_CYCLES = 3
"""A module that fell silent is tried in the next cycles too: most often only its answer was spoilt."""

TRY_EVERY_S = 300.0
"""After that it is tried so often."""

GONE_S = 86_400.0
"""A module that was silent for so long is no longer one of the bank."""


@dataclass(slots=True)
class Slot:
    """A module at an address; ``identity`` is what it last said of itself, due again at ``identify_at``."""

    identity: Bank | None = None
    identify_at: float = 0.0
    misses: int = 0
    silent_since: float = 0.0
    try_at: float = 0.0

    def resting(self, now: float) -> bool:
        """Whether it is silent and not to be tried now."""
        return self.misses >= TRY_AGAIN_CYCLES and now < self.try_at


@dataclass(slots=True)
class Roster:
    """The modules by address, the addresses of their groups' masters, and what was complained of already."""

    masters: list[int] = field(default_factory=list)
    slots: dict[int, Slot] = field(default_factory=dict)
    complaints: Complaints = field(default_factory=Complaints)

    def on_turn(self, now: float) -> list[tuple[int, Slot]]:
        """Whom to ask now, by address; of a bank that is silent as a whole, the first module alone."""
        everybody = sorted(self.slots.items())
        awake = [(address, slot) for address, slot in everybody if not slot.resting(now)]
        return awake or everybody[:1]

    def members(self, master: int) -> list[int]:
        """The addresses of one group's modules."""
        return sorted(address for address in self.slots if address & 0xF0 == master & 0xF0)

    def missed(self, slot: Slot, now: float, *, name: str, error: Exception) -> None:
        """Note, and log once, that the module ``name`` did not answer. It has to say who it is when it returns."""
        slot.misses += 1
        slot.try_at = now + TRY_EVERY_S
        slot.identify_at = now
        if slot.misses == 1:
            slot.silent_since = now
            _LOG.warning("%s is silent: %s", name, error)
        if isinstance(error, DecodeError):
            self.complaints.not_understood(name, error)

    def answered(self, slot: Slot) -> bool:
        """Note that a module answered; tell whether it was silent before. Then the others may be back too."""
        was_silent = slot.misses > 0
        slot.misses = 0
        if was_silent:
            for other in self.slots.values():
                other.try_at = 0.0
        return was_silent

    def drop_gone(self, now: float, *, bank: str | None, number: Callable[[int], int] = int) -> None:
        """Remove, and log, the modules that were silent for long, unless all are; ``number`` is that at an address."""
        gone = [address for address, slot in self.slots.items() if slot.misses and now - slot.silent_since > GONE_S]
        if len(gone) == len(self.slots):
            return
        for address in gone:
            del self.slots[address]
            _LOG.warning("%s: module %d was away for a day: it no longer counts", bank, number(address))
