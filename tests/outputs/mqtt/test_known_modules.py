"""Who is gone, who is announced, what is due: decisions without a broker."""

import json
from datetime import timedelta

from tests.outputs.banks import BARCODES, bank, module, offline, snapshot

from pylon2mqtt.model import Module
from pylon2mqtt.model.quantities import QUANTITIES
from pylon2mqtt.outputs.mqtt.discovery.announcer import AT_LAST_S, SETTLED_AFTER_S, Announcer
from pylon2mqtt.outputs.mqtt.discovery.messages import Site, bank_device, module_device
from pylon2mqtt.outputs.mqtt.known_modules import SETTLING_S, KnownModules
from pylon2mqtt.outputs.mqtt.outbox import REPEAT_S, Outbox, Publication

SITE = Site(base="pylon2mqtt", prefix="homeassistant", cells="statistics", poll_interval_s=10)
FIRST, SECOND, THIRD = BARCODES
WEEK = timedelta(days=7)


def kept(taken_at="2026-06-01T12:00:00+00:00", barcode="OLD"):
    return json.dumps({"taken_at": taken_at, "barcode": barcode})


def test_a_module_is_gone_after_a_week_of_its_banks_answers():
    known = KnownModules("House")
    known.see(snapshot(module(1), module(2)), 0)
    for after, gone in ((WEEK, set()), (WEEK + timedelta(seconds=1), {SECOND})):
        given = snapshot(module(1), after=after)
        known.see(given, SETTLING_S)
        assert set(known.take_gone(given, SETTLING_S)) == gone
    assert set(known.modules) == {FIRST}


def test_a_module_has_time_to_answer_after_a_start():
    known = KnownModules("House")
    late = snapshot(module(1), after=2 * WEEK)
    known.see(late, 100)
    known.remember("OLD", kept())
    assert not known.take_gone(late, 100 + SETTLING_S - 1)
    assert known.take_gone(late, 100 + SETTLING_S)["OLD"].barcode == "OLD"


def test_no_module_is_gone_while_the_battery_does_not_answer():
    known = KnownModules("House")
    known.see(snapshot(module(1)), 0)
    away = offline(after=2 * WEEK)
    known.see(away, SETTLING_S)
    assert not known.take_gone(away, 2 * SETTLING_S)


def test_what_was_seen_is_not_replaced_by_what_was_kept():
    known = KnownModules("House")
    known.see(snapshot(module(1), after=WEEK), 0)
    known.remember(FIRST, kept())
    assert known.modules[FIRST].taken_at == snapshot(after=WEEK).taken_at


def test_a_kept_time_without_zone_is_none_of_ours():
    known = KnownModules("House")
    known.remember("OLD", kept("2026-06-01T12:00:00"))
    assert known.modules == {}


def test_outbox_says_news_at_once_and_the_rest_after_five_minutes():
    outbox = Outbox()
    outbox.put("t", Publication("a"), 0)
    assert list(outbox.due(0)) == [("t", "a")]
    outbox.put("t", Publication("a"), REPEAT_S - 1)
    assert list(outbox.due(REPEAT_S - 1)) == []
    outbox.put("t", Publication("b"), REPEAT_S - 1)
    assert list(outbox.due(REPEAT_S - 1)) == [("t", "b")]
    outbox.put("t", Publication("b"), 2 * REPEAT_S)
    assert list(outbox.due(2 * REPEAT_S)) == [("t", "b")]


def test_outbox_repeats_on_request_what_it_has_and_not_what_it_removed():
    outbox = Outbox()
    for topic in "xy":
        outbox.put(topic, Publication(topic), 0)
    list(outbox.due(0))
    outbox.remove("x")
    assert list(outbox.due(1)) == [("x", "")]
    outbox.repeat()
    assert list(outbox.due(1)) == [("y", "y")]


def one():
    return module_device(SITE, bank(), module(1), FIRST)


def keys(payload):
    return set(json.loads(payload)["components"])


def test_announcer_says_a_device_again_only_when_it_changed():
    announcer = Announcer(SITE)
    announcer.meet(one(), ["voltage"], 0)
    ((topic, payload),) = announcer.due(0)
    assert topic == f"homeassistant/device/pylon2mqtt_{FIRST}/config"
    assert keys(payload) == {"voltage", "connection"}
    announcer.meet(one(), ["voltage"], 0)
    assert list(announcer.due(0)) == []
    announcer.meet(one(), ["current"], 100)
    assert list(announcer.due(100 + SETTLED_AFTER_S - 0.1)) == []
    ((_, payload),) = announcer.due(100 + SETTLED_AFTER_S)
    assert keys(payload) == {"voltage", "current", "connection"}


def test_announcer_keeps_what_a_device_told_once():
    announcer = Announcer(SITE)
    announcer.meet(one(), [], 0)
    list(announcer.due(0))
    announcer.meet(module_device(SITE, bank(), module(1, firmware=None), FIRST), [], 0)
    assert list(announcer.due(0)) == []


def test_announcer_does_not_wait_for_ever_for_a_device_that_tells_more_and_more():
    announcer = Announcer(SITE)
    announcer.meet(one(), [], 0)
    list(announcer.due(0))
    keys = list(QUANTITIES[Module])
    for now in range(0, int(AT_LAST_S), 3):
        announcer.meet(one(), keys[: 1 + now // 3], now)
        assert list(announcer.due(now)) == []
    assert len(list(announcer.due(AT_LAST_S))) == 1


def test_announcer_says_banks_before_modules():
    announcer = Announcer(SITE)
    announcer.meet(one(), [], 0)
    announcer.meet(bank_device(SITE, bank()), [], 0)
    announcer.repeat()
    assert [topic.split("/")[2] for topic, _ in announcer.due(0)] == ["pylon2mqtt_house", f"pylon2mqtt_{FIRST}"]


def test_announcer_deletes_what_an_earlier_version_announced():
    announcer = Announcer(SITE)
    announcer.meet(one(), ["voltage"], 0)
    old = {
        "current": {"platform": "sensor"},
        "gone": {"platform": "sensor"},
        "connection": {"platform": "binary_sensor"},
    }
    announcer.remember(one().id, json.dumps({"components": old}))
    (_, first), (_, second) = announcer.due(0)
    assert keys(first) - keys(second) == {"gone"}
    assert keys(second) == {"voltage", "current", "connection"}


def test_announcer_leaves_a_device_alone_that_has_moved_to_another_bank():
    announcer = Announcer(SITE)
    announcer.meet(module_device(SITE, bank(name="Shed"), module(1), FIRST), [], 0)
    assert not announcer.forget(one().id, f"house/{FIRST}")
    assert announcer.knows(one().id)
    assert announcer.forget(one().id, f"shed/{FIRST}")
