"""The physics: what flows in is there, and what is there shows."""

import pytest

from pylon2mqtt.errors import ConfigError
from pylon2mqtt.model import AlarmKind
from pylon2mqtt.simulator.battery import VirtualBank
from pylon2mqtt.simulator.cell import open_circuit_voltage
from pylon2mqtt.simulator.models import MODELS, stack


def bank(model="US3000C", modules=3, watts=None, **options):
    made = VirtualBank(stack(model, modules), **options)
    if watts is not None:
        made.demand = lambda _time, _soc: watts
        made.advance(5)
    return made


def picture(made):
    """Everything that the bank shows."""
    return [
        (m.barcode, m.current, m.remaining, m.cycles, m.cell_voltages(), m.temperatures(), m.voltage())
        for m in made.modules
    ]


def held(made):
    """What the cells of all modules hold, in Ah."""
    return sum(cell.charge for module in made.modules for cell in module.cells) / len(made.modules[0].cells)


def test_the_same_seed_gives_the_same_bank_in_whatever_portions_time_passes():
    one, other = bank(seed=4), bank(seed=4)
    one.advance(3600)
    for _ in range(4800):
        other.advance(0.75)
    assert picture(one) == picture(other)
    assert picture(one) != picture(bank(seed=4))


def test_another_seed_gives_another_bank():
    barcodes = {module.barcode for seed in range(20) for module in bank(seed=seed).modules}
    assert len(barcodes) == 60
    assert bank(seed=1).modules[0].cell_voltages() != bank(seed=2).modules[0].cell_voltages()


@pytest.mark.parametrize("model", MODELS)
def test_barcodes_have_the_shape_and_are_fictional(model):
    for module in bank(model, 12).modules:
        assert len(module.barcode) == 16
        assert module.barcode.startswith("SIM")
        assert module.barcode[3:5].isalpha()
        assert module.barcode[5:].isdecimal()


@pytest.mark.parametrize("watts", [2500.0, -2500.0])
def test_soc_moves_as_the_current_says(watts):
    made = bank(watts=watts, soc=50)
    before = made.soc
    amperes = watts / made.modules[0].voltage()
    assert made.current == pytest.approx(amperes, rel=0.01)
    made.advance(1800)
    capacity = sum(module.model.capacity for module in made.modules)
    assert made.soc - before == pytest.approx(100 * amperes / 2 / capacity, rel=0.02)


def test_what_the_modules_gain_is_what_flowed():
    made = bank("US3000C,US2000,US5000", None, soc=40, hour=9)
    before, flowed = held(made), 0.0
    for _ in range(720):
        made.advance(5)
        flowed += made.current * 5 / 3600
    assert held(made) - before == pytest.approx(flowed, abs=0.01)


def test_energy_out_is_energy_in_less_some_losses():
    made = bank(soc=40, watts=4000.0)
    start = [module.remaining for module in made.modules]
    made.advance(3600)
    made.demand = lambda _time, _soc: -4000.0
    while sum(module.remaining for module in made.modules) > sum(start):
        made.advance(5)
    assert 0.95 < made.discharged_wh / made.charged_wh < 0.995


def test_modules_share_the_current_by_their_size():
    made = bank("US3000C,US2000,US5000", None, watts=5000.0, soc=50)
    by_ah = [module.current / module.model.capacity for module in made.modules]
    assert sum(module.current for module in made.modules) == pytest.approx(made.current)
    assert min(by_ah) > 0.6 * max(by_ah)


def test_modules_in_parallel_have_one_voltage():
    made = bank("US3000C,US2000,US5000", None, watts=5000.0, soc=50)
    contacts = [module.resistance - sum(cell.resistance for cell in module.cells) for module in made.modules]
    inside = [module.voltage() - module.meter_offset for module in made.modules]
    terminals = [v + m.current * ohms for v, m, ohms in zip(inside, made.modules, contacts, strict=True)]
    assert max(terminals) - min(terminals) < 0.01


def test_cells_differ_a_little_and_add_up_to_the_module():
    for module in bank(modules=12).modules:
        voltages = module.cell_voltages()
        assert 0.0005 < max(voltages) - min(voltages) < 0.05
        assert abs(sum(voltages) - module.voltage()) < 0.05
        charges = [cell.charge for cell in module.cells]
        assert 0.1 < max(charges) - min(charges) < 2.0


@pytest.mark.parametrize(("hour", "sign"), [(12.0, 1), (21.0, -1), (2.0, -1)])
def test_the_sun_charges_at_noon_and_the_household_drains_at_night(hour, sign):
    made = bank(hour=hour)
    assert made.current * sign > 1.0


def test_a_day_fills_the_battery_and_a_night_uses_it():
    made = bank(hour=6, soc=40, modules=1, seed=4)
    course = []
    for _ in range(48):
        made.advance(3600)
        course.append(made.soc)
    assert max(course[:12]) > 97
    assert min(course[12:26]) < 60
    assert max(course[24:36]) > 97


