"""A stack of three PACE modules on RS232, found by itself, and what a real Home Assistant shows of it. One story."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.e2e.conftest import HomeAssistant, bridge_to, until
from tests.simulator.sim_host import running

from pylon2mqtt.simulator.registry import Simulator

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

INTERVAL = "number.pace_poll_interval"


@pytest.fixture(scope="module")
def battery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with running(f"pty:{tmp_path_factory.mktemp('line')}/pace", protocol="rs232", model="Jakiper", modules=3) as pace:
        yield pace


class Bridge:
    """The bridge as a process, which can be started anew with the same options."""

    def __init__(self, home_assistant: HomeAssistant, folder: Path, battery: Simulator) -> None:
        self._home_assistant, self._folder = home_assistant, folder
        pace = {"name": "Pace", "protocol": "auto", "device": battery.url}
        self._options = {"batteries": [pace], "poll_interval": 3, "cells": "full"}
        self._running = ExitStack()

    def start(self) -> "Bridge":
        self.stop()
        running = bridge_to(self._home_assistant, self._folder, self._options)
        self._log = self._running.enter_context(running)
        return self

    def stop(self) -> None:
        self._running.close()

    @property
    def log(self) -> str:
        return self._log.read_text()


@pytest.fixture(scope="module")
def bridge(
    home_assistant: HomeAssistant, battery: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bridge]:
    one = Bridge(home_assistant, tmp_path_factory.mktemp("bridge"), battery).start()
    yield one
    one.stop()


def test_all_modules_are_there_with_their_values(
    home_assistant: HomeAssistant, bridge: Bridge, battery: Simulator
) -> None:
    last = "sensor.pace_module_3_cell_16_voltage"
    until(lambda: last in home_assistant.states(last), timeout_s=90)
    until(lambda: home_assistant.devices()["Pace module 3"]["sw_version"], timeout_s=60)
    until(lambda: "unavailable" not in str(home_assistant.states("sensor.")))
    devices = home_assistant.devices()
    states = home_assistant.states("")
    for module in battery.bank.modules:
        device = devices[f"Pace module {module.number}"]
        assert (device["serial_number"], device["sw_version"]) == (module.barcode, "P16S100A-1B470-1.04")
        prefix = f"pace_module_{module.number}"
        for key, real in (
            ("voltage", module.voltage()),
            ("soc", module.soc),
            ("mos_temperature", module.mosfet_temperature),
        ):
            assert float(states[f"sensor.{prefix}_{key}"]["state"]) == pytest.approx(real, abs=1)
        assert states[f"sensor.{prefix}_state"]["state"] in ("charging", "discharging", "idle")
        assert states[f"binary_sensor.{prefix}_cell_16_balancing"]["state"] in ("on", "off")
    assert float(states["sensor.pace_modules_online"]["state"]) == 3
    assert states["binary_sensor.pace_charge_enabled"]["state"] == "on"


def test_an_alarm(home_assistant: HomeAssistant, bridge: Bridge, battery: Simulator) -> None:
    entity = "binary_sensor.pace_module_2_problem"
    until(lambda: home_assistant.value(entity) == "off")
    battery.order("alarm 2 cell_overvoltage 7")
    until(lambda: home_assistant.value(entity) == "on")
    told = home_assistant.states(entity)[entity]["attributes"]["alarms"]
    assert {(alarm["kind"], alarm["severity"]) for alarm in told} == {
        ("cell_overvoltage", "warning"),
        ("cell_overvoltage", "protection"),
    }
    battery.order("clear")
    until(lambda: home_assistant.value(entity) == "off")


def test_the_reading_interval_can_be_set(home_assistant: HomeAssistant, bridge: Bridge) -> None:
    assert home_assistant.value(INTERVAL) == "3.0"
    told = home_assistant.states(INTERVAL)[INTERVAL]["attributes"]
    assert (told["min"], told["max"], told["unit_of_measurement"]) == (1, 3600, "s")
    home_assistant.call("number.set_value", entity_id=INTERVAL, value=2)
    until(lambda: home_assistant.value(INTERVAL) == "2.0")
    assert "Pace: read every 2 seconds from now on" in bridge.log


def test_there_is_nothing_to_complain_about(home_assistant: HomeAssistant, bridge: Bridge, battery: Simulator) -> None:
    assert home_assistant.log().strip() == ""
    assert "Traceback" not in bridge.log
    assert "WARNING" not in bridge.log
    assert not battery.writes_seen


def test_the_reading_interval_outlives_a_restart_of_the_bridge(home_assistant: HomeAssistant, bridge: Bridge) -> None:
    bridge.start()
    until(lambda: "Pace: read every 2 seconds from now on" in bridge.log, timeout_s=60)
    until(lambda: home_assistant.value("sensor.pace_module_3_voltage") not in ("unavailable", None))
    assert home_assistant.value(INTERVAL) == "2.0"
    # Its log monitor counts every entity that is announced anew; the tool logs more than an owner's Home Assistant.
    left = [line for line in home_assistant.log().splitlines() if "is logging too frequently" not in line]
    assert not left
