"""Snapshot in, topics out; all their payloads are in the goldens."""

import json
from datetime import datetime, timedelta, timezone

from tests.outputs.banks import BARCODES, NOON, module, offline, snapshot

from pylon2mqtt.model import Alarm, AlarmKind, Bank, Cell, Event, Module, Severity, Snapshot, State
from pylon2mqtt.outputs.mqtt.layouts.own import OwnLayout
from pylon2mqtt.outputs.mqtt.outbox import Publication


def payloads(given, known=(), *, cells=True):
    return {topic: each.payload for topic, each in OwnLayout("base", cells=cells).publications(given, known).items()}


def test_a_snapshot_is_told_bank_first_and_its_status_last():
    root = f"base/house/{BARCODES[0]}"
    modules = [f"{root}/state", f"{root}/cells", f"{root}/status"]
    assert list(payloads(snapshot(module(1)))) == [
        *("base/house/diagnosis", "base/house/state"), *modules, "base/house/status",
    ]  # fmt: skip


def test_every_key_is_there_when_nothing_is_known():
    full = json.loads(payloads(snapshot(module(1)))["base/house/state"])
    empty = json.loads(payloads(Snapshot(bank=Bank(name="House"), taken_at=NOON))["base/house/state"])
    assert list(full) == list(empty)
    assert empty["modules_online"] is empty["modules_silent"] is None


def test_without_cells():
    assert not [topic for topic in payloads(snapshot(), cells=False) if topic.endswith("/cells")]


def test_who_is_known_but_not_there_is_offline():
    found = payloads(snapshot(module(1)), known=[BARCODES[0], BARCODES[1]])
    assert found[f"base/house/{BARCODES[0]}/status"] == "online"
    assert found[f"base/house/{BARCODES[1]}/status"] == "offline"
    assert f"base/house/{BARCODES[1]}/state" not in found


def test_offline_bank_tells_nothing_else():
    assert payloads(offline(), known=["1"]) == {
        "base/house/1/status": "offline",
        "base/house/diagnosis": "nobody answers",
        "base/house/status": "offline",
    }


def test_a_cells_alarm_is_among_its_modules_alarms():
    alarm = Alarm(kind=AlarmKind.CELL_OVERVOLTAGE, severity=Severity.WARNING, cells=(1,))
    given = Module(number=1, state=State.IDLE, cells=(Cell(number=1, alarms=(alarm,)),))
    state = json.loads(payloads(snapshot(given))["base/house/1/state"])
    assert [each["kind"] for each in state["alarms"]] == ["cell_overvoltage"]
    assert state["problem"] is True


def test_a_bare_new_time_is_no_news():
    early, late = snapshot(), snapshot(after=timedelta(hours=1))
    one, other = (OwnLayout("base").publications(each, ())["base/house/state"] for each in (early, late))
    assert one.content == other.content
    assert one.payload != other.payload


def test_time_is_told_in_utc():
    local = datetime(2026, 6, 1, 14, 0, tzinfo=timezone(timedelta(hours=2)))
    assert json.loads(Publication({}, local).payload) == {"taken_at": "2026-06-01T12:00:00+00:00"}


def test_an_events_type_is_its_worst_alarm():
    warning = Alarm(kind=AlarmKind.CELL_OVERVOLTAGE, severity=Severity.WARNING, text="BHV")
    fault = Alarm(kind=AlarmKind.SYSTEM_FAULT, severity=Severity.FAULT, text="SYSERR")
    given = [
        Event(number=4, module=1, at=datetime(2026, 5, 1, 7, 30), text="BHV SYSERR", alarms=(fault, warning)),
        Event(number=5, module=2, code="2c50", text="Charging began."),
    ]
    alarm, information = OwnLayout("base").events(snapshot(events=tuple(given)))
    assert alarm[0] == information[0] == "base/house/event"
    said = json.loads(alarm[1])
    assert said["event_type"] == "system_fault"
    assert (said["module"], said["barcode"]) == (1, BARCODES[0])
    assert (said["at"], said["text"]) == ("2026-05-01T07:30:00", "BHV SYSERR")
    assert [each["kind"] for each in said["alarms"]] == ["system_fault", "cell_overvoltage"]
    assert said["taken_at"] == "2026-06-01T12:00:00+00:00"
    assert json.loads(information[1])["event_type"] == "information"
    assert "events" not in json.loads(payloads(snapshot(events=tuple(given)))["base/house/state"])


def test_a_topic_falls_into_the_parts_that_made_it():
    layout = OwnLayout("a/b")
    assert layout.parts(layout.topic("house", "1", "state")) == ("house", ["1"], "state")
    assert layout.parts(layout.topic("house", "energy")) == ("house", [], "energy")
    assert layout.status == "a/b/status"
    assert layout.commands == "a/b/+/set/+"


def test_the_topics_of_a_module_are_those_that_it_was_told_on():
    layout = OwnLayout("base")
    told = [topic for topic in layout.publications(snapshot(module(1)), ()) if f"/{BARCODES[0]}/" in topic]
    assert sorted(layout.of_module("house", BARCODES[0])) == sorted(told)
