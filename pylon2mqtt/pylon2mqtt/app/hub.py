"""The hub: readings in, snapshots out; the owner of all state over time.

For each reading: merge the sources of the bank, fold what follows over time, keep it, and deliver the snapshot. It is
called from one thread, and has none itself.

A total that only rises is never reported ahead of what is saved, so that a kill takes nothing back: between two saves
it stands still. What happened is in the journal before it is delivered.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from typing import Any

from pylon2mqtt.errors import OutputError
from pylon2mqtt.insight.base import Insight
from pylon2mqtt.model import Alarm, Figure, Happening, PartSlug, Reading, Snapshot
from pylon2mqtt.model.identity import slug
from pylon2mqtt.model.merging import Merging
from pylon2mqtt.model.over_time.quantities import TOTALS_OVER_TIME
from pylon2mqtt.model.units import Seconds
from pylon2mqtt.records.base import Memory
from pylon2mqtt.records.happenings import entry, happening

_LOG = logging.getLogger(__name__)

SAVE_EVERY_S: Seconds = 60.0
"""As much energy a power cut may take back, and no more."""
SAVE_BIG_EVERY_S: Seconds = 3600.0
"""The same for the states that are big and slow."""

_Figures = dict[PartSlug, dict[str, Figure]]


@dataclass(slots=True, kw_only=True)
class _BankState:
    """What the hub knows of one bank; ``saved`` are its totals as they were saved last."""

    name: str
    merging: Merging
    states: dict[str, Any]
    missed: list[Happening] = field(default_factory=list)
    totals: _Figures = field(default_factory=dict)
    saved: _Figures = field(default_factory=dict)
    save_at: Seconds = 0.0
    save_big_at: Seconds = 0.0


class Hub:
    """The state over time of all banks.

    ``banks``: by name, the sources of each with the seconds between two of its readings. With a ``memory`` that keeps
    nothing, totals are reported as they are. ``zone`` is the owner's.
    """

    def __init__(
        self,
        banks: Mapping[str, Mapping[str, Seconds]],
        *,
        insights: Iterable[Insight[Any]],
        memory: Memory,
        zone: tzinfo,
        deliver: Callable[[Snapshot], None],
    ) -> None:
        self._insights = tuple(insights)
        self._memory = memory
        self._deliver = deliver
        self._complained = False
        self._banks = {name: self._begun(name, sources, zone) for name, sources in banks.items()}
        self._take_back_journal()

    # -------------------- a reading becomes a snapshot

    def take(self, reading: Reading) -> None:
        """Deliver what follows from a reading, if it is its source's turn."""
        bank = self._banks[reading.bank.name or ""]
        merged = bank.merging.take(reading)
        if merged is not None:
            snapshot = self._folded(bank, _plain(merged))
            self._deliver(self._kept(bank, snapshot))

    def _folded(self, bank: _BankState, snapshot: Snapshot) -> Snapshot:
        """The snapshot with what follows from the past."""
        figures: _Figures = {}
        alarms: dict[PartSlug, tuple[Alarm, ...]] = {}
        news: list[Happening] = []
        for insight in self._insights:
            outcome = insight.take(bank.states[insight.name], snapshot)
            bank.states[insight.name] = outcome.state
            for part, values in outcome.figures.items():
                figures.setdefault(part, {}).update(values)
            for part, found in outcome.alarms.items():
                alarms[part] = (*alarms.get(part, ()), *found)
            news += outcome.happenings
        return replace(snapshot, figures=figures, alarms=alarms, happenings=tuple(news))

    # -------------------- what is kept

    def _kept(self, bank: _BankState, snapshot: Snapshot) -> Snapshot:
        """Keep what is due, and report no more than what is kept."""
        for each in snapshot.happenings:
            self._write(self._memory.append, entry(each))
        bank.totals = {
            part: {key: value for key, value in values.items() if key in TOTALS_OVER_TIME}
            for part, values in snapshot.figures.items()
        }
        if not bank.saved:  # Nothing was added since the start.
            bank.saved = bank.totals
        if snapshot.since_start_s >= bank.save_at:
            self._save(bank, snapshot.since_start_s)
        missed, bank.missed = tuple(bank.missed), []
        figures = {
            part: {key: self._reported(bank, part, key, value) for key, value in values.items()}
            for part, values in snapshot.figures.items()
        }
        return replace(snapshot, figures=figures, happenings=(*missed, *snapshot.happenings))

    def _reported(self, bank: _BankState, part: PartSlug, key: str, value: Figure) -> Figure:
        if key not in TOTALS_OVER_TIME or not self._memory.keeps:
            return value
        return bank.saved.get(part, {}).get(key)

    def _save(self, bank: _BankState, now: Seconds) -> None:
        small = {one.name: one.keep(bank.states[one.name]) for one in self._insights if not one.hourly}
        bank.save_at = now + SAVE_EVERY_S
        if self._write(self._memory.save, slug(bank.name), small):
            bank.saved = bank.totals
        if now >= bank.save_big_at:
            bank.save_big_at = now + SAVE_BIG_EVERY_S
            for one in self._insights:
                if one.hourly:
                    state = {one.name: one.keep(bank.states[one.name])}
                    self._write(self._memory.save, _big(bank.name, one.name), state)

    def save(self, now: Seconds) -> None:
        """Save everything, at the end."""
        for bank in self._banks.values():
            bank.save_big_at = now
            self._save(bank, now)

    def done(self, ids: Iterable[str]) -> None:
        """Note that these happenings have reached whom they are for."""
        self._write(self._memory.done, ids)

    def set_interval(self, bank: str, seconds: Seconds) -> None:
        """Take in how often a bank is read from now on."""
        self._banks[bank].merging.set_interval(seconds)

    def _write(self, write: Callable[..., None], *what: Any) -> bool:
        """Write something; say once that it is not possible, and again once it is."""
        try:
            write(*what)
        except OutputError as error:
            _LOG.log(logging.DEBUG if self._complained else logging.WARNING, "%s", error)
            self._complained = True
            return False
        if self._complained:
            _LOG.info("What is kept over a restart can be written again")
            self._complained = False
        return True

    # -------------------- the start

    def _begun(self, name: str, sources: Mapping[str, Seconds], zone: tzinfo) -> _BankState:
        kept = self._memory.load(slug(name))
        for one in self._insights:
            if one.hourly:
                kept |= self._memory.load(_big(name, one.name))
        states = {one.name: one.begin(kept.get(one.name), zone) for one in self._insights}
        return _BankState(name=name, merging=Merging(sources), states=states)

    def _take_back_journal(self) -> None:
        """Deliver again what was not reported before the end of the last run; what is none of ours is done."""
        for content in self._memory.open_entries():
            try:
                found = happening(content)
                self._banks[found.bank].missed.append(found)
            except (ValueError, LookupError, TypeError):
                self.done([content["id"]])


def _plain(reading: Reading) -> Snapshot:
    """The snapshot of a reading without a past."""
    return Snapshot(
        bank=reading.bank,
        taken_at=reading.taken_at,
        since_start_s=reading.since_start_s,
        online=reading.online,
        stale=reading.stale,
        reason=reading.reason,
    )


def _big(bank: str, insight: str) -> str:
    return f"{slug(bank)}.{insight}"
