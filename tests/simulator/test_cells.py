"""The physics of cells and modules, against what healthy and sick ones show."""

from dataclasses import replace

import pytest

from pylon2mqtt.simulator.battery import VirtualBank
from pylon2mqtt.simulator.cell import Ageing, VirtualCell, open_circuit_voltage, relaxed_after, soc_at_rest
from pylon2mqtt.simulator.models import MODELS
from pylon2mqtt.simulator.truth import truth_of
from pylon2mqtt.simulator.years import bank_for_years

NEVER = 1e12


def bank(model="US3000C", modules=1, watts=0.0, **options):
    """A bank that somebody uses evenly."""
    made = bank_for_years(model, modules=modules, **options)
    made.next_change = lambda _time: NEVER
    made.demand = lambda _time, _soc: watts
    return made


def flowing(made, amperes, seconds):
    """Let a current flow through the only module."""
    made.force(made.modules[0], amperes)
    made.advance(seconds)
    return made.modules[0].cell_voltages()


def spread_mv(module):
    voltages = module.cell_voltages()
    return 1000 * (max(voltages) - min(voltages))


def cells_alike(share):
    """A module whose cells all hold this share of their capacities."""
    made = bank()
    for cell in made.modules[0].cells:
        cell.put(share * cell.capacity)
        cell.meter = 0.0
    flowing(made, 0.0, 5)
    return made.modules[0]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("amperes", [0.0, -7.4, 7.4])
def test_a_healthy_module_spreads_a_few_millivolts_on_the_plateau(seed, amperes):
    made = bank(seed=seed)
    for soc in (40, 55, 75, 85):
        made.set_soc(soc)
        flowing(made, amperes, 600)
        assert 1 < spread_mv(made.modules[0]) < 5


def test_the_plateau_is_flat_and_the_ends_are_steep():
    assert 3.26 < open_circuit_voltage(0.2) < 3.27
    assert open_circuit_voltage(0.8) == pytest.approx(3.322)
    assert open_circuit_voltage(0.6) - open_circuit_voltage(0.3) == pytest.approx(0.012)
    assert open_circuit_voltage(1.01) - open_circuit_voltage(1.0) > 0.2
    for soc in (0.0, 0.33, 0.95, 1.002):
        assert soc_at_rest(open_circuit_voltage(soc)) == pytest.approx(soc)


def test_one_milliohm_more_is_37_millivolts_at_37_amperes():
    healthy, sick = bank(soc=50), bank(soc=50)
    sick.modules[0].cells[4].resistance += 0.001
    differences = [1000 * (h - s) for h, s in zip(flowing(healthy, -37, 5), flowing(sick, -37, 5), strict=True)]
    assert differences.pop(4) == pytest.approx(37, abs=1)
    assert differences == [pytest.approx(0, abs=0.01)] * 14


def test_a_leak_shows_at_the_ends_and_not_on_the_plateau():
    made = bank()
    leaking = made.modules[0].cells[6]
    leaking.leak = 0.015
    made.set_soc(60)
    made.advance(10 * 86400)
    others = [cell for cell in made.modules[0].cells if cell is not leaking]

    def lags_mv():
        return 1000 * (min(cell.rest_voltage for cell in others) - leaking.rest_voltage)

    assert leaking.charge / leaking.capacity < min(cell.charge / cell.capacity for cell in others) - 0.03
    assert 0 < lags_mv() < 5
    made.set_soc(99.5)
    assert lags_mv() > 20
    for cell in made.modules[0].cells:
        cell.put(cell.charge - 0.94 * made.modules[0].full_capacity)
    assert lags_mv() > 60


def test_a_voltage_relaxes_within_minutes_after_the_current_ends():
    made = bank(soc=50)
    loaded = flowing(made, 37.0, 1200)
    at_once = flowing(made, 0.0, 5)
    later, much_later = flowing(made, 0.0, 600), flowing(made, 0.0, 1200)
    assert 20 < 1000 * (loaded[0] - at_once[0]) < 30
    assert 8 < 1000 * (at_once[0] - later[0]) < 15
    assert 1000 * (later[0] - much_later[0]) < 1


def test_the_top_does_not_stay_high_once_the_charge_has_ended():
    made = bank(soc=90, watts=1200.0)
    made.advance(3 * 3600)
    module = made.modules[0]
    assert module.full
    assert made.current == pytest.approx(0, abs=1e-6)
    assert max(module.cell_voltages()) < 3.45
    assert max(module.cell_voltages()) > 3.35


def test_in_full_a_heavy_load_makes_no_cell_look_empty():
    made = bank(soc=100)
    assert min(flowing(made, -37.0, 300)) > 3.2


def test_in_57_volts_the_inverter_holds_the_cells_high():
    made = bank("EG4", soc=97, watts=1500.0)
    for _ in range(6):
        made.advance(3600)
    module = made.modules[0]
    assert module.full
    assert module.charge_enabled
    assert sum(module.cell_voltages()) == pytest.approx(57.6, abs=0.05)
    assert 0 <= made.current < 2
    assert max(module.cell_voltages()) < 3.66


def test_in_53_volts_the_bms_ends_the_charge():
    made = bank(soc=97, watts=1500.0)
    highest = 0.0
    for _ in range(120):
        made.advance(60)
        highest = max(highest, made.modules[0].voltage())
    assert 52.5 < highest < 53.3
    assert not made.modules[0].charge_enabled


