"""The MQTT output: every bank and module as topics, and as devices in Home Assistant."""

import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pylon2mqtt.errors import ConfigError, OutputError
from pylon2mqtt.model import Bank, Snapshot
from pylon2mqtt.model.identity import bank_slug, module_id, module_slugs, slug
from pylon2mqtt.outputs.base import Surroundings
from pylon2mqtt.outputs.mqtt.discovery.announcer import Announcer
from pylon2mqtt.outputs.mqtt.discovery.entities import reported
from pylon2mqtt.outputs.mqtt.discovery.messages import (
    EVENT,
    Device,
    Site,
    bank_device,
    discovery_topic,
    module_device,
)

from .broker import Broker, ClientFactory, Connected, Message, paho_client
from .energies import TOPIC as ENERGY
from .energies import Energies
from .intervals import Intervals
from .members import Members
from .options import MqttOptions
from .outbox import Board
from .topics import OFFLINE, ONLINE, Publication, events, publications

# Home Assistant subscribes to the states after it has said that it is there; the spread spares it a flood at its start.
AFTER_BIRTH_S = (1.0, 5.0)
# A broker sends what it has kept right after the subscription; nothing is published until that has been read.
READ_BACK_S = 0.5
NEVER = float("inf")
INTERVAL = "poll_interval"
# The topics of a device from which its entities have their values.
VALUES = ("state", "cells", "status", "poll_interval")
# Events that wait for a broker; beyond that the oldest is lost.
MOST_EVENTS = 1000


