"""The quantities that follow from the past: one row for each figure of `insight`, as in `model.quantities`."""

from pylon2mqtt.model.battery import Bank, Module
from pylon2mqtt.model.quantities import DETAIL, HIDDEN, JSON, LEVEL, MAIN, TOTAL, Quantity

_ALWAYS = "never"
_NOT_YET = "the first two minutes, until it is known whether the BMS counts it"
_NO_POWER = "voltage or current is unknown"
_COUNTED_HERE = "where the BMS does not count it, this is the total"
_COUNTED_BY_BMS = "where the BMS counted it from the start, this is the total"
_NO_ROUND_TRIP = "not two full charges at least 14 days apart with ten capacities between, or the error is above 3 %"
_NO_FLOW = "at rest, a minute after a change of direction, above 72 hours, or no capacity is reported"
_NO_LOAD = "no 10 minutes of a small, steady current at 20 to 90 % and above 5 °C yet"
_NO_CROSSING = "no charge with a cell above 3.45 V yet"
_NO_RUN = "never emptied far enough to measure: no run from full to empty or back within 36 hours yet"
_NO_STEPS = (
    "fewer than 20 steps of the current that agree: a battery without switched loads, read slowly, or whose "
    "cells and current come in different answers has none"
)
_TOO_EARLY = "fewer than ten days at rest or charging at 30 to 55 or 75 to 90 %"
_NO_TREND = "fewer than 45 days"

# fmt: off
BOTH_OVER_TIME = (
    Quantity("energy_charged", "Energy charged", 2, TOTAL, MAIN,
             "all energy that went in: the BMS's own count, else metered from the power", unknown=_NOT_YET),
    Quantity("energy_charged_today", "Energy charged today", 2, TOTAL, MAIN,
             "what went in today", unknown=_NO_POWER),
    Quantity("energy_charged_yesterday", "Energy charged yesterday", 2, LEVEL, HIDDEN,
             "what went in yesterday", unknown=_NO_POWER),
    Quantity("metered_energy_charged", "Metered energy charged", 2, TOTAL, HIDDEN,
             "what went in, by its power", unknown=_COUNTED_HERE),
    Quantity("bms_energy_charged", "Energy charged by the BMS", 2, TOTAL, HIDDEN,
             "what went in, as the BMS counts it", unknown=_COUNTED_BY_BMS),
    Quantity("energy_discharged", "Energy discharged", 2, TOTAL, MAIN,
             "all energy that came out: the BMS's own count, else metered from the power", unknown=_NOT_YET),
    Quantity("energy_discharged_today", "Energy discharged today", 2, TOTAL, MAIN,
             "what came out today", unknown=_NO_POWER),
    Quantity("energy_discharged_yesterday", "Energy discharged yesterday", 2, LEVEL, HIDDEN,
             "what came out yesterday", unknown=_NO_POWER),
    Quantity("metered_energy_discharged", "Metered energy discharged", 2, TOTAL, HIDDEN,
             "what came out, by its power", unknown=_COUNTED_HERE),
    Quantity("bms_energy_discharged", "Energy discharged by the BMS", 2, TOTAL, HIDDEN,
             "what came out, as the BMS counts it", unknown=_COUNTED_BY_BMS),
    Quantity("round_trip_efficiency", "Round trip efficiency", 1, LEVEL, DETAIL,
             "the part of the energy that comes out again, between two full charges", "battery-sync",
             unknown=_NO_ROUND_TRIP),
    Quantity("round_trip_error", "Round trip efficiency error", 1, LEVEL, HIDDEN,
             "how far the efficiency may be off, to both sides", unknown=_NO_ROUND_TRIP),
    Quantity("time_to_full", "Time to full", 0, LEVEL, MAIN,
             "how long until it is full, if it is charged on as in the last minutes", unknown=_NO_FLOW),
    Quantity("time_to_empty", "Time to empty", 0, LEVEL, MAIN,
             "how long until it is empty, if it is discharged on as in the last minutes", unknown=_NO_FLOW),
    Quantity("days_since_full_charge", "Days since full charge", 1, LEVEL, DETAIL,
             "how long ago it was full; bank: every module", "calendar-check",
             unknown="it has not been full since it is watched"),
    Quantity("balancing_hours", "Hours above 3.45 V", 1, LEVEL, DETAIL,
             "hours of the last 30 days in which the BMS could balance; bank: its module with the fewest",
             "scale-balance", unknown="no cells are reported"),
    Quantity("full_charge_advised", "Full charge advised", None, None, DETAIL,
             "on when it has not been full for 30 days, or 90 at high voltage", "battery-charging", unknown=_ALWAYS),
    Quantity("imbalance_under_load", "Cell imbalance under load", 0, LEVEL, DETAIL,
             "highest minus lowest cell under a small, steady current", unknown=_NO_LOAD),
    Quantity("imbalance_at_top", "Cell imbalance at the top", 0, LEVEL, DETAIL,
             "the smallest difference of the cells at the end of the last charge; up to 10 mV is fine",
             unknown="no charge that held the highest cell at 3.45 V for 10 minutes yet"),
    Quantity("imbalance_charge", "Cell imbalance in charge", 2, LEVEL, DETAIL,
             "what the last cell lacks when the first one is full", unknown=_NO_CROSSING),
    Quantity("imbalance_charge_at_least", "Cell imbalance in charge is a minimum", None, None, HIDDEN,
             "the last charge ended before all cells were full, so the last one lacks at least so much",
             unknown=_NO_CROSSING),
    Quantity("usable_capacity_to_rated", "Usable capacity to rated", 1, LEVEL, DETAIL,
             "the usable capacity in percent of what the maker prints; bank: of its worst module", unknown=_NO_RUN),
    Quantity("cell_finding", "Cell finding", None, None, DETAIL,
             "on while a cell deviates by rank, size and growth; bank: in any module", "alert-circle-outline",
             unknown=_TOO_EARLY),
)

