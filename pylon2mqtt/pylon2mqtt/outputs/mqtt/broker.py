"""The connection to an MQTT broker: made, watched, and made again when it is lost.

One client of paho's is one try to connect. Its network thread only puts what happens into a queue; everything else is
done by the one thread that owns the `Broker`, in `events`, `publish` and `close`.
"""

import contextlib
import logging
import queue
import ssl
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from paho.mqtt.client import Client, MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from pylon2mqtt.errors import OutputError

from .options import MqttOptions
from .reasons import Cause, NoGreetingError, lost, other_version_may_help, refused

log = logging.getLogger(__name__)

# The ports that brokers listen at where nothing else is said: without TLS, and with it.
PORT, TLS_PORT = 1883, 8883
# A broker that hangs without closing the connection is noticed after one and a half of this.
KEEPALIVE_S = 30
# To find the host and open the line: paho gives each of its addresses 5 s, and the TLS handshake 5 s more.
OPENING_S = 20.0
# From then on to the broker's greeting. One that knows only MQTT 3.1.1 may take what MQTT 5 has added for the beginning
# of something longer, and wait for the rest.
GREETING_S = 5.0
# The pause before the first try again, and the longest: soon for a broker that restarts, kind to one that is down.
BACK_OFF_S = (1.0, 60.0)
# A connection that held this long was a good one: what comes next is a new outage, and is logged again.
STABLE_S = 60.0
# What `close` waits for its last messages, and then for the goodbye: together less than the second it has.
FAREWELL_S = 0.7
GOODBYE_S = 0.1

V5, V311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker accepted us."""


@dataclass(frozen=True, slots=True)
class Message:
    """Somebody published this; ``retained``: the broker kept it from before."""

    topic: str
    payload: str
    retained: bool


@dataclass(frozen=True, slots=True)
class _Opened:
    pass


@dataclass(frozen=True, slots=True)
class _Ended:
    cause: Cause


def _port(options: MqttOptions) -> int:
    return options.port or (TLS_PORT if options.tls else PORT)


def tls_context(options: MqttOptions) -> ssl.SSLContext:
    """Return how TLS is done; raise OSError when a certificate's file cannot be read."""
    context = ssl.create_default_context(cafile=options.ca)
    if options.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if options.certificate:
        context.load_cert_chain(options.certificate, options.key)
    return context


ClientFactory = Callable[[str, MQTTProtocolVersion], Client]


def paho_client(client_id: str, version: MQTTProtocolVersion) -> Client:
    """Return a client that connects once; when that ends, so does its thread."""
    return Client(CallbackAPIVersion.VERSION2, client_id, protocol=version, reconnect_on_failure=False)


class _Attempt:
    """One try to connect, and the connection that comes of it."""

    def __init__(self, client: Client, version: MQTTProtocolVersion, deadline: float) -> None:
        self.client, self.version, self.deadline = client, version, deadline
        self.queue: queue.SimpleQueue[_Opened | Connected | Message | _Ended] = queue.SimpleQueue()
        self._given_up = False
        client.on_socket_open = self._on_socket_open
        client.on_connect_fail = self._on_connect_fail
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message

    def give_up(self) -> None:
        """Disconnect, and never connect again."""
        self._given_up = True
        self.client.disconnect()

    def wait_for_end(self) -> None:
        """Wait, not for long, until the broker knows that we leave."""
        with contextlib.suppress(queue.Empty):
            while not isinstance(self.queue.get(timeout=GOODBYE_S), _Ended):
                pass

    # From here on: called by paho's thread.

    def _on_socket_open(self, *_: object) -> None:
        if self._given_up:  # While it was still looking for the host; paho takes this as a failure to connect.
            raise ConnectionAbortedError
        self.queue.put(_Opened())

    def _on_connect_fail(self, client: Client, _: object) -> None:
        self.queue.put(_Ended(sys.exception()))
        client.disconnect()  # Or paho's thread would sleep for a second before it ends.

    def _on_connect(self, _client: Client, _data: object, _flags: object, reason: ReasonCode, *_: object) -> None:
        self.queue.put(_Ended(reason) if reason.is_failure else Connected())

    def _on_disconnect(self, _client: Client, _data: object, _flags: object, reason: ReasonCode, *_: object) -> None:
        self.queue.put(_Ended(reason))

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        try:
            self.queue.put(Message(message.topic, message.payload.decode(), message.retain))
        except UnicodeDecodeError:
            log.debug("Dropped a message that is not UTF-8")