def test_a_rack_is_not_charged_beyond_its_voltage():
    made = VirtualBank([replace(MODELS["Force-H2"], charge_voltage_limit=103.0)] * 2, soc=97.5)
    made.demand = lambda _time, _soc: 20000.0
    voltages = []
    for _ in range(30):
        made.advance(60)
        voltages.append(sum(sum(module.cell_voltages()) for module in made.modules))
    assert max(voltages) == pytest.approx(206, abs=0.1)
    assert made.modules[0].full


def test_only_the_highest_cells_are_bled():
    made = bank(soc=99)
    low, high = made.modules[0].cells[2], made.modules[0].cells[9]
    low.put(0.97 * low.capacity)
    high.put(1.006 * high.capacity)
    flowing(made, 1.0, 5)
    assert [n for n, bled in enumerate(made.modules[0].balancing) if bled] == [9]
    assert not any(cells_alike(1.006).balancing)
    before = high.charge
    flowing(made, 0.0, 600)
    assert high.charge == pytest.approx(before - 0.15 / 6, abs=0.001)
    flowing(made, 0.0, 40 * 3600)
    assert not any(made.modules[0].balancing)
    assert high.rest_voltage < 3.41


def test_balancing_brings_the_cells_together_in_the_course_of_days():
    made = bank(modules=1, seed=3)
    at_the_end = []
    for _ in range(12):
        made.demand = lambda _time, _soc: -1000.0
        made.advance(3600)
        made.demand = lambda _time, _soc: 700.0
        made.advance(3 * 3600)
        socs = [cell.charge / cell.capacity for cell in made.modules[0].cells]
        at_the_end.append(max(socs) - min(socs))
    assert at_the_end[-1] < 0.7 * at_the_end[0]


def test_cells_differ_from_the_start_as_real_ones_do():
    cells = [cell for module in bank(modules=16).modules for cell in module.cells]
    resistances = [1000 * cell.resistance for cell in cells]
    meters = [1000 * cell.meter for cell in cells]
    assert 0.55 <= min(resistances) < 0.57
    assert 0.73 < max(resistances) <= 0.75
    assert -2 <= min(meters) < -1
    assert 1 < max(meters) <= 2
    assert min(cell.capacity for cell in cells) > 74.0


def test_a_worn_module_becomes_full_and_says_so_of_what_it_has_left():
    made = bank(watts=1200.0)
    module = made.modules[0]
    module.wear_out(80)
    assert module.soh == 80
    assert module.soc == pytest.approx(60, abs=0.01)
    assert truth_of(made).modules[0].capacity == pytest.approx(0.8 * 74, rel=0.04)
    made.advance(4 * 3600)
    assert module.full
    assert module.soc == 100
    assert module.remaining == pytest.approx(0.8 * 74, rel=0.01)


def test_what_a_module_gives_from_full_to_empty_is_its_true_capacity():
    made = bank("US3000C", watts=1200.0)
    made.modules[0].wear_out(85)
    made.advance(5 * 3600)
    assert made.modules[0].full
    before = made.modules[0].discharged
    made.demand = lambda _time, _soc: -600.0
    made.advance(8 * 3600)
    assert made.modules[0].empty
    given = made.modules[0].discharged - before
    assert given == pytest.approx(truth_of(made).modules[0].capacity, rel=0.02)
    assert truth_of(made).modules[0].soc == pytest.approx(0, abs=1.5)


def test_the_bms_does_not_count_what_it_does_not_measure():
    made = bank(soc=60)
    module = made.modules[0]
    module.cells[0].leak = 0.1
    flowing(made, -0.25, 24 * 3600)
    assert (module.measured_current, module.soc) == (0.0, pytest.approx(60, abs=0.01))
    assert truth_of(made).modules[0].soc < 53


def test_what_grows_with_time_has_grown_after_a_while():
    made = bank()
    cell = made.modules[0].cells[3]
    cell.ageing = Ageing(resistance=0.0002, fade=0.01, meter=0.005)
    before = (cell.resistance, cell.fade, cell.meter)
    made.advance(365.25 / 120 * 86400)
    grown = [now - then for now, then in zip((cell.resistance, cell.fade, cell.meter), before, strict=True)]
    assert grown == [pytest.approx(a_month / 10, rel=0.02) for a_month in (0.0002, 0.01, 0.005)]
    assert cell.capacity == pytest.approx(cell.new_capacity * (1 - cell.fade))


def test_a_hundred_cycles_cost_one_percent():
    cell = VirtualCell(new_capacity=100.0, charge=50.0, resistance=0.0005, leak=0.0)
    cell.age(0.0, 100.0)
    assert cell.capacity == pytest.approx(99.0)
    assert cell.charge == 50.0


def test_a_meter_that_is_off_shows_and_is_not_the_voltage():
    made = bank()
    module = made.modules[0]
    told, inside = module.cell_voltages(), module.voltage()
    module.cells[1].meter += 0.020
    assert module.cell_voltages()[1] - told[1] == pytest.approx(0.020)
    assert module.voltage() == inside


def test_the_energy_of_a_cell_is_the_area_under_its_curve():
    cell = VirtualCell(new_capacity=10.0, charge=0.0, resistance=0.0005, leak=0.0)
    empty, volts = cell.energy, []
    for _ in range(1000):
        volts.append(cell.rest_voltage)
        cell.flow(10.0, 0.001, relaxed_after(3.6))
    assert cell.energy - empty == pytest.approx(sum(volts) * 0.01, rel=0.001)
