"""The output against a real broker: what is published when."""

import json
import logging
from datetime import timedelta
from functools import partial

import pytest
from tests.brokers import LONGEST_PAUSE_S, Clock, move
from tests.outputs.banks import BARCODES, module, offline, snapshot, three
from tests.waiting import until

from pylon2mqtt.model import Event
from pylon2mqtt.outputs.mqtt.discovery.announcer import SETTLED_AFTER_S, TAKEN_IN_S
from pylon2mqtt.outputs.mqtt.energies import Energies
from pylon2mqtt.outputs.mqtt.layouts.own import OwnLayout

pytestmark = pytest.mark.broker

STATE = "pylon2mqtt/house/state"
BANK_CONFIG = "homeassistant/device/pylon2mqtt_house/config"
INTERVAL = "pylon2mqtt/house/poll_interval"
FIRST, SECOND, THIRD = BARCODES


def module_topic(barcode, name):
    return f"pylon2mqtt/house/{barcode}/{name}"


def config_topic(barcode):
    return f"homeassistant/device/pylon2mqtt_{barcode}/config"


@pytest.fixture
def broker(mosquitto):
    return mosquitto().start()


@pytest.fixture
def listener(broker, listen):
    return listen(broker.port)


@pytest.fixture
def publish(listener, mqtt):
    """Publish a snapshot, wait until it is all heard, and return the new (topic, payload)s in their order."""

    def _publish(output, given):
        before = len(listener.heard)
        output.publish(given)
        mqtt.settle(output, listener)
        return listener.heard[before:]

    return _publish


def test_first_snapshot_says_everything_discovery_first(broker, listener, mqtt, publish):
    heard = publish(mqtt(broker.port), snapshot())
    topics = [topic for topic, _ in heard]
    assert topics[0] == "pylon2mqtt/status"
    assert topics[1:5] == [BANK_CONFIG, *map(config_topic, BARCODES)]
    assert len(topics) == len(set(topics)) == 6 + 3 + 3 * 3
    assert json.loads(dict(heard)[STATE])["current"] == -10.5


def test_all_is_retained(broker, listen, mqtt, publish):
    publish(mqtt(broker.port), snapshot())
    later = listen(broker.port)
    until(lambda: len(later.retained) >= 17)
    assert later.retained["pylon2mqtt/status"] == "online"
    assert later.retained[module_topic(SECOND, "status")] == "online"


def test_unchanged_is_not_said_again_until_five_minutes_have_passed(broker, mqtt, publish):
    clock = Clock()
    output = mqtt(broker.port, clock=clock)
    counted = partial(snapshot, energy_charged=5.0, energy_discharged=4.0)
    publish(output, counted())
    assert publish(output, counted(after=timedelta(seconds=10))) == []
    clock.now_s += 280
    assert publish(output, counted(after=timedelta(seconds=290))) == []
    clock.now_s += 280
    again = publish(output, counted(after=timedelta(seconds=560)))
    assert not [topic for topic, _ in again if topic.startswith("homeassistant/")]
    assert len(again) == 5 + 3 * 3
    assert json.loads(dict(again)[STATE])["taken_at"] == "2026-06-01T12:09:20+00:00"


def test_only_what_changed_is_said(broker, mqtt, publish):
    output = mqtt(broker.port)
    publish(output, snapshot())
    changed = publish(output, snapshot(module(1, address=9), *three()[1:]))
    assert [topic for topic, _ in changed] == [module_topic(FIRST, "state")]


def test_silent_module_is_offline_and_keeps_its_values_and_entities(broker, listener, mqtt, publish):
    output = mqtt(broker.port)
    publish(output, snapshot())
    heard = dict(publish(output, snapshot(*three()[:2], silent=(3,))))
    shares = {module_topic(barcode, "state") for barcode in (FIRST, SECOND)}  # Of the current: unknown now.
    assert heard.keys() == {module_topic(THIRD, "status"), STATE, *shares}
    assert heard[module_topic(THIRD, "status")] == "offline"
    assert json.loads(heard[STATE])["silent"] == [3]
    assert module_topic(THIRD, "state") in listener.retained
    assert dict(publish(output, snapshot()))[module_topic(THIRD, "status")] == "online"


