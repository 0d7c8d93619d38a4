"""The model: frozen values in V, A, °C, %, Ah, kWh and s, made by protocols and taken by outputs."""

from .battery import Alarm, Bank, Cell, Event, Module, Readings
from .snapshot import CellsThen, EventSeverity, Figure, Happening, HappeningKind, PartSlug, Reading, Snapshot
from .units import AlarmKind, AlarmSource, Severity, State, Topology

__all__ = [
    "Alarm",
    "AlarmKind",
    "AlarmSource",
    "Bank",
    "Cell",
    "CellsThen",
    "Event",
    "EventSeverity",
    "Figure",
    "Happening",
    "HappeningKind",
    "Module",
    "PartSlug",
    "Reading",
    "Readings",
    "Severity",
    "Snapshot",
    "State",
    "Topology",
]
