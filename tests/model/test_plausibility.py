"""Reported values are held against each other: a wrong unit shows, and no sound battery is doubted."""

from dataclasses import replace
from typing import Any

import pytest
from tests import recordings

from pylon2mqtt.model import Bank, Cell, Module, State, Topology
from pylon2mqtt.model.plausibility import contradictions, only_plausible


def module(number: int = 1, **changes: Any) -> Module:
    given = Module(
        number=number,
        voltage=49.5,
        current=10.0,
        soc=50.0,
        remaining_capacity=50.0,
        full_capacity=100.0,
        rated_capacity=100.0,
        remaining_energy=2.4,
        state=State.CHARGING,
        charge_voltage_limit=53.2,
        discharge_voltage_limit=45.0,
        cell_voltage_min=3.298,
        cell_voltage_max=3.302,
        cell_temperature_min=20.0,
        cell_temperature_max=22.0,
        at_once=True,
        cells=tuple(Cell(number=n, voltage=3.3) for n in range(1, 16)),
    )
    return replace(given, **changes)


def fields(part: Bank | Module) -> list[tuple[str, ...]]:
    return [found.fields for found in contradictions(part)]


def test_nothing_speaks_against_a_sound_module() -> None:
    assert contradictions(module()) == ()
    assert contradictions(Module(number=1)) == ()
    assert contradictions(Bank()) == ()


CHARGE = ("remaining_capacity", "full_capacity")
LIMITED = ("current", "charge_current_limit", "discharge_current_limit")
WRONG: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"soc": 5.0}, ("soc", *CHARGE)),
    ({"remaining_capacity": 500.0}, CHARGE),
    ({"soc": 102.0}, ("soc",)),
    ({"soh": -1.0}, ("soh",)),
    ({"temperature": 251.0}, ("temperature",)),
    ({"cell_temperature_min": 23.0}, ("cell_temperature_min", "cell_temperature_max")),
    ({"rated_capacity": 10.0}, ("full_capacity", "rated_capacity")),
    ({"remaining_energy": 24.0}, ("remaining_energy", "remaining_capacity", "voltage")),
    ({"voltage": 48.0}, ("voltage", "cells")),
    ({"voltage": 0.0, "cells": None}, ("voltage",)),
    ({"voltage": 52.0, "cells": None}, ("voltage", "cell_voltage_min", "cell_voltage_max")),
    ({"charge_voltage_limit": 532.0}, ("charge_voltage_limit", "voltage")),
    ({"discharge_voltage_limit": 4.5}, ("discharge_voltage_limit", "voltage")),
    ({"cell_voltage_max": 3.6}, ("cell_voltage_max", "cells")),
    ({"cells": tuple(Cell(number=n, voltage=0.0) for n in range(1, 16))}, ("cells",)),
    ({"current": -10.0}, ("current", "state")),
    ({"current": 510.0, "full_capacity": None}, ("current",)),
    ({"current": 110.0, "full_capacity": 30.0, "remaining_capacity": 15.0}, ("current", "full_capacity")),
    ({"current": 99.0, "discharge_current_limit": 30.0}, LIMITED),
    ({"current": 99.0, "discharge_current_limit": 5.0, "charge_current_limit": 25.0}, LIMITED),
    ({"full_capacity": 9.9, "remaining_capacity": 4.95, "rated_capacity": None}, ("full_capacity",)),
]


@pytest.mark.parametrize(("changes", "names"), WRONG)
def test_what_cannot_be_true_is_named(changes: dict[str, Any], names: tuple[str, ...]) -> None:
    assert names in fields(module(**changes))


@pytest.mark.parametrize("share", [10, 0.1, 100, 0.01])
@pytest.mark.parametrize(
    "name", ["voltage", "full_capacity", "remaining_capacity", "remaining_energy", "cell_voltage_max"]
)
def test_a_unit_taken_on_trust_shows(name: str, share: float) -> None:
    assert fields(module(**{name: getattr(module(), name) * share}))


def test_a_phrase_gives_the_values() -> None:
    (found,) = contradictions(module(voltage=48.0, cell_voltage_min=None, cell_voltage_max=None))
    assert found.text == "voltage: 48.0 V; 15 cells of 3.3 to 3.3 V, together 49.500 V"
    assert contradictions(module(soc=5.0))[0].text.startswith("state of charge: 5.0 %; remaining capacity: 50.0 Ah")


