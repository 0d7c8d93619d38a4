"""What is published of a bank and its modules, byte for byte: the discovery messages, and what every topic says.

The names, identifiers, templates and keys in them are what owners have in their dashboards and automations: a golden
changes only where a change for owners is meant. `python -m tests.outputs.mqtt.test_goldens` writes them anew.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.outputs.banks import bank, module, snapshot

from pylon2mqtt import __version__
from pylon2mqtt.model import AlarmKind, Bank, Cell, Module
from pylon2mqtt.outputs.mqtt.discovery.entities import ARRAYS, ROWS
from pylon2mqtt.outputs.mqtt.discovery.messages import Site, bank_device, discovery, module_device
from pylon2mqtt.outputs.mqtt.layouts.own import EVENT, OwnLayout

GOLDENS = Path(__file__).parent / "goldens"
PROBLEMS = {f"problem_{kind}" for kind in AlarmKind}
MEMBERS = {series.key.format(number) for series in ARRAYS for number in (1, 16)}
TWO_CELLS = (Cell(number=1, voltage=3.311), Cell(number=2, voltage=3.312))


def bank_message() -> str:
    site = Site(base="pylon2mqtt", prefix="homeassistant", cells="statistics", poll_interval_s=10)
    keys = {*ROWS[Bank], *PROBLEMS, EVENT}
    return _text(discovery(site, bank_device(site, bank(barcode="B1", firmware="F1")), keys))


def module_message(cells: str) -> str:
    site = Site(base="pylon2mqtt", prefix="homeassistant", cells=cells, poll_interval_s=10)
    given = bank(module(1))
    device = module_device(site, given, given.modules[0], given.modules[0].barcode or "")
    return _text(discovery(site, device, {*ROWS[Module], *PROBLEMS, *MEMBERS}))


def _text(message: dict[str, Any]) -> str:
    """The message as it is sent, but for our version, one component per line."""
    text = json.dumps(message, ensure_ascii=False).replace(__version__, "VERSION")
    return text.replace('}, "', '},\n"') + "\n"


def topics() -> str:
    """Topic and payload of each, one key per line."""
    found = OwnLayout("base").publications(snapshot(module(1, cells=TWO_CELLS)), ())
    return "".join(f"{topic}\n{_lines(publication.payload)}\n\n" for topic, publication in found.items())


def _lines(payload: str) -> str:
    return json.dumps(json.loads(payload), ensure_ascii=False, indent=0) if payload.startswith("{") else payload


MESSAGES: dict[str, Callable[[], str]] = {
    "discovery-bank.json": bank_message,
    "discovery-module-statistics.json": partial(module_message, "statistics"),
    "discovery-module-full.json": partial(module_message, "full"),
    "topics.txt": topics,
}


@pytest.mark.parametrize("name", MESSAGES)
def test_what_is_published_is_the_golden(name: str) -> None:
    assert MESSAGES[name]() == (GOLDENS / name).read_text(encoding="utf-8")


if __name__ == "__main__":
    for name, message in MESSAGES.items():
        (GOLDENS / name).write_text(message(), encoding="utf-8")
