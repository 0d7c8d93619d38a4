"""The table of entities, and the discovery messages made of it."""

import json
from dataclasses import replace

import pytest
from tests.outputs.banks import BARCODES, bank, module, snapshot

from pylon2mqtt.config import LONGEST_POLL_S, SHORTEST_POLL_S
from pylon2mqtt.model import AlarmKind, Bank, Module, Severity, State
from pylon2mqtt.model.identity import module_slugs
from pylon2mqtt.outputs.mqtt.discovery.entities import ARRAYS, ENABLED_ARRAYS, ROWS, entities, reported
from pylon2mqtt.outputs.mqtt.discovery.messages import (
    Site,
    announced_components,
    bank_device,
    discovery,
    expire_after_s,
    module_device,
    without,
)
from pylon2mqtt.outputs.mqtt.layouts.own import OwnLayout

SITE = Site(base="pylon2mqtt", prefix="homeassistant", cells="statistics", poll_interval_s=10)

# What Home Assistant allows: the units of each device class (homeassistant/components/sensor/const.py).
UNITS: dict[str | None, str | None] = {
    "voltage": "V",
    "current": "A",
    "power": "W",
    "battery": "%",
    "temperature": "°C",
    "energy": "kWh",
    "energy_storage": "kWh",
    "enum": None,
    "duration": "s",
}

ALL_KEYS = {
    Bank: set(ROWS[Bank]),
    Module: set(ROWS[Module]) | {series.key.format(n) for series in ARRAYS for n in (1, 15)},
}


def told(device, site=SITE):
    return discovery(site, device, ALL_KEYS[device.kind])


@pytest.fixture
def house():
    return bank_device(SITE, bank(barcode="B1", firmware="F1"))


@pytest.fixture
def second():
    given = bank()
    (_, (slug, each), _) = module_slugs(given).items()
    return module_device(SITE, given, each, slug)


@pytest.mark.parametrize("kind", [Bank, Module])
def test_units_and_classes_are_what_home_assistant_allows(kind):
    for entity in entities(kind, ALL_KEYS[kind], "full"):
        if entity.platform == "binary_sensor":
            assert (entity.unit, entity.over_time, entity.digits) == (None, None, None), entity
            assert entity.device_class in (None, "problem"), entity
        else:
            assert entity.unit == UNITS.get(entity.device_class, entity.unit), entity
            assert (entity.device_class == "enum") == bool(entity.options), entity
            assert entity.device_class in {None, *UNITS}, entity
        assert entity.name or entity.device_class
        assert not (entity.icon and entity.device_class) or entity.options


def test_states_are_all_options():
    (state,) = entities(Bank, {"state"}, "none")
    assert state.options == tuple(State)


def test_names_are_in_sentence_case():
    for entity in entities(Module, ALL_KEYS[Module] | {"problem_low_soc"}, "full"):
        words = (entity.name or "Name").split()
        assert words[0][0].isupper(), entity
        assert not [word for word in words[1:] if word[0].isupper()], entity


def test_no_two_entities_of_a_device_have_one_name():
    for kind in (Bank, Module):
        names = [entity.name or entity.device_class for entity in entities(kind, ALL_KEYS[kind], "full")]
        assert len(names) == len(set(names))


def test_a_bank(house):
    message = told(house)
    assert message["device"] == {
        "identifiers": ["pylon2mqtt_house"],
        "name": "House",
        "manufacturer": "Pylontech",
        "model": "Battery bank",
        "serial_number": "B1",
        "sw_version": "F1",
    }
    assert message["origin"].keys() == {"name", "sw_version", "support_url"}
    assert message["availability"] == [{"topic": "pylon2mqtt/status"}, {"topic": "pylon2mqtt/house/status"}]
    assert message["availability_mode"] == "all"
    assert message["state_topic"] == "pylon2mqtt/house/state"
    assert message["components"]["voltage"] == {
        "platform": "sensor",
        "unique_id": "pylon2mqtt_house_voltage",
        "default_entity_id": "sensor.house_voltage",
        "device_class": "voltage",
        "unit_of_measurement": "V",
        "state_class": "measurement",
        "suggested_display_precision": 2,
        "value_template": "{{ value_json.voltage }}",
        "expire_after": 360,
    }


def test_a_module(second):
    message = told(second)
    assert message["device"] == {
        "identifiers": [f"pylon2mqtt_{BARCODES[1]}"],
        "name": "House module 2",
        "manufacturer": "Pylontech",
        "model": "US3000C",
        "serial_number": BARCODES[1],
        "sw_version": "B69.16.0.0 V1.3",
        "via_device": "pylon2mqtt_house",
    }
    assert [each["topic"] for each in message["availability"]] == [
        "pylon2mqtt/status",
        "pylon2mqtt/house/status",
        f"pylon2mqtt/house/{BARCODES[1]}/status",
    ]
    assert message["components"]["cell_15_voltage"] == {
        "platform": "sensor",
        "unique_id": f"pylon2mqtt_{BARCODES[1]}_cell_15_voltage",
        "default_entity_id": "sensor.house_module_2_cell_15_voltage",
        "name": "Cell 15 voltage",
        "device_class": "voltage",
        "unit_of_measurement": "V",
        "state_class": "measurement",
        "suggested_display_precision": 3,
        "entity_category": "diagnostic",
        "enabled_by_default": False,
        "state_topic": f"pylon2mqtt/house/{BARCODES[1]}/cells",
        "value_template": "{{ (value_json.voltages or [])[14] | default(none) }}",
        "expire_after": 360,
    }


