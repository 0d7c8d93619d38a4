"""A virtual battery, the bridge as a process, and what a real Home Assistant shows of it. One story, in its order."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import HomeAssistant, until
from tests.simulator.sim_host import running

from pylon2mqtt.simulator.registry import Simulator

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

MODULES = 3


@pytest.fixture(scope="module")
def battery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    path = tmp_path_factory.mktemp("battery") / "tty"
    with running(f"pty:{path}", modules=MODULES, model="US5000,US3000C,US2000C") as simulator:
        yield simulator


@pytest.fixture(scope="module")
def options(battery: Simulator) -> dict[str, Any]:
    return {"batteries": [{"name": "Cellar", "device": battery.url}], "poll_interval": 2, "cells": "full"}


def settled(home_assistant: HomeAssistant) -> bool:
    """Whether the answers to the slow questions have reached Home Assistant."""
    devices = home_assistant.devices().values()
    return len(devices) == 1 + MODULES and all(device["sw_version"] for device in devices)


def test_one_bank_and_its_modules(home_assistant: HomeAssistant, bridge: Path, battery: Simulator) -> None:
    until(lambda: settled(home_assistant), timeout_s=60)
    devices = {n: d for n, d in home_assistant.devices().items() if n.startswith("Cellar")}
    assert sorted(devices) == ["Cellar", *(f"Cellar module {n}" for n in range(1, MODULES + 1))]
    for module in battery.bank.modules:
        device = devices[f"Cellar module {module.number}"]
        assert device["serial_number"] == module.barcode
        assert device["sw_version"].startswith("0.")
        assert device["via_device_id"] == devices["Cellar"]["id"]
    assert devices["Cellar"]["manufacturer"] == "Pylon"
    assert devices["Cellar"]["model"] == "US5000"


def test_values_and_units(home_assistant: HomeAssistant, bridge: Path, battery: Simulator) -> None:
    # For a moment after each announcement everything is unavailable.
    until(lambda: "unavailable" not in _all_states(home_assistant))
    states = home_assistant.states("sensor.cellar")

    def read(entity: str) -> tuple[Any, str | None]:
        state = states[f"sensor.cellar_{entity}"]
        return float(state["state"]), state["attributes"].get("unit_of_measurement")

    real = battery.bank.modules[0]
    assert read("module_1_voltage") == (pytest.approx(real.voltage(), abs=0.1), "V")
    assert read("module_1_cell_05_voltage") == (pytest.approx(real.cell_voltages()[4], abs=0.01), "V")
    assert read("module_1_soc") == (pytest.approx(real.soc, abs=1), "%")
    assert read("module_1_full_capacity") == (pytest.approx(100), "Ah")
    assert read("full_capacity") == (pytest.approx(100 + 74 + 50), "Ah")
    assert read("current") == (pytest.approx(sum(m.current for m in battery.bank.modules), abs=1), "A")
    assert read("modules_online") == (MODULES, None)
    assert read("module_1_mos_temperature")[1] == "°C"
    assert states["sensor.cellar_state"]["state"] in ("charging", "discharging", "idle")


def test_an_alarm_is_a_problem(home_assistant: HomeAssistant, bridge: Path, battery: Simulator) -> None:
    entity = "binary_sensor.cellar_module_2_problem"
    until(lambda: home_assistant.value(entity) == "off")
    battery.order("alarm 2 cell_overvoltage 7")
    until(lambda: home_assistant.value(entity) == "on")
    assert home_assistant.value("binary_sensor.cellar_problem") == "on"
    battery.order("clear")
    until(lambda: home_assistant.value(entity) == "off")


def test_a_silent_module_is_unavailable_and_keeps_its_entities(
    home_assistant: HomeAssistant, bridge: Path, battery: Simulator
) -> None:
    battery.order("vanish 3")
    until(lambda: home_assistant.value("sensor.cellar_module_3_voltage") == "unavailable")
    until(lambda: home_assistant.value("sensor.cellar_current") == "unknown")
    assert home_assistant.value("sensor.cellar_modules_silent") == "1"
    battery.order("return 3")
    until(lambda: home_assistant.value("sensor.cellar_module_3_voltage") != "unavailable")


def test_unplugged_everything_is_unavailable(home_assistant: HomeAssistant, bridge: Path, battery: Simulator) -> None:
    battery.order("unplug")
    until(lambda: home_assistant.value("sensor.cellar_voltage") == "unavailable")
    assert home_assistant.value("binary_sensor.cellar_connection") == "off"
    battery.order("plug")
    until(lambda: home_assistant.value("sensor.cellar_voltage") != "unavailable", timeout_s=60)


def test_home_assistant_restarted_shows_values_again(
    home_assistant: HomeAssistant, bridge: Path, battery: Simulator
) -> None:
    home_assistant.restart("ha")
    until(lambda: _is_number(home_assistant.value("sensor.cellar_voltage")), timeout_s=60)
    assert _is_number(home_assistant.value("sensor.cellar_module_2_cell_15_voltage"))


def test_there_is_nothing_to_complain_about(home_assistant: HomeAssistant, bridge: Path) -> None:
    assert home_assistant.log().strip() == ""
    assert "Traceback" not in bridge.read_text()


def test_the_broker_restarted_shows_values_again(
    home_assistant: HomeAssistant, bridge: Path, battery: Simulator
) -> None:
    home_assistant.restart("broker")
    until(lambda: _is_number(home_assistant.value("sensor.cellar_voltage")), timeout_s=60)
    left = [line for line in home_assistant.log().splitlines() if "Disconnected from MQTT" not in line]
    assert not [line for line in left if "cellar" in line.lower() or "discovery" in line.lower()], left


def _all_states(home_assistant: HomeAssistant) -> set[str]:
    return {state["state"] for state in home_assistant.states("sensor.cellar").values()}


def _is_number(text: Any) -> bool:
    try:
        float(text)
    except (TypeError, ValueError):
        return False
    return True