BANK_OVER_TIME = (
    *BOTH_OVER_TIME,
    Quantity("modules_known", "Modules known", 0, LEVEL, JSON,
             "the modules of the last seven days", unknown=_ALWAYS),
    Quantity("modules_away", "Modules away", 0, LEVEL, DETAIL,
             "the modules of the last seven days that do not answer now", "layers-remove", unknown=_ALWAYS),
    Quantity("imbalance_module", "Module with the greatest imbalance", 0, LEVEL, DETAIL,
             "its number; by the charge that a cell lacks, else by the voltages", "scale-unbalanced", unknown=_NO_LOAD),
)

MODULE_OVER_TIME = (
    *BOTH_OVER_TIME,
    Quantity("present", "Present", None, None, JSON,
             "whether the module answers", unknown=_ALWAYS),
    Quantity("away_since", "Away since", None, None, JSON,
             "when the module was read last", unknown="the module is there"),
    Quantity("imbalance_last_cell", "Last cell in a charge", 0, LEVEL, HIDDEN,
             "its number; the first cell is 1", "arrow-down", unknown="several cells were the last together"),
    Quantity("imbalance_judged_at", "Cell imbalance judged at", None, None, HIDDEN,
             "when the cells were compared last", unknown=_NO_LOAD),
    Quantity("usable_capacity", "Usable capacity", 1, LEVEL, DETAIL,
             "what flowed between full and empty, when that was last seen", "battery", unknown=_NO_RUN),
    Quantity("usable_capacity_error", "Usable capacity error", 1, LEVEL, HIDDEN,
             "how far the usable capacity may be off, to both sides", unknown=_NO_RUN),
    Quantity("usable_capacity_at_least", "Usable capacity at least", 1, LEVEL, DETAIL,
             "the most that was taken out since it was full, less the error of the meter", "battery",
             unknown="measured in full, or not full since it is watched"),
    Quantity("usable_capacity_measured_at", "Usable capacity measured at", None, None, HIDDEN,
             "when the usable capacity was measured last", unknown=_NO_RUN),
    Quantity("usable_capacity_temperature", "Usable capacity temperature", 1, LEVEL, HIDDEN,
             "the mean temperature of that run", unknown=_NO_RUN),
    Quantity("usable_capacity_rate", "Usable capacity rate", 2, LEVEL, HIDDEN,
             "the mean current of that run, in parts of the capacity", unknown=_NO_RUN),
    Quantity("usable_capacity_runs", "Usable capacity runs", 0, TOTAL, HIDDEN,
             "how often the usable capacity was measured", unknown=_ALWAYS),
    Quantity("usable_capacity_to_first", "Usable capacity to first", 1, LEVEL, HIDDEN,
             "the usable capacity in percent of the first one that was measured here", unknown=_NO_RUN),
    Quantity("step_resistance", "Step resistance", 2, LEVEL, DETAIL,
             "how far the module's voltage moves when the current steps", "omega", unknown=_NO_STEPS),
    Quantity("step_resistance_error", "Step resistance error", 2, LEVEL, HIDDEN,
             "how far the step resistance may be off, to both sides", unknown=_NO_STEPS),
    Quantity("step_resistance_spread", "Step resistance spread", 2, LEVEL, HIDDEN,
             "the range of the middle half of the steps", unknown=_NO_STEPS),
    Quantity("step_resistance_seconds", "Step resistance time", 0, LEVEL, HIDDEN,
             "the most time between the readings beside a step: 6 s or 12 s; compare only the same", unknown=_NO_STEPS),
    Quantity("step_resistance_steps", "Step resistance steps", 0, LEVEL, HIDDEN,
             "the number of the last steps that count", unknown=_NO_STEPS),
    Quantity("step_resistance_temperature", "Step resistance temperature", 1, LEVEL, HIDDEN,
             "the temperature of these steps", unknown=_NO_STEPS),
    Quantity("cell_step_resistances", "Step resistance of the cells", 2, LEVEL, JSON,
             "of each cell; a cell whose older and newer steps do not agree has none", unknown=_NO_STEPS),
    Quantity("step_resistance_max_cell", "Cell with the highest step resistance", 0, LEVEL, HIDDEN,
             "its number; the first cell is 1", unknown=_NO_STEPS),
    Quantity("cell_deviations", "Deviations of the cells", 1, LEVEL, JSON,
             "how far each cell was from the median of its module in the last 30 days", unknown=_TOO_EARLY),
    Quantity("cell_trends", "Trends of the cells", 2, LEVEL, JSON,
             "how the deviation of each cell changes", unknown=_NO_TREND),
    Quantity("watched_cell", "Watched cell", 0, LEVEL, DETAIL,
             "the cell that is a finding, else the one that is farthest from the median", "eye-outline",
             unknown=_TOO_EARLY),
    Quantity("watched_cell_deviation", "Watched cell deviation", 1, LEVEL, DETAIL,
             "how far it was from the median of its module in the last 30 days", unknown=_TOO_EARLY),
    Quantity("watched_cell_trend", "Watched cell trend", 2, LEVEL, HIDDEN,
             "how its deviation changes", unknown=_NO_TREND),
    Quantity("watched_cell_trend_low", "Watched cell trend low", 2, LEVEL, HIDDEN,
             "the lower end of the trend's 95 % interval", unknown=_NO_TREND),
    Quantity("watched_cell_trend_high", "Watched cell trend high", 2, LEVEL, HIDDEN,
             "the upper end of the trend's 95 % interval", unknown=_NO_TREND),
    Quantity("watched_cell_times", "Watched cell times", 0, LEVEL, HIDDEN,
             "in how many of the last charges and discharges it was the first or the last", unknown=_TOO_EARLY),
    Quantity("watched_runs", "Watched charges and discharges", 0, LEVEL, HIDDEN,
             "how many charges and discharges are compared, at most 30", unknown=_ALWAYS),
)
# fmt: on

QUANTITIES_OVER_TIME: dict[type[Bank] | type[Module], dict[str, Quantity]] = {
    Bank: {row.key: row for row in BANK_OVER_TIME},
    Module: {row.key: row for row in MODULE_OVER_TIME},
}

TOTALS_OVER_TIME = frozenset(row.key for row in (*BANK_OVER_TIME, *MODULE_OVER_TIME) if row.over_time is TOTAL)
"""The keys of the figures that only rise."""
