"""What follows from the past for a bank and its modules: the figures of `insight`, with their units."""

from dataclasses import dataclass
from datetime import datetime

from pylon2mqtt.model.units import (
    AmpereHours,
    Celsius,
    CRate,
    Days,
    Hours,
    KilowattHours,
    Milliohms,
    Millivolts,
    MillivoltsAMonth,
    Percent,
    Seconds,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FiguresOverTime:
    """What follows for a bank and for a module alike."""

    energy_charged: KilowattHours | None = None
    energy_charged_today: KilowattHours | None = None
    energy_charged_yesterday: KilowattHours | None = None
    metered_energy_charged: KilowattHours | None = None
    bms_energy_charged: KilowattHours | None = None
    energy_discharged: KilowattHours | None = None
    energy_discharged_today: KilowattHours | None = None
    energy_discharged_yesterday: KilowattHours | None = None
    metered_energy_discharged: KilowattHours | None = None
    bms_energy_discharged: KilowattHours | None = None
    round_trip_efficiency: Percent | None = None
    round_trip_error: Percent | None = None
    time_to_full: Seconds | None = None
    time_to_empty: Seconds | None = None
    days_since_full_charge: Days | None = None
    balancing_hours: Hours | None = None
    full_charge_advised: bool | None = None
    imbalance_under_load: Millivolts | None = None
    imbalance_at_top: Millivolts | None = None
    imbalance_charge: AmpereHours | None = None
    imbalance_charge_at_least: bool | None = None
    usable_capacity_to_rated: Percent | None = None
    cell_finding: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BankOverTime(FiguresOverTime):
    """What follows for a bank alone."""

    modules_known: int | None = None
    modules_away: int | None = None
    imbalance_module: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleOverTime(FiguresOverTime):
    """What follows for a module alone; tuples have a value of each cell, the first cell first."""

    present: bool | None = None
    away_since: datetime | None = None
    imbalance_last_cell: int | None = None
    imbalance_judged_at: datetime | None = None
    usable_capacity: AmpereHours | None = None
    usable_capacity_error: AmpereHours | None = None
    usable_capacity_at_least: AmpereHours | None = None
    usable_capacity_measured_at: datetime | None = None
    usable_capacity_temperature: Celsius | None = None
    usable_capacity_rate: CRate | None = None
    usable_capacity_runs: int | None = None
    usable_capacity_to_first: Percent | None = None
    step_resistance: Milliohms | None = None
    step_resistance_error: Milliohms | None = None
    step_resistance_spread: Milliohms | None = None
    step_resistance_seconds: Seconds | None = None
    step_resistance_steps: int | None = None
    step_resistance_temperature: Celsius | None = None
    cell_step_resistances: tuple[Milliohms | None, ...] | None = None
    step_resistance_max_cell: int | None = None
    cell_deviations: tuple[Millivolts | None, ...] | None = None
    cell_trends: tuple[MillivoltsAMonth | None, ...] | None = None
    watched_cell: int | None = None
    watched_cell_deviation: Millivolts | None = None
    watched_cell_trend: MillivoltsAMonth | None = None
    watched_cell_trend_low: MillivoltsAMonth | None = None
    watched_cell_trend_high: MillivoltsAMonth | None = None
    watched_cell_times: int | None = None
    watched_runs: int | None = None