def test_silent_battery_is_offline_with_its_modules(broker, mqtt, publish):
    output = mqtt(broker.port)
    publish(output, snapshot())
    heard = publish(output, offline())
    assert heard.pop(heard.index(("pylon2mqtt/house/diagnosis", "nobody answers")))
    assert {payload for _, payload in heard} == {"offline"}
    assert {topic for topic, _ in heard} == {"pylon2mqtt/house/status", *(module_topic(b, "status") for b in BARCODES)}


def test_battery_that_never_answered_is_not_announced(broker, listener, mqtt, publish):
    assert dict(publish(mqtt(broker.port), offline())) == {
        "pylon2mqtt/status": "online",
        "pylon2mqtt/house/diagnosis": "nobody answers",
        "pylon2mqtt/house/status": "offline",
        INTERVAL: '{"seconds": 10.0, "option": 10.0}',
    }


def test_home_assistants_birth_brings_discovery_then_states_after_a_random_moment(broker, listener, mqtt, publish):
    drawn = []

    def uniform(low, high):
        drawn.append((low, high))
        return 4.0

    output = mqtt(broker.port, uniform=uniform)
    publish(output, snapshot())
    listener.say("homeassistant/status", "online")
    before = len(listener.heard)
    mqtt.settle(output, listener)
    move(output, 2)
    mqtt.settle(output, listener)
    assert len(listener.heard) == before
    move(output, 2)
    mqtt.settle(output, listener)
    topics = [topic for topic, _ in listener.heard[before:]]
    assert drawn == [(1.0, 5.0)]
    assert topics[0] == BANK_CONFIG
    assert len(topics) == len(set(topics)) == 5 + 3 + 3 * 3


def test_other_words_of_home_assistant_bring_nothing(broker, listener, mqtt, publish):
    output = mqtt(broker.port)
    publish(output, snapshot())
    listener.say("homeassistant/status", "offline")
    before = len(listener.heard)
    mqtt.settle(output, listener)
    assert len(listener.heard) == before


def test_an_entity_is_announced_when_its_value_is_first_reported(broker, mqtt, publish):
    output = mqtt(broker.port)
    publish(output, snapshot(module(1, soh=None)))
    publish(output, snapshot(module(1, soh=98)))
    output.clock.now_s += SETTLED_AFTER_S
    heard = dict(publish(output, snapshot(module(1, soh=98))))
    assert "soh" in json.loads(heard[config_topic(FIRST)])["components"]
    assert config_topic(FIRST) not in dict(publish(output, snapshot(module(1, soh=None))))


def test_what_was_announced_before_a_restart_stays_announced(broker, listener, mqtt, publish):
    publish(mqtt(broker.port), snapshot(module(1, mos_temperature=30.0)))
    mqtt.close_all()
    heard = publish(mqtt(broker.port), snapshot(module(1)))
    assert "mos_temperature" in json.loads(dict(heard)[config_topic(FIRST)])["components"]


def test_cell_entities_that_are_no_longer_wanted_are_deleted(broker, mqtt, publish):
    publish(mqtt(broker.port, cells="full"), snapshot(module(1)))
    mqtt.close_all()
    heard = publish(mqtt(broker.port, cells="none"), snapshot(module(1)))
    first, second = (json.loads(p)["components"] for topic, p in heard if topic == config_topic(FIRST))
    assert first["cell_07_voltage"] == {"platform": "sensor"}
    assert first["voltage"] == second["voltage"]
    assert "cell_07_voltage" not in second


def test_module_that_was_silent_at_the_start_is_offline(broker, listener, mqtt, publish):
    publish(mqtt(broker.port), snapshot())
    mqtt.close_all()
    output = mqtt(broker.port)
    publish(output, snapshot(*three()[:2], silent=(3,)))
    publish(output, snapshot(*three()[:2], silent=(3,)))
    assert listener.retained[module_topic(THIRD, "status")] == "offline"
    assert config_topic(THIRD) in listener.retained


