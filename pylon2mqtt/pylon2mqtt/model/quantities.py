"""The quantities: one row for each field of the model that is a number, a state, or on or off.

A row says once what every output needs: Home Assistant's entities, the screen, the rounding of the JSON report and the
tables of DOCS.md follow from it. The unit stands in the type of the field (`units`), and is not repeated here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, get_args, get_type_hints

from .battery import Bank, Cell, Module
from .figures import BankFigures, ModuleFigures
from .over_time.figures import BankOverTime, ModuleOverTime
from .units import DECIMALS, State

Part = type[Bank] | type[Module] | type[Cell]


class OverTime(Enum):
    """What a number does over time: a level goes up and down, a total only rises."""

    LEVEL = "level"
    TOTAL = "total"


class Place(Enum):
    """Where an owner finds a quantity.

    MAIN: among the main values of the bank or module; DETAIL: among the diagnostic ones; HIDDEN: there too, but only
    where the owner switches it on; JSON: in the JSON of MQTT and of the command line only.
    """

    MAIN = "main"
    DETAIL = "detail"
    HIDDEN = "hidden"
    JSON = "json"


LEVEL, TOTAL = OverTime
MAIN, DETAIL, HIDDEN, JSON = Place

# Why most quantities are unknown, where they are.
NOT_REPORTED = "the battery does not report it"


@dataclass(frozen=True, slots=True)
class Quantity:
    """One quantity of a bank, a module or a cell.

    ``key`` is the name of the field, ``digits`` are the decimals to show (the JSON has all), ``icon`` is the name of a
    Material Design icon. ``meaning`` and ``unknown`` (when there is no value) are phrases for owners. ``array`` is the
    name of the array in which a module's cells report it.
    """

    key: str
    title: str
    digits: int | None
    over_time: OverTime | None
    place: Place
    meaning: str
    icon: str | None = None
    unknown: str = NOT_REPORTED
    array: str | None = None

    @property
    def unit(self) -> str | None:
        """The unit of the field's type; None for a plain number, a state, and what is on or off."""
        return _unit(self.key)

    @property
    def holds(self) -> type:
        """What its values are: float, int, bool, State or datetime."""
        return next(kind for kind in (float, int, bool, State, datetime) if kind in _parts(TYPES[self.key]))


_ANY_MODULE = "a module is silent, or does not report it"
_NO_CELLS = "the battery reports no cells"

