"""A real broker, somebody who listens to it, and outputs whose clocks stand still."""

import signal
import socket
import subprocess
from dataclasses import dataclass, fields
from itertools import count
from pathlib import Path

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from tests.waiting import LONGEST_S, until

from pylon2mqtt.outputs.mqtt.broker import paho_client
from pylon2mqtt.outputs.mqtt.options import MqttOptions
from pylon2mqtt.outputs.mqtt.output import READ_BACK_S, Mqtt

LONGEST_PAUSE_S = 60.0
"""An output tries at the latest after this to connect again."""

# Messages that tell only that everything before them has arrived, and their numbers.
_MARK = "mark"
_MARKS = count()


@dataclass(eq=False)
class Clock:
    """A clock that stands still until a test moves it."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mosquitto:
    """A mosquitto of our own on a free port, forgetful; `lines` are its configuration, beside the port."""

    def __init__(self, folder: Path, *lines: str) -> None:
        self.port = free_port()
        self._config, self._log = folder / "mosquitto.conf", folder / "mosquitto.log"
        own = [f"listener {self.port} 127.0.0.1", "user root", "set_tcp_nodelay true"]
        self._config.write_text("\n".join([*own, *(lines or ["allow_anonymous true"])]) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Mosquitto":
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(["mosquitto", "-c", str(self._config)], stdout=out, stderr=out)
        until(self._listens)
        return self

    @property
    def log(self) -> str:
        return self._log.read_text()

    def signal(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait(LONGEST_S)
            self._process = None

    def _listens(self) -> bool:
        assert self._process
        assert self._process.poll() is None, "mosquitto ended: is its port taken?"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Listener:
    """Hears everything that the broker says from now on, and what it has retained."""

    def __init__(self, port: int, **login: str) -> None:
        self.heard: list[tuple[str, str]] = []
        self.retained: dict[str, str] = {}
        self._marks: set[str] = set()
        v5 = MQTTProtocolVersion.MQTTv5
        self.client = Client(CallbackAPIVersion.VERSION2, protocol=v5, reconnect_on_failure=False)
        self.client.on_message = self._on_message
        self.subscribed = False
        self.client.on_subscribe = lambda *_: setattr(self, "subscribed", True)
        if login:
            self.client.username_pw_set(**login)
        self.client.connect("127.0.0.1", port)
        self.client.subscribe("#")
        self.client.loop_start()
        until(lambda: self.subscribed)

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        payload = message.payload.decode()
        if message.topic.startswith(f"{_MARK}/"):
            self._marks.add(message.topic)
            return
        self.heard.append((message.topic, payload))
        # The retain flag says "from before"; what is sent now and kept too is seen by whoever comes later.
        if payload:
            self.retained[message.topic] = payload
        else:
            self.retained.pop(message.topic, None)

    def say(self, topic: str, payload: str, *, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(LONGEST_S)
        self.catch_up(self.client)

    def catch_up(self, sender: Client) -> None:
        """Wait until everything is here that this client has published."""
        mark = _mark_by(sender)
        until(lambda: mark in self._marks)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class Outputs:
    """Makes outputs on a port of this machine, which connect when they are first used.

    Their clocks stand still unless a test moves them.
    """

    def __init__(self) -> None:
        self._made: list[Mqtt] = []
        self._clients: dict[Mqtt, list[Client]] = {}

    def __call__(self, port: int, **options: object) -> Mqtt:
        clients: list[Client] = []

        def make_client(client_id: str, version: MQTTProtocolVersion) -> Client:
            clients.append(paho_client(client_id, version))
            return clients[-1]

        given = {"host": "127.0.0.1", "port": port, "clock": Clock(), "client_factory": make_client} | options
        chosen = {one.name: given.pop(one.name) for one in fields(MqttOptions) if one.name in given}
        output = Mqtt(options=MqttOptions(**chosen), **given)  # type: ignore[arg-type]
        self._made.append(output)
        self._clients[output] = clients
        return output

    def tries(self, output: Mqtt) -> int:
        """Return how often it has tried to connect."""
        return len(self._clients[output])

    def settle(self, output: Mqtt, listener: Listener) -> None:
        """Let the output read all that the broker has for it, and the listener all that the output then publishes."""
        for _ in range(2):  # What came first may have made the output ask for more.
            self._read_all(output)
            output.refresh()
        move(output, READ_BACK_S)
        listener.catch_up(self._clients[output][-1])

    def _read_all(self, output: Mqtt) -> None:
        """Wait until the output's client is connected and has received all that the broker has for it now."""
        client, arrived = self._clients[output][-1], set()
        until(client.is_connected)
        client.message_callback_add(f"{_MARK}/#", lambda _client, _data, message: arrived.add(message.topic))
        client.subscribe(f"{_MARK}/#")
        mark = _mark_by(client)
        until(lambda: mark in arrived)
        client.unsubscribe(f"{_MARK}/#")

    def close_all(self) -> None:
        while self._made:
            self._made.pop().close()


def move(output: Mqtt, seconds: float) -> None:
    """Let the output's time pass, and let it do what is due then."""
    assert isinstance(output.clock, Clock)
    output.clock.now_s += seconds
    output.refresh()


def _mark_by(client: Client) -> str:
    """Publish a mark behind everything that the client has published so far."""
    mark = f"{_MARK}/{next(_MARKS)}"
    assert client.publish(mark).rc == MQTTErrorCode.MQTT_ERR_SUCCESS
    return mark
