"""The cell watch against hand-made months whose answer is known by arithmetic."""

import json
from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from tests.insight.sequences import Owner, bank, kinds, slug

from pylon2mqtt.insight.cell_watch import CellWatch, Watch
from pylon2mqtt.insight.cells.daily import UNKNOWN, Condition, DailyValues, Mean
from pylon2mqtt.insight.cells.packing import packed, unpacked
from pylon2mqtt.insight.cells.runs import Ranks, Runs
from pylon2mqtt.insight.cells.trend import Z95, trends
from pylon2mqtt.insight.folding.modules import EachModule
from pylon2mqtt.model import Bank, Cell, Module

CELLS = 15
STEP_S = 300.0
"""So that months pass quickly; the rare readings are the usual ones, and no gap."""


@pytest.fixture
def owner() -> Owner:
    return Owner(EachModule(CellWatch()))


def cells(offsets: list[float], balancing: int | None = None, level: float = 3300.0) -> Module:
    """A module whose cells are so many mV above 3.3 V; the fields of the moment follow."""
    return Module(
        number=1,
        barcode=slug(1),
        cells=tuple(
            Cell(number=place, voltage=(level + mv) / 1000, balancing=place == balancing)
            for place, mv in enumerate(offsets, start=1)
        ),
        full_capacity=100.0,
        temperatures=(20.0,),
        alarms=(),
    )


def reading(module: Module, current: float, soc: float, temperature: float = 20.0) -> Bank:
    return bank(replace(module, current=current, soc=soc, temperatures=(temperature,)))


Offsets = Callable[[int, float], list[float]]
"""Day and current -> mV of each cell against the others."""


def days(owner: Owner, count: int, offsets: Offsets, *, first: int = 0, soc: float = 40.0) -> None:
    """Each day more than an hour at rest, of charging and of discharging; for the rest of the day nothing is read."""
    for day in range(first, first + count):
        for current in (0.0, 20.0, -20.0):
            read = reading(cells(offsets(day, current)), current, soc)
            owner.stays(read, seconds=4500, step=STEP_S)
        owner.reads(read, seconds=86400 - 3 * 4500)


def healthy(seed: int = 1) -> Offsets:
    """Cells that differ for ever: 1 mV of the meter, 0.05 mΩ, and half a mV of noise a day."""
    dice = Random(seed)
    meter = [dice.gauss(0, 1.0) for _ in range(CELLS)]
    ohms = [dice.gauss(0, 0.05) for _ in range(CELLS)]
    return lambda day, current: [m + r * current + dice.gauss(0, 0.5) for m, r in zip(meter, ohms, strict=True)]


def drifting(mv_a_month: float, cell: int = 6, seed: int = 1) -> Offsets:
    base = healthy(seed)

    def offsets(day: int, current: float) -> list[float]:
        found = base(day, current)
        found[cell - 1] += mv_a_month * day / 30.44
        return found

    return offsets


def test_the_deviation_is_that_from_the_median_of_30_days(owner: Owner) -> None:
    days(owner, 9, lambda day, current: [0.0] * 14 + [5.0])
    assert owner.figure("cell_deviations", slug(1)) is None
    days(owner, 3, lambda day, current: [0.0] * 14 + [5.0], first=9)
    assert owner.figure("cell_deviations", slug(1)) == pytest.approx((0.0,) * 14 + (5.0,))
    assert owner.figure("watched_cell", slug(1)) == 15
    assert owner.figure("watched_cell_deviation", slug(1)) == pytest.approx(5.0)
    assert owner.figure("watched_cell_trend", slug(1)) is None
    assert owner.figure("cell_finding") is False


def test_a_drift_of_2_mv_a_month_is_a_trend_by_day_75_and_a_finding_by_day_200(owner: Owner) -> None:
    days(owner, 75, drifting(2.0))
    trends_known = owner.figure("cell_trends", slug(1))
    assert isinstance(trends_known, tuple)
    assert trends_known[5] == pytest.approx(2.0, abs=0.2)
    assert owner.figure("watched_cell", slug(1)) == 6
    assert owner.number("watched_cell_trend_low", slug(1)) > 0
    assert owner.happenings == []
    days(owner, 125, drifting(2.0), first=75)
    assert kinds(owner.happenings) == ["cell_deviates"]
    values = owner.happenings[0].values
    assert (values["cell"], values["of_runs"]) == (6, 30)
    assert owner.figure("cell_finding") is True


def test_a_jump_after_the_first_runs_is_found_within_60_days(owner: Owner) -> None:
    base = healthy(3)

    def offsets(day: int, current: float) -> list[float]:
        found = base(day, current)
        found[8] += 1.0 * current * (day >= 30)
        return found

    days(owner, 90, offsets)
    assert kinds(owner.happenings) == ["cell_deviates"]
    assert (owner.happenings[0].values["cell"], owner.happenings[0].values["condition"]) == (9, "charge")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_healthy_module_has_no_finding(owner: Owner, seed: int) -> None:
    days(owner, 120, healthy(seed))
    assert owner.happenings == []
    assert owner.figure("cell_finding") is False


