"""The folds on batteries that age, whose truth is known: each fault is found by its name."""

import pytest
from tests.insight.simulated import Months

from pylon2mqtt.insight.balance import Balance
from pylon2mqtt.insight.capacity import Capacity
from pylon2mqtt.insight.cell_watch import CellWatch
from pylon2mqtt.insight.energy import Energy
from pylon2mqtt.insight.folding.modules import EachModule
from pylon2mqtt.insight.imbalance import Imbalance
from pylon2mqtt.simulator.battery import VirtualBank
from pylon2mqtt.simulator.years import bank_for_years

pytestmark = pytest.mark.timeout(600)  # months of simulated time, on a machine that may be busy


def slug(virtual: VirtualBank, number: int = 1) -> str:
    return virtual.modules[number - 1].barcode


@pytest.mark.parametrize("grain", ["rs485", "console", "pace"])
def test_the_energy_of_days_is_within_half_a_percent(grain: str) -> None:
    virtual = bank_for_years("US3000C", modules=2, seed=3)
    months = Months(Energy())
    months.pass_by(virtual, days=2, grain=grain, every_s=0.0)
    energy, last = months.owners["energy"], months.last
    assert last is not None
    truth = last.truth
    assert energy.number("energy_charged") == pytest.approx(truth.energy_charged, rel=0.005)
    assert energy.number("energy_discharged") == pytest.approx(truth.energy_discharged, rel=0.005)
    for number, module in enumerate(truth.modules, start=1):
        part = slug(virtual, number)
        assert energy.number("energy_charged", part) == pytest.approx(module.energy_charged, rel=0.005)
        assert energy.number("energy_discharged", part) == pytest.approx(module.energy_discharged, rel=0.005)


@pytest.mark.parametrize("model", ["US3000C", "PACE"])
def test_a_healthy_bank_has_no_finding_and_no_alarm_in_90_days(model: str) -> None:
    """53.25 V and 57.6 V."""
    virtual = bank_for_years(model, seed=5)
    months = Months(EachModule(Imbalance()), EachModule(CellWatch()))
    months.pass_by(virtual, days=90, every_s=300.0)
    assert months.happenings() == []
    assert months.owners["cell_watch"].figure("cell_finding") is False
    assert months.owners["imbalance"].number("imbalance_under_load") < 30


def test_a_meter_that_drifts_is_a_trend_by_day_75() -> None:
    virtual = bank_for_years("US3000C", seed=2)
    virtual.modules[0].cells[4].ageing.meter = 0.002
    months = Months(EachModule(CellWatch()))
    watch = months.owners["cell_watch"]
    months.pass_by(virtual, days=75, every_s=600.0)
    assert watch.figure("watched_cell", slug(virtual)) == 5
    assert watch.number("watched_cell_trend_low", slug(virtual)) > 0
    assert watch.number("watched_cell_trend", slug(virtual)) == pytest.approx(2.0, abs=0.5)


def test_a_resistance_that_jumps_is_found_within_60_days() -> None:
    virtual = bank_for_years("US3000C", seed=2)
    months = Months(EachModule(CellWatch()))
    watch = months.owners["cell_watch"]
    months.pass_by(virtual, days=25, every_s=600.0)
    virtual.modules[0].cells[7].resistance += 0.001
    months.pass_by(virtual, days=60, every_s=600.0, until=lambda: bool(watch.happenings))
    assert [(one.kind, one.values["cell"]) for one in watch.happenings] == [("cell_deviates", 8)]


def measured(health: float) -> float:
    """What the first run of a module says, which has so many percent of its capacity left."""
    virtual = bank_for_years("US3000C", seed=1)
    virtual.modules[0].wear_out(health)
    months = Months(EachModule(Capacity()))
    capacity, part = months.owners["capacity"], slug(virtual)
    months.pass_by(virtual, days=20, every_s=0.0, until=lambda: bool(capacity.happenings))
    last = months.last
    assert last is not None
    # The truth ends at 2.95 V at rest, the bottom anchor at 3.00 V under a small load: some percent earlier.
    truth, error = last.truth.modules[0].capacity, capacity.number("usable_capacity_error", part)
    assert truth * 0.97 - error < capacity.number("usable_capacity", part) < truth + error
    return capacity.number("usable_capacity", part)


def test_a_module_of_80_percent_is_seen_in_its_first_full_run() -> None:
    assert measured(80.0) / measured(100.0) == pytest.approx(0.80, abs=0.02)


def test_a_bank_that_is_never_full_is_said_after_30_days() -> None:
    virtual = bank_for_years("US3000C", seed=4, soc=60.0)
    household = virtual.demand
    virtual.demand = lambda time, soc: household(time, soc) if soc < 80 else min(0.0, household(time, soc))
    months = Months(Balance())
    months.pass_by(virtual, days=29, every_s=600.0)
    assert months.happenings() == []
    months.pass_by(virtual, days=2, every_s=600.0)
    assert [str(one.kind) for one in months.happenings()] == ["full_charge_advised"]


def test_a_leak_is_the_last_cell_and_its_lack_is_the_truth_or_at_least() -> None:
    virtual = bank_for_years("US3000C", seed=6)
    virtual.modules[0].cells[10].leak = 0.010
    months = Months(EachModule(Imbalance()))
    imbalance = months.owners["imbalance"]
    months.pass_by(virtual, days=30)
    last = months.last
    assert last is not None
    charges = [cell.charge - cell.capacity for cell in virtual.modules[0].cells]
    truth = max(charges) - charges[10]
    lack = imbalance.number("imbalance_charge", slug(virtual))
    assert imbalance.figure("imbalance_last_cell", slug(virtual)) == 11
    if imbalance.figure("imbalance_charge_at_least", slug(virtual)):
        assert 0 < lack <= truth
    else:
        assert lack == pytest.approx(truth, rel=0.2)