def test_module_away_for_a_week_is_cleaned_up(broker, listener, mqtt, publish):
    clock = Clock()
    publish(mqtt(broker.port), snapshot())
    mqtt.close_all()
    output = mqtt(broker.port, clock=clock)
    rest = three()[:2]
    publish(output, snapshot(*rest, after=timedelta(days=8)))
    clock.now_s += 700  # The time that it has after a start.
    publish(output, snapshot(*rest, after=timedelta(days=6, hours=23)))
    assert config_topic(THIRD) in listener.retained
    heard = publish(output, snapshot(*rest, after=timedelta(days=8)))
    assert (config_topic(THIRD), "") in heard
    assert module_topic(THIRD, "state") in listener.retained  # Home Assistant still has to forget it.
    publish(output, snapshot(*rest, after=timedelta(days=8)))
    assert not [topic for topic in listener.retained if THIRD in topic]
    assert len([topic for topic in listener.retained if SECOND in topic]) == 4


def test_modules_that_swap_places_keep_their_topics(broker, listener, mqtt, publish):
    output = mqtt(broker.port)
    publish(output, snapshot(module(1), module(2)))
    swapped = snapshot(module(1, barcode=SECOND), module(2, barcode=FIRST))
    assert json.loads(dict(publish(output, swapped))[module_topic(SECOND, "state")])["number"] == 1
    output.clock.now_s += SETTLED_AFTER_S
    heard = dict(publish(output, swapped))
    assert json.loads(heard[config_topic(SECOND)])["device"]["name"] == "House module 1"


def test_values_are_said_again_to_a_device_that_was_announced_anew(broker, listener, mqtt, publish):
    """Home Assistant forgets the values of entities whose announcement has changed."""
    output = mqtt(broker.port)
    fewer = module(1, firmware=None)
    publish(output, snapshot(fewer))
    publish(output, snapshot(module(1)))
    output.clock.now_s += SETTLED_AFTER_S
    assert [topic for topic, _ in publish(output, snapshot(module(1)))] == [config_topic(FIRST)]
    output.clock.now_s += TAKEN_IN_S
    again = [topic for topic, _ in publish(output, snapshot(module(1)))]
    assert again == [module_topic(FIRST, name) for name in ("state", "cells", "status")]
    assert publish(output, snapshot(module(1))) == []


def test_commands_reach_the_bank_by_its_name(broker, listener, mqtt, publish):
    commands = []
    output = mqtt(broker.port, on_command=lambda *command: commands.append(command))
    publish(output, snapshot())
    listener.say("pylon2mqtt/house/set/rescan", "PRESS")
    listener.say("pylon2mqtt/garage/set/rescan", "PRESS")
    mqtt.settle(output, listener)
    assert commands == [("House", "rescan", "PRESS")]


def test_a_command_that_the_broker_kept_is_not_obeyed(broker, listener, mqtt, publish):
    listener.say("pylon2mqtt/house/set/rescan", "PRESS", retain=True)
    commands = []
    publish(mqtt(broker.port, on_command=lambda *command: commands.append(command)), snapshot())
    assert commands == []


class Settable:
    """An app that takes every interval but one, and notes what it was told."""

    def __init__(self):
        self.told = []

    def __call__(self, *command):
        self.told.append(command)
        return command[2] != "0"


def expiry(listener, topic=BANK_CONFIG):
    return json.loads(listener.retained[topic])["components"]["voltage"]["expire_after"]


def test_a_new_interval_is_told_and_values_live_as_long(broker, listener, mqtt, publish):
    app = Settable()
    output = mqtt(broker.port, on_command=app)
    publish(output, snapshot())
    assert json.loads(listener.retained[INTERVAL]) == {"seconds": 10, "option": 10}
    listener.say("pylon2mqtt/house/set/poll_interval", "600")
    mqtt.settle(output, listener)
    assert json.loads(listener.retained[INTERVAL])["seconds"] == 600
    assert app.told == [("House", "poll_interval", "600")]
    output.clock.now_s += SETTLED_AFTER_S
    publish(output, snapshot())
    assert expiry(listener) > 3 * 600
    assert expiry(listener, config_topic(THIRD)) > 3 * 600


def test_an_interval_that_is_refused_is_not_told(broker, listener, mqtt, publish):
    app = Settable()
    output = mqtt(broker.port, on_command=app)
    publish(output, snapshot())
    listener.say("pylon2mqtt/house/set/poll_interval", "0")
    mqtt.settle(output, listener)
    assert app.told == [("House", "poll_interval", "0")]
    assert json.loads(listener.retained[INTERVAL])["seconds"] == 10


