"""Where the broker is: a small HTTP server in the Supervisor's place, and a real mosquitto behind it."""

import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.app.app_host import app_running
from tests.brokers import Listener, Mosquitto
from tests.home import SERVICE, Supervisor
from tests.waiting import until

from pylon2mqtt import supervisor
from pylon2mqtt.app import App
from pylon2mqtt.config import Battery, Settings
from pylon2mqtt.config.groups import RUN
from pylon2mqtt.errors import ConfigError, OutputError
from pylon2mqtt.outputs.mqtt.options import MqttOptions


@pytest.fixture
def home() -> Iterator[Supervisor]:
    supervisor_ = Supervisor()
    yield supervisor_
    supervisor_.close()


def ask(home: Supervisor) -> dict[str, object]:
    find = supervisor.broker(home.environment)
    assert find
    return find()


def test_the_service_in_our_words(home: Supervisor) -> None:
    assert ask(home) == {
        "host": "core-mosquitto", "port": 1883, "username": "addons", "password": "sesame", "tls": False,
    }  # fmt: skip


def test_a_port_as_text_and_tls(home: Supervisor) -> None:
    home.data = SERVICE | {"port": "8883", "ssl": True}
    assert (ask(home)["port"], ask(home)["tls"]) == (8883, True)


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (400, "Install the Mosquitto broker app"),
        (403, "may not ask for the MQTT broker"),
        (401, "Restart the app"),
        (500, "Look into the Supervisor's log"),
    ],
)
def test_a_refusal_says_what_to_do(home: Supervisor, status: int, why: str) -> None:
    home.status = status
    with pytest.raises(OutputError, match=rf"{why}.*answered {status}"):
        ask(home)


@pytest.mark.parametrize("data", [None, {}, {"host": "x"}, {"host": "x", "port": "many"}])
def test_an_answer_that_is_none(home: Supervisor, data: object) -> None:
    home.data = data
    with pytest.raises(OutputError, match=r"Restart the Mosquitto|Update Home Assistant"):
        ask(home)


def test_a_supervisor_that_is_away() -> None:
    find = supervisor.broker({"SUPERVISOR_TOKEN": "token", "SUPERVISOR_URL": "http://127.0.0.1:9"})
    assert find
    with pytest.raises(OutputError, match="does not answer"):
        find()


def test_outside_the_supervisor_the_environment_counts() -> None:
    assert supervisor.broker({}) is None
    environment = {
        "MQTT_HOST": "h", "MQTT_PORT": "1884", "MQTT_USERNAME": "u", "MQTT_PASSWORD": "p", "MQTT_TLS": "true",
        "PYLON2MQTT_CELLS": "full", "PYLON2MQTT_POLL_INTERVAL": "5", "RECORDS_JSON_FILE": "/data/latest.json",
    }  # fmt: skip
    assert supervisor.from_environment(RUN, environment) == {
        "cells": "full",
        "poll_interval": 5,
        "mqtt": {"host": "h", "port": 1884, "username": "u", "password": "p", "tls": True},
        "records": {"json_file": "/data/latest.json"},
    }
    assert supervisor.from_environment(RUN, {"MQTT_HOST": ""}) == {"mqtt": {}, "records": {}}
    assert supervisor.from_environment(RUN, environment | {"SUPERVISOR_TOKEN": "token"}) == {}


@pytest.mark.parametrize(
    ("variable", "text", "problem"),
    [
        ("MQTT_PORT", "many", "MQTT_PORT must be a whole number from 1 to 65535, not 'many'."),
        ("MQTT_TLS", "perhaps", "MQTT_TLS must be true or false, not 'perhaps'."),
        (
            "PYLON2MQTT_LOG_LEVEL",
            "loud",
            "PYLON2MQTT_LOG_LEVEL must be one of debug, info, warning, error, not 'loud'.",
        ),
    ],
)
def test_a_variable_that_cannot_be_read_is_named(variable: str, text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(problem)):
        supervisor.from_environment(RUN, {variable: text})


@pytest.mark.broker
def test_the_bridge_waits_for_the_service_and_reads_a_new_password(
    home: Supervisor,
    mosquitto: Callable[..., Mosquitto],
    listen: Callable[..., Listener],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    broker = mosquitto().start()
    service = SERVICE | {"host": "127.0.0.1", "port": broker.port, "username": None, "password": None}
    home.status, home.data = 400, None
    battery = Battery(name="House", protocol="rs485", line=str(tmp_path / "none"))
    app = App(Settings(batteries=(battery,), outputs={"mqtt": MqttOptions()}), environment=home.environment)
    with caplog.at_level(logging.INFO), app_running(app):
        until(lambda: "Install the Mosquitto broker app" in caplog.text)
        home.status, home.data = 200, service
        heard = listen(broker.port)
        until(lambda: heard.retained.get("pylon2mqtt/status") == "online")
    until(lambda: heard.retained["pylon2mqtt/status"] == "offline")
    assert home.asked >= 2


def test_the_options_come_first(home: Supervisor, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    battery = Battery(name="House", protocol="rs485", line=str(tmp_path / "none"))
    app = App(
        Settings(batteries=(battery,), outputs={"mqtt": MqttOptions(host="127.0.0.1", port=9)}),
        environment=home.environment,
    )
    with caplog.at_level(logging.INFO), app_running(app):
        until(lambda: "refuses the connection" in caplog.text)
    assert home.asked == 0
