"""Edges, the BMS's list, clocks, and the battery itself."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.insight.sequences import BERLIN, Owner, bank, kinds, module, slug

from pylon2mqtt.insight.happenings import Happenings
from pylon2mqtt.model import Alarm, AlarmKind, Cell, Event, EventSeverity, Module, Severity

HIGH = Alarm(kind=AlarmKind.CELL_OVERVOLTAGE, severity=Severity.PROTECTION, cells=(3,), text="OV")
HOT = Alarm(kind=AlarmKind.OVERTEMPERATURE, severity=Severity.WARNING)


@pytest.fixture
def owner() -> Owner:
    owner = Owner(Happenings())
    owner.stays(bank(module(1), module(2)), seconds=60)
    return owner


def entry(alarm: Alarm | None, at: datetime | None, number: int = 7, module_number: int = 1) -> Event:
    return Event(number=number, module=module_number, at=at, text="Bat High", alarms=(alarm,) if alarm else ())


def local(owner: Owner, seconds: float = 0.0) -> datetime:
    """The owner's time without a zone, as a BMS has it."""
    return (owner.at + timedelta(seconds=seconds)).astimezone(BERLIN).replace(tzinfo=None)


def test_an_alarm_begins_and_ends_once(owner: Owner) -> None:
    alarming = bank(module(1, alarms=(HIGH,)), module(2))
    owner.stays(alarming, seconds=600)
    owner.stays(bank(module(1), module(2)), seconds=600)
    assert kinds(owner.happenings) == ["alarm_began", "alarm_ended"]
    began, ended = owner.happenings
    assert (began.severity, ended.severity) == (EventSeverity.PROTECTION, EventSeverity.INFORMATION)
    assert began.values == {"alarm": "cell_overvoltage", "by": "bms", "cells": "3", "code": None, "text": "OV"}
    assert (began.bank, began.module, began.barcode) == ("Cellar", 1, slug(1))
    assert began.at.utcoffset() == timedelta(hours=2)


def test_it_has_the_cells_of_that_moment(owner: Owner) -> None:
    cells = (Cell(number=1, voltage=3.651, temperature=21.5, words={"Volt. State": "High"}), Cell(number=2))
    owner.reads(bank(module(1, cells=cells, alarms=(HIGH,)), module(2)))
    then = owner.happenings[0].cells
    assert then is not None
    assert (then.millivolts, then.temperatures, then.states) == ((3651, None), (21.5, None), ("High", None))


def test_a_module_that_is_silent_or_reports_no_alarms_ends_none(owner: Owner) -> None:
    owner.reads(bank(module(1, alarms=(HIGH,)), module(2)))
    owner.reads(bank(module(2), silent=(1,)))
    owner.reads(bank(module(1, alarms=None), module(2)))
    owner.loses()
    assert kinds(owner.happenings) == ["alarm_began", "battery_lost"]


def test_what_a_bank_reports_without_modules() -> None:
    owner = Owner(Happenings())
    owner.reads(bank(alarms=(HOT,)))
    owner.reads(bank(alarms=None))
    owner.reads(bank(alarms=()))
    assert kinds(owner.happenings) == ["alarm_began", "alarm_ended"]
    assert owner.happenings[0].module is None


def test_an_alarm_goes_on_over_a_restart(owner: Owner) -> None:
    owner.reads(bank(module(1, alarms=(HIGH,)), module(2)))
    owner.restarts()
    owner.reads(bank(module(1, alarms=(HIGH,)), module(2)))
    assert kinds(owner.happenings) == ["alarm_began"]
    owner.reads(bank(module(1), module(2)))
    assert kinds(owner.happenings) == ["alarm_began", "alarm_ended"]


def test_the_battery_is_lost_once_and_back_once(owner: Owner) -> None:
    owner.loses()
    owner.loses()
    owner.repeats(bank(module(1)))
    assert kinds(owner.happenings) == ["battery_lost", "battery_back"]
    assert owner.happenings[0].values == {"reason": "silence"}


def test_a_battery_that_never_answered_is_not_lost() -> None:
    owner = Owner(Happenings())
    owner.loses()
    owner.reads(bank(module(1)))
    assert owner.happenings == []


def with_entry(*events: Event, **fields: Any) -> Any:
    return bank(module(1, **fields), module(2), events=events)


