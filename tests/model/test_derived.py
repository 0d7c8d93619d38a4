"""The formulas, and that nothing is summed over the rest."""

from dataclasses import fields, replace
from typing import Any

import pytest

from pylon2mqtt.model import Alarm, AlarmKind, AlarmSource, Bank, Cell, Module, Severity, State, Topology
from pylon2mqtt.model.alarms import active_alarms, combined
from pylon2mqtt.model.derived import bank_figures, module_figures
from pylon2mqtt.model.joining import agreed, joined
from pylon2mqtt.model.report import bank_report, cells_report, module_report, summary, whole_report

ALARM = Alarm(kind=AlarmKind.CELL_OVERVOLTAGE, severity=Severity.PROTECTION, cells=(2,))


def module(number: int = 1, **other: object) -> Module:
    values: dict[str, object] = {
        "voltage": 50.0,
        "current": 2.5,
        "remaining_capacity": 37.0,
        "full_capacity": 74.0,
        "temperature": 25.0,
        "temperatures": (20.0, 22.0),
        "cells": (Cell(number=1, voltage=3.3), Cell(number=2, voltage=3.351), Cell(number=3, voltage=3.29)),
        "alarms": (),
        "state": State.CHARGING,
        "charge_voltage_limit": 53.25,
        "charge_current_limit": 37.0,
        "charge_enabled": True,
        "full_charge_requested": False,
    }
    return Module(number=number, **(values | other))  # type: ignore[arg-type]


class TestModule:
    def test_power_and_state_of_charge(self) -> None:
        figures = module_figures(module())
        assert (figures.power, figures.soc) == (125.0, 50.0)

    def test_discharging_is_negative_power(self) -> None:
        assert module_figures(module(current=-3.2)).power == -160.0

    @pytest.mark.parametrize(("remaining", "soc"), [(75.48, 100.0), (0.0, 0.0)])
    def test_state_of_charge_stays_within_100(self, remaining: float, soc: float) -> None:
        assert module_figures(module(remaining_capacity=remaining)).soc == soc

    def test_no_full_capacity_gives_no_state_of_charge(self) -> None:
        assert module_figures(module(full_capacity=0.0)).soc is None
        assert module_figures(module(full_capacity=None)).soc is None

    def test_lowest_and_highest_cell_and_their_difference(self) -> None:
        figures = module_figures(module())
        assert (figures.cell_voltage_min, figures.cell_voltage_min_cell) == (3.29, 3)
        assert (figures.cell_voltage_max, figures.cell_voltage_max_cell) == (3.351, 2)
        assert figures.cell_voltage_difference == pytest.approx(0.061)

    def test_what_the_module_says_itself_counts(self) -> None:
        told = module(cell_voltage_min=3.1, cell_voltage_min_cell=7, cells=None)
        assert (module_figures(told).cell_voltage_min, module_figures(told).cell_voltage_min_cell) == (3.1, 7)

    def test_which_cell_is_found_among_the_cells_where_the_module_tells_only_the_voltage(self) -> None:
        told = module(cell_voltage_min=3.292, cell_voltage_max=3.35)
        assert (module_figures(told).cell_voltage_min_cell, module_figures(told).cell_voltage_max_cell) == (3, 2)
        assert module_figures(module(cell_voltage_min=3.2)).cell_voltage_min_cell is None

    def test_unknown_stays_unknown(self) -> None:
        figures = module_figures(Module(number=1))
        assert all(getattr(figures, field.name) is None for field in fields(figures))


