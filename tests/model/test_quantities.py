"""The table of quantities: complete, and consistent with the model."""

from dataclasses import fields
from typing import Any, get_args, get_type_hints

import pytest

from pylon2mqtt.model import Bank, Cell, Module, State
from pylon2mqtt.model.figures import BankFigures, ModuleFigures
from pylon2mqtt.model.quantities import BANK, CELL, JSON, MODULE, QUANTITIES, TYPES, OverTime, rounded
from pylon2mqtt.model.report import bank_report, cells_report, module_report
from pylon2mqtt.model.units import DECIMALS

ROWS = {Bank: BANK, Module: MODULE, Cell: CELL}
PARTS = {Bank: (Bank, BankFigures), Module: (Module, ModuleFigures), Cell: (Cell,)}


def leaves(annotation: Any) -> set[Any]:
    """The plain types that an annotation is made of."""
    parts = get_args(annotation)
    return set().union(*map(leaves, parts)) if parts else {annotation}


def is_quantity(annotation: Any) -> bool:
    """Whether a field holds numbers, states, or what is on or off; texts and tables by name are none."""
    return bool(leaves(annotation) & {float, int, bool, State}) and str not in leaves(annotation)


@pytest.mark.parametrize("part", ROWS)
def test_every_quantity_of_the_model_has_a_row(part: type) -> None:
    hints = {name: hint for each in PARTS[part] for name, hint in get_type_hints(each, include_extras=True).items()}
    wanted = {name for name, hint in hints.items() if is_quantity(hint)}
    assert {row.key for row in ROWS[part]} == wanted


@pytest.mark.parametrize("part", ROWS)
def test_no_row_stands_twice(part: type) -> None:
    keys = [row.key for row in ROWS[part]]
    assert keys == list(QUANTITIES[part])
    titles = [row.title for row in ROWS[part]]
    assert len(set(titles)) == len(titles)


def test_one_name_has_one_type_in_every_part() -> None:
    for part in (part for parts in PARTS.values() for part in parts):
        for field in fields(part):
            told = get_type_hints(part, include_extras=True)[field.name]
            assert get_args(told)[:1] == get_args(TYPES[field.name])[:1] or told == TYPES[field.name], field.name


def test_units_come_from_the_types_of_the_fields() -> None:
    units = {key: row.unit for key, row in QUANTITIES[Module].items()}
    assert (units["remaining_capacity"], units["soh"], units["temperatures"]) == ("Ah", "%", "°C")
    assert units["cycles"] is units["state"] is units["problem"] is None
    assert {row.unit for rows in ROWS.values() for row in rows} - {None, "s"} == set(DECIMALS)


def test_digits_and_time_fit_what_a_quantity_holds() -> None:
    for row in (row for rows in ROWS.values() for row in rows):
        is_number = row.holds in (float, int)
        assert (row.digits is not None) == is_number, row
        assert is_number or row.over_time is None, row
        assert row.over_time or not is_number or row.place is JSON, row
        assert row.holds is float or not row.digits, row


def test_totals_are_what_only_rises() -> None:
    totals = {row.key for rows in ROWS.values() for row in rows if row.over_time is OverTime.TOTAL}
    assert totals == {"cycles", "energy_charged", "energy_discharged"}


def test_texts_for_owners_are_phrases() -> None:
    for row in (row for rows in ROWS.values() for row in rows):
        for phrase in (row.meaning, row.unknown):
            assert phrase[0].islower(), row
            assert not phrase.endswith("."), row
        words = row.title.split()
        assert words[0][0].isupper(), row
        assert not [word for word in words[1:] if word[0].isupper() and word != "MOSFET"], row


def test_every_quantity_is_in_the_report() -> None:
    reports = {Bank: bank_report(Bank()), Module: module_report(Module(number=1))}
    for part, report in reports.items():
        assert set(QUANTITIES[part]) - set(report) == ({"at_once"} if part is Module else set())
    arrays = {row.array for row in CELL if row.array}
    assert arrays == set(cells_report((Cell(number=1),)))


@pytest.mark.parametrize(
    ("key", "value", "as_told"),
    [
        ("voltage", 49.85333, 49.853),
        ("power", -174.4749, -174.5),
        ("cycles", 7, 7),
        ("state", State.IDLE, State.IDLE),
        ("soc", None, None),
    ],
)
def test_what_is_derived_is_rounded_by_its_unit(key: str, value: object, as_told: object) -> None:
    assert rounded(key, value) == as_told
