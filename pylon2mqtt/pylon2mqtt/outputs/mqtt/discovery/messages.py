"""Home Assistant's MQTT discovery: one message announces a device with all its entities.

Pure functions: what is sent when is decided by the announcer. Needs Home Assistant 2024.12. Sources: its MQTT
documentation and ``homeassistant/components/mqtt`` (schemas.py, discovery.py, sensor.py) of 2026.11.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pylon2mqtt import __version__
from pylon2mqtt.model import AlarmKind, Bank, Module
from pylon2mqtt.model.identity import bank_id, bank_name, bank_slug, module_id, slug
from pylon2mqtt.model.quantities import HIDDEN, MAIN
from pylon2mqtt.outputs.mqtt.intervals import LONGEST_S, SHORTEST_S
from pylon2mqtt.outputs.mqtt.layouts.own import EVENT, INFORMATION, OFFLINE, ONLINE
from pylon2mqtt.outputs.mqtt.outbox import REPEAT_S

from .entities import Entity, entities

Json = dict[str, Any]

PROJECT_URL = "https://github.com/pylon2mqtt/pylon2mqtt"

# Home Assistant gives a value up when it has received nothing for one repetition, three polls, and this long for a slow
# line or broker.
EXPIRY_SLACK_S = 30.0

# Home Assistant refuses longer states.
LONGEST_STATE = 255

DETAIL_CATEGORY = "diagnostic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What all devices of this bridge share: the user's options."""

    base: str
    prefix: str
    cells: str
    poll_interval_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A bank or a module as Home Assistant's device. ``topic`` is its part of the topics, below the base topic.

    ``poll_interval_s`` is how often it is read now, where that is not what the site says.
    """

    kind: type[Bank] | type[Module]
    id: str
    topic: str
    name: str
    via: str | None = None
    poll_interval_s: float | None = None
    details: Mapping[str, str | None]

    @property
    def bank_topic(self) -> str:
        """The part of the topics that belongs to the device's bank."""
        return self.topic.partition("/")[0]

    def remembering(self, earlier: "Device | None") -> "Device":
        """Return the device with the details that it reported earlier and does not report now."""
        details = {key: value for key, value in self.details.items() if value is not None}
        return replace(self, details=dict(earlier.details if earlier else {}) | details)


def bank_device(site: Site, bank: Bank) -> Device:
    """Return the bank's device."""
    maker = bank.manufacturer or next((module.manufacturer for module in bank.modules if module.manufacturer), None)
    return Device(
        kind=Bank,
        id=bank_id(site.base, bank_slug(bank)),
        topic=bank_slug(bank),
        name=bank_name(bank),
        details={
            "manufacturer": maker,
            "model": bank.model or "Battery bank",
            "serial_number": bank.barcode,
            "sw_version": bank.firmware,
        },
    )


def module_device(site: Site, bank: Bank, module: Module, module_slug: str) -> Device:
    """Return the module's device; ``module_slug`` is its part of the topics."""
    return Device(
        kind=Module,
        id=module_id(site.base, bank_slug(bank), module_slug, module.barcode),
        topic=f"{bank_slug(bank)}/{module_slug}",
        name=f"{bank_name(bank)} module {module.number}",
        via=bank_id(site.base, bank_slug(bank)),
        details={
            "manufacturer": module.manufacturer or bank.manufacturer,
            "model": module.model,
            "serial_number": module.barcode,
            "sw_version": module.firmware,
        },
    )


def discovery_topic(site: Site, device_id: str) -> str:
    """Return the topic on which Home Assistant learns of a device."""
    return f"{site.prefix}/device/{device_id}/config"


def discovery(site: Site, device: Device, keys: set[str]) -> Json:
    """Return the message that announces the device with the entities that have these keys."""
    components = {entity.key: _component(site, device, entity) for entity in entities(device.kind, keys, site.cells)}
    details = {key: value for key, value in device.details.items() if value is not None}
    via = {"via_device": device.via} if device.via else {}
    return {
        "device": {"identifiers": [device.id], "name": device.name} | details | via,
        "origin": {"name": "pylon2mqtt", "sw_version": __version__, "support_url": PROJECT_URL},
        "availability": _availability(site, device),
        "availability_mode": "all",
        "state_topic": f"{site.base}/{device.topic}/state",
        "components": components | _own_components(site, device) | _event(site, device, keys),
    }


def announced_components(payload: str) -> dict[str, str]:
    """Return the keys of the entities that a message like `discovery` announces, with their platforms."""
    try:
        components = json.loads(payload)["components"]
        return {key: component["platform"] for key, component in components.items()}
    except (ValueError, LookupError, TypeError, AttributeError):
        return {}  # Not JSON, or not of this shape: somebody else's, or an empty one.


