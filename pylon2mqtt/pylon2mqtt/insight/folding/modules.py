"""A fold that looks at each module alone: what is common to all of that kind."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Generic, Protocol, TypeVar

from pylon2mqtt.insight.base import FigureValues, Json, Outcome
from pylon2mqtt.model import Alarm, Happening, Module, PartSlug, Snapshot
from pylon2mqtt.model.identity import bank_name, module_slugs
from pylon2mqtt.model.units import Seconds

from .kept import mapping
from .timeline import Timeline

S = TypeVar("S")

UNBELIEVABLE = (ValueError, TypeError, LookupError, OverflowError, OSError)
"""What reading a damaged state raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One module in one reading; ``at`` is in the owner's time zone.

    ``interval_s``: since the reading before; None where there is none, or where a gap is between.
    """

    bank: str
    module: Module
    at: datetime
    since_start_s: Seconds
    interval_s: Seconds | None


@dataclass(frozen=True, slots=True)
class Followed(Generic[S]):
    """The states of all modules ever met, by their slugs."""

    zone: tzinfo
    modules: Mapping[str, S]
    timeline: Timeline = field(default_factory=Timeline)


class ModuleFold(Protocol[S]):
    """What is particular to a fold over single modules. A fresh state is what `begin` makes of None."""

    @property
    def name(self) -> str:
        """Return the name under which the states are saved."""

    @property
    def hourly(self) -> bool:
        """Return whether the states are saved once an hour only."""

    def begin(self, kept: Json) -> S:
        """Return the state that was kept, or a fresh one for None; raises ValueError where it cannot be believed."""

    def advance(self, state: S, seen: Observation) -> tuple[S, tuple[Happening, ...]]:
        """Return the state after one more reading, and what happened."""

    def figures(self, state: S) -> FigureValues:
        """Return what is known of a module."""

    def bank_figures(self, modules: Mapping[int, S]) -> FigureValues:
        """Return what follows for a bank from all its modules, by their numbers; unknown where there are none."""

    def alarms(self, state: S) -> tuple[Alarm, ...]:
        """Return what is wrong with a module."""

    def keep(self, state: S) -> Json:
        """Return a state as JSON, None where it has nothing that is worth keeping."""


class EachModule(Generic[S]):
    """An insight (`base.Insight`) that gives each module of a bank to a fold over single modules."""

    def __init__(self, fold: ModuleFold[S]) -> None:
        self._fold = fold
        self.name, self.hourly = fold.name, fold.hourly

    def begin(self, kept: Json, zone: tzinfo) -> Followed[S]:
        """Return the states that were kept; those that cannot be believed are begun anew."""
        try:
            by_slug = mapping(kept)
        except ValueError:
            by_slug = {}
        return Followed(zone, {slug: self._begin(state) for slug, state in by_slug.items()})

    def take(self, state: Followed[S], snapshot: Snapshot) -> Outcome[Followed[S]]:
        """Return what follows from a snapshot; one without a new reading changes no state."""
        timeline, passed = state.timeline.take(snapshot)
        states, happenings = dict(state.modules), list[Happening]()
        present = module_slugs(snapshot.bank)
        for slug, module in present.items():
            before = states[slug] if slug in states else self._fold.begin(None)
            states[slug] = before
            if slug in passed:
                seen = _observed(snapshot, module, passed[slug], state.zone)
                states[slug], news = self._fold.advance(before, seen)
                happenings += news
        return self._outcome(Followed(state.zone, states, timeline), snapshot, present, tuple(happenings))

    def keep(self, state: Followed[S]) -> Json:
        """Return the states of all modules by their slugs."""
        kept = {slug: self._fold.keep(one) for slug, one in state.modules.items()}
        return {slug: one for slug, one in kept.items() if one is not None}

    def _begin(self, kept: Json) -> S:
        try:
            return self._fold.begin(kept)
        except UNBELIEVABLE:
            return self._fold.begin(None)

    def _outcome(
        self, state: Followed[S], snapshot: Snapshot, present: Mapping[str, Module], happenings: tuple[Happening, ...]
    ) -> Outcome[Followed[S]]:
        figures: dict[PartSlug, FigureValues] = {slug: self._fold.figures(state.modules[slug]) for slug in present}
        whole = bool(present) and not snapshot.bank.silent
        by_number = {module.number: state.modules[slug] for slug, module in present.items()}
        figures[None] = self._fold.bank_figures(by_number if whole else {})
        found: dict[PartSlug, tuple[Alarm, ...]] = {slug: self._fold.alarms(state.modules[slug]) for slug in present}
        return Outcome(state, figures, {slug: some for slug, some in found.items() if some}, happenings)


def _observed(snapshot: Snapshot, module: Module, interval_s: Seconds | None, zone: tzinfo) -> Observation:
    return Observation(
        bank=bank_name(snapshot.bank),
        module=module,
        at=snapshot.taken_at.astimezone(zone),
        since_start_s=snapshot.since_start_s,
        interval_s=interval_s,
    )
