"""What a fold over the snapshots of a bank is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Generic, Protocol, TypeVar

from pylon2mqtt.model import Alarm, Figure, Happening, PartSlug, Snapshot

S = TypeVar("S")

FigureValues = Mapping[str, Figure]
Json = dict[str, "Json"] | list["Json"] | str | float | int | bool | None


@dataclass(frozen=True, slots=True)
class Outcome(Generic[S]):
    """What a fold makes of a snapshot: its next state, and what follows for each part of the bank.

    ``figures`` has every key of the fold for the bank and for each module that is present, None while unknown.
    """

    state: S
    figures: Mapping[PartSlug, FigureValues] = field(default_factory=dict)
    alarms: Mapping[PartSlug, tuple[Alarm, ...]] = field(default_factory=dict)
    happenings: tuple[Happening, ...] = ()


class Insight(Protocol[S]):
    """A fold over the snapshots of one bank. It is pure: what it knows of the past is in the state alone.

    Each figure has a row in `model.over_time.quantities`. ``hourly``: its state is big or changes slowly, and is saved
    once an hour only; the other states are saved each minute, and together have at most 8 kB for 16 modules.
    """

    @property
    def name(self) -> str:
        """Return the name under which its state is saved."""

    @property
    def hourly(self) -> bool:
        """Return whether its state is saved once an hour only."""

    def begin(self, kept: Json, zone: tzinfo) -> S:
        """Return the state that was kept, or a new one where that cannot be believed; ``zone`` is the owner's."""

    def take(self, state: S, snapshot: Snapshot) -> Outcome[S]:
        """Return what follows from a snapshot."""

    def keep(self, state: S) -> Json:
        """Return the state as JSON, as small as it can be."""
