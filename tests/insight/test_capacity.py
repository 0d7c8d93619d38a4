"""The usable capacity between two anchors, by arithmetic."""

import json

import pytest
from tests.insight.sequences import Owner, bank, kinds, module, slug

from pylon2mqtt.insight.capacity import Capacity
from pylon2mqtt.insight.folding.modules import EachModule
from pylon2mqtt.model import Alarm, AlarmKind, Bank, Severity


@pytest.fixture
def owner() -> Owner:
    return Owner(EachModule(Capacity()))


TOP = bank(module(1, [3500] * 15, 1.0, rated_capacity=100.0))
BOTTOM = bank(module(1, [3100] * 14 + [2990], -20.0, rated_capacity=100.0))


def half(current: float) -> Bank:
    return bank(module(1, [3300] * 15, current, rated_capacity=100.0))


def discharge(owner: Owner, ah: float, *, current: float = 20.0, step: float = 60.0) -> None:
    """From the top, so many Ah, to the bottom; the ends of the trapezoid are half an interval each."""
    owner.stays(TOP, seconds=600, step=step)
    owner.stays(half(-current), seconds=ah / current * 3600, step=step)
    owner.reads(BOTTOM, seconds=step)


def test_from_top_to_bottom(owner: Owner) -> None:
    discharge(owner, 80.0)
    capacity = owner.number("usable_capacity", slug(1))
    assert capacity == pytest.approx(80.0, abs=0.2)
    assert owner.number("usable_capacity_error", slug(1)) == pytest.approx(0.05 * 4 + 0.005 * 80, abs=0.01)
    assert owner.number("usable_capacity_rate", slug(1)) == pytest.approx(0.2, abs=0.01)
    assert owner.number("usable_capacity_temperature", slug(1)) == pytest.approx(20.0)
    assert owner.number("usable_capacity_to_rated") == pytest.approx(capacity)
    assert owner.number("usable_capacity_to_first", slug(1)) == pytest.approx(100.0)
    assert owner.figure("usable_capacity_measured_at", slug(1)) == owner.at
    assert kinds(owner.happenings) == ["capacity_measured"]
    assert owner.happenings[0].values == {"capacity_ah": 80.2, "error_ah": 0.6, "to_rated": 80}


def test_from_bottom_to_top_and_the_ratio_to_the_first_run(owner: Owner) -> None:
    discharge(owner, 80.0)
    owner.stays(half(20.0), seconds=3 * 3600, step=60.0)
    owner.stays(TOP, seconds=420, step=60.0)
    assert owner.number("usable_capacity", slug(1)) == pytest.approx(60.0, abs=0.3)
    assert owner.number("usable_capacity_to_first", slug(1)) == pytest.approx(75.0, abs=0.5)
    assert owner.figure("usable_capacity_runs", slug(1)) == 2
    assert kinds(owner.happenings) == ["capacity_measured"]


def test_the_charge_counts_not_its_detours(owner: Owner) -> None:
    owner.stays(TOP, seconds=600, step=60.0)
    for current in (-20.0, 10.0, -20.0, -20.0):
        owner.stays(half(current), seconds=3600, step=60.0)
    owner.reads(BOTTOM, seconds=60.0)
    assert owner.number("usable_capacity", slug(1)) == pytest.approx(50.0, abs=0.5)


def test_without_a_bottom_there_is_a_minimum(owner: Owner) -> None:
    owner.stays(TOP, seconds=600, step=60.0)
    owner.stays(half(-20.0), seconds=7200, step=60.0)
    owner.stays(half(20.0), seconds=3600, step=60.0)
    assert owner.figure("usable_capacity", slug(1)) is None
    assert owner.number("usable_capacity_at_least", slug(1)) == pytest.approx(39.83 - 0.1 - 0.2, abs=0.05)
    discharge(owner, 80.0)
    assert owner.figure("usable_capacity_at_least", slug(1)) is None


def test_a_bottom_without_a_top_measures_nothing(owner: Owner) -> None:
    owner.stays(half(-20.0), seconds=7200, step=60.0)
    owner.reads(BOTTOM)
    assert owner.figure("usable_capacity", slug(1)) is None


def test_from_top_to_top_nothing_is_measured(owner: Owner) -> None:
    owner.stays(TOP, seconds=600, step=60.0)
    owner.stays(half(-20.0), seconds=7200, step=60.0)
    owner.stays(half(10.0), seconds=3600, step=60.0)
    owner.stays(TOP, seconds=420, step=60.0)
    assert owner.figure("usable_capacity", slug(1)) is None


