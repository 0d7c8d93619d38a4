"""What follows over time from a recording: ``pylon2mqtt replay --insight``."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pylon2mqtt.app.hub import Hub
from pylon2mqtt.insight.registry import InsightSettings, insights
from pylon2mqtt.model import Bank, Figure, Happening, Module, Reading, Snapshot
from pylon2mqtt.model.over_time.quantities import QUANTITIES_OVER_TIME
from pylon2mqtt.model.quantities import Quantity
from pylon2mqtt.model.report import plain, whole_report
from pylon2mqtt.outputs.screen import table
from pylon2mqtt.records.memory import NoMemory

# A recording has no name for its bank, and no date: its first second is that of 1970. A log of a CAN bus has a date.
_NAME = "Battery"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def with_insight(readings: Iterable[tuple[float, Bank]], *, as_json: bool) -> Iterator[str]:
    """Yield what to show of each reading, which comes with its time in seconds."""
    return map(_json if as_json else _text, _snapshots(readings))


def _snapshots(readings: Iterable[tuple[float, Bank]]) -> Iterator[Snapshot]:
    delivered: list[Snapshot] = []
    hub = Hub(
        {_NAME: {_NAME: 0.0}},
        insights=insights(InsightSettings()),
        memory=NoMemory(),
        zone=UTC,
        deliver=delivered.append,
    )
    for at_s, bank in readings:
        at = _BEGINNING + timedelta(seconds=at_s)
        hub.take(Reading(source=_NAME, bank=replace(bank, name=_NAME), taken_at=at, since_start_s=at_s))
        yield from delivered
        delivered.clear()


def _json(snapshot: Snapshot) -> str:
    """The bank and all that follows from its past, in one line; what is of the whole bank has the key ``""``."""
    return json.dumps({
        "taken_at": plain(snapshot.taken_at),
        "bank": whole_report(snapshot.bank),
        "figures": _by_part(snapshot.figures),
        "alarms": _by_part(snapshot.alarms),
        "happenings": plain(snapshot.happenings),
    })  # fmt: skip


def _text(snapshot: Snapshot) -> str:
    """The table of the bank, the figures that are known, one line each, and what happened."""
    lines = [
        f"{row.title}{f' of {part}' if part else ''}: {_value(values[key], row)}"
        for part, values in snapshot.figures.items()
        for key, row in QUANTITIES_OVER_TIME[Module if part else Bank].items()
        if values.get(key) is not None
    ]
    return "\n".join([table(snapshot.bank), *lines, *map(_sentence, snapshot.happenings)])


def _by_part(values: Mapping[str | None, Any]) -> dict[str, Any]:
    return {part or "": plain(value) for part, value in values.items()}


def _value(value: Figure, row: Quantity) -> str:
    shown = f"{value:.{row.digits}f}" if isinstance(value, float) and row.digits is not None else str(value)
    return f"{shown} {row.unit}" if row.unit else shown


def _sentence(happening: Happening) -> str:
    who = f"module {happening.module}: " if happening.module else ""
    values = ", ".join(f"{key} {value}" for key, value in happening.values.items() if value is not None)
    return f"{happening.at.isoformat(timespec='seconds')} {who}{happening.kind}{f' ({values})' if values else ''}"
