"""Our own layout.

::

    <base>/status                     online|offline     the bridge; also its last will
    <base>/<bank>/status              online|offline     the battery answers
    <base>/<bank>/diagnosis           text               ok, or why the battery is not read
    <base>/<bank>/state               JSON               the bank's fields and what is derived
    <base>/<bank>/poll_interval       JSON               how often it is read, and the option this was set under
    <base>/<bank>/<module>/status     online|offline     the module answers
    <base>/<bank>/<module>/state      JSON
    <base>/<bank>/<module>/cells      JSON arrays        the first cell first
    <base>/<bank>/energy              JSON               what was metered here, if the BMS does not count its energy
    <base>/<bank>/event               JSON               what is new in the lists of the bank's BMSs, one by one
    <base>/<bank>/set/<what>          commands           answered by the bridge, published by others

``<bank>`` is the slug of the bank's name; ``<module>`` is its barcode, or its number where it has none of its own.
Every key is always there, null when unknown. All of it is retained, but for events: each is published once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pylon2mqtt.model import Bank, Event, Severity, Snapshot
from pylon2mqtt.model.identity import bank_slug, module_slugs
from pylon2mqtt.model.report import bank_report, cells_report, module_report, plain
from pylon2mqtt.outputs.mqtt.outbox import Publication

ONLINE, OFFLINE = "online", "offline"
WELL = "ok"
INFORMATION = "information"
"""The type of an event that is no alarm."""
STATE, CELLS, STATUS, DIAGNOSIS, EVENT = "state", "cells", "status", "diagnosis", "event"
ENERGY, INTERVAL, SET = "energy", "poll_interval", "set"
"""The last part of a topic."""

_BAD = (Severity.WARNING, Severity.PROTECTION, Severity.FAULT)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class OwnLayout:
    """The topics below a base topic. Banks and modules are given by their slugs; ``cells``: with those of the cells."""

    base: str
    cells: bool = True

    @property
    def status(self) -> str:
        """The topic of the bridge itself: online or offline."""
        return f"{self.base}/{STATUS}"

    @property
    def commands(self) -> str:
        """The filter of all topics on which the bridge takes commands."""
        return f"{self.base}/+/{SET}/+"

    def topic(self, *parts: str) -> str:
        """Return the topic of a bank (its slug, a name) or of a module (the bank's slug, its own, a name)."""
        return "/".join((self.base, *parts))

    def parts(self, topic: str) -> tuple[str, list[str], str]:
        """Return the bank, what is between, and the name of a topic that `topic` has made."""
        bank, *middle, name = topic.removeprefix(f"{self.base}/").split("/")
        return bank, middle, name

    def of_module(self, bank: str, module: str) -> list[str]:
        """Return all topics of a module."""
        return [self.topic(bank, module, name) for name in (STATE, CELLS, STATUS)]

    def publications(self, snapshot: Snapshot, known: Iterable[str]) -> dict[str, Publication]:
        """Return the content of every topic of the snapshot's bank.

        ``known`` are the slugs of all modules ever met in this bank: who is not in the snapshot is offline, and its
        other topics keep their last content, as do all when the bank is offline.
        """
        bank, modules = bank_slug(snapshot.bank), module_slugs(snapshot.bank)
        found = {self.topic(bank, each, STATUS): Publication(OFFLINE) for each in known if each not in modules}
        found[self.topic(bank, DIAGNOSIS)] = Publication(snapshot.reason or WELL)
        if not snapshot.online:
            return found | {self.topic(bank, STATUS): Publication(OFFLINE)}
        found[self.topic(bank, STATE)] = Publication(bank_report(snapshot.bank), snapshot.taken_at)
        for each, module in modules.items():
            report = module_report(module, snapshot.bank)
            found[self.topic(bank, each, STATE)] = Publication(report, snapshot.taken_at)
            if self.cells and module.cells:
                found[self.topic(bank, each, CELLS)] = Publication(cells_report(module.cells), snapshot.taken_at)
            found[self.topic(bank, each, STATUS)] = Publication(ONLINE)
        return found | {self.topic(bank, STATUS): Publication(ONLINE)}

    def events(self, snapshot: Snapshot) -> list[tuple[str, str]]:
        """Return topic and payload of every event of the snapshot, the oldest first."""
        topic = self.topic(bank_slug(snapshot.bank), EVENT)
        contents = [_event_content(snapshot.bank, event) for event in snapshot.bank.events or ()]
        return [(topic, Publication(content, snapshot.taken_at).payload) for content in contents]


def _event_content(bank: Bank, event: Event) -> Json:
    """The event, with the kind of its worst alarm as its type, and whose list it is from."""
    worst = max(event.alarms, key=lambda alarm: _BAD.index(alarm.severity), default=None)
    barcode = next((module.barcode for module in bank.modules if module.number == event.module), None)
    content: Json = plain(event)
    return {"event_type": str(worst.kind) if worst else INFORMATION, "barcode": barcode} | content
