"""Energy: what is known by arithmetic, and what must not be counted."""

import json

import pytest
from tests.insight.sequences import Owner, bank, module, slug

from pylon2mqtt.insight.energy import Energy, energies

CHARGING = bank(module(millivolts=(3300,) * 10, current=10.0))  # 330 W
DISCHARGING = bank(module(millivolts=(3300,) * 10, current=-10.0))


@pytest.fixture
def owner() -> Owner:
    return Owner(Energy())


def metered(owner: Owner, part: str | None = None) -> tuple[float, float]:
    return owner.number("energy_charged_today", part), owner.number("energy_discharged_today", part)


def test_an_hour_of_330_watts_is_330_watt_hours_in_the_bank_and_in_its_module(owner: Owner) -> None:
    owner.reads(CHARGING)
    owner.stays(CHARGING, seconds=3600)
    assert metered(owner) == pytest.approx((0.33, 0.0))
    assert metered(owner, slug(1)) == pytest.approx((0.33, 0.0))
    owner.stays(DISCHARGING, seconds=3600)
    assert metered(owner)[1] == pytest.approx(0.33, abs=0.001)


def test_two_modules_are_counted_each_and_together(owner: Owner) -> None:
    owner.stays(bank(module(1, current=10.0), module(2, current=-4.0)), seconds=3610)
    assert metered(owner, slug(1)) == pytest.approx((0.495, 0.0))
    assert metered(owner, slug(2)) == pytest.approx((0.0, 0.198))
    assert metered(owner) == pytest.approx((0.297, 0.0))


@pytest.mark.parametrize(
    ("before", "now", "seconds", "expected"),
    [
        (0.0, 2000.0, 36, (0.01, 0.0)),
        (3000.0, -1000.0, 40, (3000 * 30 / 2 / 3.6e6, 1000 * 10 / 2 / 3.6e6)),
        (-1000.0, 3000.0, 40, (3000 * 30 / 2 / 3.6e6, 1000 * 10 / 2 / 3.6e6)),
    ],
    ids=["a mean", "in and then out", "out and then in"],
)
def test_the_area_is_split_where_the_sign_changes(
    before: float, now: float, seconds: float, expected: tuple[float, float]
) -> None:
    assert energies(before, now, seconds) == pytest.approx(expected)


def test_a_gap_is_not_bridged(owner: Owner) -> None:
    owner.reads(CHARGING)
    owner.reads(CHARGING)
    known = metered(owner)
    owner.reads(CHARGING, seconds=61)
    assert metered(owner) == known
    owner.reads(CHARGING)
    assert metered(owner)[0] > known[0]


def test_a_slow_reading_interval_is_no_gap(owner: Owner) -> None:
    for _ in range(31):
        owner.reads(CHARGING, seconds=120)
    assert metered(owner)[0] == pytest.approx(0.33 * 29 * 120 / 3600)  # the first interval is not known to be usual


def test_a_reading_that_is_published_again_counts_nothing(owner: Owner) -> None:
    owner.stays(CHARGING, seconds=30)
    known = metered(owner)
    owner.repeats(CHARGING)
    assert metered(owner) == known
    owner.reads(CHARGING)
    assert metered(owner)[0] == pytest.approx(known[0] * 3 / 2)


def test_a_module_that_is_silent_for_a_while_counts_nothing_then(owner: Owner) -> None:
    both = bank(module(1, current=10.0), module(2, current=10.0))
    owner.stays(both, seconds=60)
    known = metered(owner, slug(2))
    owner.stays(bank(module(1, current=10.0), silent=(2,)), seconds=100)
    owner.reads(both)
    assert metered(owner, slug(2)) == known
    assert metered(owner, slug(1))[0] > known[0]


@pytest.mark.parametrize("jump_s", [-3600.0, 86400.0 * 1.0])
def test_a_clock_that_jumps_takes_nothing_away_and_adds_nothing(owner: Owner, jump_s: float) -> None:
    owner.stays(CHARGING, seconds=200)
    total = owner.number("energy_charged")
    owner.reads(CHARGING, clock_s=jump_s)
    assert owner.number("energy_charged") == pytest.approx(total + 0.33 * 10 / 3600)


def test_days_are_those_of_the_owner(owner: Owner) -> None:
    owner.stays(CHARGING, seconds=12 * 3600 - 60, step=60.0)  # until a minute before midnight in Berlin
    assert metered(owner)[0] == pytest.approx(12 * 0.33, rel=0.01)
    assert owner.figure("energy_charged_yesterday") is None
    owner.stays(CHARGING, seconds=3600, step=60.0)
    assert metered(owner)[0] == pytest.approx(0.33, rel=0.02)
    assert owner.number("energy_charged_yesterday") == pytest.approx(12 * 0.33, rel=0.01)


def test_an_hour_back_over_midnight_begins_no_day(owner: Owner) -> None:
    owner.stays(CHARGING, seconds=12 * 3600 + 120, step=60.0)
    today = metered(owner)[0]
    owner.reads(CHARGING, clock_s=-3600.0)
    assert metered(owner)[0] == pytest.approx(today + 0.33 * 10 / 3600)