def test_the_interval_outlives_a_restart_until_the_option_changes(broker, listener, mqtt, publish):
    first = mqtt(broker.port, on_command=Settable())
    publish(first, snapshot())
    listener.say("pylon2mqtt/house/set/poll_interval", "600")
    mqtt.settle(first, listener)
    assert json.loads(listener.retained[INTERVAL])["seconds"] == 600
    first.close()

    app = Settable()
    publish(mqtt(broker.port, on_command=app), snapshot())
    assert app.told == [("House", "poll_interval", "600.0")]
    assert json.loads(listener.retained[INTERVAL]) == {"seconds": 600, "option": 10}
    assert expiry(listener) > 3 * 600

    app = Settable()
    publish(mqtt(broker.port, on_command=app, poll_interval_s=5.0), snapshot())
    assert app.told == []
    assert json.loads(listener.retained[INTERVAL]) == {"seconds": 5, "option": 5}


@pytest.mark.parametrize("payload", ["nonsense", "[]", "{}", '{"option": 10, "seconds": "soon"}', '{"seconds": 5}'])
def test_a_foreign_interval_is_ignored(broker, listener, mqtt, publish, payload):
    listener.say(INTERVAL, payload, retain=True)
    app = Settable()
    publish(mqtt(broker.port, on_command=app), snapshot())
    assert app.told == []
    assert json.loads(listener.retained[INTERVAL])["seconds"] == 10


def test_foreign_payloads_on_our_topics_are_ignored(broker, listener, mqtt, publish):
    for number, payload in enumerate(
        ("nonsense", "[]", '{"taken_at": 5, "barcode": []}', '{"taken_at": "2026-06-01"}')
    ):
        listener.say(module_topic(f"ABC{number}", "state"), payload, retain=True)
    listener.say(BANK_CONFIG, "nonsense", retain=True)
    heard = dict(publish(mqtt(broker.port), snapshot()))
    assert heard[STATE]
    assert not [topic for topic in heard if "ABC" in topic]


def test_close_says_goodbye(broker, listener, mqtt, publish):
    output = mqtt(broker.port)
    publish(output, snapshot())
    output.close()
    until(lambda: listener.retained["pylon2mqtt/status"] == "offline")
    assert listener.heard[-2:] == [("pylon2mqtt/house/status", "offline"), ("pylon2mqtt/status", "offline")]


def test_snapshots_before_there_is_a_broker_are_not_lost(mosquitto, listen, mqtt, caplog):
    late = mosquitto()
    output = mqtt(late.port)
    output.publish(snapshot())
    until(lambda: warnings(caplog), turn=output.refresh)
    listener = listen(late.start().port)
    move(output, LONGEST_PAUSE_S)
    mqtt.settle(output, listener)
    assert listener.retained["pylon2mqtt/house/status"] == "online"
    assert BANK_CONFIG in listener.retained


def test_all_is_said_again_to_a_broker_that_forgot(broker, listen, mqtt, publish, caplog):
    caplog.set_level(logging.INFO)
    output = mqtt(broker.port)
    publish(output, snapshot())
    publish(output, snapshot(*three()[:2], silent=(3,)))
    broker.stop()
    until(lambda: warnings(caplog), turn=output.refresh)
    listener = listen(broker.start().port)
    move(output, LONGEST_PAUSE_S)
    mqtt.settle(output, listener)
    assert listener.retained["pylon2mqtt/house/status"] == "online"
    assert len(listener.retained) == 1 + 4 + 4 + 3 * 3
    assert listener.retained[module_topic(THIRD, "status")] == "offline"
    assert len(warnings(caplog)) == 1


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


EVENT = "pylon2mqtt/house/event"


def test_events_are_told_once_in_their_order_and_not_kept(broker, listen, mqtt, publish):
    output = mqtt(broker.port)
    heard = publish(output, snapshot(events=(Event(number=1), Event(number=2))))
    assert [json.loads(payload)["number"] for topic, payload in heard if topic == EVENT] == [1, 2]
    assert "event" in json.loads(dict(heard)[BANK_CONFIG])["components"]
    assert EVENT not in dict(publish(output, snapshot(events=())))
    later = listen(broker.port)
    until(lambda: STATE in later.retained)
    assert EVENT not in later.retained


