"""The bridge as a process: a virtual battery on one side, a real broker on the other."""

import json
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.brokers import Listener, Mosquitto
from tests.waiting import LONGEST_S, until

from pylon2mqtt.simulator.registry import Simulator

pytestmark = pytest.mark.broker

STATE = "pylon2mqtt/house/state"


class Bridge:
    """`pylon2mqtt run` with an options file; its log is in ``log``."""

    def __init__(self, folder: Path, port: int, battery: str, **mqtt: Any) -> None:
        options = {
            "batteries": [{"name": "House", "protocol": "rs485", "address": battery}],
            "mqtt": {"host": "127.0.0.1", "port": port} | mqtt,
            "poll_interval": 1,
            "cells": "full",
        }
        self._options = folder / "options.json"
        self._options.write_text(json.dumps(options))
        self._log = folder / "bridge.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Bridge":
        with self._log.open("ab") as log:
            command = [sys.executable, "-P", "-m", "pylon2mqtt", "run", "--options", str(self._options)]
            self._process = subprocess.Popen(command, stderr=log)
        return self

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal and return the exit status."""
        assert self._process
        self._process.send_signal(number)
        return self._process.wait(LONGEST_S)

    def stop(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait(LONGEST_S)

    @property
    def log(self) -> str:
        return self._log.read_text()


@pytest.fixture
def bridge(tmp_path: Path, battery: Simulator) -> Iterator[Callable[..., Bridge]]:
    made: list[Bridge] = []

    def make(port: int, **mqtt: Any) -> Bridge:
        made.append(Bridge(tmp_path, port, battery.url, **mqtt).start())
        return made[-1]

    yield make
    for one in made:
        one.stop()


Brokers = Callable[..., Mosquitto]
Listeners = Callable[..., Listener]
Bridges = Callable[..., Bridge]


def state(heard: Listener) -> dict[str, Any]:
    """What the bank's state says; every key is None while there is none."""
    return defaultdict(lambda: None, json.loads(heard.retained.get(STATE, "{}")))


def test_values_are_right_and_sigterm_says_goodbye(
    mosquitto: Brokers, listen: Listeners, bridge: Bridges, battery: Simulator
) -> None:
    broker = mosquitto().start()
    heard = listen(broker.port)
    running_bridge = bridge(broker.port)
    until(lambda: state(heard)["module_count"] == 2 and not state(heard)["silent"])
    told = state(heard)
    assert told["voltage"] == pytest.approx(battery.bank.modules[0].voltage(), abs=0.2)
    assert told["full_capacity"] == pytest.approx(148)
    first = battery.bank.modules[0].barcode
    until(lambda: f"pylon2mqtt/house/{first}/cells" in heard.retained)
    assert json.loads(heard.retained[f"pylon2mqtt/house/{first}/state"])["barcode"] == first
    assert len(json.loads(heard.retained[f"pylon2mqtt/house/{first}/cells"])["voltages"]) == 15
    assert heard.retained["pylon2mqtt/status"] == "online"
    assert running_bridge.end() == 0
    until(lambda: heard.retained["pylon2mqtt/status"] == "offline")
    assert heard.retained["pylon2mqtt/house/status"] == "offline"
    assert "Traceback" not in running_bridge.log


def test_killed_it_leaves_its_last_will(mosquitto: Brokers, listen: Listeners, bridge: Bridges) -> None:
    broker = mosquitto().start()
    heard = listen(broker.port)
    running_bridge = bridge(broker.port)
    until(lambda: STATE in heard.retained)
    assert running_bridge.end(signal.SIGKILL) == -signal.SIGKILL
    until(lambda: heard.retained["pylon2mqtt/status"] == "offline")


def test_a_broker_that_comes_late_and_goes_and_comes(mosquitto: Brokers, listen: Listeners, bridge: Bridges) -> None:
    broker = mosquitto()
    running_bridge = bridge(broker.port)
    until(lambda: "refuses" in running_bridge.log or "WARNING" in running_bridge.log)
    broker.start()
    heard = listen(broker.port)
    until(lambda: STATE in heard.retained)
    before = running_bridge.log
    broker.stop()
    until(lambda: "has closed the connection" in running_bridge.log.removeprefix(before))
    broker.start()
    heard = listen(broker.port)
    until(lambda: STATE in heard.retained)
    until(lambda: any(topic.startswith("homeassistant/device/") for topic in heard.retained))
    assert running_bridge.end() == 0


def test_a_broker_that_hangs_does_not_hold_up_the_end(mosquitto: Brokers, listen: Listeners, bridge: Bridges) -> None:
    broker = mosquitto().start()
    heard = listen(broker.port)
    running_bridge = bridge(broker.port)
    until(lambda: STATE in heard.retained)
    broker.signal(signal.SIGSTOP)
    try:
        assert running_bridge.end() == 0
    finally:
        broker.signal(signal.SIGCONT)


def test_the_rescan_button(mosquitto: Brokers, listen: Listeners, bridge: Bridges, battery: Simulator) -> None:
    battery.order("vanish 2")
    broker = mosquitto().start()
    heard = listen(broker.port)
    bridge(broker.port)
    until(lambda: STATE in heard.retained)
    assert state(heard)["module_count"] == 1
    battery.order("return 2")
    heard.say("pylon2mqtt/house/set/rescan", "PRESS")
    until(lambda: state(heard)["module_count"] == 2)


def test_a_module_that_is_briefly_silent(
    mosquitto: Brokers, listen: Listeners, bridge: Bridges, battery: Simulator
) -> None:
    broker = mosquitto().start()
    heard = listen(broker.port)
    bridge(broker.port)
    second = f"pylon2mqtt/house/{battery.bank.modules[1].barcode}"
    until(lambda: heard.retained.get(f"{second}/status") == "online")
    battery.order("vanish 2")
    until(lambda: heard.retained[f"{second}/status"] == "offline")
    until(lambda: state(heard)["silent"] == [2])
    told = state(heard)
    assert (told["current"], told["remaining_capacity"]) == (None, None)
    assert json.loads(heard.retained[f"{second}/state"])["voltage"] is not None
    battery.order("return 2")
    until(lambda: heard.retained[f"{second}/status"] == "online")
    until(lambda: state(heard)["current"] is not None)


def test_the_password_is_in_no_log(mosquitto: Brokers, bridge: Bridges, tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    passwords.touch()
    broker = mosquitto("allow_anonymous false", f"password_file {passwords}").start()
    running_bridge = bridge(broker.port, username="me", password="open-sesame")
    until(lambda: "WARNING" in running_bridge.log)
    assert "not authorized" in running_bridge.log.lower() or "password" in running_bridge.log
    assert running_bridge.end() == 0
    assert "open-sesame" not in running_bridge.log
