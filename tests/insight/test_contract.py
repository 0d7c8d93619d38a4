"""What holds for every fold, whatever it is about."""

import json
from typing import Any

import pytest
from tests.insight.sequences import BERLIN, Owner, bank, module, slug

from pylon2mqtt.insight.base import Insight
from pylon2mqtt.insight.registry import InsightSettings, insights
from pylon2mqtt.model import Alarm, AlarmKind, Bank, Module, Severity
from pylon2mqtt.model.over_time.quantities import QUANTITIES_OVER_TIME

FOLDS = insights(InsightSettings())


@pytest.fixture(params=FOLDS, ids=lambda fold: str(fold.name))
def owner(request: pytest.FixtureRequest) -> Owner:
    fold: Insight[Any] = request.param
    return Owner(fold)


def day(owner: Owner) -> None:
    """A day with every part of what can be read."""
    high = Alarm(kind=AlarmKind.CELL_OVERVOLTAGE, severity=Severity.WARNING)
    for current, mv, soc in ((-20.0, 3300, 50.0), (8.0, 3310, 55.0), (20.0, 3350, 80.0), (1.0, 3500, 100.0)):
        cells = [mv + place % 3 for place in range(15)]
        first = module(1, cells, current, soc=soc, at_once=True, remaining_capacity=soc, rated_capacity=100.0)
        second = module(2, cells, current, soc=soc, alarms=(high,) if mv > 3400 else ())
        owner.stays(bank(first, second), seconds=6 * 3600, step=60.0)


def test_every_figure_has_a_row_and_every_row_one_fold() -> None:
    names = [fold.name for fold in FOLDS]
    assert len(set(names)) == len(names)
    of_bank, of_module = list[str](), list[str]()
    for fold in FOLDS:
        owner = Owner(fold)
        owner.reads(bank(module(1)))
        of_bank += owner.outcome.figures.get(None, {})
        of_module += owner.outcome.figures.get(slug(1), {})
    assert sorted(of_bank) == sorted(QUANTITIES_OVER_TIME[Bank])
    assert sorted(of_module) == sorted(QUANTITIES_OVER_TIME[Module])


def test_every_key_is_always_there(owner: Owner) -> None:
    owner.reads(bank(module(1)))
    keys = {part is None: set(figures) for part, figures in owner.outcome.figures.items()}
    for read in (bank(), bank(module(1)), bank(module(1), silent=(2,)), bank(soc=50.0, current=3.0), silent(2)):
        owner.reads(read)
        for part, figures in owner.outcome.figures.items():
            assert set(figures) == keys[part is None]
    day(owner)
    for part, figures in owner.outcome.figures.items():
        assert set(figures) == keys[part is None]


def test_what_is_kept_is_json_and_is_what_was(owner: Owner) -> None:
    day(owner)
    kept = owner.insight.keep(owner.state)
    text = json.dumps(kept, allow_nan=False)
    again = owner.insight.keep(owner.insight.begin(json.loads(text), owner.zone))
    assert again == json.loads(text)


@pytest.mark.parametrize("kept", ["null", "5", '"x"', "[]", "[[]]", '{"": null}', '{"1": {"a": [NaN]}}', '{"1": []}'])
def test_a_damaged_state_is_begun_anew(owner: Owner, kept: str) -> None:
    owner.state = owner.insight.begin(json.loads(kept), owner.zone)
    day(owner)
    assert owner.insight.keep(owner.state) is not None or owner.insight.name == "outlook"


def damaged(value: Any) -> list[Any]:
    """The state with each of its values, one after the other, replaced by another one."""
    found: list[Any] = []
    if isinstance(value, dict):
        found += [{**value, key: other} for key, one in value.items() for other in damaged(one)]
    elif isinstance(value, list):
        found += [
            [*value[:place], other, *value[place + 1 :]] for place, one in enumerate(value) for other in damaged(one)
        ]
    return [*found, "?", float("nan"), -1e300, {}, []]


def test_a_state_with_any_value_damaged_raises_nothing_and_goes_on(owner: Owner) -> None:
    day(owner)
    read = bank(module(1, current=5.0), module(2))
    for kept in damaged(json.loads(json.dumps(owner.insight.keep(owner.state))))[:3000]:
        other = Owner(owner.insight)
        other.state = owner.insight.begin(kept, owner.zone)
        other.reads(read)
        other.reads(read)
        json.dumps(owner.insight.keep(other.state), allow_nan=False)


def test_a_snapshot_without_a_new_reading_changes_no_state(owner: Owner) -> None:
    day(owner)
    before, figures = json.dumps(owner.insight.keep(owner.state)), dict(owner.outcome.figures)
    owner.repeats(bank(module(1), module(2)))
    assert json.dumps(owner.insight.keep(owner.state)) == before
    assert dict(owner.outcome.figures) == figures
    assert owner.outcome.happenings == ()


def silent(count: int) -> Bank:
    return bank(silent=tuple(range(1, count + 1)))


def test_a_bank_that_comes_and_goes_breaks_nothing(owner: Owner) -> None:
    for read in (bank(), silent(2), bank(module(1), silent=(2,)), bank(module(1, []), module(2, cells=None))):
        owner.reads(read)
        owner.loses()
        owner.repeats(read)
    for missing in ("current", "voltage", "soc", "full_capacity", "temperatures", "barcode", "alarms"):
        fields: dict[str, Any] = {"current": 5.0, missing: None}
        owner.stays(bank(module(**fields)), seconds=1000)
    owner.reads(bank(module(1), module(2)))
    there = {None, slug(1), slug(2)}
    assert there <= set(owner.outcome.figures) or owner.insight.name == "happenings"


def test_what_is_saved_each_minute_stays_below_8_kilobytes_for_16_modules() -> None:
    at = 1_780_341_300
    energy = [12345.67891, 12345.67891, "metered", ["2026-06-01", 99.12345, 99.12345, [99.12345, 99.12345]]]
    trip = [[at, 12345.678, 12345.678], 12345, at, [95.12, 2.99]]
    load, top = [123.4, at, "protection", at, [599, 45678, at]], [234, at, "protection", 9, 9]
    worst: dict[str, Any] = {
        "energy": [*energy, trip],
        "imbalance": [load, top, [12.34, 1, 15], 15],
        "members": [16, at, "B69.25.1", 1, 1],
    }
    slugs = [f"PPTAH2401{number:07}" for number in range(16)]
    states: dict[str, Any] = {name: dict.fromkeys(slugs, state) for name, state in worst.items()}
    states["energy"][""] = worst["energy"]
    states["happenings"] = {
        "online": True,
        "open": [[slug, "discharge_overtemperature", "protection", "bms"] for slug in slugs],
        "off": dict.fromkeys(slugs, 72000.0),
    }
    each_minute = [fold for fold in FOLDS if not fold.hourly]
    kept = {fold.name: fold.keep(fold.begin(states.get(fold.name), BERLIN)) for fold in each_minute}
    assert kept == {**states, "outlook": None}
    assert len(json.dumps(kept, separators=(",", ":"))) < 8000
