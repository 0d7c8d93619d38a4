"""What a battery reports, in whatever language: Bank, Module, Cell, Alarm, Event.

Everything is frozen. ``None`` means "not reported", never 0. The fields hold what the battery reports; what is
computed from it is in `figures`. Current is positive while charging. SoC and SoH are percent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from .units import (
    AlarmKind,
    AlarmSource,
    AmpereHours,
    Amperes,
    Celsius,
    KilowattHours,
    Percent,
    Seconds,
    Severity,
    State,
    Topology,
    Volts,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One thing that is wrong now.

    ``cells`` are the numbers of the cells that it is about, from 1; empty where it is about no single cell. ``code`` is
    the device's own code in hexadecimal, ``text`` its own words; several are separated by ``, ``.
    """

    kind: AlarmKind
    severity: Severity
    by: AlarmSource = AlarmSource.BMS
    cells: tuple[int, ...] = ()
    code: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One entry of a BMS's own list of what happened.

    ``number`` is its place in that list, which moves on as the list grows; ``module`` is whose list it is. ``at`` is
    the time of the BMS's own clock: local, without a zone, often wrong. ``source``, ``code`` (hexadecimal) and ``text``
    are the device's own words, ``alarms`` what they mean.
    """

    number: int
    module: int | None = None
    at: datetime | None = None
    source: str | None = None
    code: str | None = None
    text: str | None = None
    alarms: tuple[Alarm, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell, numbered from 1; ``words`` are the device's own words, by its own names of the columns."""

    number: int
    voltage: Volts | None = None
    temperature: Celsius | None = None
    current: Amperes | None = None
    soc: Percent | None = None
    capacity: AmpereHours | None = None
    energy: KilowattHours | None = None
    state: State | None = None
    balancing: bool | None = None
    alarms: tuple[Alarm, ...] | None = None
    words: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What both a bank and a module can report. Limits of current are magnitudes (≥ 0).

    ``soc`` counts charge, ``soe`` (state of energy) the energy that is left. ``full_capacity`` is measured by the BMS,
    ``rated_capacity`` is what the maker prints on the label. ``parameters`` are the BMS's own limits,
    by name, in V, A and °C; ``counters`` is what it counts beside, where a unit ends the name.
    ``alarm_kinds`` are those that it could report, active or not, where its protocol says that.
    """

    manufacturer: str | None = None
    model: str | None = None
    barcode: str | None = None
    firmware: str | None = None
    voltage: Volts | None = None
    current: Amperes | None = None
    temperature: Celsius | None = None
    soc: Percent | None = None
    soe: Percent | None = None
    soh: Percent | None = None
    remaining_capacity: AmpereHours | None = None
    full_capacity: AmpereHours | None = None
    rated_capacity: AmpereHours | None = None
    remaining_energy: KilowattHours | None = None
    cycles: int | None = None
    state: State | None = None
    charge_voltage_limit: Volts | None = None
    charge_current_limit: Amperes | None = None
    discharge_voltage_limit: Volts | None = None
    discharge_current_limit: Amperes | None = None
    charge_enabled: bool | None = None
    discharge_enabled: bool | None = None
    force_charge_1: bool | None = None
    force_charge_2: bool | None = None
    full_charge_requested: bool | None = None
    cell_voltage_min: Volts | None = None
    cell_voltage_max: Volts | None = None
    cell_temperature_min: Celsius | None = None
    cell_temperature_max: Celsius | None = None
    parameters: Mapping[str, float] | None = None
    counters: Mapping[str, float] | None = None
    alarms: tuple[Alarm, ...] | None = None
    alarm_kinds: tuple[AlarmKind, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Module(Readings):
    """One box with its own BMS.

    ``number`` counts from 1 at the master and locates; ``barcode`` identifies. ``temperature`` is the BMS board's,
    ``temperatures`` are those of groups of cells, None for a sensor that measures nothing. ``clock_offset``: how far
    the BMS's clock is ahead of ours, to the minute. ``at_once``: cells, voltage and current came in one answer, so they
    are of one moment. ``registers``: the BMS's own bit fields, whole (``bat_events``, ``power_events``,
    ``sys_events``). ``words``: its own words, by its own keys. ``charge_current_limited``: the BMS throttles the
    charging current by itself.
    """

    number: int
    address: int | None = None
    mos_temperature: Celsius | None = None
    ambient_temperature: Celsius | None = None
    temperatures: tuple[Celsius | None, ...] | None = None
    cell_voltage_min_cell: int | None = None
    cell_voltage_max_cell: int | None = None
    cell_temperature_min_cell: int | None = None
    cell_temperature_max_cell: int | None = None
    fully_charged: bool | None = None
    heater_on: bool | None = None
    ac_input_present: bool | None = None
    charge_current_limited: bool | None = None
    clock_offset: Seconds | None = None
    at_once: bool = False
    registers: Mapping[str, int] | None = None
    words: Mapping[str, str] | None = None
    cells: tuple[Cell, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank(Readings):
    """All modules behind one line.

    A module is in ``modules`` whole or not at all: then its number stands in ``silent``, and no sum is taken over the
    rest. ``module_count`` is what the bank itself says. ``events``: what is new in the lists of its BMSs since the last
    reading, the oldest first; None where it has no such list.
    """

    name: str | None = None
    topology: Topology = Topology.PARALLEL
    protocol_version: str | None = None
    module_count: int | None = None
    energy_charged: KilowattHours | None = None
    energy_discharged: KilowattHours | None = None
    modules: tuple[Module, ...] = ()
    silent: tuple[int, ...] = ()
    events: tuple[Event, ...] | None = None