def test_a_cell_that_always_was_far_away_is_no_finding(owner: Owner) -> None:
    base = healthy(4)
    days(owner, 120, lambda day, current: [mv + 12.0 * (place == 3) for place, mv in enumerate(base(day, current))])
    assert owner.number("watched_cell_times", slug(1)) == 30
    assert owner.happenings == []


def test_a_finding_ends_below_70_percent(owner: Owner) -> None:
    days(owner, 40, lambda day, current: [0.0] * 14 + [3.0 if day < 25 else 12.0])
    days(owner, 20, lambda day, current: [0.0] * 14 + [12.0])
    assert owner.figure("cell_finding") is True
    days(owner, 40, lambda day, current: [0.0] * 14 + [8.0])
    assert owner.figure("cell_finding") is True
    days(owner, 40, lambda day, current: [0.0] * 14 + [6.0])
    assert owner.figure("cell_finding") is False
    assert kinds(owner.happenings) == ["cell_deviates"]


def values_of(owner: Owner, condition: Condition) -> tuple[int, ...] | None:
    """The last daily value of a condition in tenths of mV."""
    series = owner.state.modules[slug(1)].series.get(condition)
    return series.days[-1][1:] if series else None


def test_each_reading_counts_in_its_condition(owner: Owner) -> None:
    for current, soc, level in ((0.0, 40.0, 3300.0), (20.0, 80.0, 3300.0), (-20.0, 50.0, 3300.0)):
        owner.stays(reading(cells([0.0] * 14 + [abs(current) + 1], level=level), current, soc), seconds=1800, step=60.0)
    owner.stays(reading(cells([0.0] * 14 + [70.0], level=3460.0), 1.0, 100.0), seconds=1800, step=60.0)
    owner.stays(reading(cells([0.0] * 14 + [-50.0]), -20.0, 15.0), seconds=1800, step=60.0)
    owner.reads(reading(cells([0.0] * 15), 0.0, 15.0), seconds=86400)
    found = {condition: (values_of(owner, condition) or (None,))[-1] for condition in Condition}
    assert found == {"rest": 10, "charge": 210, "discharge": 210, "top": 700, "low": -500}


@pytest.mark.parametrize(
    "read",
    [
        reading(cells([0.0] * 14 + [9.0]), 20.0, 60.0),
        reading(cells([0.0] * 14 + [9.0]), 20.0, 95.0),
        reading(cells([0.0] * 14 + [9.0], level=3500.0), 20.0, 80.0),
        reading(cells([0.0, 9.0]), 20.0, 40.0),
    ],
    ids=["a steep place of the curve", "nearly full", "high under current", "two cells"],
)
def test_what_does_not_count(owner: Owner, read: Bank) -> None:
    owner.stays(read, seconds=3600, step=60.0)
    owner.reads(read, seconds=86400)
    assert owner.state.modules[slug(1)].series == {}


def test_a_cell_that_is_bled_is_left_out(owner: Owner) -> None:
    owner.stays(reading(cells([0.0] * 13 + [4.0, 9.0], balancing=15), 20.0, 40.0), seconds=3600, step=60.0)
    owner.reads(reading(cells([0.0] * 15), 0.0, 40.0), seconds=86400)
    assert values_of(owner, Condition.CHARGE) == (*[0] * 13, 40, UNKNOWN)


def test_readings_of_another_temperature_do_not_count(owner: Owner) -> None:
    owner.stays(reading(cells([0.0] * 15), 20.0, 40.0), seconds=3600, step=60.0)
    owner.stays(reading(cells([0.0] * 14 + [9.0]), 20.0, 40.0, temperature=25.5), seconds=3600, step=60.0)
    owner.reads(reading(cells([0.0] * 15), 0.0, 40.0), seconds=86400)
    assert values_of(owner, Condition.CHARGE) == (0,) * 15


def test_at_rest_the_first_ten_minutes_do_not_count(owner: Owner) -> None:
    for _ in range(5):
        owner.stays(reading(cells([0.0] * 15), 20.0, 60.0), seconds=600, step=60.0)
        owner.stays(reading(cells([0.0] * 14 + [9.0]), 0.0, 40.0), seconds=540, step=60.0)
    owner.reads(reading(cells([0.0] * 15), 0.0, 60.0), seconds=86400)
    assert owner.state.modules[slug(1)].series == {}


def test_a_gap_a_stale_reading_and_a_silent_module_do_not_count(owner: Owner) -> None:
    read = reading(cells([0.0] * 14 + [9.0]), 20.0, 40.0)
    owner.stays(read, seconds=540)
    for _ in range(100):
        owner.repeats(read)
    owner.reads(read, seconds=3000)
    owner.stays(bank(silent=(1,)), seconds=600)
    owner.reads(read, seconds=86400)
    assert owner.state.modules[slug(1)].series == {}


