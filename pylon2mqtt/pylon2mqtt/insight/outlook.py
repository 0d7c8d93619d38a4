"""How long until a bank or a module is full, and until it is empty.

Method: the missing or the remaining charge ÷ the current, smoothed over 5 minutes. From 90 % on, the charging current
is the limit that the battery reports, where that is smaller. Unknown at rest, for a minute after a change of direction,
and where it would be more than 72 hours.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from math import exp
from typing import NamedTuple

from pylon2mqtt.model import Figure, Module, PartSlug, Snapshot
from pylon2mqtt.model.derived import bank_figures
from pylon2mqtt.model.figures import BankFigures
from pylon2mqtt.model.identity import module_slugs
from pylon2mqtt.model.units import AmpereHours, Amperes, Seconds

from .base import FigureValues, Json, Outcome
from .folding.readings import capacity
from .folding.timeline import Timeline

_SMOOTH_S: Seconds = 300.0
_REST_C = 0.01
_SETTLED_S: Seconds = 60.0
_LONGEST_S: Seconds = 72 * 3600.0
_TAPERS_FROM = 0.9
# As finely as it is reported: it would change with every reading.
_STEP_S: Seconds = 60.0


class Charge(NamedTuple):
    """What a bank or a module holds, and what flows."""

    current: Amperes | None
    remaining: AmpereHours | None
    full: AmpereHours | None
    limit: Amperes | None


@dataclass(frozen=True, slots=True)
class Flow:
    """The smoothed current, since when it has its direction, and what follows."""

    current: Amperes | None = None
    same_s: Seconds = 0.0
    to_full_s: Seconds | None = None
    to_empty_s: Seconds | None = None

    def take(self, charge: Charge, interval_s: Seconds | None) -> "Flow":
        """Take in a reading."""
        now = charge.current
        if now is None or self.current is None or interval_s is None or self.current * now <= 0:
            return Flow(current=now)
        part = 1 - exp(-interval_s / _SMOOTH_S)
        flow = Flow(self.current + (now - self.current) * part, self.same_s + interval_s)
        return replace(flow, to_full_s=_to_full_s(flow, charge), to_empty_s=_to_empty_s(flow, charge))

    def figures(self) -> dict[str, Figure]:
        """Return both times; a current that is charging empties nothing."""
        return {"time_to_full": self.to_full_s, "time_to_empty": self.to_empty_s}


def _to_full_s(flow: Flow, charge: Charge) -> Seconds | None:
    if not flow.current or flow.current <= 0 or charge.remaining is None or not charge.full:
        return None
    current = flow.current
    if charge.remaining >= _TAPERS_FROM * charge.full:
        if charge.limit is None:
            return None
        current = min(current, charge.limit)
    return _seconds(charge.full - charge.remaining, current, flow, charge.full)


def _to_empty_s(flow: Flow, charge: Charge) -> Seconds | None:
    if not flow.current or flow.current >= 0 or charge.remaining is None or not charge.full:
        return None
    return _seconds(charge.remaining, -flow.current, flow, charge.full)


def _seconds(left: AmpereHours, current: Amperes, flow: Flow, full: AmpereHours) -> Seconds | None:
    """Return how long the current needs, in whole minutes."""
    if flow.same_s < _SETTLED_S or current < _REST_C * full:
        return None
    seconds = max(0.0, left) / current * 3600
    return _STEP_S * round(seconds / _STEP_S) if seconds <= _LONGEST_S else None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlookState:
    """The flows of a bank (None) and of its modules (by slug)."""

    flows: Mapping[PartSlug, Flow] = field(default_factory=dict)
    timeline: Timeline = field(default_factory=Timeline)


class Outlook:
    """The insight (`base.Insight`) of this file. Nothing of it outlives a restart."""

    name = "outlook"
    hourly = False

    def begin(self, kept: Json, zone: tzinfo) -> OutlookState:  # noqa: ARG002  it needs no past
        """Return a new state."""
        return OutlookState()

    def take(self, state: OutlookState, snapshot: Snapshot) -> Outcome[OutlookState]:
        """Return how long it will take by the flow of the last minutes."""
        timeline, passed = state.timeline.take(snapshot)
        present = module_slugs(snapshot.bank)
        flows = dict(state.flows)
        for part, interval_s in passed.items():
            charge = _of_bank(bank_figures(snapshot.bank), snapshot) if part is None else _of_module(present[part])
            flows[part] = flows.get(part, Flow()).take(charge, interval_s)
        parts: list[PartSlug] = [None, *present]
        figures: dict[PartSlug, FigureValues] = {part: flows.get(part, Flow()).figures() for part in parts}
        return Outcome(OutlookState(flows=flows, timeline=timeline), figures)

    def keep(self, state: OutlookState) -> Json:  # noqa: ARG002
        """Return nothing: the last minutes before a restart say nothing of those after it."""
        return None


def _of_module(module: Module) -> Charge:
    full = capacity(module)
    remaining = module.remaining_capacity
    if remaining is None and full and module.soc is not None:
        remaining = full * module.soc / 100
    return Charge(module.current, remaining, full, module.charge_current_limit)


def _of_bank(figures: BankFigures, snapshot: Snapshot) -> Charge:
    """Return what the bank reports, else what follows from its modules; nothing while a module is silent."""
    bank = snapshot.bank
    if bank.silent:
        return Charge(None, None, None, None)
    full = bank.full_capacity or figures.full_capacity
    remaining = bank.remaining_capacity if bank.remaining_capacity is not None else figures.remaining_capacity
    soc = bank.soc if bank.soc is not None else figures.soc
    if remaining is None and full and soc is not None:
        remaining = full * soc / 100
    limit = bank.charge_current_limit if bank.charge_current_limit is not None else figures.charge_current_limit
    return Charge(bank.current if bank.current is not None else figures.current, remaining, full, limit)
