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
from pylon2mqtt.outputs.mqtt.discovery.messages import Device, Site, bank_device, discovery_topic, module_device

from .broker import Broker, ClientFactory, Connected, Message, paho_client
from .kept import Gone, Kept
from .layouts.own import CELLS, EVENT, INTERVAL, OFFLINE, ONLINE, SET, STATE, STATUS, OwnLayout
from .options import MqttOptions
from .outbox import Outbox, Publication

# Home Assistant subscribes to the states after it has said that it is there; the spread spares it a flood at its start.
AFTER_BIRTH_S = (1.0, 5.0)
# A broker sends what it has kept right after the subscription; nothing is published until that has been read.
READ_BACK_S = 0.5
NEVER = float("inf")
# The topics of a device from which its entities have their values.
VALUES = (STATE, CELLS, STATUS, INTERVAL)
# Events that wait for a broker; beyond that the oldest is lost.
MOST_EVENTS = 1000


@dataclass(kw_only=True, eq=False)
class Mqtt:
    """Publishes every snapshot over MQTT, and announces what it finds to Home Assistant.

    ``cells``: none, statistics, voltages or full, see `entities.ENABLED_ARRAYS`. ``on_command`` gets the bank's name,
    what is asked (``rescan``, ``poll_interval``) and the payload, and returns whether it was done. ``find_broker``
    returns host, port, username, password and tls where the options name no host. ``clock`` counts seconds, ``uniform``
    draws between two of them.
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
        options = self.options
        self._site = Site(
            base=options.base_topic,
            prefix=options.discovery_prefix,
            cells=self.cells,
            poll_interval_s=self.poll_interval_s,
        )
        self._layout = OwnLayout(options.base_topic, cells=self.cells != "none")
        self._outbox = Outbox()
        self._announcer = Announcer(self._site)
        self._kept = Kept(self._layout, self.poll_interval_s)
        self._events: deque[tuple[str, str]] = deque(maxlen=MOST_EVENTS)
        self._to_remove: list[str] = []
        self._reading_back: set[str] = set()
        self._read_back_until = self._birth_at = NEVER
        self._broker = Broker(
            self._access,
            client_id=f"pylon2mqtt-{slug(options.base_topic)}",  # Stable: a new connection ends a dead one at once.
            will=self._layout.status,
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
        """Publish what is new, or keep it until there is a broker."""
        bank, now = bank_slug(snapshot.bank), self.clock()
        unread = self._kept.meet(snapshot, now)
        found = self._layout.publications(snapshot, self._kept.modules(bank))
        self._kept.fill(bank, found, now)
        unread += self._announce(snapshot, found, now)
        for topic, publication in found.items():
            self._outbox.put(topic, publication, now)
        self._events += self._layout.events(snapshot)
        self._withdraw(self._kept.take_gone(snapshot, now))
        self._read_back(unread)
        self.refresh()

    def refresh(self) -> None:
        """Look after the connection, take in what came, and say what is due."""
        for event in self._broker.events():
            if isinstance(event, Connected):
                self._greet()
            else:
                self._receive(event)
        if self.clock() >= self._birth_at:
            self._repeat()
        if self._broker.connected and self.clock() >= self._read_back_until:
            self._end_read_back()
        for device in self._announcer.taken_in(self.clock()):
            self._outbox.repeat(self._layout.topic(device.topic, name) for name in VALUES)
        if self._broker.connected and not self._reading_back:
            self._send()

    def close(self) -> None:
        """Say that the batteries and the bridge are gone, within a second."""
        banks = {self._layout.topic(bank, STATUS): OFFLINE for bank in self._kept.banks}
        self._broker.close(banks | {self._layout.status: OFFLINE})

    def _access(self) -> MqttOptions:
        """The broker of the options; without a host there, the one that ``find_broker`` finds now."""
        if not self.options.host and self.find_broker is not None:
            return replace(self.options, **self.find_broker())
        if not self.options.host:
            raise OutputError("set `host` in the options of MQTT")
        return self.options

    # -------------------- from a snapshot to the outbox

    def _announce(self, snapshot: Snapshot, found: Mapping[str, Publication], now: float) -> list[str]:
        """Let the bank and its modules be announced; return the topics of the announcements to be read back."""
        unread = []
        for device in self._devices(snapshot):
            if not self._announcer.knows(device.id):
                unread.append(discovery_topic(self._site, device.id))
            self._announcer.meet(device, self._reported(device, snapshot, found), now)
        return unread

    def _devices(self, snapshot: Snapshot) -> Iterator[Device]:
        """Yield the bank and its modules as devices, once the bank has answered."""
        if snapshot.online:
            poll_interval_s = self._kept.poll_interval_s(bank_slug(snapshot.bank))
            yield replace(bank_device(self._site, snapshot.bank), poll_interval_s=poll_interval_s)
            for module_slug, module in module_slugs(snapshot.bank).items():
                device = module_device(self._site, snapshot.bank, module, module_slug)
                yield replace(device, poll_interval_s=poll_interval_s)

    def _reported(self, device: Device, snapshot: Snapshot, found: Mapping[str, Publication]) -> Iterator[str]:
        if device.kind is Bank and snapshot.bank.events is not None:
            yield EVENT
        for name in (STATE, CELLS):
            publication = found.get(self._layout.topic(device.topic, name))
            if publication and isinstance(publication.content, dict):
                yield from reported(device.kind, name, publication.content)

    def _withdraw(self, gone: Iterable[Gone]) -> None:
        """Withdraw modules: now from Home Assistant, and from the broker with the next snapshot.

        Home Assistant would complain of an empty state as long as it has the entities.
        """
        while self._to_remove:
            self._outbox.remove(self._to_remove.pop())
        for each in gone:
            device_id = module_id(self._site.base, each.bank, each.module, each.barcode)
            if self._announcer.forget(device_id, f"{each.bank}/{each.module}"):
                self._outbox.remove(discovery_topic(self._site, device_id))
            self._to_remove += self._layout.of_module(each.bank, each.module)

    def _send(self) -> None:
        """Send what is due: announcements before values, events last."""
        for topic, payload in (*self._announcer.due(self.clock()), *self._outbox.due(self.clock())):
            self._broker.publish(topic, payload)
        while self._events and self._broker.publish(*self._events[0], qos=1, retain=False):
            self._events.popleft()

    # -------------------- what the broker has kept, and what others publish

    def _greet(self) -> None:
        """Say that we are here, and listen; what the broker knows of us may be old or lost."""
        self._broker.publish(self._layout.status, ONLINE)
        self._broker.subscribe([f"{self._site.prefix}/status", self._layout.commands])
        self._read_back(self._reading_back)
        self._repeat()

    def _repeat(self) -> None:
        self._birth_at = NEVER
        self._announcer.repeat()
        self._outbox.repeat()

    def _read_back(self, topics: Iterable[str]) -> None:
        """Ask the broker what it has kept of these topics, and publish nothing before it had time to answer."""
        wanted = set(topics)
        self._reading_back |= wanted
        if wanted and self._broker.connected:
            self._broker.subscribe(wanted)
            self._read_back_until = self.clock() + READ_BACK_S

    def _end_read_back(self) -> None:
        self._broker.unsubscribe(self._reading_back)
        self._kept.asked(self._reading_back)
        self._reading_back = set()
        self._read_back_until = NEVER

    def _receive(self, message: Message) -> None:
        topic, prefix = message.topic, f"{self._site.prefix}/"
        if topic == f"{prefix}status":
            if message.payload == ONLINE and not message.retained:
                self._birth_at = self.clock() + self.uniform(*AFTER_BIRTH_S)
        elif topic.startswith(prefix):
            if message.retained:
                self._announcer.remember(topic.split("/")[-2], message.payload)
        else:
            self._receive_own(message)

    def _receive_own(self, message: Message) -> None:
        """Take in a command, or how something was before the start. A command that was kept is too old."""
        bank, middle, what = self._layout.parts(message.topic)
        if self._kept.name(bank) is None:
            return
        if middle == [SET]:
            if not message.retained:
                self._command(bank, what, message.payload)
        elif message.retained and (seconds := self._kept.remember(message.topic, message.payload)):
            self._command(bank, INTERVAL, seconds)

    def _command(self, bank: str, what: str, payload: str) -> None:
        """Pass a command on; a new interval is published at once, and kept by the broker."""
        done = self.on_command and self.on_command(self._kept.name(bank) or bank, what, payload)
        if done and what == INTERVAL:
            self._kept.set_interval(bank, float(payload))
            for topic, publication in self._kept.interval(bank).items():
                self._outbox.put(topic, publication, self.clock())
            self._announcer.read_every(bank, float(payload), self.clock())


def _refuse_same_topics(banks: Iterable[str]) -> None:
    """Names may differ and still make the same topic, such as "Bank 1" and "bank-1"."""
    names: dict[str, str] = {}
    for bank in banks:
        other = names.setdefault(slug(bank), bank)
        if other != bank:
            raise ConfigError(f"The names {other!r} and {bank!r} make the same MQTT topic: change one of them.")