class Broker:
    """A broker that one thread talks to. ``will``: the topic that says "offline" when the connection breaks.

    ``find`` is asked before every try where the broker is, for that and the password may change; it raises OutputError
    while nobody knows.
    """

    def __init__(
        self,
        find: Callable[[], MqttOptions],
        *,
        client_id: str,
        will: str,
        clock: Callable[[], float] = time.monotonic,
        client_factory: ClientFactory = paho_client,
    ) -> None:
        self.connected = False
        self._find, self._client_id, self._will = find, client_id, will
        self._access: MqttOptions | None = None
        self._clock, self._client_factory = clock, client_factory
        self._attempt: _Attempt | None = None
        self._version, self._proven = V5, V5
        self._connected_at = self._next_try_at = float("-inf")
        self._pause_s = BACK_OFF_S[0]
        self._tries = 0
        self._told: set[str] = set()

    def events(self) -> Iterator[Connected | Message]:
        """Yield what happened since the last call, and try to connect when it is time to."""
        if self._attempt is None and self._clock() >= self._next_try_at:
            self._connect()
        while self._attempt is not None:
            try:
                event = self._attempt.queue.get_nowait()
            except queue.Empty:
                break
            match event:
                case _Ended(cause):
                    self._ended(cause)
                case _Opened():
                    self._attempt.deadline = self._clock() + GREETING_S
                case Connected():
                    self._greeted(self._attempt)
                    yield event
                case Message():
                    yield event
        if self._attempt and not self.connected and self._clock() > self._attempt.deadline:
            self._ended(NoGreetingError())

    def publish(self, topic: str, payload: str, *, qos: int = 0, retain: bool = True) -> MQTTMessageInfo | None:
        """Send a message, which the broker keeps if ``retain``; return None when there is no connection."""
        if self._attempt is None or not self.connected:
            return None
        info = self._attempt.client.publish(topic, payload, qos, retain)
        if info.rc not in (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_QUEUE_SIZE):
            self._ended(OSError(f"{info.rc.name}"))
            return None
        return info

    def subscribe(self, filters: Iterable[str]) -> None:
        """Ask for all messages on these topics, those that the broker kept first."""
        if self._attempt:
            self._attempt.client.subscribe([(topic, 0) for topic in filters])

    def unsubscribe(self, filters: Iterable[str]) -> None:
        """Ask for no more messages on these topics."""
        if self._attempt:
            self._attempt.client.unsubscribe(list(filters))

    def close(self, farewell: dict[str, str]) -> None:
        """Say the last words, by topic, and leave, within a second whatever the broker does."""
        last = [self.publish(topic, payload, qos=1) for topic, payload in farewell.items()]
        attempt, self._attempt, was_connected, self.connected = self._attempt, None, self.connected, False
        if attempt is None:
            return
        if last and last[-1]:  # The broker takes them in order, so this one stands for all.
            with contextlib.suppress(ValueError, RuntimeError):  # paho's words for "not sent": there is no more to do.
                last[-1].wait_for_publish(FAREWELL_S)
        attempt.give_up()
        if was_connected:
            attempt.wait_for_end()

    def _connect(self) -> None:
        self._tries += self._version is self._proven  # An older version of MQTT is no try of its own.
        client = self._client_factory(self._client_id, self._version)
        attempt = _Attempt(client, self._version, self._clock() + OPENING_S)
        try:
            self._access = access = self._find()
            self._prepare(client, access)
            client.connect_async(access.host, _port(access), KEEPALIVE_S)
        except (OutputError, OSError, ValueError) as error:  # Nobody knows, a file of TLS, or a host that can be none.
            self._ended(error)
            return
        self._attempt = attempt
        client.loop_start()

    def _prepare(self, client: Client, access: MqttOptions) -> None:
        access.host.encode("idna")  # Now, because paho's thread would die of it.
        client.will_set(self._will, "offline", qos=1, retain=True)
        if access.username:
            client.username_pw_set(access.username, access.password)
        if access.tls:
            client.tls_set_context(tls_context(access))

    def _greeted(self, attempt: _Attempt) -> None:
        self.connected, self._connected_at, self._proven = True, self._clock(), attempt.version
        name = "5" if attempt.version is V5 else "3.1.1"
        again = f" again after {self._tries} {'try' if self._tries == 1 else 'tries'}" if self._told else ""
        log.info("Connected%s to the %s (MQTT %s)", again, self._place, name)

    def _ended(self, cause: Cause) -> None:
        """The try failed, or the connection is lost: say so, and find out when and how to try again."""
        was_connected, self.connected = self.connected, False
        was_stable = was_connected and self._clock() - self._connected_at >= STABLE_S
        if self._attempt:
            self._attempt.give_up()
            self._attempt = None
        if not was_connected and self._version is self._proven is V5 and other_version_may_help(cause):
            self._version = V311
            self._connect()
            return
        if was_stable:
            self._told, self._pause_s = set(), BACK_OFF_S[0]
        if was_connected:
            self._tries = 0
        self._version = self._proven
        self._tell(lost(cause, was_stable=was_stable) if was_connected else refused(cause))
        self._next_try_at = self._clock() + self._pause_s
        self._pause_s = min(2 * self._pause_s, BACK_OFF_S[1])

    def _tell(self, trouble: str) -> None:
        """Warn of each kind of trouble once in an outage."""
        level = logging.DEBUG if trouble in self._told else logging.WARNING
        log.log(level, "The %s %s; trying again", self._place, trouble)
        self._told.add(trouble)

    @property
    def _place(self) -> str:
        return f"MQTT broker at {self._access.host}:{_port(self._access)}" if self._access else "MQTT broker"
