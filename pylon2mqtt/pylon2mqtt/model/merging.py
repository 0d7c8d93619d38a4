"""Several lines to one battery: what each of them reports becomes one bank.

One source leads: its readings become those of the bank, and its modules are the bank's. It is the one that reports the
most of single modules, and stays the leader until it is silent for three intervals, or until a better one appears. What
it does not report comes from the others, each field from the same source until that one is silent for so long: to take
the newest value of either would make every field jump between two opinions.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .alarms import combined
from .battery import Alarm, Bank, Event, Module, Readings
from .derived import bank_figures
from .joining import joined, reported_fields
from .snapshot import Reading
from .units import Amperes, Percent, Seconds, Volts

LEAST_SILENCE_S: Seconds = 30.0
"""A source that was silent for less is not given up, however short its interval is."""

SAME_MODULE_V: Volts = 0.3
"""The voltages that two sources report of one module are never further apart: the cells' sum and the module's voltage
of one answer differ by up to 60 mV, and a step of the load comes in between."""

PROVEN_AFTER = 20
"""So many readings, each at another current, prove that equal numbers are the same modules."""

DISAGREE_S: Seconds = 600.0
"""Two sources that differ for so long disagree; a step of the load comes later on the slower line."""

_ANOTHER_CURRENT_A: Amperes = 0.5
# What two sources may differ by: a part of the value, and so much.
_MAY_DIFFER: Mapping[str, tuple[float, float]] = {
    "voltage": (0.005, 0.1),
    "current": (0.05, 2.0),
    "soc": (0.0, 8.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """Two sources report different values of a bank's ``key``: the leader ``ours``, ``source`` ``theirs``."""

    key: str
    source: str
    ours: Volts | Amperes | Percent
    theirs: Volts | Amperes | Percent


@dataclass(slots=True)
class _Source:
    """One line: its latest good reading, how much it ever reported of single modules, and what was proven of them."""

    name: str
    silence_s: Seconds
    latest: Reading | None = None
    rank: int = 0
    alike: int = 0
    compared_at: Amperes | None = None
    differs_since: dict[str, Seconds] = field(default_factory=dict)

    def is_live(self, now: Seconds) -> bool:
        return self.latest is not None and now - self.latest.since_start_s <= self.silence_s

    @property
    def proven(self) -> bool:
        return self.alike >= PROVEN_AFTER


class Merging:
    """The sources of one bank, the best ones first, with the seconds between the readings of each."""

    def __init__(self, intervals_s: Mapping[str, Seconds]) -> None:
        self.disagreements: tuple[Disagreement, ...] = ()
        self._sources = {name: _Source(name, max(LEAST_SILENCE_S, 3 * s)) for name, s in intervals_s.items()}
        self._leader: _Source | None = None
        self._of_field: dict[str, tuple[_Source, Seconds]] = {}
        self._events: list[Event] = []

    def set_interval(self, seconds: Seconds) -> None:
        """Take in that the bank is read every so many seconds from now on."""
        for source in self._sources.values():
            source.silence_s = max(LEAST_SILENCE_S, 3 * seconds)

    def take(self, reading: Reading) -> Reading | None:
        """Return the reading of the whole bank, or None where it is not this source's turn to be followed."""
        if len(self._sources) == 1:
            return reading
        source, now = self._sources[reading.source], reading.since_start_s
        if reading.online:
            source.latest = reading
            source.rank = max(source.rank, _rank(reading.bank))
            self._events += reading.bank.events or ()
        self._leader = self._lead(now)
        if self._leader is None:
            return reading
        if self._leader is not source or not reading.online:
            return None
        return replace(reading, bank=self._merged(reading.bank, now))

    def _lead(self, now: Seconds) -> _Source | None:
        live = [source for source in self._sources.values() if source.is_live(now)]
        best = max(live, key=lambda source: source.rank, default=None)
        if self._leader in live and best is not None and self._leader is not None and best.rank <= self._leader.rank:
            return self._leader
        return best

    def _merged(self, bank: Bank, now: Seconds) -> Bank:
        others = [source for source in self._others() if source.is_live(now)]
        self.disagreements = tuple(d for other in others for d in _differences(bank, other, now))
        for other in others:
            _compare(bank, other)
        modules = tuple(_completed(module, [_same(module, other) for other in others]) for module in bank.modules)
        values = {name: self._value(name, bank, others, now) for name in reported_fields(Bank)}
        every = (bank, *(other.latest.bank for other in others if other.latest))
        kinds = dict.fromkeys(kind for one in every for kind in one.alarm_kinds or ())
        events, self._events = tuple(self._events), []
        values |= {
            "alarms": _all_alarms(every),
            "alarm_kinds": tuple(kinds) or None,
            "events": events if events or bank.events is not None else None,
        }
        return replace(bank, **values, modules=modules)

    def _others(self) -> Iterator[_Source]:
        return (source for source in self._sources.values() if source is not self._leader)

    def _value(self, name: str, bank: Bank, others: Sequence[_Source], now: Seconds) -> Any:
        """The value of a field by its source; another one is found when that did not report it for three intervals."""
        told = {id(self._leader): getattr(bank, name)}
        told |= {id(other): getattr(other.latest.bank, name) for other in others if other.latest}
        source, since = self._of_field.get(name, (None, now))
        value = told.get(id(source))
        if source is not None and value is None and now - since <= source.silence_s:
            return None
        if value is None:
            lead = [self._leader] if self._leader else []
            source = next((one for one in (*lead, *others) if told.get(id(one)) is not None), None)
            value = told.get(id(source))
        if source is not None:
            self._of_field[name] = (source, now)
        return value


