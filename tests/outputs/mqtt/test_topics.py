"""Snapshot in, topics out: golden."""

import json
from datetime import datetime, timedelta, timezone

from tests.outputs.banks import BARCODES, NOON, module, offline, snapshot

from pylon2mqtt.model import Alarm, AlarmKind, Bank, Cell, Event, Module, Severity, Snapshot, State
from pylon2mqtt.outputs.mqtt.topics import Publication, events, publications

LIMITS = {
    "charge_voltage_limit": 53.25,
    "charge_current_limit": 37.0,
    "discharge_voltage_limit": 45.0,
    "discharge_current_limit": 37.0,
    "charge_enabled": True,
    "discharge_enabled": True,
    "force_charge_1": None,
    "force_charge_2": None,
    "full_charge_requested": False,
}
MODULE = {
    "manufacturer": "Pylontech",
    "model": "US3000C",
    "barcode": BARCODES[0],
    "firmware": "B69.16.0.0 V1.3",
    "voltage": 49.85,
    "current": -3.5,
    "temperature": 23.0,
    "soc": 75.0,
    "soe": None,
    "soh": 99,
    "remaining_capacity": 55.5,
    "full_capacity": 74.0,
    "rated_capacity": None,
    "remaining_energy": 0.355,
    "cycles": 121,
    "state": "discharging",
    **LIMITS,
    "cell_voltage_min": 3.311,
    "cell_voltage_max": 3.312,
    "cell_temperature_min": 21.0,
    "cell_temperature_max": 22.5,
    "parameters": None,
    "counters": None,
    "alarms": [],
    "number": 1,
    "address": 2,
    "mos_temperature": None,
    "ambient_temperature": None,
    "temperatures": [21.0, 22.0, 21.5, 22.5],
    "cell_voltage_min_cell": 1,
    "cell_voltage_max_cell": 2,
    "cell_temperature_min_cell": None,
    "cell_temperature_max_cell": None,
    "fully_charged": None,
    "heater_on": None,
    "ac_input_present": None,
    "charge_current_limited": None,
    "clock_offset": None,
    "current_share": 100.0,
    "power": -174.5,
    "charge_power": 0.0,
    "discharge_power": 174.5,
    "rated_energy": None,
    "cell_voltage_mean": 3.311,
    "cell_temperature_difference": 1.5,
    "cell_voltage_difference": 0.001,
    "problems": None,
    "problem": False,
    "taken_at": "2026-06-01T12:00:00+00:00",
}
CELLS = {
    "voltages": [3.311, 3.312],
    "temperatures": None,
    "currents": None,
    "socs": None,
    "capacities": None,
    "energies": None,
    "states": None,
    "balancing": None,
    "taken_at": "2026-06-01T12:00:00+00:00",
}
BANK: dict[str, object] = {
    "manufacturer": "Pylontech",
    "model": None,
    "barcode": None,
    "firmware": None,
    "voltage": 49.85,
    "current": -3.5,
    "temperature": 21.8,
    "soc": 75.0,
    "soe": None,
    "remaining_capacity": 55.5,
    "full_capacity": 74.0,
    "rated_capacity": None,
    "remaining_energy": 0.355,
    "state": "discharging",
    **LIMITS,
    "cell_voltage_min": 3.311,
    "cell_voltage_max": 3.312,
    "cell_temperature_min": 21.0,
    "cell_temperature_max": 22.5,
    "parameters": None,
    "counters": None,
    "alarms": [],
    "name": "House",
    "topology": "parallel",
    "protocol_version": None,
    "module_count": 1,
    "energy_charged": None,
    "energy_discharged": None,
    "silent": [],
    "power": -174.5,
    "charge_power": 0.0,
    "discharge_power": 174.5,
    "rated_energy": None,
    "cell_voltage_mean": 3.311,
    "cell_temperature_difference": 1.5,
    "cell_voltage_min_module": 1,
    "cell_voltage_max_module": 1,
    "cell_voltage_min_cell": 1,
    "cell_voltage_max_cell": 2,
    "cell_voltage_difference": 0.001,
    "problems": None,
    "problem": False,
    "modules_online": 1,
    "modules_asleep": 0,
    "modules_silent": 0,
    "taken_at": "2026-06-01T12:00:00+00:00",
}


def payloads(given, known=(), *, cells=True):
    return {topic: each.payload for topic, each in publications("base", given, known, cells=cells).items()}


def test_golden():
    two_cells = (Cell(number=1, voltage=3.311), Cell(number=2, voltage=3.312))
    found = payloads(snapshot(module(1, cells=two_cells)))
    root = f"base/house/{BARCODES[0]}"
    modules = [f"{root}/state", f"{root}/cells", f"{root}/status"]
    assert list(found) == ["base/house/diagnosis", "base/house/state", *modules, "base/house/status"]
    assert found["base/house/diagnosis"] == "ok"
    assert json.loads(found[f"{root}/state"]) == MODULE
    assert json.loads(found[f"{root}/cells"]) == CELLS
    assert found[f"{root}/status"] == found["base/house/status"] == "online"
    told = json.loads(found["base/house/state"])
    assert told.items() >= BANK.items()
    assert set(told) - set(BANK) == {"soh", "cycles"}  # Nothing is told of these that could be summed up.


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
    one, other = (publications("base", each, (), cells=True)["base/house/state"] for each in (early, late))
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
    alarm, information = events("base", snapshot(events=tuple(given)))
    assert alarm[0] == information[0] == "base/house/event"
    said = json.loads(alarm[1].payload)
    assert said["event_type"] == "system_fault"
    assert (said["module"], said["barcode"]) == (1, BARCODES[0])
    assert (said["at"], said["text"]) == ("2026-05-01T07:30:00", "BHV SYSERR")
    assert [each["kind"] for each in said["alarms"]] == ["system_fault", "cell_overvoltage"]
    assert said["taken_at"] == "2026-06-01T12:00:00+00:00"
    assert json.loads(information[1].payload)["event_type"] == "information"
    assert "events" not in json.loads(payloads(snapshot(events=tuple(given)))["base/house/state"])
