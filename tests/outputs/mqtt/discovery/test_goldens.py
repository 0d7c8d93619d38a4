"""The discovery messages of a bank and of a module that report everything, byte for byte.

The names, identifiers and templates in them are what owners have in their dashboards and automations: a golden changes
only where a change for owners is meant. `python -m tests.outputs.mqtt.discovery.test_goldens` writes them anew.
"""

import json
from functools import partial
from pathlib import Path

import pytest
from tests.outputs.banks import bank, module

from pylon2mqtt import __version__
from pylon2mqtt.model import AlarmKind, Bank, Module
from pylon2mqtt.outputs.mqtt.discovery.entities import ROWS, SERIES
from pylon2mqtt.outputs.mqtt.discovery.messages import EVENT, Site, bank_device, discovery, module_device

GOLDENS = Path(__file__).parent / "goldens"
PROBLEMS = {f"problem_{kind}" for kind in AlarmKind}
IN_CELLS = {row.key.format(number) for row in SERIES for number in (1, 16)}


def bank_message(cells: str) -> str:
    site = Site(base="pylon2mqtt", prefix="homeassistant", cells=cells, poll_interval_s=10)
    keys = {*ROWS[Bank], *PROBLEMS, EVENT}
    return _text(discovery(site, bank_device(site, bank(barcode="B1", firmware="F1")), keys))


def module_message(cells: str) -> str:
    site = Site(base="pylon2mqtt", prefix="homeassistant", cells=cells, poll_interval_s=10)
    given = bank(module(1))
    device = module_device(site, given, given.modules[0], given.modules[0].barcode or "")
    return _text(discovery(site, device, {*ROWS[Module], *PROBLEMS, *IN_CELLS}))


def _text(message: dict[str, object]) -> str:
    """The message as it is sent, but for our version, one component per line."""
    text = json.dumps(message, ensure_ascii=False).replace(__version__, "VERSION")
    return text.replace('}, "', '},\n"') + "\n"


MESSAGES = {
    "bank": partial(bank_message, "statistics"),
    "module-statistics": partial(module_message, "statistics"),
    "module-full": partial(module_message, "full"),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_discovery_message_is_the_golden_one(name):
    assert MESSAGES[name]() == (GOLDENS / f"{name}.json").read_text(encoding="utf-8")


if __name__ == "__main__":
    for name, message in MESSAGES.items():
        (GOLDENS / f"{name}.json").write_text(message(), encoding="utf-8")