def _rank(bank: Bank) -> int:
    """How much a source reports of single modules: 0 nothing, 1 modules, 2 their cells."""
    if not bank.modules:
        return 0
    return 2 if any(module.cells for module in bank.modules) else 1


# -------------------- which module is which


def _same(module: Module, other: _Source) -> Module | None:
    """What another source reports of a module: known by its barcode, or by its number where that was proven."""
    theirs = other.latest.bank.modules if other.latest else ()
    if module.barcode is not None and any(one.barcode for one in theirs):
        return next((one for one in theirs if one.barcode == module.barcode), None)
    return next((one for one in theirs if one.number == module.number and other.proven), None)


def _compare(bank: Bank, other: _Source) -> None:
    """Count the readings in which equal numbers have equal voltages; one with other voltages disproves all before."""
    theirs = other.latest.bank.modules if other.latest else ()
    same_numbers = [module.number for module in bank.modules] == [module.number for module in theirs]
    if not theirs or not same_numbers or not all(map(_alike, bank.modules, theirs)):
        other.alike = 0
        return
    current = _seen(bank)["current"]
    if current is not None and (other.compared_at is None or abs(current - other.compared_at) >= _ANOTHER_CURRENT_A):
        other.compared_at = current
        other.alike += 1


def _alike(ours: Module, theirs: Module) -> bool:
    if ours.voltage is None or theirs.voltage is None:
        return False
    return abs(ours.voltage - theirs.voltage) <= SAME_MODULE_V


def _completed(module: Module, same: Iterable[Module | None]) -> Module:
    """The leader's module, with what only others report of it; the alarms are those of all."""
    others = [one for one in same if one is not None]
    parts = [replace(one, number=module.number, address=module.address) for one in reversed(others)]
    whole = joined(Bank(modules=(part,)) for part in (*parts, module)).modules[0]
    return replace(whole, alarms=_all_alarms((module, *others)))


def _all_alarms(parts: Iterable[Readings]) -> tuple[Alarm, ...] | None:
    """The alarms of all parts, one of each kind and severity; None where no part reports any."""
    reported = [part.alarms for part in parts if part.alarms is not None]
    return combined(alarm for alarms in reported for alarm in alarms) if reported else None


# -------------------- what they do not agree on


def _differences(bank: Bank, other: _Source, now: Seconds) -> Iterator[Disagreement]:
    """What a source has reported differently for long."""
    ours, theirs = _seen(bank), _seen(other.latest.bank) if other.latest else {}
    for key, (part, rest) in _MAY_DIFFER.items():
        one, two = ours.get(key), theirs.get(key)
        if one is None or two is None or abs(one - two) <= part * abs(one) + rest:
            other.differs_since.pop(key, None)
        elif now - other.differs_since.setdefault(key, now) >= DISAGREE_S:
            yield Disagreement(key=key, source=other.name, ours=one, theirs=two)


def _seen(bank: Bank) -> dict[str, float | None]:
    """What a source reports of the bank, or what follows from its modules."""
    figures = bank_figures(bank)
    reported = {key: getattr(bank, key) for key in _MAY_DIFFER}
    return {key: getattr(figures, key) if value is None else value for key, value in reported.items()}
