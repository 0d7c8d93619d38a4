"""The options as the Supervisor writes them."""

import json
from pathlib import Path
from typing import Any

import pytest

from pylon2mqtt.config import Battery, Mqtt, Settings, load, parse
from pylon2mqtt.errors import ConfigError
from pylon2mqtt.protocols.registry import driver

BATTERY = {"name": "House", "protocol": "rs485", "device": "/dev/ttyUSB0"}


def problems(**options: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse({"batteries": [BATTERY], **options})
    return str(caught.value).splitlines()


def test_the_least_that_is_needed() -> None:
    assert parse({"batteries": [BATTERY]}) == Settings(
        batteries=(Battery(name="House", protocol="rs485", line="/dev/ttyUSB0"),), mqtt=Mqtt()
    )


def test_everything() -> None:
    mqtt: dict[str, Any] = {
        "host": "core-mosquitto",
        "port": 8883,
        "username": "u",
        "password": "p",
        "tls": True,
        "ca": "/ssl/ca.pem",
        "certificate": "/ssl/c.pem",
        "key": "/ssl/k.pem",
        "insecure": True,
        "base_topic": "/batteries/",
        "discovery_prefix": "ha",
    }
    settings = parse({"batteries": [BATTERY], "mqtt": mqtt, "poll_interval": 5, "cells": "full", "log_level": "debug"})
    assert settings.mqtt == Mqtt(**(mqtt | {"base_topic": "batteries"}))
    assert (settings.poll_interval_s, settings.cells, settings.log_level) == (5.0, "full", "debug")


@pytest.mark.parametrize("protocol", ["rs232", "console"])
def test_who_wants_to_listen_only_is_never_let_send(protocol: str) -> None:
    """The protocols that cannot listen would ask; so the option is refused there, and not ignored."""
    battery = BATTERY | {"protocol": protocol, "listen_only": True}
    assert problems(batteries=[battery]) == [
        "batteries[0].listen_only is for the protocol auto or rs485 only: switch it off."
    ]
    (told,) = parse({"batteries": [battery | {"listen_only": False}]}).batteries
    assert driver(told.protocol, name="House", **told.options)


def test_what_only_some_protocols_have_goes_to_their_driver() -> None:
    (house,) = parse({"batteries": [BATTERY | {"allow_login": True}]}).batteries
    assert house.options == {"allow_login": True}
    assert driver("console", name="House", **house.options)
    assert driver("rs485", name="House", **house.options)
    (other,) = parse({"batteries": [BATTERY | {"listen_only": True}]}).batteries
    assert other.options == {"listen_only": True}
    assert problems(batteries=[BATTERY | {"allow_login": "yes"}]) == [
        "batteries[0].allow_login must be true or false, not 'yes'."
    ]


def test_what_may_be_sent_to_open_a_console_is_a_barcode() -> None:
    (house,) = parse({"batteries": [BATTERY | {"allow_tbar": True, "console_barcode": " H2200000000001 "}]}).batteries
    assert house.options == {"allow_tbar": True, "console_barcode": "H2200000000001"}
    for wrong in ("H22", "H2200000000001\rshut", "H 2200000000001", "H" * 25):
        (problem,) = problems(batteries=[BATTERY | {"console_barcode": wrong}])
        assert "console_barcode must be a barcode" in problem


@pytest.mark.parametrize(
    ("chosen", "protocol", "line"),
    [
        ({"address": "can0"}, "auto", "can0"),
        ({"address": "can0", "protocol": "can"}, "can", "can0"),
        ({"device": "/dev/ttyACM0", "protocol": "can"}, "can", "slcan:/dev/ttyACM0"),
        ({"address": "/dev/ttyACM0", "protocol": "can"}, "can", "slcan:/dev/ttyACM0"),
        ({"address": "10.0.0.5:23", "protocol": "can"}, "can", "slcan:socket://10.0.0.5:23"),
        ({"address": "canable:/dev/ttyACM0", "protocol": "can"}, "can", "canable:/dev/ttyACM0"),
        ({"address": "socketcand:pi:29536:can0"}, "auto", "socketcand:pi:29536:can0"),
    ],
)
def test_can_lines(chosen: dict[str, str], protocol: str, line: str) -> None:
    (battery,) = parse({"batteries": [{"name": "House", **chosen}]}).batteries
    assert (battery.protocol, battery.line, battery.line_options) == (protocol, line, {})


def test_the_options_of_a_can_line() -> None:
    options = {"can_bitrate": 250_000, "can_bring_up": True, "can_ask": False}
    (battery,) = parse({"batteries": [{"name": "House", "address": "can0", **options}]}).batteries
    assert battery.line_options == {"bitrate": 250_000, "bring_up": True}


@pytest.mark.parametrize(
    ("battery", "wrong"),
    [
        ({"protocol": "can", "address": "socket://10.0.0.5:23"}, "does not fit its line: CAN needs a CAN line"),
        ({"address": "can0", "listen_only": True}, "A CAN bus is only listened to in any case"),
        ({"protocol": "rs485", "address": "can0"}, "does not fit its line: rs485 is not spoken on a CAN bus"),
        ({"device": "/dev/ttyUSB0", "can_ask": True}, "can_ask: only a CAN bus has that, remove it"),
        ({"address": "can0", "can_bitrate": 5}, "can_bitrate must be a whole number from 10000 to 1000000, not 5"),
    ],
)
def test_what_does_not_go_together_is_told(battery: dict[str, Any], wrong: str) -> None:
    (told,) = problems(batteries=[{"name": "House", **battery}])
    assert told.startswith("batteries[0].")
    assert wrong in told


@pytest.mark.parametrize("unset", ["", None])
def test_an_empty_text_is_not_set(unset: str | None) -> None:
    battery = BATTERY | {"address": unset}
    settings = parse({"batteries": [battery], "mqtt": {"host": unset, "port": unset}, "log_level": unset})
    assert settings.mqtt == Mqtt()
    assert settings.log_level == "info"


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("socket://10.0.0.5:8899", "socket://10.0.0.5:8899"),
        ("10.0.0.5:8899", "socket://10.0.0.5:8899"),
        ("gateway.local:23", "socket://gateway.local:23"),
        ("rfc2217://gw:2217", "rfc2217://gw:2217"),
    ],
)
def test_an_address_is_a_url_or_host_and_port(address: str, line: str) -> None:
    battery = {"name": "House", "protocol": "rs485", "address": address}
    assert parse({"batteries": [battery]}).batteries[0].line == line