def test_between_two_answers_the_load_may_change() -> None:
    assert not fields(module(voltage=47.0, cell_voltage_min=None, at_once=False))
    assert fields(module(voltage=46.0, cell_voltage_min=None, at_once=False))
    assert fields(module(voltage=48.9, cell_voltage_min=None))


def test_a_limit_may_fall_before_the_current() -> None:
    assert not fields(module(current=40.0, charge_current_limit=1.0, discharge_current_limit=50.0))
    assert not fields(module(current=40.0, charge_current_limit=0.0, discharge_current_limit=0.0))


def test_a_cell_that_is_not_read_leaves_the_sum_open() -> None:
    cells = (Cell(number=1), *module().cells[1:])  # type: ignore[index]
    assert not fields(module(cells=cells))


class TestBank:
    def test_the_current_of_a_bank_flows_as_that_of_its_modules(self) -> None:
        bank = Bank(modules=(module(1), module(2)), current=-20.0)
        assert fields(bank) == [("current", "modules")]
        assert contradictions(bank)[0].text == "current: -20.0 A; its modules: 10.0, 10.0"
        assert not fields(replace(bank, current=12.0))

    @pytest.mark.parametrize(("topology", "sound", "wrong"), [("parallel", 49.6, 99.0), ("series", 99.0, 49.6)])
    def test_the_voltage_of_a_bank_is_that_of_its_modules(self, topology: str, sound: float, wrong: float) -> None:
        bank = Bank(topology=Topology(topology), modules=(module(1), module(2)))
        assert not fields(replace(bank, voltage=sound))
        assert fields(replace(bank, voltage=wrong)) == [("voltage", "modules")]

    def test_the_charge_of_a_bank_is_between_those_of_its_modules(self) -> None:
        assert fields(Bank(modules=(module(1), module(2)), soc=80.0)) == [("soc", "modules")]

    def test_nothing_is_compared_while_a_module_is_silent(self) -> None:
        assert not fields(Bank(modules=(module(1),), silent=(2,), soc=90.0, current=-50.0, voltage=99.0))


class TestUnits:
    def test_the_unit_that_alone_fits_is_taken(self) -> None:
        in_mah = module(
            full_capacity=9.997, remaining_capacity=9.994, rated_capacity=None, soc=None, remaining_energy=None
        )
        in_10_mah = replace(in_mah, full_capacity=99.97, remaining_capacity=99.94)
        assert only_plausible([in_mah, in_10_mah]) is in_10_mah

    def test_what_stays_open_is_not_decided(self) -> None:
        assert only_plausible([module(), module(rated_capacity=110.0)]) is None
        assert only_plausible([module(soc=5.0)]) is None


@pytest.fixture(scope="module")
def recorded() -> dict[str, Bank]:
    return {
        answer.name: recordings.decode(answer.protocol, answer.data, answer.request) for answer in recordings.answers()
    }


def test_no_recording_of_a_sound_battery_is_doubted(recorded: dict[str, Bank]) -> None:
    modules = {(name, module.number): module for name, bank in recorded.items() for module in bank.modules}
    assert len(modules) > 100
    assert not {name: found for name, bank in recorded.items() if (found := contradictions(bank))}
    assert not {name: found for name, module in modules.items() if (found := contradictions(module))}


@pytest.mark.parametrize("share", [10, 0.1, 100])
def test_a_voltage_in_another_unit_shows_in_every_language(recorded: dict[str, Bank], share: float) -> None:
    modules = [module for bank in recorded.values() for module in bank.modules if module.voltage and module.cells]
    assert len(modules) > 50
    for each in modules:
        wrong = replace(each, voltage=(each.voltage or 0.0) * share)
        assert any("voltage" in names for names in fields(wrong)), each


def test_a_charge_in_another_unit_shows_beside_the_state_of_charge(recorded: dict[str, Bank]) -> None:
    parts = [part for bank in recorded.values() for part in bank.modules if part.soc and part.soc > 15]
    parts = [part for part in parts if part.remaining_capacity and part.full_capacity]
    assert parts
    for each in parts:
        assert fields(replace(each, remaining_capacity=(each.remaining_capacity or 0.0) / 10)), each
        assert fields(replace(each, remaining_capacity=(each.remaining_capacity or 0.0) * 10)), each
