"""Which devices are announced to Home Assistant, and which announcements are due.

An entity is announced when its value is first reported, and stays announced: also over a restart of the bridge, because
what the broker has kept of our announcements is read back first.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace

from pylon2mqtt.outputs.mqtt.layouts.own import EVENT

from .entities import entities
from .messages import Device, Site, announced_components, discovery, discovery_topic, without

# A new device is announced at once. One that reports more and more, as the slow answers come in, is announced again
# when it has reported nothing new for a while, or at last: each announcement makes its entities unavailable for a
# moment.
SETTLED_AFTER_S = 5.0
AT_LAST_S = 60.0
# Entities of a device that is announced anew forget their values (homeassistant/components/mqtt/sensor.py, where
# expire_after is set): these are said again when it has had this long to take the announcement in.
TAKEN_IN_S = 2.0


class Announcer:
    """The devices met so far with the keys of their entities; `due` gives the messages that have to be sent."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._devices: dict[str, Device] = {}
        self._keys: dict[str, set[str]] = {}
        self._outdated: dict[str, dict[str, str]] = {}
        self._due: dict[str, tuple[float, float]] = {}
        self._known_there: set[str] = set()
        self._taken_in_at: dict[str, float] = {}

    def knows(self, device_id: str) -> bool:
        """Return whether the device was met since the start."""
        return device_id in self._devices

    def meet(self, device: Device, keys: Iterable[str], now: float) -> None:
        """Take in a device as it is now, and the keys for which it just reported values."""
        earlier = self._devices.get(device.id)
        current = device.remembering(earlier)
        known = self._keys.setdefault(device.id, set())
        new = set(keys) - known
        if new or current != earlier:
            self._devices[device.id] = current
            known |= new
            self._want(device.id, now, now if earlier is None else now + SETTLED_AFTER_S)

    def read_every(self, bank_topic: str, poll_interval_s: float, now: float) -> None:
        """Take in that a bank is read more or less often now: its values last longer or shorter."""
        for device in [device for device in self._devices.values() if device.bank_topic == bank_topic]:
            self.meet(replace(device, poll_interval_s=poll_interval_s), (), now)

    def _want(self, device_id: str, now: float, at: float) -> None:
        """Let a device be announced at a time, not after what is due now, and not much later than first wanted."""
        due_at, at_last = self._due.get(device_id, (float("inf"), now + AT_LAST_S))
        if due_at > now:
            self._due[device_id] = (min(at, at_last), at_last)

    def remember(self, device_id: str, payload: str) -> None:
        """Take in how the device was announced before this start; what would not be announced now is to be deleted."""
        device = self._devices.get(device_id)
        if device is None:
            return
        self._known_there.add(device_id)
        announced = announced_components(payload)
        known = self._keys[device_id]
        known |= {entity.key for entity in entities(device.kind, set(announced), self._site.cells)} | (
            announced.keys() & {EVENT}
        )
        wanted = discovery(self._site, device, known)["components"]
        self._outdated[device_id] = {key: platform for key, platform in announced.items() if key not in wanted}

    def repeat(self) -> None:
        """Let all devices be announced again, a bank before its modules."""
        parents_first = sorted(self._devices, key=lambda device_id: self._devices[device_id].via is not None)
        self._due = dict.fromkeys(parents_first, (float("-inf"), float("-inf")))

    def due(self, now: float) -> Iterator[tuple[str, str]]:
        """Yield topic and payload of what is due, which then counts as sent."""
        for device_id in [device_id for device_id, (due_at, _) in self._due.items() if due_at <= now]:
            del self._due[device_id]
            if device_id in self._known_there:
                self._taken_in_at[device_id] = now + TAKEN_IN_S
            self._known_there.add(device_id)
            topic = discovery_topic(self._site, device_id)
            message = discovery(self._site, self._devices[device_id], self._keys[device_id])
            if outdated := self._outdated.pop(device_id, None):
                yield topic, json.dumps(without(message, outdated), ensure_ascii=False)
            yield topic, json.dumps(message, ensure_ascii=False)

    def taken_in(self, now: float) -> Iterator[Device]:
        """Yield the devices whose new announcement has been taken in: their values are to be said again, once."""
        for device_id in [device_id for device_id, at in self._taken_in_at.items() if at <= now]:
            del self._taken_in_at[device_id]
            yield self._devices[device_id]

    def forget(self, device_id: str, topic: str) -> bool:
        """Forget a device that was at this topic; return whether it is nowhere else, and its announcement can go."""
        device = self._devices.get(device_id)
        if device and device.topic != topic:  # It has moved to another bank.
            return False
        for memory in (self._devices, self._keys, self._outdated, self._due, self._taken_in_at):
            memory.pop(device_id, None)
        self._known_there.discard(device_id)
        return True
