"""A mixed stack and a Pytes on their text consoles, and what a real Home Assistant shows of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import HomeAssistant, until
from tests.simulator.sim_host import running

from pylon2mqtt.simulator.registry import Simulator

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

BANKS = {"Mixed": ("US5000,US2000C,US2000", 3), "Pytes": ("Pytes-V5", 2)}


@pytest.fixture(scope="module")
def batteries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Simulator]]:
    folder = tmp_path_factory.mktemp("consoles")
    (mixed, modules), (pytes, others) = BANKS.values()
    with (
        running(f"pty:{folder}/mixed", protocol="console", model=mixed, modules=modules) as first,
        running(f"pty:{folder}/pytes", protocol="console", model=pytes, modules=others) as second,
    ):
        yield {"Mixed": first, "Pytes": second}


@pytest.fixture(scope="module")
def options(batteries: dict[str, Simulator]) -> dict[str, Any]:
    chosen = [{"name": name, "device": one.url, "allow_login": True} for name, one in batteries.items()]
    return {"batteries": chosen, "poll_interval": 3, "cells": "full"}


def test_both_are_there_with_all_modules_and_cells(
    home_assistant: HomeAssistant, bridge: Path, batteries: dict[str, Simulator]
) -> None:
    last = "sensor.pytes_module_2_cell_16_voltage"
    until(lambda: last in home_assistant.states(last), timeout_s=90)
    slow = {"sensor.mixed_module_3_cycles", "sensor.mixed_module_3_cell_15_voltage"}
    until(lambda: slow <= set(home_assistant.states("sensor.mixed")), timeout_s=90)
    until(lambda: "unavailable" not in str(home_assistant.states("sensor.")))
    devices = home_assistant.devices()
    for name, simulator in batteries.items():
        for module in simulator.bank.modules:
            assert devices[f"{name} module {module.number}"]["serial_number"] == module.barcode
    states = home_assistant.states("sensor.")
    for name, simulator in batteries.items():
        for module in simulator.bank.modules:
            prefix = f"sensor.{name.lower()}_module_{module.number}"
            assert float(states[f"{prefix}_voltage"]["state"]) == pytest.approx(module.voltage(), abs=0.2)
            for number, volts in enumerate(module.cell_voltages(), 1):
                state = states[f"{prefix}_cell_{number:02}_voltage"]["state"]
                assert float(state) == pytest.approx(volts, abs=0.02)


def test_a_second_readers_login_and_a_power_cut_are_survived(
    home_assistant: HomeAssistant, bridge: Path, batteries: dict[str, Simulator]
) -> None:
    entity = "sensor.mixed_module_1_voltage"
    batteries["Mixed"].order("client login debug")
    batteries["Pytes"].order("power-cut")
    until(lambda: _is_number(home_assistant.states(entity)[entity]["state"]), timeout_s=60)
    pytes = "sensor.pytes_module_1_voltage"
    until(lambda: _is_number(home_assistant.states(pytes)[pytes]["state"]), timeout_s=60)


def test_the_limits_of_the_debug_mode_are_there(home_assistant: HomeAssistant, bridge: Path) -> None:
    limit = "sensor.mixed_charge_voltage_limit"
    until(lambda: limit in home_assistant.states(limit), timeout_s=90)
    assert float(home_assistant.states(limit)[limit]["state"]) == pytest.approx(53.25)


def test_what_the_battery_records_becomes_an_event(
    home_assistant: HomeAssistant, bridge: Path, batteries: dict[str, Simulator]
) -> None:
    event = "event.mixed_event"
    until(lambda: event in home_assistant.states(event), timeout_s=90)
    batteries["Mixed"].order("alarm 1 cell_overvoltage 3")
    until(
        lambda: home_assistant.states(event)[event]["attributes"]["event_type"] == "cell_overvoltage",
        timeout_s=90,
    )
    told = home_assistant.states(event)[event]["attributes"]
    assert told["barcode"] == batteries["Mixed"].bank.modules[0].barcode
    assert told["alarms"][0]["kind"] == "cell_overvoltage"


def test_there_is_nothing_to_complain_about(home_assistant: HomeAssistant, bridge: Path) -> None:
    assert home_assistant.log().strip() == ""
    assert "Traceback" not in bridge.read_text()


def _is_number(text: str) -> bool:
    return text not in ("unknown", "unavailable")
