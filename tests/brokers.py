"""A real broker, somebody who listens to it, and a clock that runs fast."""

import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from pylon2mqtt.outputs.mqtt.options import MqttOptions
from pylon2mqtt.outputs.mqtt.output import Mqtt


class Clock:
    """A clock that runs fast, and can jump: by 20, an output reads back for 50 ms instead of a second."""

    def __init__(self, speed: float = 20) -> None:
        self.speed, self.jumped_s = speed, 0.0

    def __call__(self) -> float:
        return time.monotonic() * self.speed + self.jumped_s


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], object], *, turn: Callable[[], object] = lambda: None, timeout_s: float = 8) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail("it did not happen in time")
        turn()
        time.sleep(0.01)


class Mosquitto:
    """A mosquitto of our own on a free port, forgetful; `lines` are its configuration, beside the port."""

    def __init__(self, folder: Path, *lines: str) -> None:
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        own = [f"listener {self.port} 127.0.0.1", "user root", "set_tcp_nodelay true"]
        self._config.write_text("\n".join([*own, *(lines or ["allow_anonymous true"])]) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Mosquitto":
        with (self._config.parent / "mosquitto.log").open("ab") as out:
            self._process = subprocess.Popen(["mosquitto", "-c", str(self._config)], stdout=out, stderr=out)
        until(self._listens)
        return self

    def signal(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait(5)
            self._process = None

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Listener:
    """Hears everything that the broker says from now on, and what it has retained."""

    def __init__(self, port: int, **login: str) -> None:
        self.heard: list[tuple[str, str]] = []
        self.retained: dict[str, str] = {}
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
        self.heard.append((message.topic, payload))
        # The retain flag says "from before"; what is sent now and kept too is seen by whoever comes later.
        if payload:
            self.retained[message.topic] = payload
        else:
            self.retained.pop(message.topic, None)

    def say(self, topic: str, payload: str, *, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(2)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class Outputs:
    """Makes and opens outputs on a port of this machine."""

    def __init__(self) -> None:
        self._made: list[Mqtt] = []

    def __call__(self, port: int, **options: object) -> Mqtt:
        given = {"host": "127.0.0.1", "port": port, "clock": Clock()} | options
        chosen = {one.name: given.pop(one.name) for one in fields(MqttOptions) if one.name in given}
        self._made.append(Mqtt(options=MqttOptions(**chosen), **given))  # type: ignore[arg-type]
        self._made[-1].open()
        return self._made[-1]

    def close_all(self) -> None:
        while self._made:
            self._made.pop().close()