def test_the_password_is_not_shown() -> None:
    settings = parse({"batteries": [BATTERY], "mqtt": {"password": "sesame"}})
    assert "sesame" not in repr(settings)


def test_everything_wrong_is_told_at_once_with_its_path() -> None:
    assert problems(
        batteries=[
            {"protocol": "modbus", "device": "/dev/a", "address": "b:1"},
            {"name": "x" * 41, "protocol": "rs485", "speed": 9600},
            "battery",
        ],
        mqtt={"port": 70000, "tls": "yes", "base_topic": "a/#", "user": "me"},
        poll_interval=0,
        cells="all",
        log_level="loud",
        colour="red",
    ) == [
        "batteries[0] needs either a device or an address, and not both.",
        "batteries[0].protocol must be one of auto, rs485, rs232, console, can, not 'modbus'.",
        "batteries[0].name is not set: it is needed.",
        "batteries[1] needs either a device or an address, and not both.",
        "batteries[1].name must be a name of 1 to 40 characters with a letter or digit in it.",
        "batteries[1].speed is no option of this version: remove it.",
        "batteries[2] must be a group of options.",
        "mqtt.port must be a whole number from 1 to 65535, not 70000.",
        "mqtt.tls must be true or false, not 'yes'.",
        "mqtt.base_topic must be an MQTT topic without '#' and '+', such as 'pylon2mqtt'.",
        "mqtt.user is no option of this version: remove it.",
        "poll_interval must be a whole number from 1 to 3600, not 0.",
        "cells must be one of none, statistics, voltages, full, not 'all'.",
        "log_level must be one of debug, info, warning, error, not 'loud'.",
        "colour is no option of this version: remove it.",
    ]


@pytest.mark.parametrize(
    ("batteries", "problem"),
    [
        ([], "batteries must be a list of at least one battery."),
        ({}, "batteries must be a list of at least one battery."),
        ([BATTERY, BATTERY | {"device": "/dev/b"}], "batteries must each have their own name; 'house' is used twice."),
        (
            [BATTERY, BATTERY | {"name": "B"}],
            "batteries must each have their own device or address; '/dev/ttyUSB0' is used twice.",
        ),
    ],
)
def test_the_list_of_batteries(batteries: Any, problem: str) -> None:
    assert problems(batteries=batteries) == [problem]


@pytest.mark.parametrize("options", [[], "x", 5, None])
def test_options_that_are_no_object(options: Any) -> None:
    with pytest.raises(ConfigError, match="must be a JSON object"):
        parse(options)


class TestFile:
    def test_it_is_read(self, tmp_path: Path) -> None:
        file = tmp_path / "options.json"
        file.write_text(json.dumps({"batteries": [BATTERY]}))
        assert load(file).batteries[0].name == "House"

    def test_a_missing_file_says_what_to_do(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"No such file.*--options FILE"):
            load(tmp_path / "none.json")

    def test_a_file_that_is_no_json_says_where(self, tmp_path: Path) -> None:
        file = tmp_path / "options.json"
        file.write_text("{'batteries': []}")
        with pytest.raises(ConfigError, match=r"no JSON.*line 1.*Mend the file"):
            load(file)
