"""What Home Assistant shows of a bank, a module and a cell: one row per entity, in the words of its user.

Unit and platform are not said again here: they follow from the type of the field in the model.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, get_args, get_type_hints

from pylon2mqtt.model import AlarmKind, Bank, Cell, Module, State
from pylon2mqtt.model.derived import BankFigures, ModuleFigures
from pylon2mqtt.model.report import CELL_ARRAYS

Json = Mapping[str, Any]

# Home Assistant's words for what a number does over time.
LEVEL, TOTAL = "measurement", "total_increasing"


class Shown(Enum):
    """Where an entity stands on its device's page; HIDDEN ones the user may switch on."""

    MAIN = "main"
    DETAIL = "detail"
    HIDDEN = "hidden"


MAIN, DETAIL, HIDDEN = Shown


@dataclass(frozen=True, slots=True)
class Row:
    """One entity. ``key`` is the field in the topic's JSON, ``digits`` are the decimals shown.

    ``look``: a device class, or an icon for what Home Assistant has no class for. Without a name the entity is called
    what its device class is called in the user's language.
    """

    key: str
    name: str | None
    look: str | None
    digits: int | None
    over_time: str | None
    shown: Shown


@dataclass(frozen=True, slots=True)
class CellRow:
    """One entity of each member of an array; ``{:02}`` in key and name is its number, from 1."""

    topic: str
    array: str
    key: str
    name: str
    look: str | None
    digits: int | None


# fmt: off
# Which cell or module it is changes all day; as a LEVEL it stays out of the log book.
COMMON = (
    #   field                        name                                class or icon            digits time  shown
    Row("voltage",                   None,                               "voltage",               2,    LEVEL, MAIN),
    Row("current",                   None,                               "current",               2,    LEVEL, MAIN),
    Row("power",                     None,                               "power",                 0,    LEVEL, MAIN),
    Row("soc",                       None,                               "battery",               0,    LEVEL, MAIN),
    Row("state",                     "State",                            "mdi:state-machine",     None, None,  MAIN),
    Row("temperature",               None,                               "temperature",           1,    LEVEL, MAIN),
    Row("remaining_capacity",        "Remaining capacity",               "mdi:battery-medium",    1,    LEVEL, MAIN),
    Row("remaining_energy",          "Remaining energy",                 "energy_storage",        2,    LEVEL, MAIN),
    Row("problem",                   None,                               "problem",               None, None,  MAIN),
    Row("soe",                       "State of energy",                  "mdi:battery-medium",    0,    LEVEL, DETAIL),
    Row("full_capacity",             "Full capacity",                    "mdi:battery",           1,    LEVEL, DETAIL),
    Row("soh",                       "State of health",                  "mdi:battery-heart",     0,    LEVEL, DETAIL),
    Row("cycles",                    "Cycles",                           "mdi:battery-sync",      0,    TOTAL, DETAIL),
    Row("cell_voltage_difference",   "Cell voltage difference",          "voltage",               3,    LEVEL, MAIN),
    Row("cell_voltage_min",          "Lowest cell voltage",              "voltage",               3,    LEVEL, MAIN),
    Row("cell_voltage_max",          "Highest cell voltage",             "voltage",               3,    LEVEL, MAIN),
    Row("cell_voltage_min_cell",     "Cell with lowest voltage",         "mdi:arrow-down",        0,    LEVEL, DETAIL),
    Row("cell_voltage_max_cell",     "Cell with highest voltage",        "mdi:arrow-up",          0,    LEVEL, DETAIL),
    Row("cell_temperature_min",      "Lowest cell temperature",          "temperature",           1,    LEVEL, DETAIL),
    Row("cell_temperature_max",      "Highest cell temperature",         "temperature",           1,    LEVEL, DETAIL),
    Row("charge_voltage_limit",      "Charge voltage limit",             "voltage",               2,    LEVEL, DETAIL),
    Row("charge_current_limit",      "Charge current limit",             "current",               1,    LEVEL, DETAIL),
    Row("discharge_voltage_limit",   "Discharge voltage limit",          "voltage",               2,    LEVEL, DETAIL),
    Row("discharge_current_limit",   "Discharge current limit",          "current",               1,    LEVEL, DETAIL),
    Row("charge_enabled",            "Charging allowed",                 "mdi:battery-plus",      None, None,  DETAIL),
    Row("discharge_enabled",         "Discharging allowed",              "mdi:battery-minus",     None, None,  DETAIL),
    Row("full_charge_requested",     "Full charge requested",            "mdi:battery-charging",  None, None,  DETAIL),
    Row("force_charge_1",            "Forced charge 1 requested",        "mdi:battery-charging",  None, None,  HIDDEN),
    Row("force_charge_2",            "Forced charge 2 requested",        "mdi:battery-charging",  None, None,  HIDDEN),
)