def test_an_entry_completes_the_alarm_that_was_seen(owner: Owner) -> None:
    owner.reads(with_entry(alarms=(HIGH,), clock_offset=300.0))
    stamp = local(owner, 300 + 90)
    owner.stays(with_entry(alarms=(HIGH,), clock_offset=300.0), seconds=600)
    owner.reads(with_entry(entry(HIGH, stamp), alarms=(HIGH,), clock_offset=300.0))
    began, listed = owner.happenings
    assert (listed.kind, listed.completes) == ("bms_entry", began.id)


@pytest.mark.parametrize(
    ("later_s", "alarm", "number"), [(121.0, HIGH, 1), (0.0, HOT, 1), (0.0, HIGH, 2)], ids=["time", "kind", "module"]
)
def test_an_entry_of_another_time_kind_or_module_is_another_happening(
    owner: Owner, later_s: float, alarm: Alarm, number: int
) -> None:
    fields: dict[str, Any] = {"alarms": (HIGH,), "clock_offset": 0.0}
    owner.reads(bank(module(1, **fields), module(2, clock_offset=0.0)))
    stamp = local(owner, later_s)
    owner.reads(
        bank(module(1, **fields), module(2, clock_offset=0.0), events=(entry(alarm, stamp, module_number=number),))
    )
    assert [one.completes for one in owner.happenings] == [None, None]


def test_an_alarm_that_is_seen_after_its_entry_completes_it(owner: Owner) -> None:
    owner.reads(with_entry(entry(HIGH, local(owner)), clock_offset=0.0))
    owner.reads(with_entry(alarms=(HIGH,), clock_offset=0.0))
    listed, began = owner.happenings
    assert (began.kind, began.completes) == ("alarm_began", listed.id)


def test_without_a_clock_the_next_entry_of_that_kind_belongs_to_the_alarm(owner: Owner) -> None:
    owner.reads(with_entry(alarms=(HIGH,)))
    owner.stays(with_entry(alarms=(HIGH,)), seconds=3600)
    owner.reads(with_entry(entry(HIGH, None), alarms=(HIGH,)))
    owner.reads(with_entry(entry(HIGH, None, number=8), alarms=(HIGH,)))
    assert [one.completes for one in owner.happenings] == [None, owner.happenings[0].id, None]


def test_an_entry_that_is_no_alarm_is_information(owner: Owner) -> None:
    owner.reads(with_entry(entry(None, local(owner)), clock_offset=3600.0))
    told = owner.happenings[0]
    assert (told.kind, told.severity) == ("bms_entry", EventSeverity.INFORMATION)
    assert told.values["text"] == "Bat High"


def test_a_clock_that_is_off_is_said_once_with_the_command(owner: Owner) -> None:
    for offset in (600.0, 660.0, 720.0, 540.0, 360.0, 300.0, 660.0):
        owner.reads(bank(module(1, clock_offset=offset), module(2)))
    assert kinds(owner.happenings) == ["clock_off", "clock_right", "clock_off"]
    assert owner.happenings[1].values == {"offset_s": 300.0}
    assert owner.happenings[0].values == {"offset_s": 660.0, "command": "time 26 06 01 12 01 20"}


def test_a_clock_that_is_off_jumps(owner: Owner) -> None:
    for offset in (7200.0, 7260.0, -3600.0):
        owner.reads(bank(module(1, clock_offset=offset), module(2)))
    assert kinds(owner.happenings) == ["clock_off", "clock_jumped"]
    assert owner.happenings[1].values["before_s"] == 7200.0


def test_a_computer_whose_clock_is_set_says_nothing_of_the_bms(owner: Owner) -> None:
    owner.reads(bank(module(1, clock_offset=0.0), module(2)))
    owner.reads(bank(module(1, clock_offset=86400.0), module(2)), clock_s=-86390.0)
    owner.reads(bank(module(1, clock_offset=0.0), module(2)), clock_s=86410.0)
    owner.reads(bank(module(1, clock_offset=0.0), module(2)))
    assert owner.happenings == []


@pytest.mark.parametrize(
    "kept", ["[]", "null", '{"open": [["A", "bad", "warning", "bms"]], "off": {}, "online": true}', '{"open": 5}']
)
def test_what_cannot_be_believed_is_begun_anew(kept: str) -> None:
    state = Happenings().begin(json.loads(kept), BERLIN)
    assert (state.open, state.online) == (frozenset(), None)


def test_the_module_of_a_happening_is_a_module(owner: Owner) -> None:
    owner.reads(bank(Module(number=1, alarms=(HOT,))))
    assert (owner.happenings[0].module, owner.happenings[0].cells) == (1, None)
