"""Time to full and to empty, by arithmetic."""

from typing import Any

import pytest
from tests.insight.sequences import Owner, bank, module, slug

from pylon2mqtt.insight.outlook import Outlook
from pylon2mqtt.model import Bank


@pytest.fixture
def owner() -> Owner:
    return Owner(Outlook())


def holding(ah: float, current: float, **fields: Any) -> Bank:
    """One module with so much of its 100 Ah."""
    return bank(module(current=current, remaining_capacity=ah, **fields))


def times(owner: Owner, part: str | None = None) -> tuple[Any, Any]:
    return owner.figure("time_to_full", part), owner.figure("time_to_empty", part)


def test_what_is_missing_and_what_remains_by_the_current(owner: Owner) -> None:
    owner.stays(holding(60.0, 20.0), seconds=100)
    assert times(owner) == times(owner, slug(1)) == (2 * 3600, None)
    owner.stays(holding(60.0, -20.0), seconds=100)
    assert times(owner) == times(owner, slug(1)) == (None, 3 * 3600)


def test_it_is_unknown_for_a_minute_after_a_change_of_direction(owner: Owner) -> None:
    owner.stays(holding(60.0, 20.0), seconds=100)
    owner.stays(holding(60.0, -20.0), seconds=60)
    assert times(owner) == (None, None)
    owner.reads(holding(60.0, -20.0))
    assert times(owner) == (None, 3 * 3600)


@pytest.mark.parametrize(("current", "known"), [(0.9, False), (1.1, False), (2.0, True)])
def test_it_is_unknown_at_rest_and_beyond_72_hours(owner: Owner, current: float, *, known: bool) -> None:
    owner.stays(holding(10.0, current), seconds=100)
    assert (times(owner)[0] is not None) == known


def test_the_current_is_smoothed_over_five_minutes(owner: Owner) -> None:
    owner.stays(holding(50.0, -10.0), seconds=1000)
    owner.stays(holding(50.0, -20.0), seconds=300)
    smoothed = 20 - 10 / 2.71828
    assert owner.number("time_to_empty") == pytest.approx(50 / smoothed * 3600, abs=30)


def test_from_90_percent_on_the_limit_of_the_battery_counts(owner: Owner) -> None:
    owner.stays(holding(89.0, 20.0, charge_current_limit=5.0), seconds=100)
    assert owner.figure("time_to_full", slug(1)) == 1980
    owner.stays(holding(90.0, 20.0, charge_current_limit=5.0), seconds=100)
    assert owner.figure("time_to_full", slug(1)) == 2 * 3600
    owner.reads(holding(90.0, 20.0))
    assert owner.figure("time_to_full", slug(1)) is None


def test_a_bank_without_modules_and_one_with_a_silent_module(owner: Owner) -> None:
    alone = bank(current=-10.0, soc=50.0, full_capacity=200.0)
    owner.stays(alone, seconds=100)
    assert owner.figure("time_to_empty") == 10 * 3600
    owner.reads(bank(module(1, current=-10.0), current=-10.0, soc=50.0, full_capacity=200.0, silent=(2,)))
    assert times(owner) == (None, None)


def test_a_gap_begins_anew_and_a_repeated_reading_changes_nothing(owner: Owner) -> None:
    read = holding(60.0, -20.0)
    owner.stays(read, seconds=100)
    owner.repeats(read)
    assert times(owner) == (None, 3 * 3600)
    owner.reads(read, seconds=100)
    assert times(owner) == (None, None)


@pytest.mark.parametrize("jump_s", [-3600.0, 86400.0])
def test_a_clock_that_jumps_changes_nothing(owner: Owner, jump_s: float) -> None:
    read = holding(60.0, -20.0)
    owner.stays(read, seconds=100)
    owner.reads(read, clock_s=jump_s)
    assert times(owner) == (None, 3 * 3600)


def test_nothing_outlives_a_restart(owner: Owner) -> None:
    owner.stays(holding(60.0, -20.0), seconds=100)
    owner.restarts()
    owner.reads(holding(60.0, -20.0))
    assert times(owner) == (None, None)