def test_a_clock_that_jumps_neither_ends_nor_repeats_days_for_long(owner: Owner) -> None:
    flat: Offsets = lambda day, current: [0.0] * 15  # noqa: E731
    days(owner, 3, flat)
    owner.reads(bank(silent=(1,)), clock_s=86400.0)
    days(owner, 1, flat)
    owner.reads(bank(silent=(1,)), clock_s=-86400.0)
    days(owner, 3, flat)
    owner.reads(bank(silent=(1,)), clock_s=-3600.0)
    numbers = [day[0] for day in owner.state.modules[slug(1)].series[Condition.REST].days]
    assert numbers == sorted(set(numbers))
    assert len(numbers) >= 5


def test_years_take_less_than_18_kilobytes_and_outlive_a_restart() -> None:
    dice = Random(7)
    series = dict.fromkeys(Condition, DailyValues())
    for day in range(739_000, 739_000 + 600):
        series = {name: one.add(day, tuple(dice.gauss(0, 4) for _ in range(16))) for name, one in series.items()}
    runs = Runs(tuple(Ranks(charge=place % 2 == 0, high=16, low=15) for place in range(30)))
    baseline = dict.fromkeys(Condition, (-123,) * 16)
    state = Watch(series=series, runs=runs, baseline=baseline, found=frozenset({15, 16}), usual=21.4)
    fold = CellWatch()
    kept = json.dumps(fold.keep(state), separators=(",", ":"))
    assert 12_000 < len(kept) < 18_000
    assert fold.begin(json.loads(kept)) == state
    assert {len(one.weeks) for one in series.values()} == {26}


@pytest.mark.parametrize(
    "kept", ["[]", '{"series": {}}', '{"series": {"rest": [16, 1, "x", ""]}, "runs": [], "baseline": {}, "found": []}']
)
def test_what_cannot_be_believed_is_begun_anew(kept: str, owner: Owner) -> None:
    state = EachModule(CellWatch()).begin({slug(1): json.loads(kept)}, owner.zone)
    assert state.modules[slug(1)].series == {}


def test_packing_and_unpacking() -> None:
    dice = Random(5)
    rows = [(place, *(dice.randint(-2048, 2047) for _ in range(16))) for place in range(90)]
    assert unpacked(packed(rows), 17) == rows
    assert unpacked(packed([]), 17) == []
    text = packed(rows)
    for damaged in (text[:-5], text[:40] + "!" + text[41:], "", "~"):
        with pytest.raises(ValueError, match=r".*"):
            unpacked(damaged, 17)


def test_the_trend_is_the_median_slope_and_its_interval_holds_the_truth() -> None:
    line = [(float(day), 0.1 * day) for day in range(60)]
    line[10] = (10.0, 500.0)
    known = trends(line, Z95)
    assert known is not None
    assert known[0].slope == pytest.approx(0.1 * 30.44, abs=0.01)
    inside = 0
    for seed in range(100):
        dice = Random(seed)
        found = trends([(float(day), 0.1 * day + dice.gauss(0, 1)) for day in range(30)], Z95)
        assert found is not None
        inside += found[0].low <= 0.1 * 30.4375 <= found[0].high
    assert 88 <= inside <= 99
    assert trends([(1.0, 1.0), (2.0, 2.0)], Z95) is None


def run(*parts: tuple[float, list[float] | None], runs: Runs | None = None) -> Runs:
    """Currents in C for an hour each, with the deviations that count."""
    state = runs or Runs()
    for rate, found in parts:
        for _ in range(60):
            state = state.take(rate, 60.0, tuple(found) if found else None)
    return state


def test_runs_end_when_5_percent_flowed_back_and_ties_count_for_nobody() -> None:
    state = run((0.2, [3.0, 0.0, -2.0]), (-0.04, None), (0.2, [3.0, 0.0, -2.0]))
    assert state.last == ()
    state = run((-0.2, [3.0, 2.1, -2.0]), (0.2, None), runs=state)
    assert state.last == ((True, 1, 3), (False, 0, 3))
    assert (state.times(3), state.times(1), state.times(2)) == (2, 1, 0)


def test_a_short_run_does_not_count() -> None:
    assert run((0.09, [3.0, 0.0, -2.0]), (-0.06, None)).last == ()


def test_values_of_weeks_are_means_of_their_days() -> None:
    series = DailyValues()
    for day in range(7, 7 + 200):
        series = series.add(day, (float(day), None))
    assert 90 <= len(series.days) < 97
    assert series.weeks[0] == (1, 100, UNKNOWN)
    assert [week[0] for week in series.weeks] == list(range(1, len(series.weeks) + 1))
    assert DailyValues.restored(json.loads(json.dumps(series.keep()))) == series


def test_another_number_of_cells_begins_anew() -> None:
    mean = Mean().add((1.0, 2.0), 600.0).add((1.0, 2.0, 3.0), 600.0)
    assert mean.values() == (1.0, 2.0, 3.0)
    assert DailyValues().add(1, (1.0, 2.0)).add(2, (1.0, 2.0, 3.0)).days == ((2, 10, 20, 30),)
