"""What the frames of a bank are made of: the values that the master of a stack reports, and how they are packed."""

import struct
from collections.abc import Iterable

from pylon2mqtt.model.units import AlarmKind, AmpereHours, Amperes, Celsius, Volts
from pylon2mqtt.simulator.battery import VirtualBank
from pylon2mqtt.simulator.module import VirtualModule
from pylon2mqtt.transports.base import CanFrame

_A = AlarmKind
GROUPS = (
    frozenset({_A.CELL_OVERVOLTAGE, _A.MODULE_OVERVOLTAGE, _A.OVERVOLTAGE}),
    frozenset({_A.CELL_UNDERVOLTAGE, _A.MODULE_UNDERVOLTAGE, _A.UNDERVOLTAGE}),
    frozenset({_A.CHARGE_OVERTEMPERATURE, _A.DISCHARGE_OVERTEMPERATURE, _A.OVERTEMPERATURE}),
    frozenset({_A.CHARGE_UNDERTEMPERATURE, _A.DISCHARGE_UNDERTEMPERATURE, _A.UNDERTEMPERATURE}),
    frozenset({_A.DISCHARGE_OVERCURRENT}),
    frozenset({_A.CHARGE_OVERCURRENT}),
    frozenset({_A.SYSTEM_FAULT, _A.CELL_FAULT}),
)
"""What a stack reports on CAN: no frame names the cell or the module."""


def frame(number: int, layout: str, *values: float, extended: bool = False) -> CanFrame:
    """A frame of whole numbers, little-endian, as ``struct`` lays them out."""
    return CanFrame(number, struct.pack(f"<{layout}", *(round(value) for value in values)), extended=extended)


def text(number: int, words: str, *, extended: bool = False) -> CanFrame:
    """A frame of up to eight characters, filled with zeros."""
    return CanFrame(number, words.encode("ascii")[:8].ljust(8, b"\0"), extended=extended)


class Sums:
    """The values of a whole bank."""

    def __init__(self, bank: VirtualBank) -> None:
        self.bank = bank
        self.modules = [module for module in bank.modules if module.present]

    @property
    def voltage(self) -> Volts:
        """The mean of the modules."""
        return sum(module.voltage() for module in self.modules) / max(1, len(self.modules))

    @property
    def current(self) -> Amperes:
        """The current of all modules, as their BMSs measure it."""
        return sum(module.measured_current for module in self.modules)

    @property
    def remaining(self) -> AmpereHours:
        """What all modules still hold."""
        return sum(module.remaining for module in self.modules)

    @property
    def full_capacity(self) -> AmpereHours:
        """What all modules hold when full."""
        return sum(module.full_capacity for module in self.modules)

    @property
    def temperature(self) -> Celsius:
        """The mean of the cells' groups."""
        groups = [t for module in self.modules for t in module.temperatures()[1:5]]
        return sum(groups) / max(1, len(groups))

    @property
    def soh(self) -> int:
        """Of the module that is worst off."""
        return min((module.soh for module in self.modules), default=0)

    @property
    def cells(self) -> list[Volts]:
        """All cells' voltages."""
        return [volts for module in self.modules for volts in module.cell_voltages()]

    @property
    def temperatures(self) -> list[Celsius]:
        """All groups' temperatures."""
        return [t for module in self.modules for t in module.temperatures()[1:5]]

    @property
    def limits(self) -> tuple[Volts, Amperes, Amperes, Volts]:
        """Charge voltage, charge current, discharge current and discharge voltage."""
        models = [module.model for module in self.modules]
        return (
            min((model.charge_voltage_limit for model in models), default=0.0),
            sum(module.charge_current_limit for module in self.modules),
            sum(module.discharge_current_limit for module in self.modules),
            max((model.discharge_voltage_limit for model in models), default=0.0),
        )

    def alarms(self) -> set[AlarmKind]:
        """What protects some module now."""
        return {kind for module in self.modules for kind, _ in module.alarms}

    def warnings(self) -> set[AlarmKind]:
        """The warnings of all modules."""
        return {kind for module in self.modules for kind, _ in module.warnings}


def bits(active: Iterable[AlarmKind], places: Iterable[tuple[int, frozenset[AlarmKind]]]) -> int:
    """Set the bit at each place whose kinds are active."""
    reported = set(active)
    return sum(1 << place for place, kinds in places if reported & kinds)


def requests(modules: Iterable[VirtualModule]) -> int:
    """The byte of 35C."""
    all_of = list(modules)
    return (
        0x80 * all(module.charge_enabled for module in all_of)
        | 0x40 * all(module.discharge_enabled for module in all_of)
        | 0x20 * any(module.force_charge_1 for module in all_of)
        | 0x10 * any(module.force_charge_2 for module in all_of)
        | 0x08 * any(module.full_charge_requested for module in all_of)
    )