class TestEnergy:
    CELLS = tuple(Cell(number=n, voltage=3.3) for n in range(1, 16))

    def test_it_is_the_charge_of_lfp_cells(self) -> None:
        figures = module_figures(module(cells=self.CELLS, rated_capacity=74.0))
        assert figures.remaining_energy == pytest.approx(37 * 15 * 3.2 / 1000)
        assert figures.rated_energy == pytest.approx(74 * 15 * 3.2 / 1000)

    @pytest.mark.parametrize(
        ("volts", "soc", "known"), [(3.45, 50.0, True), (3.6, 95.0, True), (3.6, 50.0, False), (3.9, 95.0, False)]
    )
    def test_other_cells_show_by_their_voltage(self, volts: float, soc: float, known: bool) -> None:
        cells = tuple(Cell(number=n, voltage=volts) for n in range(1, 15))
        assert (module_figures(module(cells=cells, soc=soc)).remaining_energy is not None) == known

    def test_without_all_cells_it_is_unknown(self) -> None:
        assert module_figures(module(cells=None)).remaining_energy is None
        assert module_figures(module(cells=(*self.CELLS, Cell(number=16)))).remaining_energy is None

    def test_that_of_a_bank_is_the_sum(self) -> None:
        reported = module(2, remaining_energy=2.0, cells=None)
        figures = bank_figures(Bank(modules=(module(1, cells=self.CELLS), reported)))
        assert figures.remaining_energy == pytest.approx(37 * 15 * 3.2 / 1000 + 2.0)
        assert bank_figures(Bank(modules=(module(1, cells=None), reported))).remaining_energy is None


class TestShare:
    def test_it_is_the_part_of_the_current_of_all(self) -> None:
        bank = Bank(modules=(module(1, current=6.0), module(2, current=2.0)))
        assert [module_figures(each, bank).current_share for each in bank.modules] == [75.0, 25.0]

    @pytest.mark.parametrize("changes", [{"silent": (3,)}, {"topology": Topology.SERIES}])
    def test_it_is_unknown_where_the_currents_do_not_add_up(self, changes: dict[str, Any]) -> None:
        bank = Bank(modules=(module(1, current=6.0), module(2, current=2.0)), **changes)
        assert module_figures(bank.modules[0], bank).current_share is None

    def test_it_is_unknown_at_small_currents_and_without_the_others(self) -> None:
        bank = Bank(modules=(module(1, current=1.5), module(2, current=0.4)))
        assert module_figures(bank.modules[0], bank).current_share is None
        assert module_figures(module()).current_share is None


