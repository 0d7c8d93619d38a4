"""Simulated days and years: what is reported, what is true, and the household that makes it so."""

from collections import Counter
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest

from pylon2mqtt.model import AlarmKind, Severity, Topology
from pylon2mqtt.simulator.battery import VirtualBank
from pylon2mqtt.simulator.household import Household
from pylon2mqtt.simulator.models import stack
from pylon2mqtt.simulator.truth import truth_of
from pylon2mqtt.simulator.years import GRAINS, bank_for_years, readings


def powers(first_day, days=1, seed=1, soc=50.0, step_s=300):
    """What a household offers and asks for, each kWh of its battery."""
    household = Household(1.0, seed, first_day)
    return [household(86400.0 + at, soc) for at in range(0, 86400 * days, step_s)]


def cell_voltages(module):
    """The voltages of a module's cells as they are reported."""
    return [cell.voltage for cell in module.cells]


def currents_of(made, days):
    """The currents of the first module as they are reported."""
    return [reading.bank.modules[0].current for reading in readings(made, days=days)]


def course(made, days):
    """The lowest and the highest state of charge of each day."""
    extremes = []
    for _ in range(days):
        socs = [reading.virtual.soc for reading in readings(made, days=1)]
        extremes.append((min(socs), max(socs)))
    return extremes


# -------------------- energy


def test_the_energy_that_went_in_is_stored_or_lost_or_came_out():
    made = bank_for_years("US3000C", modules=2, first_midnight=datetime(2026, 5, 1))
    before = truth_of(made).modules
    made.advance(10 * 86400)
    for start, end in zip(before, truth_of(made).modules, strict=True):
        charged = end.energy_charged - start.energy_charged
        balance = charged - (end.energy_discharged - start.energy_discharged) - (end.energy_lost - start.energy_lost)
        assert charged > 15
        assert end.energy_lost - start.energy_lost > 0.005 * charged
        assert balance - (end.energy_stored - start.energy_stored) == pytest.approx(0, abs=0.001 * charged)


def test_the_banks_energy_is_that_of_its_modules():
    made = bank_for_years("US3000C", modules=2, soc=50)
    made.demand = lambda _time, _soc: 1000.0
    made.advance(3600)
    true = truth_of(made)
    assert true.energy_charged == pytest.approx(sum(module.energy_charged for module in true.modules), rel=0.01)
    assert true.energy_charged == pytest.approx(1.0, rel=0.02)


# -------------------- time


def test_the_same_seed_gives_the_same_year_in_whatever_portions_time_passes():
    one, other, another = (bank_for_years(seed=seed) for seed in (5, 5, 6))
    one.advance(2 * 86400)
    another.advance(2 * 86400)
    for _ in range(2 * 864):
        other.advance(100)
    # What is due of the last step is less than a step.
    assert 0 <= one.time - other.time < 60
    other.advance(60)
    one.advance(60)
    assert truth_of(one) == truth_of(other)
    assert truth_of(one) != truth_of(another)


def test_long_steps_give_nearly_what_short_ones_give():
    quick = bank_for_years(seed=2, first_midnight=datetime(2026, 6, 1))
    exact = VirtualBank(stack("US3000C", 1), seed=2, hour=0, first_midnight=datetime(2026, 6, 1))
    for made in (quick, exact):
        made.advance(86400)
    for one, other in zip(truth_of(quick).modules, truth_of(exact).modules, strict=True):
        assert one.energy_charged == pytest.approx(other.energy_charged, rel=0.005)
        assert one.energy_discharged == pytest.approx(other.energy_discharged, rel=0.005)
        assert one.soc == pytest.approx(other.soc, abs=0.5)


def test_steps_are_long_while_nothing_changes_and_short_around_a_change():
    made = bank_for_years(soc=50)
    made.demand = lambda time, _soc: 500.0 if time >= 7200 else -500.0
    made.next_change = lambda time: 7200.0 if time < 7200 else 86400.0
    taken = [(reading.since_start_s, reading.bank.modules[0].current) for reading in readings(made, days=0.125)]
    lengths = [(earlier, later - earlier) for (earlier, _), (later, _) in pairwise(taken)]
    change = 7200 - 5  # the bank begins with one step
    around = [length for at, length in lengths if change - 10 <= at < change + 60]
    elsewhere = Counter(length for at, length in lengths if at < change - 120 or at > change + 120)
    assert around == [5.0] * 14
    assert elsewhere.most_common(1)[0][0] == 60.0
    assert elsewhere.total() < 240


def test_readings_come_in_their_order_with_both_times():
    made = bank_for_years(first_midnight=datetime(2026, 3, 1))
    taken = [(reading.since_start_s, reading.taken_at) for reading in readings(made, days=0.5, every_s=600)]
    assert taken[0][1].date() == date(2026, 3, 1)
    assert taken[0][1].tzinfo is UTC
    assert all(600 <= b[0] - a[0] < 660 for a, b in pairwise(taken))
    assert all((b[1] - a[1]).total_seconds() == b[0] - a[0] for a, b in pairwise(taken))
    assert 65 < len(taken) <= 72


# -------------------- what is reported


def test_rs485_reports_tenths_of_amperes_and_nothing_below_three():
    made = bank_for_years(soc=60)
    made.demand = lambda time, _soc: (time % 3600 - 1800) / 30
    currents = set(currents_of(made, 0.25))
    assert 0.0 in currents
    assert min(abs(current) for current in currents if current) >= 0.3
    assert all(round(current, 1) == current for current in currents)
    module = next(readings(made, days=1)).bank.modules[0]
    assert module.at_once
    assert module.soc is None
    assert module.full_capacity == 74.0
    assert module.remaining_capacity == round(made.modules[0].remaining, 3)
    assert cell_voltages(module) == [round(v, 3) for v in made.modules[0].cell_voltages()]


