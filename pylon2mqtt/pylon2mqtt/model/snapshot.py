"""What goes into the hub and what leaves it: a reading, and a bank at a moment with what follows from its past."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .battery import Alarm, Bank
from .units import Celsius, Seconds

Figure = float | int | str | bool | datetime | tuple[float | None, ...] | None
"""The value of a quantity that follows from the past, None while it is not known; a tuple: of each cell, from 1."""

PartSlug = str | None
"""A part of a bank: None is the bank itself, else the slug of a module."""


class EventSeverity(StrEnum):
    """How bad a happening is."""

    INFORMATION = "information"
    WARNING = "warning"
    PROTECTION = "protection"
    FAULT = "fault"


class HappeningKind(StrEnum):
    """What happened: the key of the sentence that an owner reads. After each: the values of the sentence."""

    ALARM_BEGAN = "alarm_began"  # alarm, by, cells; text and code of the BMS
    ALARM_ENDED = "alarm_ended"  # alarm, by
    BMS_ENTRY = "bms_entry"  # text, code, at: an entry of the BMS's own list that is about no alarm
    BATTERY_LOST = "battery_lost"  # reason
    BATTERY_BACK = "battery_back"
    MODULE_NEW = "module_new"  # number
    MODULE_LOST = "module_lost"  # number
    MODULE_BACK = "module_back"  # number, away_s
    MODULE_MOVED = "module_moved"  # number, before
    MODULE_REMOVED = "module_removed"  # number, days: it is no longer counted as a member
    FIRMWARE_CHANGED = "firmware_changed"  # firmware, before
    CLOCK_OFF = "clock_off"  # offset_s, command: what the owner may type at the console
    CLOCK_JUMPED = "clock_jumped"  # offset_s, before_s, command
    CLOCK_RIGHT = "clock_right"  # offset_s
    CELL_DEVIATES = "cell_deviates"  # cell, deviation_mv, condition, first_in, of_runs, trend_mv
    CAPACITY_MEASURED = "capacity_measured"  # capacity_ah, error_ah, to_rated (percent): for the first time
    FULL_CHARGE_ADVISED = "full_charge_advised"  # days


@dataclass(frozen=True, slots=True, kw_only=True)
class CellsThen:
    """The cells of a module when something happened: arrays, the first cell first, with None for what is not reported.

    ``millivolts`` in mV, ``temperatures`` in °C, ``states`` are the device's own words, else the state of the model.
    """

    millivolts: tuple[int | None, ...] = ()
    temperatures: tuple[Celsius | None, ...] = ()
    states: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that happened to a bank or to one of its modules.

    ``id`` is the same whenever the same happening is reported again; ``at`` has the owner's time zone. ``bank`` is its
    name, ``module`` a number, None where it is about the whole bank. ``values`` stand in the sentence of ``kind``.
    ``completes`` is the id of an earlier happening about the same thing, of which this one knows more.
    """

    id: str
    at: datetime
    severity: EventSeverity
    kind: HappeningKind
    bank: str
    module: int | None = None
    barcode: str | None = None
    values: Mapping[str, float | str | None] = field(default_factory=dict)
    cells: CellsThen | None = None
    completes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a source (one line to a bank) reported, or why it reported nothing.

    ``taken_at`` (UTC) and ``since_start_s`` (monotonic) are stamped by the thread of the line. ``online`` is false when
    nobody answers: then ``bank`` holds its name only, and ``reason`` says why, in words for the owner. ``stale``: the
    battery rests, and what it reported at ``taken_at`` is reported again.
    """

    source: str
    bank: Bank
    taken_at: datetime
    since_start_s: Seconds
    online: bool = True
    stale: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A bank at a moment; the only thing that crosses threads.

    ``taken_at`` (UTC) and ``since_start_s`` (monotonic seconds since the start of the bridge) stamp its reading.
    ``online`` is false when the battery does not answer: then ``bank`` holds its name and the silent modules only, and
    ``reason`` says why, in words for its owner. ``stale``: it is silent but not lost, and its reading of ``taken_at``
    is repeated. ``figures`` (by key of the quantity) and ``alarms`` (found by the bridge) are what
    follows from the past, by part of the bank; ``happenings`` are new in this snapshot.
    """

    bank: Bank
    taken_at: datetime
    since_start_s: Seconds = 0.0
    online: bool = True
    stale: bool = False
    reason: str | None = None
    figures: Mapping[PartSlug, Mapping[str, Figure]] = field(default_factory=dict)
    alarms: Mapping[PartSlug, tuple[Alarm, ...]] = field(default_factory=dict)
    happenings: tuple[Happening, ...] = ()