class TestBank:
    def test_parallel_modules(self) -> None:
        figures = bank_figures(Bank(modules=(module(1), module(2, voltage=50.2, current=3.5, remaining_capacity=74.0))))
        assert (figures.voltage, figures.current) == (50.1, 6.0)
        assert figures.power == pytest.approx(300.7)
        assert (figures.remaining_capacity, figures.full_capacity, figures.soc) == (111.0, 148.0, 75.0)
        assert (figures.charge_voltage_limit, figures.charge_current_limit) == (53.25, 74.0)
        assert figures.temperature == 21.0

    def test_health_and_cycles_are_those_of_the_worst(self) -> None:
        figures = bank_figures(Bank(modules=(module(1, soh=99.0, cycles=5), module(2, soh=97.0, cycles=80))))
        assert (figures.soh, figures.cycles) == (97.0, 80)
        assert bank_figures(Bank(modules=(module(1, cycles=5), module(2)))).cycles is None

    def test_series_modules_add_their_voltages_and_share_the_current(self) -> None:
        figures = bank_figures(Bank(topology=Topology.SERIES, modules=(module(1), module(2))))
        assert (figures.voltage, figures.current, figures.remaining_capacity) == (100.0, 2.5, 37.0)
        assert (figures.charge_voltage_limit, figures.charge_current_limit) == (106.5, 37.0)

    def test_no_sum_is_taken_over_the_rest(self) -> None:
        figures = bank_figures(Bank(modules=(module(1),), silent=(2,)))
        known = {field.name for field in fields(figures) if getattr(figures, field.name) is not None}
        assert known == {"modules_online", "modules_asleep", "modules_silent"}

    def test_one_unknown_makes_the_sum_unknown(self) -> None:
        figures = bank_figures(Bank(modules=(module(1), module(2, current=None, temperatures=None, temperature=None))))
        assert (figures.current, figures.power, figures.temperature) == (None, None, None)
        assert figures.voltage == 50.0

    def test_power_is_the_sum_of_the_modules_powers(self) -> None:
        uneven = (module(1, voltage=52.0, current=20.0), module(2, voltage=50.0, current=-1.0))
        assert bank_figures(Bank(modules=uneven)).power == 52.0 * 20.0 - 50.0
        assert bank_figures(Bank(modules=uneven, voltage=51.0, current=19.0)).power == 990.0
        unknown = (module(1), module(2, current=None))
        assert bank_figures(Bank(modules=unknown, voltage=50.0, current=3.0)).power == 150.0
        assert bank_figures(Bank(modules=(module(1),), silent=(2,), voltage=50.0, current=3.0)).power == 150.0

    def test_each_direction_of_the_power_is_not_negative(self) -> None:
        figures = bank_figures(Bank(modules=(module(current=-2.0),)))
        assert (figures.charge_power, figures.discharge_power) == (0.0, 100.0)
        assert (module_figures(module()).charge_power, module_figures(module()).discharge_power) == (125.0, 0.0)

    @pytest.mark.parametrize(
        ("first", "second", "soc"),
        [
            ({"full_capacity": 100.0}, {"full_capacity": 50.0}, 80.0),
            ({"rated_capacity": 100.0}, {"full_capacity": 50.0}, 80.0),
            ({"full_capacity": 100.0}, {}, 75.0),
            ({}, {}, 75.0),
        ],
    )
    def test_state_of_charge_is_weighted_by_capacity(
        self, first: dict[str, float], second: dict[str, float], soc: float
    ) -> None:
        none = {"remaining_capacity": None, "full_capacity": None}
        modules = (module(1, soc=90.0, **(none | first)), module(2, soc=60.0, **(none | second)))
        assert bank_figures(Bank(modules=modules)).soc == pytest.approx(soc)
        assert bank_figures(Bank(modules=modules, topology=Topology.SERIES)).soc == 60.0

    def test_how_many_modules_answer_sleep_and_are_silent(self) -> None:
        figures = bank_figures(Bank(modules=(module(1), module(2, state=State.SLEEPING)), silent=(3,)))
        assert (figures.modules_online, figures.modules_asleep, figures.modules_silent) == (2, 1, 1)
        assert bank_figures(Bank(modules=(module(1), module(2, state=None)))).modules_asleep is None
        counted = bank_figures(Bank(module_count=4))
        assert (counted.modules_online, counted.modules_asleep, counted.modules_silent) == (4, None, None)

    def test_mean_cell_and_temperature_difference(self) -> None:
        other = module(2, cells=(Cell(number=1, voltage=3.4),), temperatures=(15.0,))
        figures = bank_figures(Bank(modules=(module(1), other)))
        assert figures.cell_voltage_mean == pytest.approx((3.3 + 3.351 + 3.29 + 3.4) / 4)
        assert figures.cell_temperature_difference == 7.0
        assert bank_figures(Bank(modules=(module(1), module(2, cells=None)))).cell_voltage_mean is None
        alone = bank_figures(Bank(cell_temperature_min=10.0, cell_temperature_max=12.0))
        assert alone.cell_temperature_difference == 2.0

    def test_which_module_and_cell(self) -> None:
        low = module(2, cells=(Cell(number=1, voltage=3.2), Cell(number=2, voltage=3.3)))
        figures = bank_figures(Bank(modules=(module(1), low)))
        assert (figures.cell_voltage_min_module, figures.cell_voltage_min_cell) == (2, 1)
        assert (figures.cell_voltage_max_module, figures.cell_voltage_max_cell) == (1, 2)
        assert figures.cell_voltage_difference == pytest.approx(0.151)

    def test_enabled_only_where_all_agree_a_request_of_one_counts(self) -> None:
        other = module(2, charge_enabled=False, full_charge_requested=True)
        figures = bank_figures(Bank(modules=(module(1), other)))
        assert (figures.charge_enabled, figures.full_charge_requested) == (None, True)
        assert bank_figures(Bank(modules=(module(1), module(2)))).charge_enabled is True

    @pytest.mark.parametrize(
        ("states", "currents", "state"),
        [
            ((State.IDLE, State.IDLE), (0.0, 0.0), State.IDLE),
            ((State.CHARGING, State.IDLE), (2.0, 0.0), State.CHARGING),
            ((State.DISCHARGING, State.CHARGING), (-5.0, 1.0), State.DISCHARGING),
            ((State.FAULT, State.CHARGING), (0.0, 1.0), State.FAULT),
        ],
    )
    def test_state(self, states: tuple[State, State], currents: tuple[float, float], state: State) -> None:
        modules = tuple(module(n, state=s, current=c) for n, s, c in zip((1, 2), states, currents, strict=True))
        assert bank_figures(Bank(modules=modules)).state is state


