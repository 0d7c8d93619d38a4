"""How much of the energy that goes in comes out again.

Method: energy out ÷ energy in between two moments in which every module was full (the top anchor), at least 14 days
apart, after at least ten times the capacity was moved. Error: twice 0.05 A of the meter for each module over all hours,
half of the capacity an hour for time that was not seen, all in parts of the energy that went in; and 1 % ÷ the times
that the capacity was moved. Reported only where the error is ≤ 3 % and the ratio < 100 %. The state of charge of the
BMS is of no use here: on the plateau it is off by 5 to 10 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pylon2mqtt.model import Figure, Module
from pylon2mqtt.model.units import KilowattHours, Percent, Seconds

from .base import Json
from .folding.anchors import at_top
from .folding.kept import moment, number, optional, row, stamp
from .folding.readings import capacity

_LEAST_S: Seconds = 14 * 86400.0
_LEAST_MOVED = 10.0
_METER_A = 0.05
_UNSEEN_C = 0.5
_FULL_PERCENT = 1.0
_MOST_ERROR: Percent = 3.0
# Every module has to be at its top for so long.
_HOLD_S: Seconds = 300.0


@dataclass(frozen=True, slots=True)
class FullMoment:
    """A moment in which all was full, and what had gone in and out until then."""

    at: datetime
    charged: KilowattHours
    discharged: KilowattHours


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """From the first full moment to the latest; ``unseen_s``: the gaps since the first. ``known``: ratio and error."""

    start: FullMoment | None = None
    unseen_s: Seconds = 0.0
    last_at: datetime | None = None
    held_s: Seconds | None = None
    known: tuple[Percent, Percent] | None = None

    def take(
        self,
        modules: Sequence[Module],
        at: datetime,
        interval_s: Seconds | None,
        charged: KilowattHours,
        discharged: KilowattHours,
    ) -> "RoundTrip":
        """Take in a reading of the modules, and what went in and out until then."""
        unseen_s = self.unseen_s + self._gap_s(at, interval_s)
        full = bool(modules) and all(map(at_top, modules))
        held_s = None if not full else 0.0 if self.held_s is None or interval_s is None else self.held_s + interval_s
        new = replace(self, unseen_s=unseen_s, held_s=held_s, last_at=at)
        if held_s is None or held_s < _HOLD_S:
            return new
        return _full(new, modules, FullMoment(at, charged, discharged))

    def figures(self) -> dict[str, Figure]:
        """Return the efficiency and its error."""
        ratio, error = self.known or (None, None)
        return {"round_trip_efficiency": ratio, "round_trip_error": error}

    def keep(self) -> Json:
        """Return it as JSON."""
        start: Json = None
        if self.start:
            start = [stamp(self.start.at), round(self.start.charged, 3), round(self.start.discharged, 3)]
        last = stamp(self.last_at) if self.last_at and start else None
        known: Json = [round(one, 2) for one in self.known] if self.known else None
        return [start, round(self.unseen_s), last, known] if start or known else None

    @classmethod
    def restored(cls, kept: Json) -> "RoundTrip":
        """Return what `keep` made; raises ValueError where it cannot be believed."""
        if kept is None:
            return cls()
        start, unseen_s, last, known = row(kept, 4)
        ratio = None if known is None else [number(one, 0.0, 100.0) for one in row(known, 2)]
        return cls(
            start=None if start is None else _full_moment(row(start, 3)),
            unseen_s=number(unseen_s),
            last_at=optional(last, moment),
            known=(ratio[0], ratio[1]) if ratio else None,
        )

    def _gap_s(self, at: datetime, interval_s: Seconds | None) -> Seconds:
        if interval_s is not None or self.last_at is None or self.start is None:
            return 0.0
        return max(0.0, (at - self.last_at).total_seconds())


def _full(trip: RoundTrip, modules: Sequence[Module], now: FullMoment) -> RoundTrip:
    """Begin at the first full moment; measure at a later one, and begin again there where it was good."""
    if trip.start is None:
        return replace(trip, start=now, unseen_s=0.0)
    if (now.at - trip.start.at).total_seconds() < _LEAST_S:
        return trip
    known = _measured(modules, trip.start, now, trip.unseen_s)
    return replace(trip, start=now, unseen_s=0.0, known=known) if known else trip


def _measured(
    modules: Sequence[Module], start: FullMoment, now: FullMoment, unseen_s: Seconds
) -> tuple[Percent, Percent] | None:
    """Return the ratio and its error, or None where it is not good enough."""
    into, out = now.charged - start.charged, now.discharged - start.discharged
    stored_kwh = sum((capacity(module) or 0.0) * (module.voltage or 0.0) for module in modules) / 1000
    volts = sum(module.voltage or 0.0 for module in modules)
    times = into / stored_kwh if stored_kwh else 0.0
    if times < _LEAST_MOVED:
        return None
    hours = (now.at - start.at).total_seconds() / 3600
    error_kwh = 2 * _METER_A * hours * volts / 1000 + unseen_s / 3600 * _UNSEEN_C * stored_kwh
    ratio, error = 100 * out / into, 100 * error_kwh / into + _FULL_PERCENT / times
    return (ratio, error) if error <= _MOST_ERROR and ratio < 100 else None


def _full_moment(kept: list[Json]) -> FullMoment:
    return FullMoment(moment(kept[0]), number(kept[1]), number(kept[2]))
