"""The hub: what is kept before it is reported, and that a total never goes back."""

import contextlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest

from pylon2mqtt.app.hub import SAVE_BIG_EVERY_S, SAVE_EVERY_S, Hub
from pylon2mqtt.errors import OutputError
from pylon2mqtt.insight.base import Json, Outcome
from pylon2mqtt.model import (
    Alarm,
    AlarmKind,
    AlarmSource,
    Bank,
    EventSeverity,
    Happening,
    HappeningKind,
    Module,
    Reading,
    Severity,
    Snapshot,
)
from pylon2mqtt.records.base import Memory
from pylon2mqtt.records.memory import FolderMemory, NoMemory

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
OURS = Alarm(kind=AlarmKind.CELL_IMBALANCE, severity=Severity.WARNING, by=AlarmSource.BRIDGE)


@dataclass(frozen=True)
class Counting:
    """Counts the readings, in a total and in a level; the seventh is a happening."""

    name: str = "counting"
    hourly: bool = False

    def begin(self, kept: Json, _zone: tzinfo) -> int:
        return kept if isinstance(kept, int) else 0

    def take(self, state: int, snapshot: Snapshot) -> Outcome[int]:
        state += 1
        news = (happening(state, snapshot),) if state == 7 else ()
        return Outcome(state, {None: {"energy_charged": state, "modules_known": state}}, {None: (OURS,)}, news)

    def keep(self, state: int) -> Json:
        return state


def happening(number: int, snapshot: Snapshot) -> Happening:
    return Happening(
        id=f"id-{number}",
        at=snapshot.taken_at,
        severity=EventSeverity.WARNING,
        kind=HappeningKind.MODULE_LOST,
        bank=snapshot.bank.name or "",
        module=2,
        values={"number": 2},
    )


@dataclass
class House:
    """A hub with a bank "House" on one line, in fake time."""

    memory: Memory
    insights: tuple[Any, ...] = (Counting(),)
    delivered: list[Snapshot] = field(default_factory=list)
    at_s: float = 100.0

    def __post_init__(self) -> None:
        self.hub = Hub(
            {"House": {"a": 10.0}}, insights=self.insights, memory=self.memory, zone=UTC, deliver=self.delivered.append
        )

    def read(self, readings: int = 1, *, every_s: float = 10.0) -> Snapshot:
        for _ in range(readings):
            at = START + timedelta(seconds=self.at_s)
            bank = Bank(name="House", modules=(Module(number=1, voltage=51.0),))
            self.hub.take(Reading(source="a", bank=bank, taken_at=at, since_start_s=self.at_s))
            self.at_s += every_s
        return self.delivered[-1]

    def counts(self) -> list[Any]:
        return [snapshot.figures[None]["energy_charged"] for snapshot in self.delivered]


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[FolderMemory]:
    with contextlib.closing(FolderMemory(tmp_path)) as opened:
        yield opened


@contextlib.contextmanager
def after_a_kill(folder: Path, **more: Any) -> Iterator[House]:
    with contextlib.closing(FolderMemory(folder)) as opened:
        yield House(opened, **more)


def test_a_snapshot_is_the_reading_and_what_follows_from_the_past(memory: FolderMemory) -> None:
    snapshot = House(memory).read()
    assert (snapshot.bank.name, snapshot.taken_at, snapshot.since_start_s) == (
        "House",
        START + timedelta(seconds=100),
        100,
    )
    assert snapshot.figures == {None: {"energy_charged": 1, "modules_known": 1}}
    assert snapshot.alarms == {None: (OURS,)}
    assert (snapshot.online, snapshot.stale, snapshot.reason) == (True, False, None)


def test_why_a_battery_is_not_read_is_passed_on(memory: FolderMemory) -> None:
    house = House(memory)
    bank = Bank(name="House")
    house.hub.take(
        Reading(source="a", bank=bank, taken_at=START, since_start_s=1.0, online=False, stale=True, reason="silence")
    )
    assert [(s.online, s.stale, s.reason) for s in house.delivered] == [(False, True, "silence")]


class TestTotals:
    def test_one_stands_still_between_two_saves_and_a_level_does_not(self, memory: FolderMemory) -> None:
        house = House(memory)
        house.read(14)
        assert house.counts() == [1] * 6 + [7] * 6 + [13] * 2
        assert house.delivered[5].figures[None]["modules_known"] == 6

    def test_a_kill_takes_nothing_back(self, memory: FolderMemory, tmp_path: Path) -> None:
        house = House(memory)
        house.read(11)
        with after_a_kill(tmp_path) as later:
            assert later.read().figures[None]["energy_charged"] >= house.counts()[-1] == 7

    def test_an_orderly_end_loses_nothing(self, memory: FolderMemory, tmp_path: Path) -> None:
        house = House(memory)
        house.read(11)
        house.hub.save(house.at_s)
        with after_a_kill(tmp_path) as later:
            assert later.read().figures[None]["energy_charged"] == 12

    def test_without_a_folder_they_are_reported_as_they_are(self) -> None:
        house = House(NoMemory())
        house.read(3)
        assert house.counts() == [1, 2, 3]

    def test_one_that_begins_between_two_saves_is_unknown_until_the_next(self, memory: FolderMemory) -> None:
        @dataclass(frozen=True)
        class Late(Counting):
            def take(self, state: int, snapshot: Snapshot) -> Outcome[int]:
                count = state + 1 if state > 1 else None
                return Outcome(state + 1, {None: {"energy_charged": count, "modules_known": 0}})

        house = House(memory, insights=(Late(),))
        house.read(8)
        assert house.counts() == [None] * 6 + [7, 7]