class TestProblem:
    def test_false_only_if_every_module_told(self) -> None:
        assert bank_figures(Bank(modules=(module(1), module(2)))).problem is False
        assert bank_figures(Bank(modules=(module(1), module(2, alarms=None)))).problem is None
        assert bank_figures(Bank(modules=(module(1),), silent=(2,))).problem is None

    def test_true_if_anything_anywhere_is_wrong(self) -> None:
        assert bank_figures(Bank(modules=(module(1), module(2, alarms=(ALARM,))), silent=(3,))).problem is True
        assert bank_figures(Bank(alarms=(ALARM,))).problem is True
        assert bank_figures(Bank(alarms=())).problem is False
        assert bank_figures(Bank()).problem is None

    def test_an_alarm_of_a_cell_is_one_of_its_module(self) -> None:
        told = module(cells=(Cell(number=2, voltage=3.3, alarms=(ALARM,)),))
        assert module_figures(told).problem is True


class TestReport:
    def test_every_key_is_always_there(self) -> None:
        assert set(bank_report(Bank())) == set(bank_report(Bank(modules=(module(),))))
        assert set(module_report(Module(number=1))) == set(module_report(module()))

    def test_measured_wins_over_derived(self) -> None:
        assert module_report(module(soc=48.0))["soc"] == 48.0
        assert bank_report(Bank(soc=47.0, modules=(module(),)))["soc"] == 47.0
        assert bank_report(Bank(modules=(module(),)))["soc"] == 50.0

    def test_a_measured_false_is_not_unknown(self) -> None:
        assert bank_report(Bank(charge_enabled=False, modules=(module(),)))["charge_enabled"] is False

    def test_alarms_carry_their_modules_number(self) -> None:
        alarms = bank_report(Bank(alarms=(ALARM,), modules=(module(3, alarms=(ALARM,)),)))["alarms"]
        assert [(a["module"], a["kind"], a["cells"]) for a in alarms] == [
            (None, "cell_overvoltage", [2]),
            (3, "cell_overvoltage", [2]),
        ]

    def test_one_alarm_of_each_kind_and_severity_for_a_module_and_its_cells(self) -> None:
        bit = replace(ALARM, cells=(), code="0x02", text="status1 bit 1")
        fault = replace(ALARM, severity=Severity.FAULT)
        cells = (Cell(number=1, alarms=(replace(ALARM, cells=(1,), text="High"),)), Cell(number=2))
        told = module(3, alarms=(replace(ALARM, text="High"), bit, fault), cells=cells)
        both = Alarm(kind=ALARM.kind, severity=ALARM.severity, cells=(1, 2), code="0x02", text="High, status1 bit 1")
        assert active_alarms(Bank(modules=(told,))) == [(3, both), (3, fault)]
        assert [a["cells"] for a in module_report(told)["alarms"]] == [[1, 2], [2]]

    def test_what_the_bridge_found_stays_apart_from_what_the_bms_says(self) -> None:
        ours = replace(ALARM, by=AlarmSource.BRIDGE, cells=(4,))
        assert combined((ALARM, ours)) == (ALARM, ours)

    def test_values_of_one_moment_stay_so_when_slower_answers_join(self) -> None:
        fast, slow = Bank(modules=(module(2, at_once=True),)), Bank(modules=(Module(number=2, soh=99.0),))
        both = [joined(parts).modules[0] for parts in ((fast, slow), (slow, fast), (slow,))]
        assert [one.at_once for one in both] == [True, True, False]

    def test_no_alarm_differs_from_no_answer(self) -> None:
        assert (module_report(module(alarms=()))["alarms"], module_report(module(alarms=None))["alarms"]) == ([], None)

    def test_cells_are_arrays_and_unknown_ones_are_none(self) -> None:
        told = cells_report((Cell(number=1, voltage=3.3), Cell(number=2)))
        assert told["voltages"] == [3.3, None]
        assert told["temperatures"] is None

    def test_the_whole_has_modules_and_cells(self) -> None:
        told = whole_report(Bank(modules=(module(),)))
        assert told["modules"][0]["cells"][1]["voltage"] == 3.351

    def test_summary_names_modules_and_silence(self) -> None:
        text = summary(Bank(model="US3000C", modules=(module(1, barcode="ABC"), module(2)), silent=(3,)))
        assert "US3000C, 2 modules, silent: (3,)" in text
        assert "module  1  ABC" in text
        assert "no serial number" in text


