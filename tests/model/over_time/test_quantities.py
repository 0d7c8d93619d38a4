"""The table of what follows from the past: complete, and consistent with its types."""

from dataclasses import fields
from datetime import datetime
from typing import get_type_hints

import pytest

from pylon2mqtt.model import Bank, Module
from pylon2mqtt.model.over_time.figures import BankOverTime, ModuleOverTime
from pylon2mqtt.model.over_time.quantities import BANK_OVER_TIME, MODULE_OVER_TIME, QUANTITIES_OVER_TIME
from pylon2mqtt.model.quantities import JSON, QUANTITIES, TYPES, OverTime

ROWS = {Bank: (BankOverTime, BANK_OVER_TIME), Module: (ModuleOverTime, MODULE_OVER_TIME)}


@pytest.mark.parametrize("part", ROWS)
def test_every_field_has_one_row(part: type) -> None:
    kind, rows = ROWS[part]
    assert sorted(row.key for row in rows) == sorted(field.name for field in fields(kind))
    assert len({row.title for row in rows}) == len(rows)


def test_a_key_that_is_reported_too_has_the_same_type_and_title() -> None:
    for part, rows in QUANTITIES_OVER_TIME.items():
        for key in rows.keys() & QUANTITIES[part].keys():
            assert (rows[key].title, rows[key].unit) == (QUANTITIES[part][key].title, QUANTITIES[part][key].unit)
    for kind in (BankOverTime, ModuleOverTime):
        for key, hint in get_type_hints(kind, include_extras=True).items():
            assert TYPES[key] == hint, key


def test_digits_and_time_fit_what_a_quantity_holds() -> None:
    for row in (*BANK_OVER_TIME, *MODULE_OVER_TIME):
        is_number = row.holds in (float, int)
        assert (row.digits is not None) == (row.over_time is not None) == is_number, row.key
        assert row.unit is None or row.holds is float, row.key
        assert row.digits == 0 or row.holds is not int, row.key


def test_units_and_kinds_of_some() -> None:
    rows = QUANTITIES_OVER_TIME[Module]
    units = {key: rows[key].unit for key in ("energy_charged_today", "time_to_full", "cell_trends", "step_resistance")}
    assert list(units.values()) == ["kWh", "s", "mV/month", "mΩ"]
    assert rows["away_since"].holds is datetime
    assert rows["energy_charged"].over_time is OverTime.TOTAL
    assert rows["cell_deviations"].place is JSON