class TestWhatCannotBeWritten:
    @dataclass
    class Full:
        """A disk that is full for a while."""

        inner: FolderMemory
        full: bool = True
        keeps = True

        def load(self, name: str) -> dict[str, Any]:
            return self.inner.load(name)

        def save(self, name: str, content: Mapping[str, Any]) -> None:
            self._check()
            self.inner.save(name, content)

        def append(self, entry: Mapping[str, Any]) -> None:
            self._check()
            self.inner.append(entry)

        def done(self, ids: Any) -> None:
            self.inner.done(ids)

        def open_entries(self) -> list[dict[str, Any]]:
            return self.inner.open_entries()

        def close(self) -> None:
            self.inner.close()

        def _check(self) -> None:
            if self.full:
                raise OutputError("the disk is full")

    def test_the_total_stands_still_and_goes_on_when_there_is_room(
        self, memory: FolderMemory, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        disk = self.Full(memory)
        house = House(disk)
        house.read(14)
        disk.full = False
        house.read(6)
        assert house.counts() == [1] * 18 + [19] * 2
        assert [r.levelname for r in caplog.records] == ["WARNING", "INFO"]

    def test_what_happened_is_reported_all_the_same(self, memory: FolderMemory) -> None:
        house = House(self.Full(memory))
        assert [each.id for each in house.read(7).happenings] == ["id-7"]


class TestHappenings:
    def test_one_is_in_the_journal_before_it_is_delivered(self, memory: FolderMemory) -> None:
        class Looking(list[Snapshot]):
            def append(self, snapshot: Snapshot) -> None:
                in_journal.append(len(memory.open_entries()))
                super().append(snapshot)

        in_journal: list[int] = []
        House(memory, delivered=Looking()).read(7)
        assert in_journal == [0] * 6 + [1]

    def test_what_was_not_reported_comes_again_after_a_kill_and_is_the_same(
        self, memory: FolderMemory, tmp_path: Path
    ) -> None:
        (first,) = House(memory).read(7).happenings
        with after_a_kill(tmp_path) as later:
            assert later.read().happenings == (first,)
            assert later.read().happenings == ()
            later.hub.done([first.id])
        with after_a_kill(tmp_path) as later:
            assert later.read().happenings == ()

    def test_what_is_none_of_ours_is_left_out_for_good(self, memory: FolderMemory, tmp_path: Path) -> None:
        (mine,) = House(memory).read(7).happenings
        for other in ({"id": "x"}, {**memory.open_entries()[0], "id": "y", "bank": "Gone"}, {"id": "z", "cells": []}):
            memory.append(other)
        with after_a_kill(tmp_path) as later:
            assert later.read().happenings == (mine,)
            assert [entry["id"] for entry in later.memory.open_entries()] == [mine.id]


class TestBigStates:
    def test_they_are_saved_once_an_hour_and_at_the_end(self, memory: FolderMemory, tmp_path: Path) -> None:
        insights = (replace(Counting(), hourly=True),)
        house = House(memory, insights=insights)
        house.read(2, every_s=SAVE_EVERY_S)
        with after_a_kill(tmp_path, insights=insights) as later:
            assert later.read().figures[None]["modules_known"] == 2
        house.read(2, every_s=SAVE_BIG_EVERY_S)
        with after_a_kill(tmp_path, insights=insights) as later:
            assert later.read().figures[None]["modules_known"] == 5
        house.hub.save(house.at_s)
        assert memory.load("house.counting") == {"counting": 4}


def test_two_lines_to_one_battery_are_one_bank(memory: FolderMemory) -> None:
    delivered: list[Snapshot] = []
    hub = Hub(
        {"House": {"rs485": 10.0, "can": 10.0}},
        insights=(Counting(),),
        memory=memory,
        zone=UTC,
        deliver=delivered.append,
    )
    stack = Bank(name="House", modules=(Module(number=1, voltage=51.0),))
    limits = Bank(name="House", voltage=51.0, charge_current_limit=74.0)
    hub.take(Reading(source="rs485", bank=stack, taken_at=START, since_start_s=0.0))
    hub.take(Reading(source="can", bank=limits, taken_at=START, since_start_s=1.0))
    hub.take(Reading(source="rs485", bank=stack, taken_at=START, since_start_s=10.0))
    assert [snapshot.bank.charge_current_limit for snapshot in delivered] == [None, 74.0]
