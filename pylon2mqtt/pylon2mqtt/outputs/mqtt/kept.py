"""What is known of the past of each bank: its modules, its energy and how often it is read.

The broker keeps it over restarts of the bridge, in our own topics: these are read back before anything is published.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pylon2mqtt.model import Snapshot
from pylon2mqtt.model.identity import bank_name, bank_slug

from .energies import Energies
from .intervals import Intervals
from .known_modules import KnownModules
from .layouts.own import ENERGY, INTERVAL, STATE, OwnLayout
from .outbox import Publication


@dataclass(frozen=True, slots=True)
class Gone:
    """A module that is gone for good: the slugs of its bank and of itself, and the barcode that it had."""

    bank: str
    module: str
    barcode: str | None


class Kept:
    """The past of all banks, by their slugs."""

    def __init__(self, layout: OwnLayout, poll_interval_s: float) -> None:
        self._layout = layout
        self._intervals = Intervals(poll_interval_s)
        self._energies = Energies()
        self._known: dict[str, KnownModules] = {}

    @property
    def banks(self) -> Iterable[str]:
        """The banks that were met since the start."""
        return self._known

    def name(self, bank: str) -> str | None:
        """Return what the owner calls the bank; None for one that was not met since the start."""
        return self._known[bank].bank_name if bank in self._known else None

    def poll_interval_s(self, bank: str) -> float:
        """Return how often a bank is read."""
        return self._intervals.of(bank)

    def modules(self, bank: str) -> Iterable[str]:
        """Return the modules that the bank has had."""
        return self._known[bank].modules

    def meet(self, snapshot: Snapshot, now: float) -> list[str]:
        """Take in which modules are there; return the topics to be read back: those of a bank that is new."""
        bank = bank_slug(snapshot.bank)
        is_new = bank not in self._known
        self._known.setdefault(bank, KnownModules(bank_name(snapshot.bank))).see(snapshot, now)
        return [self._layout.topic(bank, *parts) for parts in (("+", STATE), (INTERVAL,), (ENERGY,)) if is_new]

    def fill(self, bank: str, found: dict[str, Publication], now: float) -> None:
        """Add the energy that was metered, and how often the bank is read, to its publications."""
        root = self._layout.topic(bank)
        self._energies.fill(root, found, poll_interval_s=self.poll_interval_s(bank), now=now)
        found |= self.interval(bank)

    def interval(self, bank: str) -> dict[str, Publication]:
        """Return the topic that says how often a bank is read, and what it says."""
        return {self._layout.topic(bank, INTERVAL): self._intervals.publication(bank)}

    def set_interval(self, bank: str, seconds: float) -> None:
        """Take in how often a bank is read from now on."""
        self._intervals.keep(bank, seconds)

    def take_gone(self, snapshot: Snapshot, now: float) -> list[Gone]:
        """Forget the modules of a bank that have been away for long, and return them."""
        bank = bank_slug(snapshot.bank)
        gone = self._known[bank].take_gone(snapshot, now)
        return [Gone(bank, module, seen.barcode) for module, seen in gone.items()]

    def remember(self, topic: str, payload: str) -> str | None:
        """Take in what the broker has kept; return the seconds of a reading interval that was set before the start."""
        bank, module, name = self._layout.parts(topic)
        if module:
            self._known[bank].remember(module[0], payload)
        elif name == ENERGY:
            self._energies.remember(self._layout.topic(bank), payload)
        elif name == INTERVAL:
            return self._intervals.remembered(payload)
        return None

    def asked(self, topics: Iterable[str]) -> None:
        """Take in that the broker had time to send what it kept of these topics."""
        self._energies.asked(topics)
