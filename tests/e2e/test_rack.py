"""A virtual SC0500 and a virtual Force H2 on their consoles, and every one of their cells in a real Home Assistant."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import HomeAssistant, until
from tests.simulator.sim_host import running

from pylon2mqtt.simulator.registry import Simulator

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

RACKS = {"Cellar": ("SC0500", 5), "Garage": ("Force-H2", 4)}


@pytest.fixture(scope="module")
def racks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Simulator]]:
    folder = tmp_path_factory.mktemp("racks")
    (sc0500, modules), (force, others) = RACKS.values()
    with (
        running(f"pty:{folder}/sc0500", protocol="console", model=sc0500, modules=modules) as first,
        running(f"pty:{folder}/force", protocol="console", model=force, modules=others) as second,
    ):
        yield {"Cellar": first, "Garage": second}


@pytest.fixture(scope="module")
def options(racks: dict[str, Simulator]) -> dict[str, Any]:
    chosen = [{"name": name, "protocol": "auto", "device": one.url} for name, one in racks.items()]
    return {"batteries": chosen, "poll_interval": 3, "cells": "full"}


def test_every_cell_of_every_module_is_there(
    home_assistant: HomeAssistant, bridge: Path, racks: dict[str, Simulator]
) -> None:
    for last in ("sensor.cellar_module_5_cell_15_voltage", "sensor.garage_module_4_cell_30_voltage"):
        until(lambda last=last: last in home_assistant.states(last), timeout_s=120)  # type: ignore[misc]
    slow = {"sensor.cellar_cycles", "sensor.garage_cycles", "sensor.garage_charge_voltage_limit"}
    until(lambda: slow <= set(home_assistant.states("sensor.")), timeout_s=120)
    until(lambda: "unavailable" not in str(home_assistant.states("sensor.")), timeout_s=60)
    states, devices = home_assistant.states("sensor."), home_assistant.devices()
    counted = dict.fromkeys(racks, 0)
    for name, rack in racks.items():
        for module in rack.bank.modules:
            assert devices[f"{name} module {module.number}"]["serial_number"] == module.barcode
            prefix = f"sensor.{name.lower()}_module_{module.number}"
            assert float(states[f"{prefix}_voltage"]["state"]) == pytest.approx(module.voltage(), abs=0.5)
            for number, volts in enumerate(module.cell_voltages(), 1):
                cell = f"{prefix}_cell_{number:02}"
                assert float(states[f"{cell}_voltage"]["state"]) == pytest.approx(volts, abs=0.02)
                assert float(states[f"{cell}_temperature"]["state"]) == pytest.approx(21, abs=6)
                counted[name] += 1
        assert float(states[f"sensor.{name.lower()}_voltage"]["state"]) == pytest.approx(rack.bank.voltage, abs=2)
        assert float(states[f"sensor.{name.lower()}_remaining_energy"]["state"]) > 1
    assert counted == {"Cellar": 75, "Garage": 120}


def test_there_is_nothing_to_complain_about(home_assistant: HomeAssistant, bridge: Path) -> None:
    assert home_assistant.log().strip() == ""
    log = bridge.read_text()
    assert "Traceback" not in log
    assert "WARNING" not in log
