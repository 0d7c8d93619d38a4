"""Hand-made readings, and a fold that is led through them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from pylon2mqtt.insight.base import Insight, Outcome
from pylon2mqtt.model import Alarm, Bank, Cell, Figure, Happening, Module, PartSlug, Snapshot

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
"""Of a day in the owner's zone, which is two hours ahead."""


def module(number: int = 1, millivolts: Sequence[int] = (3300,) * 15, current: float = 0.0, **fields: Any) -> Module:
    """A module of 100 Ah; its cells have these voltages."""
    given: dict[str, Any] = {
        "barcode": f"PPTAH0000000000{number}",
        "voltage": sum(millivolts) / 1000,
        "current": current,
        "soc": 50.0,
        "full_capacity": 100.0,
        "temperatures": (20.0, 20.0),
        "alarms": (),
        "cells": tuple(Cell(number=place, voltage=mv / 1000) for place, mv in enumerate(millivolts, start=1)),
    }
    return Module(number=number, **(given | fields))


def bank(*modules: Module, **fields: Any) -> Bank:
    return Bank(name="Cellar", modules=modules, **fields)


@dataclass
class Owner:
    """Gives an insight one reading after the other, and remembers what follows."""

    insight: Insight[Any]
    zone: tzinfo = BERLIN
    state: Any = None
    at: datetime = NOON
    since_start_s: float = 0.0
    outcome: Outcome[Any] = field(default_factory=lambda: Outcome(None))
    happenings: list[Happening] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = self.insight.begin(None, self.zone)

    def reads(self, read: Bank, *, seconds: float = 10.0, clock_s: float | None = None) -> None:
        """Read after so many seconds; ``clock_s`` is what the clock of the computer goes on by, if it jumps."""
        self.since_start_s += seconds
        self.at += timedelta(seconds=seconds if clock_s is None else clock_s)
        self.gets(Snapshot(bank=read, taken_at=self.at, since_start_s=self.since_start_s))

    def stays(self, read: Bank, *, seconds: float, step: float = 10.0) -> None:
        """Read the same again and again for so long."""
        for _ in range(round(seconds / step)):
            self.reads(read, seconds=step)

    def gets(self, snapshot: Snapshot) -> None:
        self.outcome = self.insight.take(self.state, snapshot)
        self.state = self.outcome.state
        self.happenings += self.outcome.happenings

    def repeats(self, read: Bank) -> None:
        """The battery is silent for now: the reading before is published again."""
        self.gets(Snapshot(bank=read, taken_at=self.at, since_start_s=self.since_start_s, stale=True))

    def loses(self, *, seconds: float = 10.0) -> None:
        """The battery does not answer."""
        self.since_start_s += seconds
        self.at += timedelta(seconds=seconds)
        lost = Bank(name="Cellar")
        self.gets(
            Snapshot(bank=lost, taken_at=self.at, since_start_s=self.since_start_s, online=False, reason="silence")
        )

    def restarts(self, *, after_s: float = 30.0) -> None:
        """The bridge ends, and starts again with what was kept."""
        self.state = self.insight.begin(self.insight.keep(self.state), self.zone)
        self.at += timedelta(seconds=after_s)
        self.since_start_s = 0.0

    def figure(self, key: str, part: PartSlug = None) -> Figure:
        return self.outcome.figures[part][key]

    def number(self, key: str, part: PartSlug = None) -> float:
        value = self.figure(key, part)
        assert isinstance(value, float | int), key
        return value

    def alarms(self, part: PartSlug) -> tuple[Alarm, ...]:
        return self.outcome.alarms.get(part, ())


def slug(number: int) -> str:
    return f"PPTAH0000000000{number}"


def kinds(happenings: Iterable[Happening]) -> list[str]:
    return [str(one.kind) for one in happenings]
