"""Every module that a bank has had: since when it is away, where it was, and with which firmware.

Method: a module is lost when the bank answers and the module was not read for longer than a gap (`timeline`); after a
start each has ten minutes. It is removed after seven days. A bank that does not answer loses no module.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo

from pylon2mqtt.model import EventSeverity, Happening, HappeningKind, Module, PartSlug, Snapshot
from pylon2mqtt.model.identity import bank_name, module_slugs
from pylon2mqtt.model.units import Seconds

from .base import FigureValues, Json, Outcome
from .folding.kept import mapping, moment, number, optional, row, stamp, text
from .folding.modules import UNBELIEVABLE
from .folding.news import happened
from .folding.timeline import Timeline

# A module that is away for less may be switched off for repair or storage.
AWAY = timedelta(days=7)
# After a start a module has this time to answer; in it, the first modules of a new bank are no news.
SETTLING_S: Seconds = 600.0

_INFORMATION, _WARNING = EventSeverity.INFORMATION, EventSeverity.WARNING


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A module as it was read last, at ``seen_at`` (UTC); ``away``: it is lost since then."""

    number: int
    seen_at: datetime
    barcode: str | None = None
    firmware: str | None = None
    away: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersState:
    """The members by their slugs. ``since_s``: since when the bank answers. ``settled``: who is met now is new."""

    zone: tzinfo
    members: Mapping[str, Member] = field(default_factory=dict)
    timeline: Timeline = field(default_factory=Timeline)
    since_s: Seconds | None = None
    settled: bool = False


class Membership:
    """The insight (`base.Insight`) of this file."""

    name = "members"
    hourly = False

    def begin(self, kept: Json, zone: tzinfo) -> MembersState:
        """Return the members that were kept; one that cannot be believed is forgotten."""
        try:
            by_slug = mapping(kept)
        except ValueError:
            by_slug = {}
        found = {slug: _restored(slug, one) for slug, one in by_slug.items()}
        members = {slug: member for slug, member in found.items() if member}
        return MembersState(zone=zone, members=members, settled=bool(members))

    def take(self, state: MembersState, snapshot: Snapshot) -> Outcome[MembersState]:
        """Return who is there and who is away, and what changed."""
        timeline, passed = state.timeline.take(snapshot)
        if not snapshot.online:
            state = replace(state, since_s=None)
        if not passed:
            return Outcome(state, _figures(state))
        now = snapshot.since_start_s
        state = replace(state, timeline=timeline, since_s=now if state.since_s is None else state.since_s)
        state, met = _met(state, snapshot)
        state, missed = _missed(state, snapshot)
        settled = state.settled or now - (state.since_s or 0.0) >= SETTLING_S
        return Outcome(replace(state, settled=settled), _figures(state), {}, (*met, *missed))

    def keep(self, state: MembersState) -> Json:
        """Return the members by their slugs."""
        return {
            slug: [m.number, stamp(m.seen_at), m.firmware, int(m.away), m.barcode if m.barcode != slug else 1]
            for slug, m in state.members.items()
        }


def _met(state: MembersState, snapshot: Snapshot) -> tuple[MembersState, list[Happening]]:
    """Take in the modules of a reading."""
    members, news = dict(state.members), list[Happening]()
    at, bank = snapshot.taken_at.astimezone(state.zone), bank_name(snapshot.bank)
    for slug, module in module_slugs(snapshot.bank).items():
        before = members.get(slug) or _without_barcode(members, slug, module)
        for kind, severity, values in _changes(before, module, snapshot.taken_at, settled=state.settled):
            news.append(happened(kind, severity, at, bank, module, values))
        firmware = module.firmware or (before.firmware if before else None)
        members[slug] = Member(
            number=module.number, seen_at=snapshot.taken_at, barcode=module.barcode, firmware=firmware
        )
    return replace(state, members=members), news


def _without_barcode(members: dict[str, Member], slug: str, module: Module) -> Member | None:
    """Return the member that was known by its number only, until its barcode was read."""
    number_only = str(module.number)
    return members.pop(number_only, None) if slug != number_only else None


_Change = tuple[HappeningKind, EventSeverity, dict[str, float | str | None]]


def _changes(before: Member | None, module: Module, at: datetime, *, settled: bool) -> list[_Change]:
    """Return what is new about a module, with the values of its sentences."""
    place: dict[str, float | str | None] = {"number": module.number}
    if before is None:
        return [(HappeningKind.MODULE_NEW, _INFORMATION, place)] if settled else []
    found: list[_Change] = []
    if before.away:
        away_s = max(0.0, (at - before.seen_at).total_seconds())
        found.append((HappeningKind.MODULE_BACK, _INFORMATION, place | {"away_s": round(away_s)}))
    if before.number != module.number:
        found.append((HappeningKind.MODULE_MOVED, _INFORMATION, place | {"before": before.number}))
    if module.firmware and before.firmware and module.firmware != before.firmware:
        versions: dict[str, float | str | None] = {"firmware": module.firmware, "before": before.firmware}
        found.append((HappeningKind.FIRMWARE_CHANGED, _INFORMATION, versions))
    return found


def _missed(state: MembersState, snapshot: Snapshot) -> tuple[MembersState, list[Happening]]:
    """Take in who is not there: lost after a gap, removed after seven days."""
    members, news = dict(state.members), list[Happening]()
    at, bank = snapshot.taken_at.astimezone(state.zone), bank_name(snapshot.bank)
    for slug in set(members) - set(module_slugs(snapshot.bank)):
        member = members[slug]
        module = Module(number=member.number, barcode=member.barcode)
        if not member.away and _is_lost(state, slug, snapshot.since_start_s):
            members[slug] = replace(member, away=True)
            values: dict[str, float | str | None] = {"number": member.number}
            news.append(happened(HappeningKind.MODULE_LOST, _WARNING, at, bank, module, values))
        elif member.away and snapshot.taken_at - member.seen_at > AWAY:
            del members[slug]
            values = {"number": member.number, "days": AWAY.days}
            news.append(happened(HappeningKind.MODULE_REMOVED, _INFORMATION, at, bank, module, values))
    return replace(state, members=members), news


def _is_lost(state: MembersState, slug: str, now: Seconds) -> bool:
    """Return whether a module was not read for longer than a gap, while the bank answered."""
    since_s, read_s = state.since_s or 0.0, state.timeline.read_at.get(slug)
    if read_s is None:
        return now - since_s >= SETTLING_S
    return now - max(since_s, read_s) > state.timeline.longest_s


def _figures(state: MembersState) -> dict[PartSlug, FigureValues]:
    """Return the figures of the bank, and of every member, also of those that are away."""
    away = sum(member.away for member in state.members.values())
    found: dict[PartSlug, FigureValues] = {None: {"modules_known": len(state.members), "modules_away": away}}
    for slug, member in state.members.items():
        since = member.seen_at.astimezone(state.zone) if member.away else None
        found[slug] = {"present": not member.away, "away_since": since}
    return found


def _restored(slug: str, kept: Json) -> Member | None:
    try:
        place, seen, firmware, away, barcode = row(kept, 5)
        return Member(
            number=int(number(place)),
            seen_at=moment(seen),
            firmware=optional(firmware, text),
            away=bool(away),
            barcode=slug if barcode == 1 else optional(barcode, text),
        )
    except UNBELIEVABLE:
        return None
