"""Hand-made snapshots, and what a real Home Assistant makes of them. The tests tell one story, in their order."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.e2e.conftest import HomeAssistant, until

from pylon2mqtt.model import Alarm, AlarmKind, Bank, Cell, Module, Severity, Snapshot, State
from pylon2mqtt.outputs.mqtt.options import MqttOptions
from pylon2mqtt.outputs.mqtt.output import Mqtt

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

LOW = Alarm(kind=AlarmKind.CELL_UNDERVOLTAGE, severity=Severity.WARNING, cells=(7,), text="Low")


def module(number: int) -> Module:
    return Module(
        number=number,
        barcode=f"K220101C1000000{number}",
        manufacturer="Pylontech",
        model="US3000C",
        firmware="B69.16.0.0",
        voltage=49.85,
        current=-3.5,
        temperature=23.0,
        temperatures=(21.0, 22.0, 21.5, 22.5),
        soh=99,
        remaining_capacity=55.5,
        full_capacity=74.0,
        cycles=120,
        state=State.DISCHARGING,
        charge_enabled=True,
        alarms=(LOW,) if number == 2 else (),
        cells=tuple(Cell(number=n, voltage=round(3.3 + n / 1000, 3), balancing=n == 3) for n in range(1, 16)),
    )


@dataclass
class Bridge:
    """The output, and the snapshots that it is given."""

    output: Mqtt
    name: str = "House"
    modules: tuple[Module, ...] = field(default_factory=lambda: (module(1), module(2), module(3)))

    def say(self, *, after: timedelta = timedelta(), **changes: object) -> None:
        given = replace(Bank(name=self.name, modules=self.modules), **changes)  # type: ignore[arg-type]
        self.output.publish(Snapshot(bank=given, taken_at=datetime.now(UTC) + after))

    def turn(self) -> None:
        self.output.refresh()


@pytest.fixture(scope="module")
def commands() -> list[tuple[str, str, str]]:
    return []


@pytest.fixture(scope="module")
def bridge(home_assistant: HomeAssistant, commands: list[tuple[str, str, str]]) -> Iterator[Bridge]:
    output = Mqtt(options=MqttOptions(**home_assistant.broker), on_command=lambda *command: commands.append(command))
    output.open()
    yield Bridge(output)
    output.close()


def state(home_assistant: HomeAssistant, entity: str) -> str:
    found = home_assistant.states(entity).get(entity)
    return str(found["state"]) if found else "missing"


def test_devices(home_assistant: HomeAssistant, bridge: Bridge) -> None:
    bridge.say()
    until(lambda: state(home_assistant, "sensor.house_voltage") == "49.85", turn=bridge.turn)
    devices = home_assistant.devices()
    assert sorted(devices) == ["House", "House module 1", "House module 2", "House module 3"]
    for number in (1, 2, 3):
        device = devices[f"House module {number}"]
        assert device["serial_number"] == f"K220101C1000000{number}"
        assert device["sw_version"] == "B69.16.0.0"
        assert (device["manufacturer"], device["model"]) == ("Pylontech", "US3000C")
        assert device["via_device_id"] == devices["House"]["id"]


def test_values_and_units(home_assistant: HomeAssistant, bridge: Bridge) -> None:
    states = home_assistant.states()
    assert not [entity for entity, found in states.items() if found["state"] in ("unavailable", "missing")]
    unknown = {entity for entity, found in states.items() if found["state"] == "unknown"}
    assert unknown == {"button.house_rescan"}  # It was never pressed.
    shown = {
        entity: (states[entity]["state"], states[entity]["attributes"].get("unit_of_measurement"))
        for entity in (
            "sensor.house_current",
            "sensor.house_power",
            "sensor.house_soc",
            "sensor.house_state",
            "sensor.house_remaining_capacity",
            "sensor.house_module_1_temperature",
            "sensor.house_module_1_soh",
            "sensor.house_module_1_cell_voltage_max",
            "sensor.house_module_1_cell_voltage_max_cell",
        )
    }
    assert list(shown.values()) == [
        ("-10.5", "A"),
        ("-523.4", "W"),
        ("75.0", "%"),
        ("discharging", None),
        ("166.5", "Ah"),
        ("23.0", "°C"),
        ("99", "%"),
        ("3.315", "V"),
        ("15", None),
    ]


def test_alarms(home_assistant: HomeAssistant, bridge: Bridge) -> None:
    states = home_assistant.states("binary_sensor.house")
    problems = {entity: found["state"] for entity, found in states.items() if entity.endswith("problem")}
    assert problems == {
        "binary_sensor.house_problem": "on",
        "binary_sensor.house_module_1_problem": "off",
        "binary_sensor.house_module_2_problem": "on",
        "binary_sensor.house_module_3_problem": "off",
    }
    (alarm,) = states["binary_sensor.house_problem"]["attributes"]["alarms"]
    assert (alarm["module"], alarm["cells"], alarm["kind"]) == (2, [7], "cell_undervoltage")


def test_missing_module(home_assistant: HomeAssistant, bridge: Bridge) -> None:
    bridge.say(modules=bridge.modules[:2], silent=(3,))
    third = "sensor.house_module_3_voltage"
    until(lambda: state(home_assistant, third) == "unavailable", turn=bridge.turn)
    states = home_assistant.states()
    assert states["binary_sensor.house_module_3_connection"]["state"] == "off"
    assert states["sensor.house_module_2_voltage"]["state"] == "49.85"
    assert states["sensor.house_modules_silent"]["state"] == "1"
    assert states["sensor.house_current"]["state"] == "unknown"
    bridge.say()
    until(lambda: state(home_assistant, third) == "49.85", turn=bridge.turn)


def test_rescan_button(home_assistant: HomeAssistant, bridge: Bridge, commands: list[tuple[str, str, str]]) -> None:
    home_assistant.call("button.press", entity_id="button.house_rescan")
    until(lambda: commands, turn=bridge.turn)
    assert commands == [("House", "rescan", "PRESS")]


def test_no_warning_so_far(home_assistant: HomeAssistant, bridge: Bridge) -> None:
    assert home_assistant.log() == ""


def test_restart_of_home_assistant(home_assistant: HomeAssistant, bridge: Bridge) -> None:
    before = home_assistant.states()
    home_assistant.restart("ha")
    until(lambda: state(home_assistant, "sensor.house_voltage") == "49.85", turn=bridge.turn)
    bridge.turn()
    after = home_assistant.states()
    assert {entity: found["state"] for entity, found in after.items() if found["state"] != "unknown"} == {
        entity: found["state"] for entity, found in before.items() if found["state"] != "unknown"
    }
    assert home_assistant.log() == ""


def test_restart_of_the_broker(home_assistant: HomeAssistant, bridge: Bridge) -> None:
    home_assistant.stop("broker")
    until(lambda: state(home_assistant, "sensor.house_voltage") == "unavailable", turn=bridge.turn)
    home_assistant.start("--keep")
    until(lambda: state(home_assistant, "sensor.house_voltage") == "49.85", turn=bridge.turn, timeout_s=60)


def test_cells(home_assistant: HomeAssistant, bridge: Bridge) -> None:
    shed = Mqtt(options=MqttOptions(**home_assistant.broker, base_topic="shed"), cells="full")
    shed.open()
    given = Bank(name="Shed", modules=(replace(module(1), barcode="K5"),))
    shed.publish(Snapshot(bank=given, taken_at=datetime.now(UTC)))
    until(lambda: state(home_assistant, "sensor.shed_module_1_cell_15_voltage") == "3.315", turn=shed.refresh)
    states = home_assistant.states("sensor.shed_module_1_")
    cells = [states[f"sensor.shed_module_1_cell_{n:02}_voltage"]["state"] for n in range(1, 16)]
    assert cells == [str(cell.voltage) for cell in module(1).cells or ()]
    groups = [states[f"sensor.shed_module_1_group_{n:02}_temperature"]["state"] for n in range(1, 5)]
    assert groups == ["21.0", "22.0", "21.5", "22.5"]
    assert state(home_assistant, "binary_sensor.shed_module_1_cell_03_balancing") == "on"
    shed.close()
    until(lambda: state(home_assistant, "sensor.shed_voltage") == "unavailable", turn=bridge.turn)


def test_removed_module(home_assistant: HomeAssistant, bridge: Bridge) -> None:
    started = bridge.output.clock()
    bridge.output.clock = lambda: started + 3600.0
    bridge.say(modules=bridge.modules[:2], after=timedelta(days=8))
    until(lambda: "House module 3" not in home_assistant.devices(), turn=bridge.turn)
    bridge.say(modules=bridge.modules[:2], after=timedelta(days=8))
    bridge.turn()
    assert sorted(home_assistant.devices()) == ["House", "House module 1", "House module 2", "Shed", "Shed module 1"]


def test_no_warning_but_of_the_broker_that_was_away(home_assistant: HomeAssistant, bridge: Bridge) -> None:
    complaints = [
        line for line in home_assistant.log().splitlines() if "homeassistant.components.mqtt.client" not in line
    ]
    assert complaints == []