BANK = (
    *COMMON,
    Row("cell_voltage_min_module",   "Module with lowest cell voltage",  "mdi:arrow-down",        0,    LEVEL, DETAIL),
    Row("cell_voltage_max_module",   "Module with highest cell voltage", "mdi:arrow-up",          0,    LEVEL, DETAIL),
    Row("energy_charged",            "Energy charged",                   "energy",                2,    TOTAL, MAIN),
    Row("energy_discharged",         "Energy discharged",                "energy",                2,    TOTAL, MAIN),
    Row("modules_online",            "Modules online",                   "mdi:layers",            0,    LEVEL, DETAIL),
    Row("modules_silent",            "Modules silent",                   "mdi:layers-remove",     0,    LEVEL, DETAIL),
)

MODULE = (
    *COMMON,
    Row("mos_temperature",           "MOSFET temperature",               "temperature",           1,    LEVEL, DETAIL),
    Row("ambient_temperature",       "Ambient temperature",              "temperature",           1,    LEVEL, DETAIL),
    Row("clock_offset",              "Clock offset",                     "duration",              0,    LEVEL, HIDDEN),
    Row("cell_temperature_min_cell", "Cell with lowest temperature",     "mdi:arrow-down",        0,    LEVEL, HIDDEN),
    Row("cell_temperature_max_cell", "Cell with highest temperature",    "mdi:arrow-up",          0,    LEVEL, HIDDEN),
)

CELLS = (
    #       topic    array           key                        name                            look           digits
    CellRow("state", "temperatures", "group_{:02}_temperature", "Cell group {:02} temperature", "temperature", 1),
    CellRow("cells", "voltages",     "cell_{:02}_voltage",      "Cell {:02} voltage",           "voltage",     3),
    CellRow("cells", "temperatures", "cell_{:02}_temperature",  "Cell {:02} temperature",       "temperature", 1),
    CellRow("cells", "socs",         "cell_{:02}_soc",          "Cell {:02} state of charge",   "mdi:battery", 0),
    CellRow("cells", "balancing",    "cell_{:02}_balancing",    "Cell {:02} balancing",         "mdi:scale",   None),
)
# fmt: on

# Each kind of alarm that the battery can report at all.
PROBLEM_NAMES = {
    kind: kind.value.replace("_", " ").replace("soc", "state of charge").capitalize() for kind in AlarmKind
}

# Fields that `topics` counts for the bank; all others are the model's.
COUNTS = {"modules_online": int, "modules_silent": int}

# Which cells' entities are on from the start, by the option `cells`; with "none" there are none.
ENABLED_ARRAYS: dict[str, tuple[str, ...]] = {
    "none": (),
    "statistics": (),
    "voltages": ("voltages",),
    "full": ("voltages", "temperatures", "socs", "balancing"),
}