# fmt: off
COMMON = (
    Quantity("voltage", "Voltage", 2, LEVEL, MAIN,
             "at the terminals; bank: the mean of its modules, in series their sum"),
    Quantity("current", "Current", 2, LEVEL, MAIN,
             "positive while charging; bank: the sum of its modules, in series their mean"),
    Quantity("power", "Power", 0, LEVEL, MAIN,
             "voltage times current, positive while charging; bank: the sum of its modules' powers",
             unknown="voltage or current is unknown"),
    Quantity("soc", "State of charge", 0, LEVEL, MAIN,
             "the charge that is left, in percent of a full battery: as the BMS reports it, else from the capacities; "
             "bank: of all modules, weighted by capacity"),
    Quantity("state", "State", None, None, MAIN,
             "what it is doing: charging, discharging, idle, balancing, sleeping, fault", "state-machine"),
    Quantity("temperature", "Temperature", 1, LEVEL, MAIN,
             "module: of its BMS board; bank: the mean of the cells' temperatures, else of the modules' own"),
    Quantity("remaining_capacity", "Remaining capacity", 1, LEVEL, MAIN,
             "the charge that is left", "battery-medium"),
    Quantity("remaining_energy", "Remaining energy", 2, LEVEL, MAIN,
             "the energy that is left: as the BMS reports it, else Ah times number of cells times 3.2 V",
             unknown="remaining capacity or cells are unknown, or not LFP"),
    Quantity("problem", "Problem", None, None, MAIN,
             "on while an alarm of any severity is active; the attribute `alarms` says which",
             unknown="not all modules report their alarms, and no alarm is active"),
    Quantity("soe", "State of energy", 0, LEVEL, DETAIL,
             "the energy that is left, in percent of a full battery", "battery-medium"),
    Quantity("full_capacity", "Full capacity", 1, LEVEL, DETAIL,
             "the charge of a full battery, as the BMS has measured it", "battery"),
    Quantity("rated_capacity", "Rated capacity", 1, LEVEL, HIDDEN,
             "the charge of a new battery, as its label says; never measured", "battery-outline"),
    Quantity("soh", "State of health", 0, LEVEL, DETAIL,
             "the capacity in percent of a new battery, as the BMS estimates it; bank: that of its worst module",
             "battery-heart"),
    Quantity("cycles", "Cycles", 0, TOTAL, DETAIL,
             "full cycles so far, as the BMS counts them; bank: those of its oldest module", "battery-sync"),
    Quantity("cell_voltage_difference", "Cell voltage difference", 3, LEVEL, MAIN,
             "highest minus lowest cell voltage", unknown="lowest or highest cell voltage is unknown"),
    Quantity("cell_voltage_min", "Lowest cell voltage", 3, LEVEL, MAIN,
             "of all cells"),
    Quantity("cell_voltage_max", "Highest cell voltage", 3, LEVEL, MAIN,
             "of all cells"),
    Quantity("cell_voltage_min_cell", "Cell with lowest voltage", 0, LEVEL, DETAIL,
             "its number; the first cell is 1", "arrow-down"),
    Quantity("cell_voltage_max_cell", "Cell with highest voltage", 0, LEVEL, DETAIL,
             "its number; the first cell is 1", "arrow-up"),
    Quantity("cell_temperature_min", "Lowest cell temperature", 1, LEVEL, DETAIL,
             "of all cells, or of all groups of cells"),
    Quantity("cell_temperature_max", "Highest cell temperature", 1, LEVEL, DETAIL,
             "of all cells, or of all groups of cells"),
    Quantity("charge_voltage_limit", "Charge voltage limit", 2, LEVEL, DETAIL,
             "the voltage up to which the BMS wants to be charged; bank: the lowest of its modules, in series the sum"),
    Quantity("charge_current_limit", "Charge current limit", 1, LEVEL, DETAIL,
             "the most that it may be charged with; bank: the sum of its modules, in series the lowest"),
    Quantity("discharge_voltage_limit", "Discharge voltage limit", 2, LEVEL, DETAIL,
             "the voltage down to which it may be discharged; bank: the highest of its modules, in series the sum"),
    Quantity("discharge_current_limit", "Discharge current limit", 1, LEVEL, DETAIL,
             "the most that it may be discharged with; bank: the sum of its modules, in series the lowest"),
    Quantity("charge_enabled", "Charging allowed", None, None, DETAIL,
             "whether the BMS lets charge in; bank: where all modules agree", "battery-plus"),
    Quantity("discharge_enabled", "Discharging allowed", None, None, DETAIL,
             "whether the BMS lets charge out; bank: where all modules agree", "battery-minus"),
    Quantity("full_charge_requested", "Full charge requested", None, None, DETAIL,
             "the BMS asks to be charged until it is full", "battery-charging"),
    Quantity("force_charge_1", "Forced charge 1 requested", None, None, HIDDEN,
             "the BMS asks the inverter to charge it soon", "battery-charging"),
    Quantity("force_charge_2", "Forced charge 2 requested", None, None, HIDDEN,
             "the BMS asks the inverter to charge it at once", "battery-charging"),
    Quantity("charge_power", "Charging power", 0, LEVEL, HIDDEN,
             "the power while it is charged, else 0", unknown="voltage or current is unknown"),
    Quantity("discharge_power", "Discharging power", 0, LEVEL, HIDDEN,
             "the power while it is discharged, else 0", unknown="voltage or current is unknown"),
    Quantity("rated_energy", "Rated energy", 2, LEVEL, HIDDEN,
             "rated Ah times number of cells times 3.2 V", unknown="rated capacity or cells are unknown, or not LFP"),
    Quantity("cell_voltage_mean", "Mean cell voltage", 3, LEVEL, HIDDEN,
             "of all cells", unknown="not all cells are reported"),
    Quantity("cell_temperature_difference", "Cell temperature difference", 1, LEVEL, HIDDEN,
             "highest minus lowest cell temperature", unknown="lowest or highest cell temperature is unknown"),
)

BANK = (
    *COMMON,
    Quantity("cell_voltage_min_module", "Module with lowest cell voltage", 0, LEVEL, DETAIL,
             "its number; the master is 1", "arrow-down", _ANY_MODULE),
    Quantity("cell_voltage_max_module", "Module with highest cell voltage", 0, LEVEL, DETAIL,
             "its number; the master is 1", "arrow-up", _ANY_MODULE),
    Quantity("energy_charged", "Energy charged", 2, TOTAL, MAIN,
             "all energy that went in: the BMS's own count, else metered from the power",
             unknown="the first two minutes after a start, until it is known whether the BMS counts it"),
    Quantity("energy_discharged", "Energy discharged", 2, TOTAL, MAIN,
             "all energy that came out: the BMS's own count, else metered from the power",
             unknown="the first two minutes after a start, until it is known whether the BMS counts it"),
    Quantity("modules_online", "Modules online", 0, LEVEL, DETAIL,
             "the modules that answer; where single modules are not reported, the number that the battery gives",
             "layers"),
    Quantity("modules_asleep", "Modules asleep", 0, LEVEL, HIDDEN,
             "the modules that answer and say that they sleep", "sleep", "a module reports no state"),
    Quantity("modules_silent", "Modules silent", 0, LEVEL, DETAIL,
             "the modules that do not answer", "layers-remove", "single modules are not reported"),
    Quantity("module_count", "Modules", 0, LEVEL, JSON, "the number of modules, as the battery counts them"),
    Quantity("silent", "Silent modules", 0, None, JSON, "the numbers of the modules that do not answer"),
)

