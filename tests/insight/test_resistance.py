"""Step resistance: which steps count, and when there is a result."""

import json
from typing import Any

import pytest
from tests.insight.sequences import Owner, bank, module, slug

from pylon2mqtt.insight.folding.modules import EachModule
from pylon2mqtt.insight.resistance import Resistance
from pylon2mqtt.model import Bank

CELLS_MOHM = [1.0] * 9 + [2.0]


@pytest.fixture
def owner() -> Owner:
    return Owner(EachModule(Resistance()))


def loaded(current: float, cells: list[float] = CELLS_MOHM, **fields: Any) -> Bank:
    """Ten cells at 3.3 V that give way by their resistances."""
    given: dict[str, Any] = {"at_once": True} | fields
    return bank(module(1, [round(3300 + current * mohm) for mohm in cells], current, **given))


def steps(owner: Owner, count: int, amperes: float = 20.0, *, seconds: float = 5.0, **fields: Any) -> None:
    """A load that is switched on and off; each switching is a step."""
    for place in range(count):
        for _ in range(2):
            owner.reads(loaded(-amperes * (place % 2), **fields), seconds=seconds)


def test_twenty_steps_are_a_result(owner: Owner) -> None:
    steps(owner, 20)
    assert owner.figure("step_resistance", slug(1)) is None
    steps(owner, 2)
    assert owner.number("step_resistance", slug(1)) == pytest.approx(11.0)
    assert owner.number("step_resistance_error", slug(1)) == pytest.approx(1 / 20 + 1.1)
    assert owner.figure("step_resistance_seconds", slug(1)) == 6.0
    assert owner.figure("step_resistance_steps", slug(1)) == 21
    assert owner.figure("cell_step_resistances", slug(1)) == pytest.approx(tuple(CELLS_MOHM))
    assert owner.figure("step_resistance_max_cell", slug(1)) == 10
    assert owner.number("step_resistance_spread", slug(1)) == pytest.approx(0.0, abs=1e-6)
    assert owner.number("step_resistance_temperature", slug(1)) == 20.0


@pytest.mark.parametrize(
    ("amperes", "fields"),
    [
        (9.9, {}),
        (20.0, {"at_once": False}),
        (20.0, {"soc": 19.0}),
        (20.0, {"soc": 81.0}),
        (20.0, {"temperatures": None}),
        (20.0, {"seconds": 12.5}),
        (4.9, {"full_capacity": 40.0}),
    ],
    ids=["below 0.1 C", "not at once", "nearly empty", "nearly full", "no temperature", "read slowly", "below 5 A"],
)
def test_what_is_no_step(owner: Owner, amperes: float, fields: dict[str, Any]) -> None:
    steps(owner, 50, amperes, **fields)
    assert owner.state.modules[slug(1)].steps == {}


def test_the_readings_beside_a_step_have_to_be_flat(owner: Owner) -> None:
    for _ in range(30):
        for current in (0.0, 0.0, -20.0, -22.0):
            owner.reads(loaded(current), seconds=5.0)
    found = owner.state.modules[slug(1)].steps
    assert found == {}


def test_the_classes_of_time_are_never_mixed(owner: Owner) -> None:
    steps(owner, 16, seconds=5.0)
    steps(owner, 16, seconds=10.0)
    assert owner.figure("step_resistance", slug(1)) is None
    steps(owner, 8, seconds=10.0)
    assert owner.figure("step_resistance_seconds", slug(1)) == 12.0


def test_steps_of_another_temperature_do_not_count(owner: Owner) -> None:
    steps(owner, 15)
    steps(owner, 15, temperatures=(26.0, 26.0))
    assert owner.figure("step_resistance", slug(1)) is None


def test_halves_that_do_not_agree_are_no_result(owner: Owner) -> None:
    steps(owner, 13)
    steps(owner, 12, cells=[1.0] * 9 + [4.0])
    assert owner.figure("step_resistance", slug(1)) is None
    steps(owner, 20, cells=[1.0] * 9 + [4.0])
    assert owner.number("step_resistance", slug(1)) == pytest.approx(13.0)


def test_a_cell_whose_halves_do_not_agree_has_none(owner: Owner) -> None:
    steps(owner, 13)
    steps(owner, 12, cells=[1.0] * 9 + [2.5])
    cells = owner.figure("cell_step_resistances", slug(1))
    assert isinstance(cells, tuple)
    assert cells[9] is None
    assert cells[0] == pytest.approx(1.0)
    assert owner.figure("step_resistance_max_cell", slug(1)) is None


def test_a_gap_a_stale_reading_and_a_silence_are_no_step(owner: Owner) -> None:
    for _ in range(30):
        for current in (0.0, -20.0):
            owner.reads(loaded(current), seconds=5.0)
            owner.repeats(loaded(current))
            owner.reads(loaded(current), seconds=5.0)
            owner.reads(bank(silent=(1,)), seconds=50.0)
            owner.reads(bank(silent=(1,)), seconds=50.0)
    assert owner.state.modules[slug(1)].steps == {}


@pytest.mark.parametrize("jump_s", [-3600.0, 86400.0])
def test_a_clock_that_jumps_changes_nothing(owner: Owner, jump_s: float) -> None:
    steps(owner, 10)
    owner.reads(loaded(-20.0), seconds=5.0, clock_s=jump_s)
    steps(owner, 14)
    assert owner.number("step_resistance", slug(1)) == pytest.approx(11.0)


def test_the_steps_outlive_a_restart(owner: Owner) -> None:
    steps(owner, 30)
    before = owner.outcome.figures[slug(1)]
    kept = json.dumps(owner.insight.keep(owner.state), separators=(",", ":"))
    assert len(kept) < 2000
    owner.restarts()
    owner.reads(loaded(0.0))
    after = owner.outcome.figures[slug(1)]
    for key in ("step_resistance", "step_resistance_error", "step_resistance_steps", "step_resistance_max_cell"):
        assert after[key] == pytest.approx(before[key], rel=0.01)


@pytest.mark.parametrize("kept", ["[]", '{"6": [[0, 200, 5]], "12": []}', '{"6": []}', '{"6": [["a", 2]], "12": []}'])
def test_what_cannot_be_believed_is_begun_anew(kept: str, owner: Owner) -> None:
    state = EachModule(Resistance()).begin({slug(1): json.loads(kept)}, owner.zone)
    assert state.modules[slug(1)].steps == {}