def test_the_reserve_is_left_alone():
    made = bank(hour=21, soc=13)
    made.advance(6 * 3600)
    assert 11 < made.soc < 12.5


def test_limits_taper_and_charge_ends_when_full():
    made = bank(watts=20000.0, soc=90)
    limits = []
    for _ in range(720):
        made.advance(10)
        limits.append(made.modules[0].charge_current_limit)
    assert limits[0] == 37.0
    assert any(0 < limit < 30 for limit in limits)
    assert limits[-1] == 0.0
    assert not made.modules[0].charge_enabled
    assert made.modules[0].discharge_enabled
    assert made.modules[0].full
    assert made.current == pytest.approx(0, abs=1e-9)
    assert 97 < made.soc < 101
    assert all(volts < 3.65 for module in made.modules for volts in module.cell_voltages())
    assert all(module.voltage() < 53.25 for module in made.modules)


def test_one_full_cell_ends_the_charge_of_all():
    made = bank(modules=1, watts=900.0, soc=94)
    made.modules[0].cells[6].put(74.0)
    made.advance(1200)
    assert made.modules[0].full
    assert max(cell.charge / cell.capacity for n, cell in enumerate(made.modules[0].cells) if n != 6) < 0.98
    assert max(made.modules[0].cell_voltages()) < 3.65


def test_a_full_battery_takes_charge_again_once_it_gave_some():
    made = bank(soc=100, watts=-3000.0)
    assert made.modules[0].charge_current_limit == 0
    made.advance(1200)
    assert made.modules[0].charge_current_limit > 0


def test_the_limits_bind_the_inverter():
    made = bank(watts=-50000.0, soc=60)
    assert made.current == pytest.approx(-3 * 37)


def test_discharge_ends_when_empty():
    made = bank(watts=-4000.0, soc=15)
    made.advance(2 * 3600)
    assert not any(module.discharge_enabled for module in made.modules)
    assert made.current == pytest.approx(0, abs=1e-9)
    assert 0 < made.soc < 5
    assert all(volts > 2.5 for module in made.modules for volts in module.cell_voltages())


def test_a_switched_off_module_leaves_the_current_to_the_others():
    made = bank(watts=2000.0, soc=50)
    made.modules[1].alarms = {(AlarmKind.CHARGE_OVERTEMPERATURE, 3)}
    made.advance(10)
    currents = [module.current for module in made.modules]
    assert currents[1] == 0
    assert currents[0] > 15
    assert currents[2] > 15


def test_load_warms_the_cells_and_rest_cools_them():
    made = bank("US5000", 2, watts=-4500.0, soc=90)
    cool = made.modules[0].temperatures()
    made.advance(3600)
    warm = made.modules[0].temperatures()
    assert len(warm) == 6
    assert all(after > before + 1 for before, after in zip(cool, warm, strict=True))
    assert max(warm) < 45
    made.demand = lambda _time, _soc: 0.0
    made.advance(4 * 3600)
    assert all(later < then - 1 for then, later in zip(warm, made.modules[0].temperatures(), strict=True))


def test_cycles_count_whole_discharges():
    made = bank(watts=-3000.0, soc=90, modules=1)
    made.modules[0].discharged = 74.0 * 10.5
    made.advance(1800)
    assert made.modules[0].cycles == 10
    made.advance(1800)
    assert made.modules[0].cycles == 11


def test_a_month_without_full_charge_is_complained_of():
    made = bank(modules=1, soc=50, watts=0.0)
    assert not made.modules[0].full_charge_requested
    made.modules[0].not_full_for = 30 * 86400
    made.advance(10)
    assert made.modules[0].full_charge_requested
    made.set_soc(98)
    made.advance(10)
    assert not made.modules[0].full_charge_requested


def test_soc_can_be_set():
    made = bank(seed=3)
    made.set_soc(55)
    assert made.soc == pytest.approx(55)
    assert [module.soc for module in made.modules] == pytest.approx([55] * 3)


def test_cells_of_lfp_are_steep_at_the_ends_and_flat_between():
    curve = [open_circuit_voltage(percent / 100) for percent in range(-1, 104)]
    assert curve == sorted(curve)
    assert open_circuit_voltage(0.7) - open_circuit_voltage(0.3) < 0.05
    assert open_circuit_voltage(0.05) - open_circuit_voltage(0.0) > 0.4
    assert open_circuit_voltage(1.01) - open_circuit_voltage(0.95) > 0.1


def test_stacks_are_named():
    assert [model.name for model in stack("US3000C,US2000", 4)] == ["US3000C", "US2000", "US2000", "US2000"]
    assert [model.name for model in stack("US3000C, US2000", None)] == ["US3000C", "US2000"]
    assert len(stack("US5000", None)) == 3
    with pytest.raises(ConfigError, match=r"no data sheet for US9000: choose from US2000, "):
        stack("US3000,US9000", None)
    with pytest.raises(ConfigError, match="2 models are named for 1 modules"):
        stack("US3000,US2000", 1)
    with pytest.raises(ConfigError, match="as many cells"):
        stack("US3000,UP2500", None)
