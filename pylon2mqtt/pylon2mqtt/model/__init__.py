"""The model: frozen values in V, A, °C, %, Ah, kWh and s, made by protocols and taken by outputs."""

from .battery import Alarm, Bank, Cell, Event, Module, Readings, Snapshot
from .units import AlarmKind, AlarmSource, Severity, State, Topology

__all__ = [
    "Alarm",
    "AlarmKind",
    "AlarmSource",
    "Bank",
    "Cell",
    "Event",
    "Module",
    "Readings",
    "Severity",
    "Snapshot",
    "State",
    "Topology",
]