MODULE = (
    *COMMON,
    Quantity("current_share", "Share of the current", 0, LEVEL, HIDDEN,
             "its part of the current of all modules in parallel", "call-split",
             "the currents are below 1 A for each module, or a module is silent"),
    Quantity("mos_temperature", "MOSFET temperature", 1, LEVEL, DETAIL,
             "of the transistors that switch the current on and off"),
    Quantity("ambient_temperature", "Ambient temperature", 1, LEVEL, DETAIL,
             "of the air in the module"),
    Quantity("fully_charged", "Fully charged", None, None, HIDDEN,
             "the BMS calls the module full", "battery-check"),
    Quantity("heater_on", "Heater", None, None, DETAIL,
             "on while the module heats its cells", "radiator"),
    Quantity("ac_input_present", "AC input", None, None, HIDDEN,
             "the BMS sees a charger at its input", "power-plug"),
    Quantity("charge_current_limited", "Charge current limited", None, None, HIDDEN,
             "the BMS throttles the charging current by itself", "battery-lock"),
    Quantity("clock_offset", "Clock offset", 0, LEVEL, HIDDEN,
             "how far the BMS's clock is ahead of yours, in whole minutes"),
    Quantity("cell_temperature_min_cell", "Cell with lowest temperature", 0, LEVEL, HIDDEN,
             "its number; the first cell is 1", "arrow-down"),
    Quantity("cell_temperature_max_cell", "Cell with highest temperature", 0, LEVEL, HIDDEN,
             "its number; the first cell is 1", "arrow-up"),
    Quantity("temperatures", "Cell group temperature", 1, LEVEL, HIDDEN,
             "of each group of cells that has a sensor"),
    Quantity("number", "Number", 0, None, JSON, "the place of the module in the bank; the master is 1"),
    Quantity("address", "Address", 0, None, JSON, "the module's address on the wire"),
    Quantity("at_once", "At once", None, None, JSON, "whether cells, voltage and current came in one answer"),
)

CELL = (
    Quantity("voltage", "Voltage", 3, LEVEL, HIDDEN, "of the cell", array="voltages"),
    Quantity("temperature", "Temperature", 1, LEVEL, HIDDEN, "of the cell", array="temperatures"),
    Quantity("current", "Current", 3, LEVEL, JSON, "through the cell; positive while charging", array="currents"),
    Quantity("soc", "State of charge", 0, LEVEL, HIDDEN, "of the cell", "battery", array="socs"),
    Quantity("capacity", "Capacity", 3, LEVEL, JSON, "the charge that the cell holds", array="capacities"),
    Quantity("energy", "Energy", 3, LEVEL, JSON, "the energy that the cell holds", array="energies"),
    Quantity("state", "State", None, None, JSON, "what the cell is doing", array="states"),
    Quantity("balancing", "Balancing", None, None, HIDDEN,
             "on while the BMS takes charge out of the cell, so that all become alike", "scale", array="balancing"),
    Quantity("number", "Number", 0, None, JSON, "the first cell is 1"),
)
# fmt: on

QUANTITIES: dict[Part, dict[str, Quantity]] = {
    part: {row.key: row for row in rows} for part, rows in {Bank: BANK, Module: MODULE, Cell: CELL}.items()
}

# The type of each field; one name has one type, in whatever part it stands.
TYPES: dict[str, Any] = {
    name: annotation
    for part in (Cell, ModuleOverTime, ModuleFigures, Module, BankOverTime, BankFigures, Bank)
    for name, annotation in get_type_hints(part, include_extras=True).items()
}


def rounded(key: str, value: Any) -> Any:
    """Return a derived value with as many decimals as its unit is worth; what is no number with a unit as it is."""
    decimals = DECIMALS.get(_unit(key) or "")
    return value if value is None or decimals is None else round(value, decimals)


@cache
def _unit(key: str) -> str | None:
    return next((part.__metadata__[0] for part in _parts(TYPES[key]) if hasattr(part, "__metadata__")), None)


def _parts(annotation: Any) -> Iterator[Any]:
    """Yield a type and what it is made of: of ``Volts | None``, Volts with its unit, and float."""
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)