def test_a_gap_breaks_a_run_off(owner: Owner) -> None:
    owner.stays(TOP, seconds=600)
    owner.stays(half(-20.0), seconds=7200)
    owner.reads(half(-20.0), seconds=61)
    owner.stays(half(-20.0), seconds=7200)
    owner.reads(BOTTOM)
    assert owner.figure("usable_capacity", slug(1)) is None


def test_a_silent_module_and_a_restart_break_it_off_too(owner: Owner) -> None:
    owner.stays(TOP, seconds=600)
    owner.stays(half(-20.0), seconds=3600)
    owner.stays(bank(silent=(1,)), seconds=100)
    owner.stays(half(-20.0), seconds=3600)
    owner.reads(BOTTOM)
    assert owner.figure("usable_capacity", slug(1)) is None
    owner.stays(TOP, seconds=600)
    owner.stays(half(-20.0), seconds=3600)
    owner.restarts(after_s=5.0)
    owner.reads(BOTTOM)
    assert owner.figure("usable_capacity", slug(1)) is None


def test_a_run_of_more_than_36_hours_measures_nothing(owner: Owner) -> None:
    discharge(owner, 37 * 4.0, current=4.0)
    assert owner.figure("usable_capacity", slug(1)) is None


def test_a_mean_current_below_three_hundredths_measures_nothing(owner: Owner) -> None:
    discharge(owner, 2.9 * 20, current=2.9)
    assert owner.figure("usable_capacity", slug(1)) is None


def test_an_error_above_5_percent_is_not_reported(owner: Owner) -> None:
    owner.stays(TOP, seconds=600, step=60.0)
    for current in (-10.0, 9.0) * 8:
        owner.stays(half(current), seconds=3600, step=60.0)
    owner.reads(BOTTOM, seconds=60.0)
    assert owner.figure("usable_capacity", slug(1)) is None


@pytest.mark.parametrize(
    ("millivolts", "current", "severity", "expected"),
    [
        (3000, -20.0, None, True),
        (3000, -30.0, None, False),
        (2900, -60.0, None, True),
        (3100, -20.0, Severity.PROTECTION, True),
        (3100, -20.0, Severity.WARNING, False),
    ],
    ids=["calm", "loaded", "empty", "the BMS ends it", "the BMS warns"],
)
def test_what_is_a_bottom(
    owner: Owner, millivolts: int, current: float, severity: Severity | None, *, expected: bool
) -> None:
    alarms = (Alarm(kind=AlarmKind.CELL_UNDERVOLTAGE, severity=severity),) if severity else ()
    owner.stays(TOP, seconds=600)
    owner.stays(half(-20.0), seconds=7200)
    owner.reads(bank(module(1, [3200] * 14 + [millivolts], current, alarms=alarms)))
    assert (owner.figure("usable_capacity", slug(1)) is not None) == expected


@pytest.mark.parametrize("jump_s", [-3600.0, 86400.0])
def test_a_clock_that_jumps_changes_nothing(owner: Owner, jump_s: float) -> None:
    owner.stays(TOP, seconds=600)
    owner.stays(half(-20.0), seconds=7200)
    owner.reads(half(-20.0), clock_s=jump_s)
    owner.repeats(half(-20.0))
    owner.reads(BOTTOM)
    assert owner.number("usable_capacity", slug(1)) == pytest.approx(40.0, abs=0.2)


def test_what_was_measured_outlives_a_restart(owner: Owner) -> None:
    discharge(owner, 80.0)
    before = owner.outcome.figures[slug(1)]
    owner.restarts()
    owner.reads(half(0.0))
    after = owner.outcome.figures[slug(1)]
    assert {key: after[key] for key in ("usable_capacity_runs", "usable_capacity_measured_at")} == {
        "usable_capacity_runs": 1,
        "usable_capacity_measured_at": before["usable_capacity_measured_at"],
    }
    assert owner.number("usable_capacity_to_rated", slug(1)) == pytest.approx(
        before["usable_capacity_to_rated"], abs=0.01
    )


@pytest.mark.parametrize("kept", ["[]", "[1, 2, 3, 4]", "[NaN, null, 1, null]", '"x"'])
def test_what_cannot_be_believed_is_begun_anew(kept: str, owner: Owner) -> None:
    state = EachModule(Capacity()).begin({slug(1): json.loads(kept)}, owner.zone)
    assert state.modules[slug(1)].last is None
