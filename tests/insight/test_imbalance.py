"""Imbalance: where it is judged, when it is an alarm, and what the last cell lacks."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from tests.insight.sequences import Owner, bank, kinds, module, slug

from pylon2mqtt.insight.folding.modules import EachModule
from pylon2mqtt.insight.imbalance import Imbalance
from pylon2mqtt.model import Bank, Severity


@pytest.fixture
def owner() -> Owner:
    return Owner(EachModule(Imbalance()))


def spread(mv: int, current: float = 10.0, **fields: Any) -> Bank:
    """A bank of one module whose cell 4 is so much higher than the others."""
    return bank(module(millivolts=[3300] * 3 + [3300 + mv] + [3300] * 11, current=current, **fields))


def level(owner: Owner) -> Severity | None:
    return next((alarm.severity for alarm in owner.alarms(slug(1))), None)


@pytest.mark.parametrize(
    ("mv", "expected"), [(30, None), (31, Severity.WARNING), (50, Severity.WARNING), (51, Severity.PROTECTION)]
)
def test_under_a_small_load_the_mean_of_ten_minutes_counts(owner: Owner, mv: int, expected: Severity | None) -> None:
    owner.stays(spread(mv), seconds=710)
    assert owner.figure("imbalance_under_load") is None
    owner.reads(spread(mv))
    assert owner.number("imbalance_under_load", slug(1)) == pytest.approx(mv)
    assert owner.number("imbalance_under_load") == pytest.approx(mv)
    assert level(owner) == expected
    assert [alarm.cells for alarm in owner.alarms(slug(1))] == ([(4,)] if expected else [])
    assert kinds(owner.happenings) == (["alarm_began"] if expected else [])


@pytest.mark.parametrize(
    "read",
    [
        spread(100, current=1.9),
        spread(100, current=21.0),
        spread(100, soc=19.0),
        spread(100, soc=91.0),
        spread(100, temperatures=(20.0, 5.0)),
        spread(100, temperatures=None),
        spread(100, full_capacity=None),
    ],
    ids=["at rest", "a great load", "nearly empty", "nearly full", "cold", "no temperature", "no capacity"],
)
def test_outside_the_window_there_is_no_judgement(owner: Owner, read: Bank) -> None:
    owner.stays(read, seconds=7200)
    assert (owner.figure("imbalance_under_load", slug(1)), level(owner)) == (None, None)


def test_a_load_that_changes_every_minute_is_not_judged(owner: Owner) -> None:
    for _ in range(60):
        owner.stays(spread(100, current=10.0), seconds=60)
        owner.stays(spread(100, current=14.0), seconds=60)
    assert owner.figure("imbalance_under_load", slug(1)) is None


def test_the_ten_minutes_are_collected_over_pauses_of_a_day(owner: Owner) -> None:
    owner.stays(spread(40), seconds=480)
    owner.stays(spread(40, current=0.0), seconds=3600 * 23, step=60.0)
    owner.restarts()
    owner.stays(spread(40), seconds=400)
    assert level(owner) is Severity.WARNING


def test_over_a_longer_pause_they_begin_anew(owner: Owner) -> None:
    owner.stays(spread(40), seconds=480)
    owner.stays(spread(40, current=0.0), seconds=3600 * 25, step=60.0)
    owner.stays(spread(40), seconds=480)
    assert level(owner) is None


def test_a_gap_a_stale_reading_and_a_silent_module_add_nothing(owner: Owner) -> None:
    owner.stays(spread(40), seconds=600)
    for _ in range(100):
        owner.repeats(spread(40))
    for _ in range(3):
        owner.reads(spread(40), seconds=70)
    owner.stays(bank(silent=(1,)), seconds=600)
    owner.reads(spread(40))
    assert level(owner) is None


def test_an_alarm_ends_below_70_percent_and_not_within_a_day(owner: Owner) -> None:
    owner.stays(spread(60), seconds=800)
    assert level(owner) is Severity.PROTECTION
    owner.stays(spread(2), seconds=23 * 3600, step=60.0)
    assert level(owner) is Severity.PROTECTION
    owner.stays(spread(36), seconds=5 * 3600, step=60.0)
    assert level(owner) is Severity.PROTECTION
    owner.stays(spread(34), seconds=3600)
    assert level(owner) is Severity.WARNING
    owner.stays(spread(2), seconds=25 * 3600, step=60.0)
    assert level(owner) is None
    assert kinds(owner.happenings) == ["alarm_began", "alarm_ended", "alarm_began", "alarm_ended"]


def test_a_fault_that_shows_every_day_for_an_hour_is_one_alarm(owner: Owner) -> None:
    for _ in range(10):
        owner.stays(spread(60), seconds=3600, step=60.0)
        owner.stays(spread(2), seconds=23 * 3600, step=60.0)
    assert kinds(owner.happenings) == ["alarm_began"]


def test_the_owner_has_his_own_thresholds() -> None:
    owner = Owner(EachModule(Imbalance(warning_mv=60, alarm_mv=100)))
    owner.stays(spread(60), seconds=800)
    assert level(owner) is None
    owner.stays(spread(70), seconds=800)
    assert level(owner) is Severity.WARNING


def top(mv: int) -> Bank:
    return bank(module(millivolts=[3500 - mv] + [3500] * 14, current=1.0, soc=100.0))


def charge(owner: Owner, *spreads: int) -> None:
    """Hold the top with these spreads, half an hour each, then take out 10 Ah, with a current that is not judged."""
    for mv in spreads:
        owner.stays(top(mv), seconds=1800, step=60.0)
    owner.stays(spread(0, current=-30.0), seconds=1200, step=60.0)


def test_at_the_top_the_smallest_spread_of_a_charge_counts(owner: Owner) -> None:
    charge(owner, 200, 90, 120)
    assert owner.figure("imbalance_at_top", slug(1)) == pytest.approx(90)
    assert owner.figure("imbalance_under_load", slug(1)) is None


def test_three_charges_above_80_or_two_above_150_are_an_alarm(owner: Owner) -> None:
    charge(owner, 90)
    charge(owner, 90)
    assert level(owner) is None
    charge(owner, 90)
    assert level(owner) is Severity.WARNING
    charge(owner, 160)
    assert level(owner) is Severity.WARNING
    charge(owner, 160)
    assert level(owner) is Severity.PROTECTION
    charge(owner, 110)
    assert level(owner) is Severity.PROTECTION
    charge(owner, 20)
    assert level(owner) is None


def test_a_charge_between_that_is_fine_counts_anew(owner: Owner) -> None:
    for mv in (90, 90, 70, 90, 90):
        charge(owner, mv)
    assert level(owner) is None


def test_ten_minutes_at_the_top_say_nothing_yet(owner: Owner) -> None:
    owner.stays(top(200), seconds=600)
    owner.stays(spread(0, current=-30.0), seconds=1200)
    assert owner.figure("imbalance_at_top", slug(1)) is None


def test_a_load_alarm_does_not_end_by_a_good_top(owner: Owner) -> None:
    owner.stays(spread(60), seconds=800)
    for _ in range(3):
        owner.stays(spread(0, current=-30.0), seconds=36000, step=60.0)
        charge(owner, 5)
    assert level(owner) is Severity.PROTECTION


def rising(owner: Owner, *readings: Sequence[int], current: float = 6.0) -> None:
    for millivolts in readings:
        owner.stays(bank(module(millivolts=millivolts, current=current)), seconds=60)


def test_what_the_last_cell_lacks_is_the_charge_until_it_crosses(owner: Owner) -> None:
    rising(owner, (3400, 3400, 3400), (3460, 3400, 3400), *([(3470, 3455, 3420)] * 29), (3480, 3470, 3450))
    assert owner.number("imbalance_charge", slug(1)) == pytest.approx(6.0 * 30 / 60)
    assert owner.figure("imbalance_charge_at_least", slug(1)) is False
    assert (owner.figure("imbalance_last_cell", slug(1)), owner.figure("imbalance_module")) == (3, 1)


def test_where_the_charge_ends_before_it_is_at_least(owner: Owner) -> None:
    rising(owner, (3400, 3400, 3400), *([(3460, 3470, 3410)] * 20))
    rising(owner, *([(3300, 3300, 3250)] * 10), current=-40.0)
    assert owner.number("imbalance_charge", slug(1)) == pytest.approx(6.0 * 20 / 60, abs=0.1)
    assert owner.figure("imbalance_charge_at_least", slug(1)) is True
    assert owner.figure("imbalance_last_cell", slug(1)) == 3


def test_cells_that_cross_together_have_no_last(owner: Owner) -> None:
    rising(owner, (3400, 3400, 3400), (3460, 3400, 3400), (3460, 3455, 3455))
    assert owner.figure("imbalance_last_cell", slug(1)) is None
    assert owner.number("imbalance_charge", slug(1)) == pytest.approx(0.1)


def test_a_charge_whose_beginning_was_not_seen_has_no_result(owner: Owner) -> None:
    rising(owner, *([(3470, 3455, 3420)] * 5), (3480, 3470, 3450))
    assert owner.figure("imbalance_charge", slug(1)) is None


def test_a_charge_with_a_gap_has_no_result(owner: Owner) -> None:
    rising(owner, (3400, 3400, 3400), (3460, 3400, 3400))
    owner.reads(bank(module(millivolts=(3470, 3460, 3420), current=6.0)), seconds=600)
    rising(owner, (3480, 3470, 3460))
    assert owner.figure("imbalance_charge", slug(1)) is None


def test_the_bank_has_the_worst_of_its_modules_if_all_are_judged(owner: Owner) -> None:
    calm, worse = module(1, [3300, 3305], 10.0), module(2, [3300, 3320], 10.0)
    owner.stays(bank(calm, worse), seconds=760)
    assert owner.figure("imbalance_under_load") == pytest.approx(20)
    assert owner.figure("imbalance_module") == 2
    owner.reads(bank(calm, silent=(2,)))
    assert owner.figure("imbalance_under_load") is None


def test_the_judgements_are_there_after_a_restart(owner: Owner) -> None:
    owner.stays(spread(60), seconds=800)
    charge(owner, 12)
    rising(owner, (3400, 3400, 3400), (3460, 3400, 3400), (3460, 3455, 3400), (3460, 3455, 3455))
    before = owner.outcome.figures[slug(1)]
    owner.restarts()
    owner.reads(spread(2))
    after = owner.outcome.figures[slug(1)]
    assert after == {**before, "imbalance_charge": pytest.approx(before["imbalance_charge"])}
    assert level(owner) is Severity.PROTECTION
    assert len(json.dumps(owner.insight.keep(owner.state), separators=(",", ":"))) < 130


@pytest.mark.parametrize("kept", ["[]", "[1, 2, 3, 4]", "[[NaN, 1, null, null, null], null, null, 3]", '"x"'])
def test_what_cannot_be_believed_is_begun_anew(kept: str, owner: Owner) -> None:
    state = EachModule(Imbalance()).begin({slug(1): json.loads(kept)}, owner.zone)
    assert state.modules[slug(1)].judged_at is None