def without(message: Json, gone: Mapping[str, str]) -> Json:
    """Return the message extended by what makes Home Assistant delete entities: their keys and platforms."""
    return message | {"components": message["components"] | {key: {"platform": p} for key, p in gone.items()}}


def _availability(site: Site, device: Device) -> list[Json]:
    """The bridge runs, the battery answers and the module answers."""
    places = dict.fromkeys(["", f"/{device.bank_topic}", f"/{device.topic}"])
    return [{"topic": f"{site.base}{place}/status"} for place in places]


def _identity(device: Device, platform: str, key: str) -> Json:
    return {
        "platform": platform,
        "unique_id": f"{device.id}_{key}",
        "default_entity_id": f"{platform}.{slug(device.name)}_{key}",
    }


def _component(site: Site, device: Device, entity: Entity) -> Json:
    optional = {
        "name": entity.name,
        "device_class": entity.device_class,
        "unit_of_measurement": entity.unit,
        "state_class": entity.over_time,
        "suggested_display_precision": entity.digits,
        "options": entity.options,
        "entity_category": None if entity.place is MAIN else DETAIL_CATEGORY,
        "icon": entity.icon,
        "enabled_by_default": False if entity.place is HIDDEN else None,
        "state_topic": None if entity.topic == "state" else f"{site.base}/{device.topic}/{entity.topic}",
    }
    found = _identity(device, entity.platform, entity.key) | {k: v for k, v in optional.items() if v is not None}
    found |= {"value_template": entity.template, "expire_after": expire_after_s(site, device)}
    return found | (_alarms(site, device) if entity.key == "problem" else {})


def expire_after_s(site: Site, device: Device) -> int:
    """Seconds without a message after which a value counts as lost."""
    poll_interval_s = site.poll_interval_s if device.poll_interval_s is None else device.poll_interval_s
    return round(REPEAT_S + 3 * poll_interval_s + EXPIRY_SLACK_S)


def _alarms(site: Site, device: Device) -> Json:
    """What is wrong, as an attribute of the entity that says that something is."""
    return {
        "json_attributes_topic": f"{site.base}/{device.topic}/state",
        "json_attributes_template": "{{ {'alarms': value_json.alarms} | tojson }}",
    }


def _event(site: Site, device: Device, keys: set[str]) -> Json:
    """What the BMSs write into their own lists: its type is the kind of the alarm, the rest are attributes."""
    if EVENT not in keys:
        return {}
    event = {
        **_identity(device, "event", EVENT),
        "name": "Event",
        "icon": "mdi:history",
        "state_topic": f"{site.base}/{device.topic}/event",
        "event_types": [INFORMATION, *AlarmKind],
    }
    return {EVENT: event}


def _own_components(site: Site, device: Device) -> Json:
    """What exists without any value: whether the device answers; for a bank also why not, and its commands.

    They are of use just when the battery does not answer, so the bridge alone makes them available.
    """
    components = {"connection": _connection(site, device)}
    if device.kind is Bank:
        components |= {
            "rescan": _rescan(site, device),
            "poll_interval": _poll_interval(site, device),
            "diagnosis": _diagnosis(site, device),
        }
    bridge = {"availability": [{"topic": f"{site.base}/status"}]}
    return {key: component | bridge for key, component in components.items()}


def _connection(site: Site, device: Device) -> Json:
    return {
        **_identity(device, "binary_sensor", "connection"),
        "name": "Connection",
        "device_class": "connectivity",
        "entity_category": DETAIL_CATEGORY,
        "state_topic": f"{site.base}/{device.topic}/status",
        "payload_on": ONLINE,
        "payload_off": OFFLINE,
    }


def _rescan(site: Site, device: Device) -> Json:
    return {
        **_identity(device, "button", "rescan"),
        "name": "Rescan",
        "entity_category": "config",
        "command_topic": f"{site.base}/{device.topic}/set/rescan",
    }


def _poll_interval(site: Site, device: Device) -> Json:
    return {
        **_identity(device, "number", "poll_interval"),
        "name": "Reading interval",
        "device_class": "duration",
        "unit_of_measurement": "s",
        "entity_category": "config",
        "mode": "box",
        "min": SHORTEST_S,
        "max": LONGEST_S,
        "state_topic": f"{site.base}/{device.topic}/poll_interval",
        "value_template": "{{ value_json.seconds }}",
        "command_topic": f"{site.base}/{device.topic}/set/poll_interval",
    }


def _diagnosis(site: Site, device: Device) -> Json:
    return {
        **_identity(device, "sensor", "diagnosis"),
        "name": "Diagnosis",
        "icon": "mdi:stethoscope",
        "entity_category": DETAIL_CATEGORY,
        "state_topic": f"{site.base}/{device.topic}/diagnosis",
        "value_template": f"{{{{ value | truncate({LONGEST_STATE}, true, '…', 0) }}}}",
    }
