"""Energy as the area under the power."""

from datetime import UTC, datetime, timedelta

import pytest

from pylon2mqtt.outputs.mqtt.meter import EnergyMeter

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


def metered(
    *readings: tuple[float, float | None], charged: float = 0.0, discharged: float = 0.0
) -> tuple[float, float]:
    """Charged and discharged after (seconds, watts) readings."""
    meter = EnergyMeter(longest_gap_s=60, charged=charged, discharged=discharged)
    for seconds, watts in readings:
        meter.take(watts, NOON + timedelta(seconds=seconds))
    return meter.charged, meter.discharged


def test_one_kilowatt_for_an_hour_is_a_kilowatt_hour() -> None:
    assert metered(*((second, 1000.0) for second in range(0, 3601, 10))) == pytest.approx((1.0, 0.0))
    assert metered(*((second, -1000.0) for second in range(0, 3601, 10))) == pytest.approx((0.0, 1.0))


def test_between_two_readings_the_mean_counts() -> None:
    assert metered((0, 0.0), (36, 2000.0)) == pytest.approx((0.01, 0.0))


def test_where_the_sign_changes_both_sides_count() -> None:
    assert metered((0, 3000.0), (40, -1000.0)) == pytest.approx((3000 * 30 / 2 / 3.6e6, 1000 * 10 / 2 / 3.6e6))


def test_it_counts_on_from_where_it_was() -> None:
    assert metered((0, 1000.0), (36, 1000.0), charged=5.0, discharged=3.0) == pytest.approx((5.01, 3.0))


@pytest.mark.parametrize(
    "readings",
    [
        ((0, 1000.0), (61, 1000.0)),
        ((0, 1000.0), (10, None), (20, 1000.0)),
        ((0, None), (10, 1000.0)),
        ((10, 1000.0), (0, 1000.0)),
        ((10, 1000.0), (10, 5000.0)),
    ],
    ids=["a long gap", "unknown in between", "unknown before", "a clock set back", "no time"],
)
def test_what_nobody_knows_is_not_counted(readings: tuple[tuple[float, float | None], ...]) -> None:
    assert metered(*readings) == (0.0, 0.0)
