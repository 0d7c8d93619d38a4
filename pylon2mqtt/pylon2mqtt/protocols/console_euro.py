"""The text console's ``euro``: what the EU battery passport asks for, from the firmwares that have it.

Only the battery that holds the cable answers, for itself. Keys and units are known from a reader of it (zip-fa) and a
description of the US3000D's form, not from a recording (docs/protocols/console.md)::

    Remain Cap. 1     : 70 Ah
    Chg. Energy Thro. : 12345 Wh   250000 mWs       the second number is what the first leaves over

The model has no fields for them: they become counters. What was never programmed is ``0`` or ``----------``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pylon2mqtt.errors import FrameError
from pylon2mqtt.model import Module

from .console_text import Answer

_AH = {"Ah": 1.0, "mAh": 1e-3, "As": 1 / 3600, "mAs": 1 / 3.6e6}
_KWH = {"Wh": 1e-3, "kWh": 1.0, "mWh": 1e-6, "mWs": 1 / 3.6e9, "Ws": 1 / 3.6e6}
_PERCENT = {"%": 1.0}
_SECONDS = {"s": 1.0, "S": 1.0}
# The sign for ohm is no ASCII.
_MILLIOHM = {"m": 1.0, "mohm": 1.0, "mOhm": 1.0, "mR": 1.0}
_COUNT: dict[str, float] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the answer: its counter, what one of each printed unit is in it, and whether 0 can be true."""

    name: str
    units: Mapping[str, float]
    zero_is_true: bool = False


# The key's words without dots and units, in small letters -> what it becomes.
FIGURES = {
    "storage": Figure(name="storage_days", units={"days": 1.0, "day": 1.0}),
    "remain cap": Figure(name="measured_capacity_ah", units=_AH),
    "remain cap 1": Figure(name="measured_capacity_ah", units=_AH),
    "remain cap 2": Figure(name="measured_capacity_2_ah", units=_AH),
    "remain power": Figure(name="remaining_power_w", units={"W": 1.0, "mW": 1e-3}),
    "round trip eff": Figure(name="round_trip_efficiency_percent", units=_PERCENT),
    "self dsg rate": Figure(name="self_discharge_percent", units=_PERCENT),
    "resistence": Figure(name="resistance_mohm", units=_MILLIOHM),
    "energy thro": Figure(name="energy_throughput_kwh", units=_KWH),
    "chg energy thro": Figure(name="energy_charged_kwh", units=_KWH),
    "dsg energy thro": Figure(name="energy_discharged_kwh", units=_KWH),
    "capac thro": Figure(name="charge_throughput_ah", units=_AH),
    "chg capac thro": Figure(name="charged_ah", units=_AH),
    "dsg capac thro": Figure(name="discharged_ah", units=_AH),
    "deep dsg count": Figure(name="deep_discharges", units=_COUNT, zero_is_true=True),
    "extr tempr total": Figure(name="extreme_temperature_s", units=_SECONDS, zero_is_true=True),
    "extr tempr chg": Figure(name="extreme_temperature_charging_s", units=_SECONDS, zero_is_true=True),
    "chg dsg cycle": Figure(name="charge_discharge_cycles", units=_COUNT),
    "chg dsg cycle2": Figure(name="charge_discharge_cycles_2", units=_COUNT),
}
_DATES = {"date of manufacture": "date_of_manufacture", "date of putting into service": "date_of_putting_into_service"}
# Units in brackets, and dots that come and go.
_ASIDE = re.compile(r"\([^)]*\)|[.]")
# A byte that was lost beside a digit may have been one.
_LOST_DIGIT = re.compile(r"\d\ufffd|\ufffd\d")
_AMOUNT = re.compile(r"(-?\d{1,15}(?:\.\d{1,6})?)\s*([A-Za-z%]*)", re.ASCII)


def passport(answer: Answer, number: int) -> tuple[Module, dict[str, str], tuple[str, ...]]:
    """Return the counters of the module ``number``, its dates as they stand there, and the keys that nobody knows.

    Raises FrameError when no line is understood or a number is damaged.
    """
    pairs = (line.partition(":") for line in answer.lines if ":" in line)
    values = {" ".join(_ASIDE.sub(" ", key).lower().split()): value.strip() for key, _, value in pairs}
    if not values.keys() & FIGURES.keys():
        raise FrameError("nothing of euro in the answer: ask again")
    told = {figure.name: _amount(figure, values[key]) for key, figure in FIGURES.items() if key in values}
    dates = {name: values[key] for key, name in _DATES.items() if values.get(key, "").strip("-?_ 0/.")}
    unknown = tuple(key for key in values if key not in FIGURES and key not in _DATES)
    counters = {name: value for name, value in told.items() if value is not None}
    return Module(number=number, counters=counters), dates, unknown


def _amount(figure: Figure, text: str) -> float | None:
    """The number with its remainder in the counter's unit; None for what was never programmed or in a foreign unit."""
    if _LOST_DIGIT.search(text):
        raise FrameError(f"{text[:40]!r} is no number: ask again")
    parts = [(float(number), unit) for number, unit in _AMOUNT.findall(text)]
    if not parts or any(unit and figure.units and unit not in figure.units for _, unit in parts):
        return None
    value = round(sum(number * figure.units.get(unit, 1.0) for number, unit in parts), 6)
    return value if value or figure.zero_is_true else None