class TestJoining:
    def test_parts_make_a_whole_and_the_later_wins(self) -> None:
        first = Bank(model="A", modules=(Module(number=2, barcode="X"), Module(number=1, voltage=1.0)))
        second = Bank(model="B", soc=5.0, modules=(Module(number=2, voltage=2.0),))
        assert joined([first, second]) == Bank(
            model="B", soc=5.0, modules=(Module(number=1, voltage=1.0), Module(number=2, barcode="X", voltage=2.0))
        )

    def test_unknown_overwrites_nothing_but_false_and_0_do(self) -> None:
        told = joined([Bank(charge_enabled=True, soc=5.0), Bank(), Bank(charge_enabled=False, soc=0.0)])
        assert (told.charge_enabled, told.soc) == (False, 0.0)

    def test_cells_are_joined_by_number_and_tables_by_key(self) -> None:
        first = Module(number=1, counters={"a": 1.0, "b": 2.0}, cells=(Cell(number=1, voltage=3.0), Cell(number=2)))
        second = Module(number=1, counters={"b": 3.0}, cells=(Cell(number=1, soc=50.0),))
        told = joined([Bank(modules=(first,)), Bank(modules=(second,))]).modules[0]
        assert told.counters == {"a": 1.0, "b": 3.0}
        assert told.cells == (Cell(number=1, voltage=3.0, soc=50.0), Cell(number=2))

    def test_silent_is_for_whoever_joins(self) -> None:
        assert joined([replace(Bank(), silent=(1,))]).silent == ()


def test_two_readings_tell_what_they_agree_on() -> None:
    other = replace(ALARM, cells=(3,))
    one = Bank(
        soh=97.0,
        modules=(
            Module(
                number=1, voltage=50.0, current=1.0, alarms=(ALARM,), counters={"charge_s": 100, "discharged_ah": 50}
            ),
            Module(number=2, voltage=50.0),
        ),
    )
    two = Bank(
        soh=9.0,
        modules=(
            Module(
                number=1,
                voltage=50.0,
                current=1.5,
                alarms=(ALARM, other),
                counters={"charge_s": 102, "discharged_ah": 5, "new": 1},
            ),
        ),
    )
    assert agreed(one, two) == Bank(
        modules=(Module(number=1, voltage=50.0, alarms=(ALARM,), counters={"charge_s": 102}),)
    )
    assert agreed(one, one) == one


def test_what_only_one_of_two_readings_reports_is_not_told() -> None:
    told = Bank(modules=(Module(number=1, alarms=(), parameters={"charge_current_limit": 10.0}),))
    silent = Bank(modules=(Module(number=1),))
    assert agreed(told, silent) == agreed(silent, told) == silent
