"""A snapshot as MQTT messages: which topic says what.

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
Every key is always there, null when unknown. All of it is retained, but for events: each is told once.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pylon2mqtt.model import Bank, Event, Severity, Snapshot
from pylon2mqtt.model.identity import bank_slug, module_slugs
from pylon2mqtt.model.report import bank_report, cells_report, module_report, plain

ONLINE, OFFLINE = "online", "offline"
WELL = "ok"
INFORMATION = "information"
"""The type of an event that is no alarm."""
_BAD = (Severity.WARNING, Severity.PROTECTION, Severity.FAULT)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Publication:
    """What a topic shall say. ``taken_at`` is told with it, but a new time alone is not news."""

    content: Json | str
    taken_at: datetime | None = None

    @property
    def payload(self) -> str:
        """The content as it is sent."""
        if isinstance(self.content, str):
            return self.content
        stamp = {"taken_at": timestamp(self.taken_at)} if self.taken_at else {}
        return json.dumps(self.content | stamp, ensure_ascii=False)


def publications(base: str, snapshot: Snapshot, known: Iterable[str], *, cells: bool) -> dict[str, Publication]:
    """Return what every topic of the snapshot's bank shall say now.

    ``known`` are the slugs of all modules ever met in this bank: who is not in the snapshot is offline, and its other
    topics keep what they said last, as do all when the bank is offline. ``cells``: with the topics of the cells.
    """
    root = f"{base}/{bank_slug(snapshot.bank)}"
    modules = module_slugs(snapshot.bank)
    found = {f"{root}/{slug}/status": Publication(OFFLINE) for slug in known if slug not in modules}
    found[f"{root}/diagnosis"] = Publication(snapshot.reason or WELL)
    if not snapshot.online:
        return found | {f"{root}/status": Publication(OFFLINE)}
    found[f"{root}/state"] = Publication(bank_report(snapshot.bank), snapshot.taken_at)
    for slug, module in modules.items():
        found[f"{root}/{slug}/state"] = Publication(module_report(module, snapshot.bank), snapshot.taken_at)
        if cells and module.cells:
            found[f"{root}/{slug}/cells"] = Publication(cells_report(module.cells), snapshot.taken_at)
        found[f"{root}/{slug}/status"] = Publication(ONLINE)
    return found | {f"{root}/status": Publication(ONLINE)}


def events(base: str, snapshot: Snapshot) -> list[tuple[str, Publication]]:
    """Return topic and content of every event of the snapshot, the oldest first."""
    topic = f"{base}/{bank_slug(snapshot.bank)}/event"
    return [
        (topic, Publication(_event_content(snapshot.bank, event), snapshot.taken_at))
        for event in snapshot.bank.events or ()
    ]


def timestamp(moment: datetime) -> str:
    """Return the moment in UTC as ISO 8601, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _event_content(bank: Bank, event: Event) -> Json:
    """The event, with the kind of its worst alarm as its type, and whose list it is from."""
    worst = max(event.alarms, key=lambda alarm: _BAD.index(alarm.severity), default=None)
    barcode = next((module.barcode for module in bank.modules if module.number == event.module), None)
    told: Json = plain(event)
    return {"event_type": str(worst.kind) if worst else INFORMATION, "barcode": barcode} | told