def test_problem_tells_the_alarms(house):
    problem = told(house)["components"]["problem"]
    assert problem["value_template"] == "{{ iif(value_json.problem, 'ON', 'OFF', 'None') }}"
    assert problem["json_attributes_topic"] == "pylon2mqtt/house/state"
    assert "value_json.alarms" in problem["json_attributes_template"]
    assert "name" not in problem


def test_what_is_of_use_when_the_battery_does_not_answer_is_available_then(house, second):
    own = told(house)["components"]
    bridge = [{"topic": "pylon2mqtt/status"}]
    assert own["connection"]["availability"] == own["rescan"]["availability"] == bridge
    assert own["rescan"]["command_topic"] == "pylon2mqtt/house/set/rescan"
    assert own["rescan"]["entity_category"] == "config"
    assert "rescan" not in told(second)["components"]


def test_identifiers_and_entity_ids_are_of_the_right_domain(house, second):
    for device in (house, second):
        for key, component in told(device)["components"].items():
            assert component["default_entity_id"].startswith(component["platform"] + ".")
            assert component["unique_id"] == f"{device.id}_{key}"


def test_a_module_without_barcode_is_known_by_bank_and_number():
    given = bank(module(1, barcode=None))
    device = module_device(SITE, given, given.modules[0], "1")
    assert device.id == "pylon2mqtt_house_1"
    assert "serial_number" not in told(device)["device"]


def test_another_base_topic_makes_another_bank():
    other = Site(base="shed/pylon", prefix="homeassistant", cells="none", poll_interval_s=10)
    assert bank_device(other, bank()).id == "shed_pylon_house"


@pytest.mark.parametrize(
    ("cells", "voltages", "temperatures"),
    [("none", None, None), ("statistics", False, False), ("voltages", True, False), ("full", True, True)],
)
def test_the_option_cells(second, cells, voltages, temperatures):
    site = Site(base="pylon2mqtt", prefix="homeassistant", cells=cells, poll_interval_s=10)
    components = told(second, site)["components"]
    for key, enabled in (("cell_01_voltage", voltages), ("group_01_temperature", temperatures)):
        assert (key in components) == (enabled is not None)
        if key in components:
            assert components[key].get("enabled_by_default", True) == enabled
    assert {"cell_voltage_min", "cell_voltage_max", "cell_voltage_difference", "cell_voltage_min_cell"} <= set(
        components
    )


def test_all_options_of_cells_are_known():
    assert list(ENABLED_ARRAYS) == ["none", "statistics", "voltages", "full"]


def test_values_live_longer_than_their_repetition(house):
    for poll_interval_s in (1.0, 10.0, 600.0):
        site = Site(base="b", prefix="h", cells="none", poll_interval_s=poll_interval_s)
        assert expire_after_s(site, house) > 300 + 3 * poll_interval_s
        assert expire_after_s(site, replace(house, poll_interval_s=3600)) > 300 + 3 * 3600


def test_the_reading_interval_is_a_number_of_the_bank_alone(house, second):
    number = told(house)["components"]["poll_interval"]
    assert number["platform"] == "number"
    assert number["default_entity_id"] == "number.house_poll_interval"
    assert (number["min"], number["max"], number["mode"]) == (SHORTEST_POLL_S, LONGEST_POLL_S, "box")
    assert number["state_topic"] == "pylon2mqtt/house/poll_interval"
    assert number["command_topic"] == "pylon2mqtt/house/set/poll_interval"
    assert "poll_interval" not in told(second)["components"]


def test_only_what_has_a_value_is_reported():
    found = OwnLayout("b").publications(snapshot(module(1, soh=None)), ())
    keys = set()
    for name in ("state", "cells"):
        keys |= set(reported(Module, name, json.loads(found[f"b/house/{BARCODES[0]}/{name}"].payload)))
    assert {"voltage", "problem", "cell_voltage_min_cell", "group_04_temperature", "cell_15_voltage"} <= keys
    assert not {"soh", "mos_temperature", "cell_16_voltage", "cell_01_temperature", "cell_01_balancing"} & keys


def test_counts_are_in_the_topic():
    content = json.loads(OwnLayout("b").publications(snapshot(), ())["b/house/state"].payload)
    assert (content["modules_online"], content["modules_silent"]) == (3, 0)


def test_announced_components_reads_what_discovery_wrote(house):
    assert announced_components(json.dumps(told(house)))["rescan"] == "button"


@pytest.mark.parametrize(
    "payload", ["", "x", "[]", "{}", '{"components": []}', '{"components": {"a": {}}}', '{"components": {"a": 1}}']
)
def test_announced_components_of_something_else(payload):
    assert announced_components(payload) == {}


def test_without_deletes_by_platform(house):
    message = told(house)
    extended = without(message, {"old": "sensor"})
    assert extended["components"]["old"] == {"platform": "sensor"}
    assert "old" not in message["components"]


def test_severity_is_a_word_in_json():
    assert json.dumps(Severity.WARNING) == '"warning"'


def test_a_bank_that_tells_of_events_has_an_entity_for_them(house):
    assert "event" not in told(house)["components"]
    event = discovery(SITE, house, {"event"})["components"]["event"]
    assert event["platform"] == "event"
    assert event["state_topic"] == "pylon2mqtt/house/event"
    assert set(event["event_types"]) == {"information", *map(str, AlarmKind)}
