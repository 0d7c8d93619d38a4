"""Whether a bank is charged full often enough for its BMS to balance the cells.

Method: a module is full at its top anchor (`folding.anchors`), or, where no cell is reported, at a state of charge of
99 % or more; a bank is when every module was. Balancing works above 3.45 V only: the hours there are counted over 30
days. A full charge is advised after 30 days, or 90 at high voltage (what Pylontech's guidance for the Force H2 is
quoted with), or as many as the owner says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo

from pylon2mqtt.model import Bank, EventSeverity, Figure, Happening, HappeningKind, Module, PartSlug, Snapshot, Topology
from pylon2mqtt.model.identity import bank_name, module_slugs
from pylon2mqtt.model.units import Seconds, Volts

from .base import FigureValues, Json, Outcome
from .folding.anchors import TOP_HOLD_S, TOP_V, at_top
from .folding.kept import mapping, moment, number, optional, row, stamp
from .folding.modules import UNBELIEVABLE
from .folding.news import happened
from .folding.readings import highest_cell
from .folding.timeline import Timeline

_DAYS, _DAYS_HIGH_VOLTAGE = 30, 90
_HIGH_VOLTAGE: Volts = 100.0
_COUNTED_DAYS = 30
_FULL_SOC = 99.0
_DAY_S: Seconds = 86400.0
# Hours are kept in tenths.
_TENTH_S: Seconds = 360.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fullness:
    """When a part was full last (UTC), since when it is watched, and the seconds above 3.45 V of each day.

    ``days``: by the number of the day, as date.toordinal has it.
    """

    since: datetime
    full_at: datetime | None = None
    days: Mapping[int, Seconds] = field(default_factory=dict)
    knows_cells: bool = False
    held_s: Seconds | None = None
    advised: bool = False

    def take(self, *, is_full: bool, is_high: bool | None, at: datetime, interval_s: Seconds | None) -> "Fullness":
        """Take in a reading: whether it is at the top, and whether its highest cell is above 3.45 V.

        ``is_high`` is None where no cell is reported.
        """
        held_s = None if not is_full else 0.0 if self.held_s is None or interval_s is None else self.held_s + interval_s
        new = replace(self, held_s=held_s, knows_cells=is_high is not None)
        if held_s is not None and held_s >= TOP_HOLD_S:
            new = replace(new, full_at=at.astimezone(UTC))
        return _above(new, at, interval_s) if is_high and interval_s else new

    def days_since(self, at: datetime) -> float | None:
        """Return the days since it was full; a moment in the future is taken for now."""
        return None if self.full_at is None else max(0.0, (at - self.full_at).total_seconds() / _DAY_S)

    def wants_full(self, at: datetime, days: float) -> bool:
        """Return whether the bank was not full for so many days, as far as it has been watched."""
        return (at - (self.full_at or self.since)).total_seconds() > days * _DAY_S

    def hours(self, at: datetime) -> float:
        """Return the hours above 3.45 V of the last 30 days."""
        newest = at.toordinal()
        return sum(s for day, s in self.days.items() if newest - _COUNTED_DAYS < day <= newest) / 3600


def _above(fullness: Fullness, at: datetime, interval_s: Seconds) -> Fullness:
    """Count an interval above 3.45 V, and forget the days that no longer count."""
    today = at.toordinal()
    counted = {day: s for day, s in fullness.days.items() if abs(today - day) < _COUNTED_DAYS}
    return replace(fullness, days=counted | {today: counted.get(today, 0.0) + interval_s})


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceState:
    """A bank (None) and its modules (by slug)."""

    zone: tzinfo
    parts: Mapping[PartSlug, Fullness] = field(default_factory=dict)
    timeline: Timeline = field(default_factory=Timeline)


class Balance:
    """The insight (`base.Insight`) of this file; ``days`` are the owner's, 0 for the usual ones."""

    name = "balance"
    hourly = True

    def __init__(self, days: int = 0) -> None:
        self._days = days

    def begin(self, kept: Json, zone: tzinfo) -> BalanceState:
        """Return what was kept; a part that cannot be believed is begun anew."""
        try:
            by_slug = mapping(kept)
        except ValueError:
            by_slug = {}
        restored = {slug or None: _restored(one) for slug, one in by_slug.items()}
        return BalanceState(zone=zone, parts={part: fullness for part, fullness in restored.items() if fullness})

    def take(self, state: BalanceState, snapshot: Snapshot) -> Outcome[BalanceState]:
        """Return how long ago everything was full, and whether it is time."""
        timeline, passed = state.timeline.take(snapshot)
        at, present = snapshot.taken_at.astimezone(state.zone), module_slugs(snapshot.bank)
        parts, news = state.parts, list[Happening]()
        if passed:
            days = self._days or (_DAYS_HIGH_VOLTAGE if _is_high_voltage(snapshot.bank) else _DAYS)
            read = _read(state.parts, snapshot.bank, present, passed, at)
            parts = {part: replace(one, advised=one.wants_full(at, days)) for part, one in read.items()}
            new = [part for part in (None, *present) if parts[part].advised and not read[part].advised]
            news = [_advice(parts[part], snapshot.bank, present.get(part or ""), at) for part in _worth(new, present)]
        figures: dict[PartSlug, FigureValues] = {slug: _figures(parts.get(slug), at) for slug in (None, *present)}
        return Outcome(BalanceState(zone=state.zone, parts=parts, timeline=timeline), figures, {}, tuple(news))

    def keep(self, state: BalanceState) -> Json:
        """Return the parts by their slugs."""
        return {slug or "": _kept(one) for slug, one in state.parts.items()}