def test_events_wait_for_the_broker(mosquitto, listen, mqtt, caplog):
    broker = mosquitto()
    output = mqtt(broker.port)
    output.publish(snapshot(events=(Event(number=1),)))
    output.publish(snapshot(events=(Event(number=2),)))
    until(lambda: warnings(caplog), turn=output.refresh)
    listener = listen(broker.start().port)
    move(output, LONGEST_PAUSE_S)
    mqtt.settle(output, listener)
    assert [json.loads(payload)["number"] for topic, payload in listener.heard if topic == EVENT] == [1, 2]


def test_the_entity_of_events_stays_over_a_restart(broker, listener, mqtt, publish):
    publish(mqtt(broker.port), snapshot(events=()))
    mqtt.close_all()
    heard = publish(mqtt(broker.port), snapshot())
    configs = [json.loads(payload) for topic, payload in heard if topic == BANK_CONFIG]
    assert all(config["components"]["event"].get("unique_id") for config in configs)
    assert configs


ENERGY = "pylon2mqtt/house/energy"


NOT_OURS = ["", "7", "{}", '{"energy_charged": "x", "energy_discharged": 1}', "[1, 2]"] + [
    f'{{"energy_charged": {value}, "energy_discharged": 1}}'
    for value in ("NaN", "1e400", "-5", "true", "1" + "0" * 400, "[" * 100_000)
]


def energy(listener):
    told = json.loads(listener.retained[STATE])
    return told["energy_charged"], told["energy_discharged"]


def metered(output, publish, *, hours, begin=0, step_s=30, **changes):
    """Publish a snapshot every 30 seconds; the bank discharges with 10.5 A at 49.85 V."""
    *moments, last = range(begin, begin + round(hours * 3600) + 1, step_s)
    for seconds in moments:
        output.publish(snapshot(after=timedelta(seconds=seconds), **changes))
    publish(output, snapshot(after=timedelta(seconds=last), **changes))


def test_energy_is_metered_where_the_bms_does_not_count_it(broker, listener, mqtt, publish):
    clock = Clock()
    output = mqtt(broker.port, clock=clock)
    metered(output, publish, hours=0.5)
    assert energy(listener) == (None, None)  # The BMS may still say that it counts by itself.
    clock.now_s += 120
    metered(output, publish, hours=0.5, begin=1800)
    assert energy(listener) == (0.0, pytest.approx(10.5 * 49.85 / 1000, abs=0.006))
    clock.now_s += SETTLED_AFTER_S
    mqtt.settle(output, listener)
    assert {"energy_charged", "energy_discharged"} <= json.loads(listener.retained[BANK_CONFIG])["components"].keys()


def test_energy_goes_on_over_a_restart(broker, listener, mqtt, publish):
    listener.say(ENERGY, '{"energy_charged": 7.25, "energy_discharged": 100.0}', retain=True)
    output = mqtt(broker.port)
    publish(output, snapshot())
    assert energy(listener) == (None, None)  # Not before the broker has told what it kept.
    metered(output, publish, hours=0.2)
    before = energy(listener)
    assert before == (7.25, pytest.approx(100 + 0.2 * 10.5 * 49.85 / 1000, abs=0.006))
    mqtt.close_all()
    again = mqtt(broker.port)
    for seconds in (3600, 3601):
        publish(again, snapshot(after=timedelta(seconds=seconds)))
    assert energy(listener) == before


def test_what_the_bms_counts_is_told_and_not_metered(broker, listener, mqtt, publish):
    listener.say(ENERGY, '{"energy_charged": 7.25, "energy_discharged": 100.0}', retain=True)
    output = mqtt(broker.port)
    metered(output, publish, hours=0.1, energy_charged=1500.5, energy_discharged=1400.0)
    publish(output, snapshot(after=timedelta(seconds=400)))
    assert energy(listener) == (None, None)
    assert json.loads(listener.retained[ENERGY]) == {"energy_charged": None, "energy_discharged": None}


@pytest.mark.parametrize("kept", NOT_OURS, ids=range(len(NOT_OURS)))
def test_energy_that_is_not_ours_is_left_alone(kept):
    energies = Energies()
    found = OwnLayout("base", cells=False).publications(snapshot(), ())
    energies.fill("base/house", found, poll_interval_s=10, now=0)
    energies.remember("base/house", kept)
    energies.asked(["base/house/energy"])
    energies.fill("base/house", found, poll_interval_s=10, now=500)
    assert json.loads(found["base/house/state"].payload)["energy_discharged"] == 0.0