@dataclass(kw_only=True, eq=False)
class Mqtt:
    """Publishes every snapshot over MQTT, and announces what it finds to Home Assistant.

    ``cells``: none, statistics, voltages or full, see `entities.ENABLED_ARRAYS`. ``on_command`` gets the bank's name,
    what is asked (``rescan``, ``poll_interval``) and the payload, and tells whether it was done. ``find_broker`` tells
    host, port, username, password and tls where the options name no host. ``clock`` counts seconds, ``uniform`` draws
    between two of them.
    No method raises because of the broker: it may come, go and hang; what is wrong stands in the log.
    """

    options: MqttOptions = field(default_factory=MqttOptions)
    cells: str = "statistics"
    poll_interval_s: float = 10.0
    find_broker: Callable[[], Mapping[str, Any]] | None = None
    on_command: Callable[[str, str, str], bool | None] | None = None
    clock: Callable[[], float] = time.monotonic
    uniform: Callable[[float, float], float] = random.uniform
    client_factory: ClientFactory = paho_client

    name = "MQTT"
    keeps_all = False

    def __post_init__(self) -> None:
        self.base_topic, self.discovery_prefix = self.options.base_topic, self.options.discovery_prefix
        self._site = Site(
            base=self.base_topic,
            prefix=self.discovery_prefix,
            cells=self.cells,
            poll_interval_s=self.poll_interval_s,
        )
        self._board = Board()
        self._announcer = Announcer(self._site)
        self._intervals = Intervals(self.poll_interval_s)
        self._energies = Energies()
        self._members: dict[str, Members] = {}
        self._orphans: list[str] = []
        self._events: deque[tuple[str, str]] = deque(maxlen=MOST_EVENTS)
        self._reading_back: set[str] = set()
        self._read_back_until = self._birth_at = NEVER
        self._broker = Broker(
            self._access,
            client_id=f"pylon2mqtt-{slug(self.base_topic)}",  # Stable: a new connection then ends a dead one at once.
            will=f"{self.base_topic}/status",
            clock=self.clock,
            client_factory=self.client_factory,
        )

    @classmethod
    def from_options(cls, options: MqttOptions, surroundings: Surroundings) -> "Mqtt":
        """Return the output; raise ConfigError where no broker is known, or where two banks share a topic."""
        if not options.host and surroundings.find_broker is None:
            raise ConfigError("mqtt.host is not set: write the name or address of your MQTT broker.")
        _refuse_same_topics(surroundings.banks)
        return cls(
            options=options,
            cells=surroundings.cells,
            poll_interval_s=surroundings.poll_interval_s,
            find_broker=surroundings.find_broker,
            on_command=surroundings.command,
        )

    def open(self) -> None:
        """Begin to connect; the broker may still be missing."""
        self.refresh()

    def publish(self, snapshot: Snapshot) -> None:
        """Tell what is new, or keep it until there is a broker to tell it to."""
        bank = bank_slug(snapshot.bank)
        root = f"{self.base_topic}/{bank}"
        new = [] if bank in self._members else [f"{root}/{name}" for name in ("+/state", INTERVAL, ENERGY)]
        members = self._members.setdefault(bank, Members(snapshot.bank.name or bank))
        members.see(snapshot, self.clock())
        found = publications(self.base_topic, snapshot, members.modules, cells=self.cells != "none")
        self._energies.fill(root, found, poll_interval_s=self._intervals.of(bank), now=self.clock())
        for device in self._devices(snapshot):
            if not self._announcer.knows(device.id):
                new.append(discovery_topic(self._site, device.id))
            self._announcer.meet(device, self._reported(device, snapshot, found), self.clock())
        found[f"{root}/{INTERVAL}"] = self._intervals.publication(bank)
        for topic, publication in found.items():
            self._board.put(topic, publication, self.clock())
        while self._orphans:
            self._board.remove(self._orphans.pop())
        self._events += ((topic, publication.payload) for topic, publication in events(self.base_topic, snapshot))
        for module, seen in members.take_gone(snapshot, self.clock()).items():
            self._remove(bank, module, seen.barcode)
        self._read_back(new)
        self.refresh()

    def refresh(self) -> None:
        """Look after the connection, hear what came, and say what is due."""
        for event in self._broker.events():
            if isinstance(event, Connected):
                self._greet()
            else:
                self._hear(event)
        if self.clock() >= self._birth_at:
            self._repeat()
        if self._broker.connected and self.clock() >= self._read_back_until:
            self._end_read_back()
        for device in self._announcer.forgetful(self.clock()):
            self._board.repeat(f"{self.base_topic}/{device.topic}/{name}" for name in VALUES)
        if self._broker.connected and not self._reading_back:
            for topic, payload in (*self._announcer.due(self.clock()), *self._board.due(self.clock())):
                self._broker.publish(topic, payload)
            while self._events and self._broker.publish(*self._events[0], qos=1, retain=False):
                self._events.popleft()

    def close(self) -> None:
        """Tell that the batteries and the bridge are gone, within a second."""
        banks = {f"{self.base_topic}/{bank}/status": OFFLINE for bank in self._members}
        self._broker.close(banks | {f"{self.base_topic}/status": OFFLINE})

    def _access(self) -> MqttOptions:
        """The broker of the options; without a host there, the one that ``find_broker`` tells of now."""
        if not self.options.host and self.find_broker is not None:
            return replace(self.options, **self.find_broker())
        if not self.options.host:
            raise OutputError("set `host` in the options of MQTT")
        return self.options

    def _devices(self, snapshot: Snapshot) -> Iterator[Device]:
        """Yield the bank and its modules as devices, once the bank has answered."""
        if snapshot.online:
            poll_interval_s = self._intervals.of(bank_slug(snapshot.bank))
            yield replace(bank_device(self._site, snapshot.bank), poll_interval_s=poll_interval_s)
            for module_slug, module in module_slugs(snapshot.bank).items():
                device = module_device(self._site, snapshot.bank, module, module_slug)
                yield replace(device, poll_interval_s=poll_interval_s)

    def _reported(self, device: Device, snapshot: Snapshot, found: dict[str, Publication]) -> Iterator[str]:
        if device.kind is Bank and snapshot.bank.events is not None:
            yield EVENT
        for name in ("state", "cells"):
            publication = found.get(f"{self.base_topic}/{device.topic}/{name}")
            if publication and isinstance(publication.content, dict):
                yield from reported(device.kind, name, publication.content)

    def _greet(self) -> None:
        """Say that we are here, and listen; what the broker knows of us may be old or lost."""
        self._broker.publish(f"{self.base_topic}/status", ONLINE)
        self._broker.subscribe([f"{self.discovery_prefix}/status", f"{self.base_topic}/+/set/+"])
        self._read_back(self._reading_back)
        self._repeat()

    def _repeat(self) -> None:
        self._birth_at = NEVER
        self._announcer.repeat()
        self._board.repeat()

    def _read_back(self, topics: list[str] | set[str]) -> None:
        """Ask the broker what it has kept of these topics, and publish nothing before it had time to answer."""
        self._reading_back |= set(topics)
        if topics and self._broker.connected:
            self._broker.subscribe(topics)
            self._read_back_until = self.clock() + READ_BACK_S

    def _end_read_back(self) -> None:
        self._broker.unsubscribe(self._reading_back)
        self._energies.asked(self._reading_back)
        self._reading_back = set()
        self._read_back_until = NEVER

    def _hear(self, message: Message) -> None:
        topic, prefix = message.topic, f"{self.discovery_prefix}/"
        if topic == f"{prefix}status":
            if message.payload == ONLINE and not message.retained:
                self._birth_at = self.clock() + self.uniform(*AFTER_BIRTH_S)
        elif topic.startswith(prefix):
            if message.retained:
                self._announcer.remember(topic.split("/")[-2], message.payload)
        else:
            self._hear_own(message)

    def _hear_own(self, message: Message) -> None:
        """Hear a command, or how something was before the start. A command that was kept is too old."""
        bank, *middle, last = message.topic.removeprefix(f"{self.base_topic}/").split("/")
        members = self._members.get(bank)
        if members is None:
            return
        if middle == ["set"]:
            if not message.retained:
                self._obey(members.bank_name, bank, last, message.payload)
        elif message.retained and middle:
            members.remember(middle[0], message.payload)
        elif message.retained and last == ENERGY:
            self._energies.remember(f"{self.base_topic}/{bank}", message.payload)
        elif message.retained and (seconds := self._intervals.remembered(message.payload)):
            self._obey(members.bank_name, bank, last, seconds)

    def _obey(self, name: str, bank: str, what: str, payload: str) -> None:
        """Pass a command on; a new interval is told at once, and kept by the broker."""
        if self.on_command and self.on_command(name, what, payload) and what == INTERVAL:
            self._intervals.keep(bank, float(payload))
            self._board.put(f"{self.base_topic}/{bank}/{INTERVAL}", self._intervals.publication(bank), self.clock())
            self._announcer.pace(bank, self._intervals.of(bank), self.clock())

    def _remove(self, bank: str, module: str, barcode: str | None) -> None:
        """Withdraw a module: now from Home Assistant, and from the broker with the next snapshot.

        Home Assistant would complain of an empty state as long as it has the entities.
        """
        device_id = module_id(self.base_topic, bank, module, barcode)
        if self._announcer.forget(device_id, f"{bank}/{module}"):
            self._board.remove(discovery_topic(self._site, device_id))
        self._orphans += [f"{self.base_topic}/{bank}/{module}/{name}" for name in ("state", "cells", "status")]


def _refuse_same_topics(banks: Iterable[str]) -> None:
    """Names may differ and still make the same topic, such as "Bank 1" and "bank-1"."""
    names: dict[str, str] = {}
    for bank in banks:
        other = names.setdefault(slug(bank), bank)
        if other != bank:
            raise ConfigError(f"The names {other!r} and {bank!r} make the same MQTT topic: change one of them.")
