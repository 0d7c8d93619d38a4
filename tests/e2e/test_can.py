"""A US5000 bank and a high-voltage one on two CAN buses, and what a real Home Assistant shows of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import HomeAssistant, bridge_to, until
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
def bridge(
    home_assistant: HomeAssistant, batteries: dict[str, CanSimulator], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    lines = {"Stack": ("can", LOW), "Racks": ("auto", HIGH)}
    banks = [{"name": name, "protocol": protocol, "address": line} for name, (protocol, line) in lines.items()]
    with bridge_to(home_assistant, tmp_path_factory.mktemp("bridge"), *banks, poll_interval=2) as log:
        yield log


def value(home_assistant: HomeAssistant, entity: str) -> Any:
    return home_assistant.states(entity).get(entity, {}).get("state")


def test_a_us5000_stack_has_its_values(
    home_assistant: HomeAssistant, bridge: Path, batteries: dict[str, CanSimulator]
) -> None:
    until(lambda: value(home_assistant, "sensor.stack_voltage") not in (None, "unavailable"), turn=lambda: None)
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
    until(lambda: value(home_assistant, "binary_sensor.stack_problem_overvoltage") == "on", turn=lambda: None)
    assert value(home_assistant, "binary_sensor.stack_problem") == "on"
    assert value(home_assistant, "binary_sensor.stack_problem_undervoltage") == "off"
    batteries["Stack"].order("clear")
    until(lambda: value(home_assistant, "binary_sensor.stack_problem") == "off", turn=lambda: None)


def test_racks_are_devices(home_assistant: HomeAssistant, bridge: Path, batteries: dict[str, CanSimulator]) -> None:
    entity = "sensor.racks_module_2_voltage"
    until(lambda: value(home_assistant, entity) not in (None, "unavailable"), turn=lambda: None)
    module = batteries["Racks"].bank.modules[1]
    assert float(value(home_assistant, entity)) == pytest.approx(IN_SERIES * module.voltage(), abs=2)
    assert home_assistant.devices()["Racks module 2"]["manufacturer"] == "PYLONTECH"
    batteries["Racks"].order("vanish 2")
    until(lambda: value(home_assistant, entity) == "unavailable", turn=lambda: None, timeout_s=60)
    batteries["Racks"].order("return 2")
    until(lambda: value(home_assistant, entity) != "unavailable", turn=lambda: None, timeout_s=60)


def test_a_battery_that_falls_silent_says_why(
    home_assistant: HomeAssistant, bridge: Path, batteries: dict[str, CanSimulator]
) -> None:
    batteries["Stack"].order("fault silence")
    until(lambda: value(home_assistant, "sensor.stack_voltage") == "unavailable", turn=lambda: None, timeout_s=60)
    assert "only the inverter speaks" in value(home_assistant, "sensor.stack_diagnosis")
    assert value(home_assistant, "binary_sensor.stack_connection") == "off"
    batteries["Stack"].order("fault none")
    until(lambda: value(home_assistant, "sensor.stack_diagnosis") == "ok", turn=lambda: None, timeout_s=60)


def test_home_assistants_restart_brings_them_back(home_assistant: HomeAssistant, bridge: Path) -> None:
    home_assistant.restart("ha")
    until(
        lambda: value(home_assistant, "sensor.stack_voltage") not in (None, "unavailable", "unknown"),
        turn=lambda: None,
        timeout_s=60,
    )


def test_there_is_nothing_to_complain_about(home_assistant: HomeAssistant, bridge: Path) -> None:
    assert home_assistant.log().strip() == ""
    assert "Traceback" not in bridge.read_text()
