"""The text console's ``euro``: what the EU battery passport asks for, from the firmwares that have it.

Only the battery that holds the cable answers, for itself. Keys and units are known from a reader of it (zip-fa) and a
description of the US3000D's form, not from a recording (docs/protocols/console.md)::

    Date of manufacture : ---------- --:--:--
    SOH:                                            a heading
    Remain Cap. 1     : 70 Ah
    Chg. Energy Thro. : 12345 Wh   250000 mWs       the second number is what the first leaves over
    Extr. Tempr Total : 0 Sec.

The model has no fields for them: they become counters. What was never programmed is ``0`` or ``----------``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pylon2mqtt.errors import FrameError
from pylon2mqtt.model import Bank, Module
from pylon2mqtt.protocols.console.decoded import Decoded
from pylon2mqtt.protocols.console.text import Answer

_AH = {"Ah": 1.0, "mAh": 1e-3, "As": 1 / 3600, "mAs": 1 / 3.6e6}
_KWH = {"Wh": 1e-3, "kWh": 1.0, "mWh": 1e-6, "mWs": 1 / 3.6e9, "Ws": 1 / 3.6e6}
_PERCENT = {"%": 1.0}
_SECONDS = {"s": 1.0, "S": 1.0, "sec": 1.0, "Sec": 1.0, "secs": 1.0, "Secs": 1.0}
# The sign for ohm is no ASCII.
_MILLIOHM = {"m": 1.0, "mohm": 1.0, "mOhm": 1.0, "mR": 1.0}
_COUNT: dict[str, float] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the answer: its counter, what one of each printed unit is in it, its greatest true value.

    ``zero_is_true``: it counts what may never have happened.
    """

    name: str
    units: Mapping[str, float]
    most: float = float("inf")
    zero_is_true: bool = False


# The key's words without dots and units, in small letters -> what it becomes.
FIGURES = {
    "storage": Figure(name="storage_days", units={"days": 1.0, "day": 1.0}),
    "remain cap": Figure(name="measured_capacity_ah", units=_AH),
    "remain cap 1": Figure(name="measured_capacity_ah", units=_AH),
    "remain cap 2": Figure(name="measured_capacity_2_ah", units=_AH),
    "remain power": Figure(name="remaining_power_w", units={"W": 1.0, "mW": 1e-3}),
    "round trip eff": Figure(name="round_trip_efficiency_percent", units=_PERCENT, most=100.0),
    "self dsg rate": Figure(name="self_discharge_percent", units=_PERCENT, most=100.0),
    "resistence": Figure(name="resistance_mohm", units=_MILLIOHM),
    "resistance": Figure(name="resistance_mohm", units=_MILLIOHM),
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
_BLANK = "-?_ 0:/."


def passport(answer: Answer, number: int | None) -> Decoded:
    """Return the counters of the module ``number``, and its dates as they stand there.

    A key that is known, but not with its unit, is among the unknown ones, with that unit. Where nothing was ever
    counted, the counts that may truly be 0 are unknown too. Raises FrameError when no line is understood or a number is
    damaged.
    """
    pairs = (line.partition(":") for line in answer.lines if ":" in line)
    values = {" ".join(_ASIDE.sub(" ", key).lower().split()): value.strip() for key, _, value in pairs}
    if not values.keys() & FIGURES.keys():
        raise FrameError("nothing of euro in the answer: ask again")
    parts = {key: _parts(values[key]) for key in FIGURES if key in values}
    foreign = tuple(
        f"{key} in {' and '.join(unit for _, unit in some)}"
        for key, some in parts.items()
        if _is_foreign(FIGURES[key], some)
    )
    reported = {FIGURES[key].name: _amount(FIGURES[key], some) for key, some in parts.items()}
    counters = {name: value for name, value in reported.items() if value is not None}
    dates = {name: values[key] for key, name in _DATES.items() if values.get(key, "").strip(_BLANK)}
    # A key without a value is a heading.
    unknown = tuple(key for key, value in values.items() if value and key not in FIGURES and key not in _DATES)
    module = Module(number=number or 1, counters=counters if any(counters.values()) else {})
    return Decoded(bank=Bank(modules=(module,)), dates=dates, unknown=unknown + foreign)


_Parts = list[tuple[float, str]]


def _parts(text: str) -> _Parts:
    """The numbers of a line, each with its unit."""
    if _LOST_DIGIT.search(text):
        raise FrameError(f"{text[:40]!r} is no number: ask again")
    return [(float(number), unit) for number, unit in _AMOUNT.findall(text)]


def _is_foreign(figure: Figure, parts: _Parts) -> bool:
    """Whether a unit is not the figure's, or the second number more than the first one can leave over."""
    units = figure.units or {"": 1.0}
    if any(unit and unit not in units for _, unit in parts):
        return True
    worth = [units.get(unit, 1.0) for _, unit in parts]
    return any(number * one >= worth[0] for (number, _), one in zip(parts[1:], worth[1:], strict=True))


def _amount(figure: Figure, parts: _Parts) -> float | None:
    """The number with its remainder in the counter's unit; None for what was never programmed or cannot be true."""
    if not parts or _is_foreign(figure, parts):
        return None
    value = round(sum(number * figure.units.get(unit, 1.0) for number, unit in parts), 6)
    return value if (value or figure.zero_is_true) and 0 <= value <= figure.most else None