def test_the_total_waits_until_it_is_known_who_counts(owner: Owner) -> None:
    owner.stays(CHARGING, seconds=120)
    assert owner.figure("energy_charged") is None
    owner.reads(CHARGING)
    assert owner.number("energy_charged") == pytest.approx(0.33 * 120 / 3600)


def test_a_bms_that_counts_is_the_source_for_good(owner: Owner) -> None:
    counts = bank(module(current=10.0), energy_charged=500.0, energy_discharged=400.0)
    owner.stays(counts, seconds=300)
    assert owner.figure("energy_charged") == 500.0
    assert owner.number("metered_energy_charged") > 0
    owner.stays(bank(module(current=10.0)), seconds=300)
    assert owner.figure("energy_charged") is None
    owner.restarts()
    owner.stays(bank(module(current=10.0)), seconds=300)
    assert owner.figure("energy_charged") is None


def test_a_bms_that_counts_later_is_reported_beside(owner: Owner) -> None:
    owner.stays(bank(module(current=10.0)), seconds=300)
    total = owner.number("energy_charged")
    owner.reads(bank(module(current=10.0), energy_charged=500.0, energy_discharged=400.0))
    assert total < owner.number("energy_charged") < 1.0
    assert owner.figure("bms_energy_charged") == 500.0


def test_a_bank_counts_as_its_modules_do_if_all_of_them_do(owner: Owner) -> None:
    counters = {"energy_charged_kwh": 20.0, "energy_discharged_kwh": 18.0}
    owner.reads(bank(module(1, counters=counters), module(2, counters=counters)))
    assert (owner.figure("energy_charged"), owner.figure("energy_charged", slug(1))) == (40.0, 20.0)
    owner.reads(bank(module(1, counters=counters), module(2)))
    assert owner.figure("energy_charged") is None


def test_a_restart_goes_on_from_what_was_kept_and_bridges_nothing(owner: Owner) -> None:
    owner.stays(CHARGING, seconds=1800)
    before, today = owner.number("energy_charged"), metered(owner)
    owner.restarts(after_s=20)
    owner.reads(CHARGING)
    assert owner.number("energy_charged") == pytest.approx(before, abs=1e-5)
    assert metered(owner) == pytest.approx(today, abs=1e-5)


@pytest.mark.parametrize(
    "kept", ["[]", "7", '{"": [NaN, 1, null, null, null]}', '{"": [-1, 1, null, null, null]}', "{}"]
)
def test_what_cannot_be_believed_is_begun_anew(kept: str, owner: Owner) -> None:
    owner.state = Energy().begin(json.loads(kept), owner.zone)
    owner.stays(CHARGING, seconds=130)
    assert owner.number("energy_charged") == pytest.approx(0.33 * 120 / 3600)


def test_a_damaged_account_does_not_cost_the_others() -> None:
    state = Energy().begin({"": [5.0, 4.0, "metered", None, None], slug(1): ["much"]}, Owner(Energy()).zone)
    assert list(state.accounts) == [None]


FULL = bank(module(millivolts=(3500,) * 15))


def days_of_cycles(owner: Owner, days: int, *, out_a: float) -> None:
    """Ten hours out and ten hours in with 10 A each day, then full; the ratio of energies is that of the currents."""
    for _ in range(days):
        owner.stays(bank(module(current=-out_a, millivolts=(3300,) * 15)), seconds=36000, step=60.0)
        owner.stays(bank(module(current=10.0, millivolts=(3300,) * 15)), seconds=36000, step=60.0)
        owner.stays(FULL, seconds=4 * 3600, step=60.0)


def test_the_round_trip_is_measured_from_full_to_full(owner: Owner) -> None:
    owner.stays(FULL, seconds=600)
    days_of_cycles(owner, 13, out_a=9.5)
    assert owner.figure("round_trip_efficiency") is None
    days_of_cycles(owner, 2, out_a=9.5)
    assert owner.number("round_trip_efficiency") == pytest.approx(95.0, abs=0.1)
    assert 2.0 < owner.number("round_trip_error") < 3.0
    assert owner.number("round_trip_efficiency", slug(1)) == pytest.approx(95.0, abs=0.1)


def test_a_ratio_above_100_percent_is_not_reported(owner: Owner) -> None:
    owner.stays(FULL, seconds=600)
    days_of_cycles(owner, 15, out_a=10.5)
    assert owner.figure("round_trip_efficiency") is None


def test_a_round_trip_with_hours_unseen_is_not_reported(owner: Owner) -> None:
    owner.stays(FULL, seconds=600)
    days_of_cycles(owner, 8, out_a=9.5)
    owner.restarts(after_s=8 * 3600.0)
    days_of_cycles(owner, 8, out_a=9.5)
    assert owner.figure("round_trip_efficiency") is None
