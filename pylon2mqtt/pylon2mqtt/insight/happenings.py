"""What happened: alarms that began or ended, the BMS's own list, its clock, and a battery that is lost or back.

Method: the difference between two readings. A module that is silent, or reports no alarms, ends none. What a module and
its cells report is one alarm for each kind, severity and source.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo

from pylon2mqtt.model import (
    Alarm,
    AlarmKind,
    AlarmSource,
    Event,
    EventSeverity,
    Happening,
    HappeningKind,
    Module,
    PartSlug,
    Severity,
    Snapshot,
)
from pylon2mqtt.model.alarms import combined, module_alarms
from pylon2mqtt.model.identity import bank_name, module_slugs
from pylon2mqtt.model.units import Seconds

from .base import Json, Outcome
from .bms_clock import clock_change
from .bms_list import Unmatched, match, put_right, recent
from .folding.kept import mapping, number, row, text
from .folding.modules import UNBELIEVABLE
from .folding.news import happened
from .folding.timeline import Timeline

# A computer whose clock goes on by so much more or less than the time that passed was set.
_SET_S: Seconds = 60.0

OpenAlarm = tuple[PartSlug, AlarmKind, Severity, AlarmSource]


@dataclass(frozen=True, slots=True, kw_only=True)
class HappeningsState:
    """Open alarms, the offsets of clocks that are off, and what may be matched with the BMS's own list."""

    zone: tzinfo
    online: bool | None = None
    open: frozenset[OpenAlarm] = frozenset()
    off: Mapping[str, Seconds] = field(default_factory=dict)
    unmatched: tuple[Unmatched, ...] = ()
    timeline: Timeline = field(default_factory=Timeline)
    before_s: Seconds = 0.0


@dataclass(frozen=True, slots=True)
class _Now:
    """A snapshot, with what all happenings in it have in common."""

    snapshot: Snapshot
    at: datetime
    bank: str
    modules: Mapping[str, Module]

    def report(
        self,
        kind: HappeningKind,
        severity: EventSeverity,
        module: Module | None,
        values: Mapping[str, float | str | None],
    ) -> Happening:
        """Return a happening of this moment."""
        return happened(kind, severity, self.at, self.bank, module, values)


class Happenings:
    """The insight (`base.Insight`) of this file."""

    name = "happenings"
    hourly = False

    def begin(self, kept: Json, zone: tzinfo) -> HappeningsState:
        """Return the open alarms and clocks that were kept; what cannot be believed is begun anew."""
        try:
            whole = mapping(kept)
            open_alarms = frozenset(_open_alarm(one) for one in row(whole["open"]))
            off = {slug: number(offset, -1e9) for slug, offset in mapping(whole["off"]).items()}
            return HappeningsState(zone=zone, online=bool(whole["online"]), open=open_alarms, off=off)
        except UNBELIEVABLE:
            return HappeningsState(zone=zone)

    def take(self, state: HappeningsState, snapshot: Snapshot) -> Outcome[HappeningsState]:
        """Return what happened since the snapshot before."""
        now = _Now(
            snapshot, snapshot.taken_at.astimezone(state.zone), bank_name(snapshot.bank), module_slugs(snapshot.bank)
        )
        state, news = _answers(state, now)
        timeline, passed = state.timeline.take(snapshot)
        if passed:
            was_set = _was_set(state.timeline, state.before_s, snapshot)
            for look in (_alarms, _entries) if was_set else (_alarms, _entries, _clocks):
                state, more = look(state, now)
                news += more
            state = replace(state, timeline=timeline, before_s=snapshot.since_start_s)
        return Outcome(state, happenings=tuple(news))

    def keep(self, state: HappeningsState) -> Json:
        """Return the open alarms and the clocks that are off."""
        return {
            "online": state.online,
            "open": [[slug, *map(str, alarm)] for slug, *alarm in _sorted(state.open)],
            "off": dict(state.off),
        }


def _answers(state: HappeningsState, now: _Now) -> tuple[HappeningsState, list[Happening]]:
    """Take in whether the battery answers; that a new one does is no news."""
    online, before = now.snapshot.online, state.online
    state = replace(state, online=online or (None if before is None else False))
    if before is None or before == online:
        return state, []
    if online:
        return state, [now.report(HappeningKind.BATTERY_BACK, EventSeverity.INFORMATION, None, {})]
    reason = {"reason": now.snapshot.reason}
    return state, [now.report(HappeningKind.BATTERY_LOST, EventSeverity.WARNING, None, reason)]


def _alarms(state: HappeningsState, now: _Now) -> tuple[HappeningsState, list[Happening]]:
    """Take in which alarms are active."""
    active = dict(_active(now))
    reporting: set[PartSlug] = {slug for slug, module in now.modules.items() if module_alarms(module) is not None}
    if now.snapshot.bank.alarms is not None:
        reporting.add(None)
    ended = {key for key in state.open - active.keys() if key[0] in reporting}
    news = [
        now.report(HappeningKind.ALARM_ENDED, EventSeverity.INFORMATION, *_ended(key, now)) for key in _sorted(ended)
    ]
    for key in _sorted(active.keys() - state.open):
        state, began = _began(state, now, key[0], active[key])
        news.append(began)
    return replace(state, open=(state.open - ended) | active.keys()), news


