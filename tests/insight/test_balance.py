"""Full charges, hours above 3.45 V, and when a full charge is advised."""

import json

import pytest
from tests.insight.sequences import Owner, bank, kinds, module, slug

from pylon2mqtt.insight.balance import Balance
from pylon2mqtt.model import Topology

FULL, HALF = module(1, [3500] * 15, 1.0), module(1, [3300] * 15, 1.0)
DAY_S = 86400.0


@pytest.fixture
def owner() -> Owner:
    return Owner(Balance())


def test_a_module_is_full_after_five_minutes_at_the_top(owner: Owner) -> None:
    owner.stays(bank(FULL), seconds=300)
    assert owner.figure("days_since_full_charge") is None
    owner.reads(bank(FULL))
    assert owner.figure("days_since_full_charge") == owner.figure("days_since_full_charge", slug(1)) == 0.0
    owner.stays(bank(HALF), seconds=2 * DAY_S, step=600.0)
    assert owner.number("days_since_full_charge") == pytest.approx(2.0)


def test_a_bank_is_full_when_its_last_module_was(owner: Owner) -> None:
    owner.stays(bank(FULL, module(2)), seconds=400)
    assert owner.figure("days_since_full_charge") is None
    owner.stays(bank(HALF, module(2, [3500] * 15, 1.0)), seconds=DAY_S, step=60.0)
    assert owner.number("days_since_full_charge") == pytest.approx(1.0, abs=0.01)
    assert owner.number("days_since_full_charge", slug(2)) == 0.0


def test_with_a_high_current_it_is_not_full(owner: Owner) -> None:
    owner.stays(bank(module(1, [3500] * 15, 6.0)), seconds=3600)
    assert owner.figure("days_since_full_charge") is None


def test_where_no_cell_is_reported_99_percent_count(owner: Owner) -> None:
    for soc, known in ((98.0, False), (99.0, True)):
        owner.stays(bank(soc=soc), seconds=400)
        assert (owner.figure("days_since_full_charge") is not None) == known
    assert owner.figure("balancing_hours") is None
    of_module = Owner(Balance())
    of_module.stays(bank(module(cells=None, soc=99.0)), seconds=400)
    assert of_module.figure("days_since_full_charge") == 0.0


def test_the_hours_above_3_45_volts_are_those_of_30_days(owner: Owner) -> None:
    owner.stays(bank(module(1, [3500] * 15, 10.0)), seconds=7200, step=60.0)
    assert owner.number("balancing_hours", slug(1)) == pytest.approx(2.0, abs=0.02)
    owner.stays(bank(HALF), seconds=29 * DAY_S, step=600.0)
    assert owner.number("balancing_hours") == pytest.approx(2.0, abs=0.02)
    owner.stays(bank(HALF), seconds=1.2 * DAY_S, step=600.0)
    assert owner.number("balancing_hours") == 0.0


def test_a_module_that_is_never_full_is_named_after_30_days(owner: Owner) -> None:
    for _ in range(31):
        owner.stays(bank(FULL, module(2)), seconds=600)
        owner.stays(bank(HALF, module(2)), seconds=DAY_S - 600, step=600.0)
    assert [(one.kind, one.module, one.values) for one in owner.happenings] == [
        ("full_charge_advised", 2, {"days": 30})
    ]
    assert owner.figure("full_charge_advised", slug(1)) is False
    assert owner.figure("full_charge_advised", slug(2)) is True
    assert owner.figure("full_charge_advised") is True


def test_all_modules_together_are_said_once_and_a_full_charge_ends_it(owner: Owner) -> None:
    owner.stays(bank(HALF, module(2)), seconds=31 * DAY_S, step=600.0)
    assert [(one.kind, one.module) for one in owner.happenings] == [("full_charge_advised", None)]
    owner.stays(bank(FULL, module(2, [3500] * 15)), seconds=600)
    assert owner.figure("full_charge_advised") is False


def test_high_voltage_has_90_days_and_the_owner_his_own(owner: Owner) -> None:
    owner.stays(bank(HALF, topology=Topology.SERIES), seconds=89 * DAY_S, step=3600.0)
    assert owner.happenings == []
    owner.stays(bank(HALF, topology=Topology.SERIES), seconds=2 * DAY_S, step=3600.0)
    assert kinds(owner.happenings) == ["full_charge_advised"]
    impatient = Owner(Balance(days=7))
    impatient.stays(bank(HALF), seconds=7.1 * DAY_S, step=600.0)
    assert kinds(impatient.happenings) == ["full_charge_advised"]


def test_a_restart_forgets_neither_the_full_charge_nor_the_advice_nor_the_hours(owner: Owner) -> None:
    owner.stays(bank(FULL), seconds=7200, step=60.0)
    owner.stays(bank(HALF), seconds=31 * DAY_S - 7200, step=600.0)
    owner.stays(bank(module(1, [3500] * 15, 10.0)), seconds=3600, step=60.0)
    before = owner.outcome.figures[slug(1)]
    owner.restarts(after_s=0.0)
    owner.reads(bank(HALF), seconds=0.0)
    after = owner.outcome.figures[slug(1)]
    assert after == {
        "days_since_full_charge": pytest.approx(before["days_since_full_charge"], abs=0.001),
        "balancing_hours": pytest.approx(before["balancing_hours"], abs=0.1),
        "full_charge_advised": True,
    }
    assert kinds(owner.happenings) == ["full_charge_advised"]


@pytest.mark.parametrize("jump_s", [-3600.0, 86400.0])
def test_a_clock_that_jumps_makes_no_full_charge_older_than_it_can_be(owner: Owner, jump_s: float) -> None:
    owner.stays(bank(FULL), seconds=600)
    owner.reads(bank(HALF), clock_s=jump_s)
    assert 0.0 <= owner.number("days_since_full_charge") <= 1.01
    owner.reads(bank(HALF), clock_s=-jump_s)
    assert owner.number("days_since_full_charge") < 0.01


def test_a_gap_a_stale_reading_and_a_silent_module_are_not_full(owner: Owner) -> None:
    owner.stays(bank(FULL), seconds=200)
    for _ in range(100):
        owner.repeats(bank(FULL))
    owner.reads(bank(FULL), seconds=300)
    owner.stays(bank(silent=(1,)), seconds=300)
    owner.reads(bank(FULL))
    assert owner.figure("days_since_full_charge", slug(1)) is None


@pytest.mark.parametrize("kept", ["[]", '{"": 5}', '{"A": [NaN, null, 0, 0, []]}', '{"A": [1, null, 0, 1, [900]]}'])
def test_what_cannot_be_believed_is_begun_anew(kept: str, owner: Owner) -> None:
    assert Balance().begin(json.loads(kept), owner.zone).parts == {}
