"""The entities that Home Assistant shows of a bank and a module: made of the quantities, in Home Assistant's words."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pylon2mqtt.model import AlarmKind, Bank, Module, State
from pylon2mqtt.model.quantities import CELL, DETAIL, HIDDEN, JSON, QUANTITIES, OverTime, Place, Quantity

Json = Mapping[str, Any]

STATE_CLASSES = {OverTime.LEVEL: "measurement", OverTime.TOTAL: "total_increasing", None: None}

# Home Assistant's device classes: of two quantities by their key, of the others by unit and by what they do over time.
# What has an icon of its own has no device class.
_CLASS_OF_KEY = {"soc": "battery", "problem": "problem"}
_CLASS_OF_UNIT = {"V": "voltage", "A": "current", "W": "power", "°C": "temperature", "s": "duration"}
_CLASS_OF_ENERGY = {OverTime.LEVEL: "energy_storage", OverTime.TOTAL: "energy"}

PROBLEM_NAMES = {
    kind: kind.value.replace("_", " ").replace("soc", "state of charge").capitalize() for kind in AlarmKind
}

# Which cells' entities are on from the start, by the option `cells`; with "none" there are none.
ENABLED_ARRAYS: dict[str, tuple[str, ...]] = {
    "none": (),
    "statistics": (),
    "voltages": ("voltages",),
    "full": ("voltages", "temperatures", "socs", "balancing"),
}


@dataclass(frozen=True, slots=True)
class ArrayEntities:
    """The entities of the members of an array; ``{:02}`` in key and name is the member's number, from 1.

    ``topic`` (``state`` or ``cells``) is where the array stands.
    """

    topic: str
    array: str
    key: str
    name: str
    quantity: Quantity


_GROUPS = QUANTITIES[Module]["temperatures"]
ARRAYS = (
    ArrayEntities("state", _GROUPS.key, "group_{:02}_temperature", "Cell group {:02} temperature", _GROUPS),
    *(
        ArrayEntities("cells", row.array, f"cell_{{:02}}_{row.key}", f"Cell {{:02}} {row.title.lower()}", row)
        for row in CELL
        if row.array and row.place is not JSON
    ),
)

# By the kind of device: the quantities that are entities, by their keys.
ROWS: dict[type[Bank] | type[Module], dict[str, Quantity]] = {
    kind: {key: row for key, row in QUANTITIES[kind].items() if row.place is not JSON and row is not _GROUPS}
    for kind in (Bank, Module)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A quantity as Home Assistant needs it. Without a name it is called what its device class is called."""

    key: str
    name: str | None
    platform: str
    device_class: str | None = None
    icon: str | None = None
    unit: str | None = None
    digits: int | None = None
    over_time: str | None = None
    options: tuple[str, ...] | None = None
    place: Place
    topic: str = "state"
    template: str


def reported(kind: type[Bank] | type[Module], topic: str, content: Json) -> Iterator[str]:
    """Yield the keys of the entities for which this topic (``state`` or ``cells``) has a value."""
    if topic == "state":
        yield from (key for key in ROWS[kind] if content.get(key) is not None)
        yield from (f"problem_{alarm}" for alarm in content.get("problems") or ())
    for each in ARRAYS if kind is Module else ():
        members = (content.get(each.array) or ()) if each.topic == topic else ()
        yield from (each.key.format(n) for n, member in enumerate(members, 1) if member is not None)


def entities(kind: type[Bank] | type[Module], keys: set[str], cells: str) -> Iterator[Entity]:
    """Yield the entities with these keys, in the order of the quantities; a key without a row yields nothing.

    ``cells`` is the user's option: one of `ENABLED_ARRAYS`.
    """
    yield from (_entity(row) for key, row in ROWS[kind].items() if key in keys)
    yield from (_problem_entity(alarm) for alarm in AlarmKind if f"problem_{alarm}" in keys)
    if kind is Module and cells != "none":
        numbers = {int(number) for key in keys for number in re.findall(r"^(?:cell|group)_(\d+)_", key)}
        for each in ARRAYS:
            place = DETAIL if each.array in ENABLED_ARRAYS[cells] else HIDDEN
            yield from (_member_entity(each, n, place) for n in sorted(numbers) if each.key.format(n) in keys)


def _platform(row: Quantity) -> str:
    return "binary_sensor" if row.holds is bool else "sensor"


def _template(value: str, platform: str) -> str:
    """Return the template of a value in JSON; null becomes None, which Home Assistant shows as unknown."""
    return f"{{{{ iif({value}, 'ON', 'OFF', 'None') }}}}" if platform == "binary_sensor" else f"{{{{ {value} }}}}"


def _icon(row: Quantity) -> str | None:
    return f"mdi:{row.icon}" if row.icon else None


def _device_class(row: Quantity) -> str | None:
    if row.holds is State:
        return "enum"
    if row.icon:
        return None
    energy = _CLASS_OF_ENERGY.get(row.over_time) if row.over_time and row.unit == "kWh" else None
    return _CLASS_OF_KEY.get(row.key) or energy or _CLASS_OF_UNIT.get(row.unit or "")


def _entity(row: Quantity) -> Entity:
    named_by_class = _device_class(row) in (row.key, "battery")
    return Entity(
        key=row.key,
        name=None if named_by_class else row.title,
        platform=_platform(row),
        device_class=_device_class(row),
        icon=_icon(row),
        unit=row.unit,
        digits=row.digits,
        over_time=STATE_CLASSES[row.over_time],
        options=tuple(State) if row.holds is State else None,
        place=row.place,
        template=_template(f"value_json.{row.key}", _platform(row)),
    )


def _problem_entity(alarm: AlarmKind) -> Entity:
    return Entity(
        key=f"problem_{alarm}",
        name=PROBLEM_NAMES[alarm],
        platform="binary_sensor",
        device_class="problem",
        place=DETAIL,
        template=_template(f"(value_json.problems or {{}}).get('{alarm}')", "binary_sensor"),
    )


def _member_entity(of: ArrayEntities, number: int, place: Place) -> Entity:
    row = of.quantity
    return Entity(
        key=of.key.format(number),
        name=of.name.format(number),
        platform=_platform(row),
        device_class=_device_class(row),
        icon=_icon(row),
        unit=row.unit,
        digits=row.digits,
        over_time=STATE_CLASSES[row.over_time],
        place=place,
        topic=of.topic,
        template=_template(f"(value_json.{of.array} or [])[{number - 1}] | default(none)", _platform(row)),
    )