def test_a_console_reports_whole_percents_and_its_registers_are_older_than_its_cells():
    made = bank_for_years(soc=60)
    made.demand = lambda time, _soc: 1000.0 if time >= 600 else 0.0
    made.next_change = lambda time: 600.0 if time < 600 else 86400.0
    seen = [reading.bank.modules[0] for reading in readings(made, days=0.02, grain=GRAINS["console"])]
    assert not any(module.at_once for module in seen)
    assert {module.soc for module in seen} == {float(percent) for percent in range(60, 70)}
    assert seen[0].full_capacity is None
    first_cell = [cell_voltages(module)[0] for module in seen]
    currents = [module.current for module in seen]
    jump = next(n for n, (a, b) in enumerate(pairwise(first_cell)) if b - a > 0.01)
    assert currents[jump + 1] == pytest.approx(0, abs=1)
    assert currents[jump + 2] == pytest.approx(20, abs=1)


def test_pace_reports_hundredths():
    made = bank_for_years("EG4", soc=60)
    made.demand = lambda _time, _soc: 789.0
    module = list(readings(made, days=0.01, grain=GRAINS["pace"]))[-1].bank.modules[0]
    assert module.current == round(made.modules[0].current, 2)
    assert (module.soc, len(cell_voltages(module))) == (64.0, 16)
    assert module.full_capacity == 100.0


def test_alarms_missing_modules_and_racks_are_reported():
    made = bank_for_years("SC0500", modules=3)
    made.modules[1].present = False
    made.modules[2].alarms = {(AlarmKind.CELL_FAULT, 9), (AlarmKind.CELL_FAULT, 4), (AlarmKind.SYSTEM_FAULT, None)}
    bank = next(readings(made, days=1)).bank
    assert bank.topology is Topology.SERIES
    assert (bank.module_count, bank.silent, [module.number for module in bank.modules]) == (3, (2,), [1, 3])
    alarms = [(alarm.kind, alarm.severity, alarm.cells) for alarm in bank.modules[1].alarms or ()]
    assert alarms == [
        (AlarmKind.CELL_FAULT, Severity.PROTECTION, (4, 9)),
        (AlarmKind.SYSTEM_FAULT, Severity.PROTECTION, ()),
    ]


def test_the_truth_is_not_what_is_reported():
    made = bank_for_years()
    made.modules[0].cells[3].meter = 0.015
    reading = next(readings(made, days=1))
    true = reading.truth.modules[0]
    assert len(true.resistances) == len(true.socs) == 15
    assert 0.55 < min(true.resistances) < max(true.resistances) < 0.75
    assert true.socs[3] == pytest.approx(true.socs[4], abs=2)
    voltages = cell_voltages(reading.bank.modules[0])
    assert voltages[3] - voltages[4] > 0.01


# -------------------- the household


def test_switched_loads_make_steps_of_a_fifth_of_the_capacity():
    made = bank_for_years(first_midnight=datetime(2026, 6, 1))
    currents = currents_of(made, 8)
    steps = sum(abs(later - earlier) >= 0.2 * 74 for earlier, later in pairwise(currents))
    assert steps > 25


def test_clouds_come_and_go():
    noons = [powers(date(2026, 6, 1 + day))[12 * 12 - 6 : 12 * 12 + 6] for day in range(20)]
    assert any(max(noon) - min(noon) > 120 for noon in noons)
    assert any(max(noon) < 80 for noon in noons)
    assert any(min(noon) > 150 for noon in noons)


def test_winter_brings_less_than_summer():
    assert max(powers(date(2026, 12, 10), 10)) < 260.5
    assert max(power for day in range(10) for power in powers(date(2026, 12, 10 + day))[96:]) < 140
    assert max(power for day in range(10) for power in powers(date(2026, 6, 10 + day))) > 200


def test_a_summer_day_fills_the_battery_and_the_reserve_stays():
    made = bank_for_years(first_midnight=datetime(2026, 6, 10), seed=2)
    days = course(made, 5)
    assert max(high for _, high in days) == 100
    assert min(low for low, _ in days) > 11


@pytest.mark.parametrize(("model", "least_h", "most_h"), [("US3000C", 0.2, 0.8), ("EG4", 2.0, 9.0)])
def test_the_top_lasts_as_long_as_somebody_holds_it(model, least_h, most_h):
    made = bank_for_years(model, first_midnight=datetime(2026, 5, 1), soc=40)
    high_s, before = 0.0, 0.0
    for reading in readings(made, days=2):
        is_high = max(cell_voltages(reading.bank.modules[0])) >= 3.45
        high_s, before = high_s + is_high * (reading.since_start_s - before), reading.since_start_s
    assert 2 * least_h < high_s / 3600 < 2 * most_h


def test_in_winter_the_battery_becomes_empty_and_sometimes_full_before():
    made = bank_for_years(first_midnight=datetime(2026, 12, 1), seed=1)
    days = course(made, 8)
    assert sum(low < 3 for low, _ in days) >= 4
    assert any(low < 3 and high == 100 for low, high in days)
    assert any(high < 10 for _, high in days)


def test_a_week_away_has_no_kettle():
    at_home, away = powers(date(2026, 7, 10), 6), powers(date(2026, 7, 19), 6)
    assert min(at_home) < -250
    assert min(away) > -30


def test_the_reserve_of_a_household_is_lower_in_winter():
    night = 12 * 2
    assert powers(date(2026, 6, 1), soc=5.0)[night] == 0.0
    assert min(powers(date(2026, 12, 1), soc=5.0)) < -20