# By the kind of device: its rows, and the types of the fields that they show.
ROWS = {Bank: {row.key: row for row in BANK}, Module: {row.key: row for row in MODULE}}
TYPES: dict[type, dict[str, Any]] = {
    Bank: COUNTS | get_type_hints(BankFigures, include_extras=True) | get_type_hints(Bank, include_extras=True),
    Module: get_type_hints(ModuleFigures, include_extras=True) | get_type_hints(Module, include_extras=True),
    Cell: get_type_hints(Cell, include_extras=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A row with all that follows from the model and from the user's options."""

    key: str
    name: str | None
    platform: str
    device_class: str | None
    icon: str | None
    unit: str | None
    digits: int | None
    over_time: str | None
    options: tuple[str, ...] | None
    shown: Shown
    topic: str
    template: str


def reported(kind: type[Bank] | type[Module], topic: str, content: Json) -> Iterator[str]:
    """Yield the keys of the entities for which this topic (``state`` or ``cells``) has a value."""
    if topic == "state":
        yield from (row.key for row in ROWS[kind].values() if content.get(row.key) is not None)
        yield from (f"problem_{alarm}" for alarm in content.get("problems") or ())
    for cell_row in CELLS if kind is Module else ():
        members = (content.get(cell_row.array) or ()) if cell_row.topic == topic else ()
        yield from (cell_row.key.format(n) for n, member in enumerate(members, 1) if member is not None)


def entities(kind: type[Bank] | type[Module], keys: set[str], cells: str) -> Iterator[Entity]:
    """Yield the entities with these keys, in the order of the table; a key without a row yields nothing.

    ``cells`` is the user's option: one of `ENABLED_ARRAYS`.
    """
    yield from (_entity(kind, row) for row in ROWS[kind].values() if row.key in keys)
    yield from (_problem_entity(alarm) for alarm in AlarmKind if f"problem_{alarm}" in keys)
    if kind is Module and cells != "none":
        numbers = {int(number) for key in keys for number in re.findall(r"^(?:cell|group)_(\d+)_", key)}
        for row in CELLS:
            shown = DETAIL if row.array in ENABLED_ARRAYS[cells] else HIDDEN
            yield from (_cell_entity(row, n, shown) for n in sorted(numbers) if row.key.format(n) in keys)


def _parts(annotation: Any) -> Iterator[Any]:
    """Yield a type and what it is made of: of ``Volts | None``, Volts with its unit, and float."""
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


def _unit(annotation: Any) -> str | None:
    return next((part.__metadata__[0] for part in _parts(annotation) if hasattr(part, "__metadata__")), None)


def _platform(annotation: Any) -> str:
    return "binary_sensor" if bool in _parts(annotation) else "sensor"


def _template(value: str, platform: str) -> str:
    """Return the template of a value in JSON; null becomes None, which Home Assistant shows as unknown."""
    return f"{{{{ iif({value}, 'ON', 'OFF', 'None') }}}}" if platform == "binary_sensor" else f"{{{{ {value} }}}}"


def _look(look: str | None) -> dict[str, str | None]:
    is_icon = bool(look and look.startswith("mdi:"))
    return {"device_class": None if is_icon else look, "icon": look if is_icon else None}


def _entity(kind: type[Bank] | type[Module], row: Row) -> Entity:
    annotation = TYPES[kind][row.key]
    platform = _platform(annotation)
    is_state = State in _parts(annotation)
    return Entity(
        key=row.key,
        name=row.name,
        platform=platform,
        unit=_unit(annotation),
        digits=row.digits,
        over_time=row.over_time,
        options=tuple(State) if is_state else None,
        shown=row.shown,
        topic="state",
        template=_template(f"value_json.{row.key}", platform),
        **_look(row.look) | ({"device_class": "enum"} if is_state else {}),
    )


def _problem_entity(alarm: AlarmKind) -> Entity:
    return Entity(
        key=f"problem_{alarm}",
        name=PROBLEM_NAMES[alarm],
        platform="binary_sensor",
        device_class="problem",
        icon=None,
        unit=None,
        digits=None,
        over_time=None,
        options=None,
        shown=DETAIL,
        topic="state",
        template=_template(f"(value_json.problems or {{}}).get('{alarm}')", "binary_sensor"),
    )


def _cell_entity(row: CellRow, number: int, shown: Shown) -> Entity:
    annotation = TYPES[Cell][CELL_ARRAYS[row.array]] if row.topic == "cells" else TYPES[Module][row.array]
    platform = _platform(annotation)
    return Entity(
        key=row.key.format(number),
        name=row.name.format(number),
        platform=platform,
        unit=_unit(annotation),
        digits=row.digits,
        over_time=LEVEL if platform == "sensor" else None,
        options=None,
        shown=shown,
        topic=row.topic,
        template=_template(f"(value_json.{row.array} or [])[{number - 1}] | default(none)", platform),
        **_look(row.look),
    )
