"""The energy that goes into a bank and each of its modules and comes out again, in kWh.

Method: the power (voltage times current) is added up over the real intervals between readings, as the area under a
straight line; where the sign changes, the line is split at zero. A gap is not bridged. Totals only rise. Where the BMS
counts by itself, its count is the total; which of the two it is is decided once and remembered for good, and the other
one is reported beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, tzinfo

from pylon2mqtt.model import Bank, Figure, Module, PartSlug, Snapshot
from pylon2mqtt.model.identity import module_slugs
from pylon2mqtt.model.units import KilowattHours, Seconds, Watts

from .base import FigureValues, Json, Outcome
from .folding.kept import day, mapping, number, numbers, optional, row, text
from .folding.modules import UNBELIEVABLE
from .folding.timeline import Timeline
from .round_trip import RoundTrip

_WATT_SECONDS = 3.6e6
"""In a kilowatt-hour."""
# A BMS that counts by itself says so within this time after the first reading.
_SETTLING_S: Seconds = 120.0
# Of the totals that are kept: a hundredth of a Wh.
_DIGITS = 5

_METERED, _BMS = "metered", "bms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The energy of a bank or of a module: totals, and of the day. ``counted``: by the BMS, in and out."""

    charged: KilowattHours = 0.0
    discharged: KilowattHours = 0.0
    day: date | None = None
    today: tuple[KilowattHours, KilowattHours] = (0.0, 0.0)
    yesterday: tuple[KilowattHours, KilowattHours] | None = None
    source: str | None = None
    known_s: Seconds = 0.0
    power: Watts | None = None
    counted: tuple[KilowattHours, KilowattHours] | None = None
    trip: RoundTrip = field(default_factory=RoundTrip)

    def at(self, today: date) -> "Account":
        """Begin a new day; a clock that is set back by a day or less begins none."""
        if self.day is not None and 0 <= (self.day - today).days <= 1:
            return self
        follows = self.day is not None and (today - self.day).days == 1
        return replace(self, day=today, today=(0.0, 0.0), yesterday=self.today if follows else None)

    def take(self, power: Watts | None, interval_s: Seconds | None) -> "Account":
        """Add the energy since the power before."""
        known = replace(self, power=power, known_s=self.known_s + (interval_s or 0.0))
        if power is None or self.power is None or interval_s is None:
            return known
        into, out = energies(self.power, power, interval_s)
        return replace(
            known,
            charged=self.charged + into,
            discharged=self.discharged + out,
            today=(self.today[0] + into, self.today[1] + out),
        )

    def count(self, counted: tuple[KilowattHours, KilowattHours] | None) -> "Account":
        """Take in what the BMS counts; decide once whose count is the total."""
        source = self.source or (_BMS if counted else _METERED if self.known_s >= _SETTLING_S else None)
        return replace(self, counted=counted, source=source)

    def figures(self) -> dict[str, Figure]:
        """Return the totals, those of the days, and the round trip."""
        metered = (self.charged, self.discharged)
        total = {_METERED: metered, _BMS: self.counted}.get(self.source or "")
        beside = {f"{_METERED}_": metered if self.source == _BMS else None}
        beside[f"{_BMS}_"] = self.counted if self.source == _METERED else None
        found: dict[str, Figure] = {**_pair("energy_{}", total), **_pair("energy_{}_today", self.today)}
        found |= _pair("energy_{}_yesterday", self.yesterday)
        for prefix, pair in beside.items():
            found |= _pair(f"{prefix}energy_{{}}", pair)
        return found | dict(self.trip.figures())


def energies(before: Watts, now: Watts, seconds: Seconds) -> tuple[KilowattHours, KilowattHours]:
    """Return what went in and what came out in an interval, both in kWh and ≥ 0: the area under a straight line."""
    if before * now >= 0:
        area = (before + now) / 2 * seconds / _WATT_SECONDS
        return max(area, 0.0), max(-area, 0.0)
    until = seconds * before / (before - now)  # Zero is crossed on the way: a triangle on each side.
    first, second = before / 2 * until / _WATT_SECONDS, now / 2 * (seconds - until) / _WATT_SECONDS
    return max(first, second), -min(first, second)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyState:
    """The accounts of a bank (None) and its modules (by slug)."""

    zone: tzinfo
    accounts: Mapping[PartSlug, Account] = field(default_factory=dict)
    timeline: Timeline = field(default_factory=Timeline)


