"""The app on a CAN bus: its own rate, and what it must survive. Battery and driver live 20 times faster."""

import logging
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import can
import pytest
from tests.app.app_host import Collector, app_running, ended
from tests.simulator.can.can_host import can_running, clock_of
from tests.waiting import until

from pylon2mqtt.app import App
from pylon2mqtt.config import Battery, Settings
from pylon2mqtt.protocols.registry import driver
from pylon2mqtt.simulator.can.simulator import CanSimulator


@pytest.fixture
def bus(request: pytest.FixtureRequest) -> str:
    return f"virtual:{request.node.name}"


@pytest.fixture
def battery(bus: str) -> Iterator[CanSimulator]:
    with can_running(f"can:{bus}", model="US5000", modules=6) as simulator:
        yield simulator


@contextmanager
def app_on(
    simulator: CanSimulator, output: Collector, *, protocol: str = "can", poll_interval_s: float = 0.1
) -> Iterator[App]:
    battery = Battery(name="B1", protocol=protocol, line=simulator.url)
    settings = Settings(batteries=(battery,), poll_interval_s=poll_interval_s)
    app = App(settings, outputs=[output], make_driver=partial(driver, clock=clock_of(simulator)))
    with app_running(app):
        yield app


def test_what_the_battery_says_reaches_the_output(battery: CanSimulator) -> None:
    output = Collector()
    with app_on(battery, output, protocol="auto"):
        until(lambda: len(output.online) >= 3)
    bank = output.told[-1].bank
    assert (bank.name, bank.module_count, bank.manufacturer) == ("B1", 6, "PYLON")
    assert bank.voltage == pytest.approx(battery.bank.modules[0].voltage(), abs=0.1)


def test_a_battery_that_is_silent_at_the_start_is_found_later(battery: CanSimulator) -> None:
    battery.order("fault silence")
    output = Collector()
    with app_on(battery, output):
        until(lambda: any("only the inverter speaks" in (s.reason or "") for s in output.told))
        assert not output.online
        battery.order("fault none")
        until(lambda: output.online)


def test_it_falls_silent_and_comes_back(battery: CanSimulator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    output = Collector()
    with app_on(battery, output):
        until(lambda: output.online)
        battery.order("fault silence")
        until(lambda: not output.told[-1].online)
        lost = output.told[-1].reason or ""
        battery.order("fault none")
        until(lambda: output.told[-1].online)
    assert "the battery fell silent, only the inverter speaks" in lost
    warnings = [r.message for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == 1, "once per outage"
    assert any("B1 answers again" in r.message for r in caplog.records)


def test_it_is_heard_all_the_time_however_rarely_it_is_published(battery: CanSimulator) -> None:
    output = Collector()
    with app_on(battery, output, poll_interval_s=3600):
        until(lambda: output.online)
        battery.order("fault silence")
        until(lambda: not output.told[-1].online)


def test_the_whole_bus_goes_and_comes_back(battery: CanSimulator) -> None:
    output = Collector()
    with app_on(battery, output):
        until(lambda: output.online)
        battery.order("unplug")
        until(lambda: not output.told[-1].online)
        assert "nobody else speaks" in (output.told[-1].reason or "")
        battery.order("plug")
        until(lambda: output.told[-1].online)


def test_a_changed_cause_is_told_and_the_same_one_only_once(battery: CanSimulator) -> None:
    battery.order("inverter off")
    battery.order("fault bus-errors")
    output = Collector()
    with app_on(battery, output):
        until(lambda: any("wrong bit rate" in (s.reason or "") for s in output.told))
        later = battery.clock() + 20
        until(lambda: battery.clock() > later)
        battery.order("fault silence")
        until(lambda: "wrong bit rate" not in (output.told[-1].reason or ""))
    reasons = [snapshot.reason or "" for snapshot in output.told]
    assert sum("wrong bit rate" in reason for reason in reasons) == 1
    assert "no frames and no errors" in reasons[-1] or "nobody else speaks" in reasons[-1]


@pytest.mark.parametrize("fault", ["cut-frames", "not-available", "look-alikes", "strangers"])
def test_no_fault_of_the_bus_becomes_a_wrong_value(fault: str, battery: CanSimulator) -> None:
    output = Collector()
    with app_on(battery, output):
        until(lambda: output.online)
        battery.order(f"fault {fault} 10")
        count = len(output.told)
        until(lambda: len(output.told) > count + 5)
        until(lambda: output.told[-1].online)
    for snapshot in output.online:
        bank = snapshot.bank
        assert bank.voltage is None or 48 < bank.voltage < 54
        assert bank.soc is None or 50 < bank.soc < 70
        assert bank.charge_voltage_limit in (None, 53.2)
        assert bank.module_count in (None, 6)
        assert not bank.alarms or fault == "not-available"


def test_garbage_on_the_bus_does_not_become_a_value(battery: CanSimulator) -> None:
    """Random frames of strangers, as fast as they come, for a while."""
    output = Collector()
    dice = random.Random(1)
    stop = threading.Event()

    def shout() -> None:
        with can.Bus(interface="virtual", channel=battery.url.partition(":")[2]) as stranger:
            while not stop.is_set():
                number = dice.choice([*range(0x001, 0x0FF), *range(0x500, 0x5FF)])
                stranger.send(can.Message(arbitration_id=number, is_extended_id=False, data=dice.randbytes(8)))
                time.sleep(0.0003)

    thread = threading.Thread(target=shout)
    thread.start()
    with app_on(battery, output):
        until(lambda: len(output.online) > 5)
    stop.set()
    thread.join()
    assert {snapshot.bank.module_count for snapshot in output.online} == {6}
    assert all(48 < (snapshot.bank.voltage or 0) < 54 for snapshot in output.online)


def test_a_silent_bus_does_not_hold_up_the_end(bus: str) -> None:
    settings = Settings(batteries=(Battery(name="B1", protocol="can", line=bus),))
    with app_running(App(settings, outputs=[Collector()])):
        until(lambda: not ended("B1"))
    until(lambda: ended("B1"))


def test_a_stuck_output_delays_nobody(battery: CanSimulator) -> None:
    stuck = Collector()
    stuck.gate.clear()
    with app_on(battery, stuck):
        until(lambda: stuck.offered)
    assert not ended(stuck.name)
    stuck.gate.set()


def test_rescan_begins_anew(battery: CanSimulator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    output = Collector()
    with app_on(battery, output, poll_interval_s=3600) as app:
        until(lambda: output.online)
        app.command("B1", "rescan")
        until(lambda: len(output.online) > 1)
    assert caplog.text.count("receives Pylontech's low-voltage language") == 2