def _sorted(keys: Iterable[OpenAlarm]) -> list[OpenAlarm]:
    """Return the alarms in an order that is always the same."""
    return sorted(keys, key=repr)


def _active(now: _Now) -> Iterator[tuple[OpenAlarm, Alarm]]:
    """Return every active alarm of the bank and of its modules."""
    parts: dict[PartSlug, tuple[Alarm, ...]] = {None: combined(now.snapshot.bank.alarms or ())}
    parts |= {slug: module_alarms(module) or () for slug, module in now.modules.items()}
    for slug, alarms in parts.items():
        for alarm in alarms:
            yield (slug, alarm.kind, alarm.severity, alarm.by), alarm


def _ended(key: OpenAlarm, now: _Now) -> tuple[Module | None, dict[str, float | str | None]]:
    slug, kind, severity, by = key
    return now.modules.get(slug or ""), {"alarm": kind, "severity": severity, "by": by}


def _began(state: HappeningsState, now: _Now, slug: PartSlug, alarm: Alarm) -> tuple[HappeningsState, Happening]:
    """Report an alarm that began, matched with an entry of the BMS's list where there is one."""
    module = now.modules.get(slug or "")
    happening = now.report(HappeningKind.ALARM_BEGAN, EventSeverity(alarm.severity), module, alarm_values(alarm))
    new = Unmatched(id=happening.id, module=happening.module, alarm=alarm.kind, at=now.at, entry=False)
    return _matched(state, now.at, new, happening)


def _matched(
    state: HappeningsState, now: datetime, new: Unmatched, happening: Happening
) -> tuple[HappeningsState, Happening]:
    """Let a happening complete an earlier one that is the same, or be kept for a later one."""
    before = recent(state.unmatched, now)
    earlier = match(new, before)
    if earlier is None:
        return replace(state, unmatched=(*before, new)), happening
    left = tuple(one for one in before if one is not earlier)
    return replace(state, unmatched=left), replace(happening, completes=earlier.id)


def alarm_values(alarm: Alarm) -> dict[str, float | str | None]:
    """Return the values of the sentence about an alarm that began."""
    cells = ", ".join(map(str, alarm.cells)) or None
    return {"alarm": alarm.kind, "by": alarm.by, "cells": cells, "code": alarm.code, "text": alarm.text}


def _entries(state: HappeningsState, now: _Now) -> tuple[HappeningsState, list[Happening]]:
    """Take in what is new in the lists of the BMSs."""
    by_number = {module.number: module for module in now.modules.values()}
    news = list[Happening]()
    for event in now.snapshot.bank.events or ():
        module = by_number.get(event.module or 0)
        right = put_right(event, module, now.at)
        values = _entry_values(event, right)
        for alarm in combined(event.alarms):
            about = values | {"alarm": alarm.kind}
            happening = now.report(HappeningKind.BMS_ENTRY, EventSeverity(alarm.severity), module, about)
            at, sure = right or now.at, right is not None
            new = Unmatched(id=happening.id, module=happening.module, alarm=alarm.kind, at=at, entry=True, sure=sure)
            state, happening = _matched(state, now.at, new, happening)
            news.append(happening)
        if not event.alarms:
            news.append(now.report(HappeningKind.BMS_ENTRY, EventSeverity.INFORMATION, module, values))
    return state, news


def _entry_values(event: Event, right: datetime | None) -> dict[str, float | str | None]:
    return {
        "number": event.number,
        "text": event.text,
        "code": event.code,
        "bms_time": event.at.isoformat() if event.at else None,
        "at": right.isoformat() if right else None,
    }


def _clocks(state: HappeningsState, now: _Now) -> tuple[HappeningsState, list[Happening]]:
    """Take in how far the clocks of the BMSs are off."""
    off, news = dict(state.off), list[Happening]()
    for slug, module in now.modules.items():
        if module.clock_offset is None:
            continue
        offset_s, change = clock_change(module.clock_offset, off.pop(slug, None), now.at)
        if offset_s is not None:
            off[slug] = offset_s
        if change:
            kind, severity, values = change
            news.append(now.report(kind, severity, module, values))
    return replace(state, off=off), news


def _was_set(timeline: Timeline, before_s: Seconds, snapshot: Snapshot) -> bool:
    """Return whether the clock of this computer was set since the reading before."""
    if timeline.taken_at is None:
        return False
    by_clock_s = (snapshot.taken_at - timeline.taken_at).total_seconds()
    return abs(by_clock_s - (snapshot.since_start_s - before_s)) > _SET_S


def _open_alarm(kept: Json) -> OpenAlarm:
    slug, kind, severity, by = row(kept, 4)
    return None if slug is None else text(slug), AlarmKind(text(kind)), Severity(text(severity)), AlarmSource(text(by))
