"""A US5000 bank and a high-voltage one on two CAN buses, and what a real Home Assistant shows of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import HomeAssistant, until
from tests.simulator.can.can_host import can_running

from pylon2mqtt.simulator.can.high_voltage import IN_SERIES
from pylon2mqtt.simulator.can.simulator import CanSimulator

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

LOW, HIGH = "udp_multicast:239.74.163.2@43301", "udp_multicast:239.74.163.2@43302"


@pytest.fixture(scope="module")
def batteries() -> Iterator[dict[str, CanSimulator]]:
    with (
        can_running(f"can:{LOW}", hurry=1.0, model="US5000", modules=6) as stack,
        can_running(f"can:{HIGH}", "high-voltage", hurry=1.0, model="US5000", modules=2) as racks,
    ):
        yield {"Stack": stack, "Racks": racks}


@pytest.fixture(scope="module")
def options(batteries: dict[str, CanSimulator]) -> dict[str, Any]:
    protocols = {"Stack": "can", "Racks": "auto"}
    banks = [{"name": name, "protocol": protocols[name], "address": one.url} for name, one in batteries.items()]
    return {"batteries": banks, "poll_interval": 2}


def test_a_us5000_stack_has_its_values(
    home_assistant: HomeAssistant, bridge: Path, batteries: dict[str, CanSimulator]
) -> None:
    until(lambda: home_assistant.value("sensor.stack_voltage") not in (None, "unavailable"))
    device = home_assistant.devices()["Stack"]
    assert device["manufacturer"] == "PYLON"
    states = home_assistant.states("sensor.stack")
    bank = batteries["Stack"].bank
    assert float(states["sensor.stack_voltage"]["state"]) == pytest.approx(bank.modules[0].voltage(), abs=0.3)
    assert float(states["sensor.stack_soc"]["state"]) == pytest.approx(bank.soc, abs=1)
    assert float(states["sensor.stack_charge_voltage_limit"]["state"]) == 53.2
    assert states["sensor.stack_modules_online"]["state"] == "6"
    assert states["sensor.stack_state"]["state"] == "charging"
    assert states["sensor.stack_diagnosis"]["state"] == "ok"
    power = float(states["sensor.stack_power"]["state"])
    assert power == pytest.approx(bank.current * bank.modules[0].voltage(), rel=0.3)


def test_each_kind_of_alarm_has_an_entity_and_one_sums_them_up(
    home_assistant: HomeAssistant, bridge: Path, batteries: dict[str, CanSimulator]
) -> None:
    found = home_assistant.states("binary_sensor.stack_problem")
    assert {entity.rpartition("problem_")[2] for entity in found if "problem_" in entity} == {
        "overvoltage", "undervoltage", "overtemperature", "undertemperature", "charge_overcurrent",
        "discharge_overcurrent", "system_fault", "communication_fault",
    }  # fmt: skip
    assert {state["state"] for state in found.values()} == {"off"}
    batteries["Stack"].order("alarm 2 overvoltage")
    until(lambda: home_assistant.value("binary_sensor.stack_problem_overvoltage") == "on")
    assert home_assistant.value("binary_sensor.stack_problem") == "on"
    assert home_assistant.value("binary_sensor.stack_problem_undervoltage") == "off"
    batteries["Stack"].order("clear")
    until(lambda: home_assistant.value("binary_sensor.stack_problem") == "off")


def test_racks_are_devices(home_assistant: HomeAssistant, bridge: Path, batteries: dict[str, CanSimulator]) -> None:
    entity = "sensor.racks_module_2_voltage"
    until(lambda: home_assistant.value(entity) not in (None, "unavailable"))
    module = batteries["Racks"].bank.modules[1]
    assert float(home_assistant.value(entity)) == pytest.approx(IN_SERIES * module.voltage(), abs=2)
    assert home_assistant.devices()["Racks module 2"]["manufacturer"] == "PYLONTECH"
    batteries["Racks"].order("vanish 2")
    until(lambda: home_assistant.value(entity) == "unavailable", timeout_s=60)
    batteries["Racks"].order("return 2")
    until(lambda: home_assistant.value(entity) != "unavailable", timeout_s=60)


def test_a_battery_that_falls_silent_says_why(
    home_assistant: HomeAssistant, bridge: Path, batteries: dict[str, CanSimulator]
) -> None:
    batteries["Stack"].order("fault silence")
    until(lambda: home_assistant.value("sensor.stack_voltage") == "unavailable", timeout_s=60)
    assert "only the inverter speaks" in home_assistant.value("sensor.stack_diagnosis")
    assert home_assistant.value("binary_sensor.stack_connection") == "off"
    batteries["Stack"].order("fault none")
    until(lambda: home_assistant.value("sensor.stack_diagnosis") == "ok", timeout_s=60)


def test_home_assistants_restart_brings_them_back(home_assistant: HomeAssistant, bridge: Path) -> None:
    home_assistant.restart("ha")
    until(
        lambda: home_assistant.value("sensor.stack_voltage") not in (None, "unavailable", "unknown"),
        timeout_s=60,
    )


def test_there_is_nothing_to_complain_about(home_assistant: HomeAssistant, bridge: Path) -> None:
    assert home_assistant.log().strip() == ""
    assert "Traceback" not in bridge.read_text()