class Energy:
    """The insight (`base.Insight`) of this file."""

    name = "energy"
    hourly = False

    def begin(self, kept: Json, zone: tzinfo) -> EnergyState:
        """Return the accounts that were kept; what cannot be believed is begun anew, each account by itself."""
        try:
            by_slug = mapping(kept)
        except ValueError:
            by_slug = {}
        restored = {slug or None: _restored(account) for slug, account in by_slug.items()}
        return EnergyState(zone=zone, accounts={part: account for part, account in restored.items() if account})

    def take(self, state: EnergyState, snapshot: Snapshot) -> Outcome[EnergyState]:
        """Return the energies with those of the interval since the reading before."""
        timeline, passed = state.timeline.take(snapshot)
        present = module_slugs(snapshot.bank)
        accounts = dict(state.accounts)
        at = snapshot.taken_at.astimezone(state.zone)
        for part, interval_s in passed.items():
            module = present[part] if part is not None else None
            account = accounts.get(part, Account())
            accounts[part] = _after(account, snapshot.bank, module, at, interval_s)
        parts: list[PartSlug] = [None, *present]
        figures: dict[PartSlug, FigureValues] = {part: accounts.get(part, Account()).figures() for part in parts}
        return Outcome(EnergyState(zone=state.zone, accounts=accounts, timeline=timeline), figures)

    def keep(self, state: EnergyState) -> Json:
        """Return the accounts by slug, that of the bank under the empty text."""
        return {part or "": _kept(account) for part, account in state.accounts.items()}


def _after(account: Account, bank: Bank, module: Module | None, at: datetime, interval_s: Seconds | None) -> Account:
    """Return an account after a reading of the bank, or of its module."""
    parts = bank.modules if module is None else (module,)
    power = _bank_power(bank) if module is None else _power(module)
    counted = _bank_count(bank) if module is None else _module_count(module)
    known = account.at(at.date()).take(power, interval_s).count(counted)
    whole = not (module is None and bank.silent)
    return replace(
        known, trip=account.trip.take(parts if whole else (), at, interval_s, known.charged, known.discharged)
    )


def _power(part: Bank | Module) -> Watts | None:
    return None if part.voltage is None or part.current is None else part.voltage * part.current


def _bank_power(bank: Bank) -> Watts | None:
    """Return the sum of the modules' powers; what the bank reports where one of them is not known."""
    powers = [_power(module) for module in bank.modules]
    known = [power for power in powers if power is not None]
    whole = known and len(known) == len(powers) and not bank.silent
    return sum(known) if whole else _power(bank)


def _bank_count(bank: Bank) -> tuple[KilowattHours, KilowattHours] | None:
    """Return what the bank counts, else the sum of its modules where every one counts."""
    if bank.energy_charged is not None and bank.energy_discharged is not None:
        return bank.energy_charged, bank.energy_discharged
    counts = [_module_count(module) for module in bank.modules]
    known = [count for count in counts if count is not None]
    if not known or len(known) < len(counts) or bank.silent:
        return None
    return sum(charged for charged, _ in known), sum(discharged for _, discharged in known)


def _module_count(module: Module) -> tuple[KilowattHours, KilowattHours] | None:
    counters = module.counters or {}
    charged, discharged = counters.get("energy_charged_kwh"), counters.get("energy_discharged_kwh")
    return None if charged is None or discharged is None else (charged, discharged)


def _pair(key: str, pair: tuple[KilowattHours, KilowattHours] | None) -> dict[str, Figure]:
    charged, discharged = pair or (None, None)
    return {key.format("charged"): charged, key.format("discharged"): discharged}


def _kept(account: Account) -> Json:
    days: Json = None
    if account.day:
        yesterday: Json = [_short(one) for one in account.yesterday] if account.yesterday else None
        days = [account.day.isoformat(), *(_short(one) for one in account.today), yesterday]
    return [_short(account.charged), _short(account.discharged), account.source, days, account.trip.keep()]


def _short(energy: KilowattHours) -> float:
    return round(energy, _DIGITS)


def _restored(kept: Json) -> Account | None:
    try:
        charged, discharged, source, days, trip = row(kept, 5)
        account = Account(
            charged=number(charged),
            discharged=number(discharged),
            source=optional(source, _source),
            trip=RoundTrip.restored(trip),
        )
        return account if days is None else _with_days(account, row(days, 4))
    except UNBELIEVABLE:
        return None


def _source(kept: Json) -> str:
    if kept not in (_METERED, _BMS):
        raise ValueError(kept)
    return text(kept)


def _with_days(account: Account, kept: list[Json]) -> Account:
    yesterday = None if kept[3] is None else numbers(kept[3], 2)
    return replace(
        account,
        day=day(kept[0]),
        today=(number(kept[1]), number(kept[2])),
        yesterday=(yesterday[0], yesterday[1]) if yesterday else None,
    )
