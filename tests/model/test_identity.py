"""Who is who in topics and identifiers."""

import pytest

from pylon2mqtt.model import Bank, Module
from pylon2mqtt.model.identity import bank_id, bank_name, bank_slug, module_id, module_slugs, slug


@pytest.mark.parametrize(
    ("barcodes", "slugs"),
    [
        (("A1", "B2"), ["A1", "B2"]),
        ((None, ""), ["1", "2"]),
        (("A1", "A1"), ["1", "2"]),
        ((" A/1+# ", "  "), ["A_1_", "2"]),
    ],
)
def test_a_module_is_known_by_its_barcode_if_that_tells_it_apart(barcodes, slugs):
    modules = tuple(Module(number=n, barcode=barcode) for n, barcode in enumerate(barcodes, 1))
    assert list(module_slugs(Bank(modules=modules))) == slugs


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Battery", "battery"),
        ("My House #2", "my_house_2"),
        ("Büro/Süd", "buro_sud"),
        ("電池", "bank_6a4ba470"),
    ],
)
def test_slug(name, expected):
    assert slug(name) == expected


def test_a_bank_without_a_name_has_the_default_one():
    assert (bank_name(Bank()), bank_slug(Bank())) == ("Battery", "battery")


def test_a_bank_is_known_by_its_bridge_and_name():
    assert bank_id("shed/pylon", "house") == "shed_pylon_house"


def test_a_module_is_known_by_its_barcode_alone_else_by_its_bank_and_number():
    assert module_id("pylon2mqtt", "house", "A1_2", "A1/2") == "pylon2mqtt_A1_2"
    assert module_id("shed/pylon", "house", "3", None) == "shed_pylon_house_3"
    assert module_id("shed/pylon", "house", "3", "A1") == "shed_pylon_house_3"