def _read(
    parts: Mapping[PartSlug, Fullness],
    bank: Bank,
    present: Mapping[str, Module],
    passed: Mapping[PartSlug, Seconds | None],
    at: datetime,
) -> dict[PartSlug, Fullness]:
    """Return the parts after a reading; the bank follows from its modules, where it has any and all are there."""
    read = dict(parts)
    for slug, module in present.items():
        read[slug] = _after(read.get(slug), module, at, passed[slug])
    before = read.get(None, Fullness(since=at))
    modules = [read[slug] for slug in present]
    if not modules:
        read[None] = _after(before, bank, at, passed[None])
    else:
        read[None] = before if bank.silent else _of_modules(before, modules)
    return read


def _after(before: Fullness | None, part: Bank | Module, at: datetime, interval_s: Seconds | None) -> Fullness:
    """Return a module, or a bank that reports no modules, after a reading."""
    highest = highest_cell(part) if isinstance(part, Module) else part.cell_voltage_max
    charged = part.soc is not None and part.soc >= _FULL_SOC
    is_full = at_top(part) if isinstance(part, Module) and highest is not None else charged
    is_high = None if highest is None else highest >= TOP_V
    return (before or Fullness(since=at)).take(is_full=is_full, is_high=is_high, at=at, interval_s=interval_s)


def _of_modules(before: Fullness, modules: Sequence[Fullness]) -> Fullness:
    """Return the bank: full when its last module was, balanced as its module with the fewest hours."""
    full = [module.full_at for module in modules if module.full_at]
    fewest = min(modules, key=lambda module: sum(module.days.values()))
    full_at = min(full) if len(full) == len(modules) else None
    since = min(module.since for module in modules)
    return replace(before, since=since, full_at=full_at, days=fewest.days, knows_cells=fewest.knows_cells)


def _worth(new: Sequence[PartSlug], present: Mapping[str, Module]) -> Sequence[PartSlug]:
    """Return of which parts it is worth saying: of the whole bank where it is all modules, else of each."""
    modules = [part for part in new if part is not None]
    return modules if len(modules) < len(present) else new[:1]


def _advice(fullness: Fullness, bank: Bank, module: Module | None, at: datetime) -> Happening:
    days = (at - (fullness.full_at or fullness.since)).total_seconds() / _DAY_S
    values = {"days": round(days)}
    return happened(HappeningKind.FULL_CHARGE_ADVISED, EventSeverity.INFORMATION, at, bank_name(bank), module, values)


def _is_high_voltage(bank: Bank) -> bool:
    return bank.topology is Topology.SERIES or (bank.voltage or 0.0) > _HIGH_VOLTAGE


def _figures(fullness: Fullness | None, at: datetime) -> dict[str, Figure]:
    if fullness is None:
        return {"days_since_full_charge": None, "balancing_hours": None, "full_charge_advised": None}
    return {
        "days_since_full_charge": fullness.days_since(at),
        "balancing_hours": fullness.hours(at) if fullness.knows_cells else None,
        "full_charge_advised": fullness.advised,
    }


def _kept(fullness: Fullness) -> Json:
    """Return it as JSON: the days as tenths of hours, the newest last."""
    newest = max(fullness.days, default=0)
    tenths: list[Json] = [
        round(fullness.days.get(day, 0.0) / _TENTH_S) for day in range(newest - _COUNTED_DAYS + 1, newest + 1)
    ]
    while tenths and not tenths[0]:
        tenths.pop(0)
    full = stamp(fullness.full_at) if fullness.full_at else None
    return [stamp(fullness.since), full, int(fullness.advised), newest, tenths]


def _restored(kept: Json) -> Fullness | None:
    try:
        since, full, advised, newest, tenths = row(kept, 5)
        last = int(number(newest))
        days = [number(one, 0, 240) * _TENTH_S for one in row(tenths)[-_COUNTED_DAYS:]]
        return Fullness(
            since=moment(since),
            full_at=optional(full, moment),
            advised=bool(advised),
            days={last - len(days) + 1 + place: seconds for place, seconds in enumerate(days)},
        )
    except UNBELIEVABLE:
        return None
