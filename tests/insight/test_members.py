"""Who is there, who is away, and what is said of it."""

import json

import pytest
from tests.insight.sequences import BERLIN, Owner, bank, kinds, module, slug

from pylon2mqtt.insight.members import Membership

BOTH = bank(module(1, firmware="B66.6"), module(2, firmware="B66.6"))
FIRST = bank(module(1, firmware="B66.6"), silent=(2,))


@pytest.fixture
def owner() -> Owner:
    """An owner whose bank is known."""
    owner = Owner(Membership())
    owner.stays(BOTH, seconds=700)
    return owner


def test_the_first_modules_of_a_bank_are_no_news(owner: Owner) -> None:
    assert owner.happenings == []
    assert owner.figure("modules_known") == 2
    assert owner.outcome.figures[slug(2)] == {"present": True, "away_since": None}


def test_a_module_that_comes_later_is_new(owner: Owner) -> None:
    owner.reads(bank(module(1), module(2), module(3)))
    assert kinds(owner.happenings) == ["module_new"]
    assert (owner.happenings[0].module, owner.happenings[0].barcode) == (3, slug(3))


def test_a_module_is_lost_after_a_gap_and_comes_back(owner: Owner) -> None:
    seen = owner.at
    owner.stays(FIRST, seconds=60)
    assert owner.happenings == []
    owner.reads(FIRST)
    assert kinds(owner.happenings) == ["module_lost"]
    assert owner.outcome.figures[slug(2)] == {"present": False, "away_since": seen}
    assert owner.figure("modules_away") == 1
    owner.stays(FIRST, seconds=600)
    owner.reads(BOTH)
    assert kinds(owner.happenings) == ["module_lost", "module_back"]
    assert owner.happenings[1].values == {"number": 2, "away_s": 680}


def test_a_missed_reading_is_no_loss(owner: Owner) -> None:
    for _ in range(10):
        owner.stays(FIRST, seconds=50)
        owner.reads(BOTH)
    assert owner.happenings == []


def test_a_bank_that_does_not_answer_loses_no_module(owner: Owner) -> None:
    for _ in range(100):
        owner.loses()
    owner.repeats(BOTH)
    owner.reads(FIRST)
    owner.reads(BOTH)
    assert owner.happenings == []


def test_modules_that_change_places_have_moved(owner: Owner) -> None:
    owner.reads(bank(module(1, barcode=slug(2)), module(2, barcode=slug(1))))
    assert kinds(owner.happenings) == ["module_moved", "module_moved"]
    assert owner.happenings[0].values == {"number": 1, "before": 2}
    assert owner.figure("modules_known") == 2


def test_a_new_firmware_is_said_with_the_one_before(owner: Owner) -> None:
    owner.reads(bank(module(1, firmware="B69.25"), module(2)))
    assert kinds(owner.happenings) == ["firmware_changed"]
    assert owner.happenings[0].values == {"firmware": "B69.25", "before": "B66.6"}


def test_a_barcode_that_is_read_late_makes_no_second_module() -> None:
    owner = Owner(Membership())
    owner.stays(bank(module(1, barcode=None)), seconds=700)
    owner.reads(bank(module(1)))
    assert owner.happenings == []
    assert owner.figure("modules_known") == 1


def test_who_is_away_for_seven_days_is_removed(owner: Owner) -> None:
    owner.stays(FIRST, seconds=7 * 86400 - 60, step=60.0)
    assert kinds(owner.happenings) == ["module_lost"]
    owner.stays(FIRST, seconds=180, step=60.0)
    assert kinds(owner.happenings) == ["module_lost", "module_removed"]
    assert owner.figure("modules_known") == 1


def test_after_a_restart_a_module_has_ten_minutes(owner: Owner) -> None:
    seen = owner.at
    owner.restarts(after_s=3600)
    owner.stays(FIRST, seconds=600)
    assert owner.happenings == []
    owner.reads(FIRST)
    assert kinds(owner.happenings) == ["module_lost"]
    assert owner.figure("away_since", slug(2)) == seen
    owner.restarts()
    owner.stays(FIRST, seconds=700)
    assert kinds(owner.happenings) == ["module_lost"]


def test_a_clock_a_day_ahead_or_an_hour_back_loses_nobody(owner: Owner) -> None:
    owner.reads(BOTH, clock_s=86400.0)
    owner.reads(BOTH, clock_s=-86400.0)
    owner.reads(BOTH, clock_s=-3600.0)
    owner.stays(BOTH, seconds=100)
    assert owner.happenings == []


@pytest.mark.parametrize(
    "kept", ["null", "[]", '"x"', '{"A": [1, "yesterday", null, 0, 1]}', '{"A": [NaN, 1, null, 0, 1]}']
)
def test_what_cannot_be_believed_is_forgotten(kept: str) -> None:
    assert Membership().begin(json.loads(kept), BERLIN).members == {}


def test_the_same_happening_has_the_same_id(owner: Owner) -> None:
    again = Owner(Membership())
    again.stays(BOTH, seconds=700)
    for one in (owner, again):
        one.stays(FIRST, seconds=100)
        one.reads(BOTH)
    assert [one.id for one in owner.happenings] == [one.id for one in again.happenings]
    assert len({one.id for one in owner.happenings}) == 2
