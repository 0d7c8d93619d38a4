"""Who is who: the names of banks and modules in topics, files and identifiers.

A bank is known by its name, so that it stays when modules come and go. A module is known by its barcode, so that it may
change its place; one without a barcode, or with that of another one, is known by its number in its bank.
"""

import re
import unicodedata
import zlib
from collections import Counter

from .battery import Bank, Module

DEFAULT_NAME = "Battery"


def bank_name(bank: Bank) -> str:
    """Return what the owner calls the bank."""
    return bank.name or DEFAULT_NAME


def slug(name: str) -> str:
    """Return ``name`` in small ASCII letters, digits and underscores; a name with none of these gets a number."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", ascii_only).strip("_") or f"bank_{zlib.crc32(name.encode()):08x}"


def bank_slug(bank: Bank) -> str:
    """Return the bank's name as a part of topics and identifiers."""
    return slug(bank_name(bank))


def barcode_slug(barcode: str | None) -> str | None:
    """Return the barcode with only those characters that a topic and an identifier may have."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", (barcode or "").strip()) or None


def module_slugs(bank: Bank) -> dict[str, Module]:
    """Return the modules by their slugs: the barcode, or the number where it is missing or not unique."""
    barcodes = Counter(barcode_slug(module.barcode) for module in bank.modules)
    found = {}
    for module in bank.modules:
        barcode = barcode_slug(module.barcode)
        found[barcode if barcode and barcodes[barcode] == 1 else str(module.number)] = module
    return found


def bank_id(base: str, bank: str) -> str:
    """Return the identifier of a bank, from its slug and the base topic of the bridge that reads it."""
    return f"{slug(base)}_{bank}"


def module_id(base: str, bank: str, module: str, barcode: str | None) -> str:
    """Return the identifier of a module, from the slugs of its bank and of itself.

    With a barcode it is the same in every bank and bridge; else it is the bank's, with the module's number.
    """
    return f"pylon2mqtt_{module}" if module == barcode_slug(barcode) else f"{bank_id(base, bank)}_{module}"
