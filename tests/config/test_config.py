"""The options as the Supervisor writes them."""

import json
import re
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pylon2mqtt.config import Battery, Settings, load, one_battery, parse
from pylon2mqtt.errors import ConfigError
from pylon2mqtt.outputs.json_file import JsonFileOptions
from pylon2mqtt.outputs.mqtt.options import MqttOptions
from pylon2mqtt.protocols.registry import driver

BATTERY = {"name": "House", "protocol": "rs485", "device": "/dev/ttyUSB0"}


NO_ADAPTER = (
    "no adapter is chosen yet. Choose a serial device (`device`), or write the address of your gateway, or the name of "
    "your CAN interface, under the network address (`address`)."
)
ADDRESSES = "must be addresses of modules from 0 to 254 with commas between, such as '2, 3, 6'."


def problems(**options: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse({"batteries": [BATTERY], **options})
    return str(caught.value).splitlines()


def test_the_least_that_is_needed() -> None:
    assert parse({"batteries": [BATTERY]}) == Settings(
        batteries=(Battery(name="House", protocol="rs485", line="/dev/ttyUSB0"),),
        outputs={"mqtt": MqttOptions(), "json_file": JsonFileOptions()},
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
    assert settings.outputs["mqtt"] == MqttOptions(**(mqtt | {"base_topic": "batteries"}))
    assert (settings.poll_interval_s, settings.cells, settings.log_level) == (5.0, "full", "debug")
    assert isinstance(settings.poll_interval_s, float)  # or the retained topic of the interval would change


@pytest.mark.parametrize("protocol", ["rs232", "console"])
def test_who_wants_to_listen_only_is_never_let_send(protocol: str) -> None:
    """The protocols that cannot listen would ask; so the option is refused there, and not ignored."""
    battery = BATTERY | {"protocol": protocol, "listen_only": True}
    assert problems(batteries=[battery]) == [
        "House: listen_only is for the protocol auto or rs485 only: switch it off."
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
        "House: allow_login must be true or false, not 'yes'."
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
        ({"protocol": "can", "address": "socket://10.0.0.5:23"}, "CAN needs a CAN line"),
        ({"address": "can0", "listen_only": True}, "A CAN bus is only listened to in any case"),
        ({"protocol": "rs485", "address": "can0"}, "rs485 is not spoken on a CAN bus"),
        ({"device": "/dev/ttyUSB0", "can_ask": True}, "can_ask: only a CAN bus has that. Remove it"),
        ({"address": "can0", "can_bitrate": 5}, "can_bitrate must be a whole number from 10000 to 1000000, not 5"),
    ],
)
def test_what_does_not_go_together_is_told(battery: dict[str, Any], wrong: str) -> None:
    (told,) = problems(batteries=[{"name": "House", **battery}])
    assert told.startswith("House: ")
    assert wrong in told


@pytest.mark.parametrize("unset", ["", None])
def test_an_empty_text_is_not_set(unset: str | None) -> None:
    battery = BATTERY | {"address": unset}
    settings = parse({"batteries": [battery], "mqtt": {"host": unset, "port": unset}, "log_level": unset})
    assert settings.outputs["mqtt"] == MqttOptions()
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
            {"name": "Shed", "device": "/dev/c", "adress": "b:1", "allow_logins": True, "addresses": "2"},
            {"name": "x" * 41, "protocol": "rs485", "speed": 9600},
            "battery",
        ],
        mqtt={"port": 70000, "tls": "yes", "base_topic": "a/#", "user": "me"},
        records=5,
        poll_interval=0,
        cells="all",
        log_level="loud",
        colour="red",
        pol_interval=5,
    ) == [
        "colour is no option of this version: remove it.",
        "pol_interval is no option of this version: did you mean `poll_interval`?",
        "battery 1: protocol must be one of auto, rs485, rs232, console, can, not 'modbus'.",
        "battery 1: name is not set: it is needed.",
        "battery 1: both `device` and `address` are set, and only one line can be read. Remove one of them.",
        "Shed: addresses stands in the section `expert`, in the entry with this name.",
        "Shed: adress is no option of this version: did you mean `address`?",
        "Shed: allow_logins is no option of this version: did you mean `allow_login`?",
        f"{'x' * 41}: name must be a name of 1 to 40 characters with a letter or digit in it.",
        f"{'x' * 41}: speed is no option of this version: remove it.",
        f"{'x' * 41}: {NO_ADAPTER}",
        "battery 4 must be a group of options.",
        "mqtt.port must be a whole number from 1 to 65535, not 70000.",
        "mqtt.tls must be true or false, not 'yes'.",
        "mqtt.base_topic must be an MQTT topic without '#' and '+', such as 'pylon2mqtt'.",
        "mqtt.user is no option of this version: did you mean `username`?",
        "records must be a group of options.",
        "poll_interval must be a whole number from 1 to 3600, not 0.",
        "cells must be one of statistics, none, voltages, full, not 'all'.",
        "log_level must be one of debug, info, warning, error, not 'loud'.",
    ]


def test_a_password_is_in_no_sentence() -> None:
    assert problems(mqtt={"password": 12345}) == ["mqtt.password must be text: put it in quotation marks."]


@pytest.mark.parametrize(
    ("batteries", "problem"),
    [
        ([], "batteries must be a list of at least one battery."),
        ({}, "batteries must be a list of at least one battery."),
        (
            [BATTERY, BATTERY | {"name": "house", "device": "/dev/b"}],
            "house: two batteries have this name. Give each its own.",
        ),
        (
            [BATTERY, BATTERY | {"name": "B"}],
            "B: it is on the same line as House (/dev/ttyUSB0). Remove one of them, or correct its device or address.",
        ),
    ],
)
def test_the_list_of_batteries(batteries: Any, problem: str) -> None:
    assert problems(batteries=batteries) == [problem]


@pytest.mark.parametrize("options", [[], "x", 5, None])
def test_options_that_are_no_object(options: Any) -> None:
    with pytest.raises(ConfigError, match="must be a JSON object"):
        parse(options)


class TestExpert:
    def test_it_belongs_to_the_battery_of_its_name(self) -> None:
        expert = {"name": " house ", "addresses": "6, 2,3", "listen_only": True}
        shed = {"name": "Shed", "address": "can0"}
        settings = parse({"batteries": [BATTERY, shed], "expert": [expert, {"name": "Shed", "can_bitrate": 250_000}]})
        house, shed_ = settings.batteries
        assert house.options == {"addresses": (2, 3, 6), "listen_only": True}
        assert (shed_.options, shed_.line_options) == ({}, {"bitrate": 250_000})

    def test_it_counts_more_than_what_0_1_0_had_in_the_battery(self) -> None:
        battery = BATTERY | {"listen_only": True}
        (house,) = parse({"batteries": [battery], "expert": [{"name": "House", "listen_only": False}]}).batteries
        assert house.options == {"listen_only": False}

    def test_a_name_that_no_battery_has_lists_the_names(self) -> None:
        shed = {"name": "Shed", "address": "can0"}
        assert problems(batteries=[BATTERY, shed], expert=[{"name": "Hose", "allow_login": True}]) == [
            "expert, Hose: no battery has this name. Write one of: House, Shed."
        ]

    def test_what_is_wrong_in_it_is_said_with_the_name(self) -> None:
        assert problems(expert=[{"name": "House", "addresses": "2;3", "adresses": "2"}, {"allow_login": True}]) == [
            f"expert, House: addresses {ADDRESSES}",
            "expert, House: adresses is no option of this version: did you mean `addresses`?",
            "expert, entry 2: name is not set: it is needed.",
        ]
        assert problems(expert={}) == ["expert must be a list, with the name of a battery in each entry."]
        assert problems(expert=[{"name": "House"}, {"name": "house"}]) == [
            "expert, house: this battery has two entries. Put them into one."
        ]

    def test_what_does_not_go_together_is_said_of_the_battery(self) -> None:
        assert problems(expert=[{"name": "House", "can_ask": True}]) == [
            "House: can_ask: only a CAN bus has that. Remove it."
        ]


class TestOneBattery:
    def test_the_command_line_has_all_that_the_options_have(self) -> None:
        battery = one_battery("console", "10.0.0.5:8899", {"allow_login": True, "addresses": "3"})
        assert (battery.protocol, battery.line) == ("console", "socket://10.0.0.5:8899")
        assert battery.options == {"allow_login": True, "addresses": (3,)}

    @pytest.mark.parametrize(
        ("protocol", "line", "flags", "problem"),
        [
            ("modbus", "/dev/a", {}, "protocol must be one of auto, rs485, rs232, console, can, not 'modbus'."),
            ("console", "/dev/a", {"listen_only": True}, "listen_only is for the protocol auto or rs485 only"),
            ("rs485", "can0", {}, "rs485 is not spoken on a CAN bus"),
        ],
    )
    def test_what_is_wrong_is_said_as_of_the_options(
        self, protocol: str, line: str, flags: dict[str, Any], problem: str
    ) -> None:
        with pytest.raises(ConfigError, match=re.escape(problem)):
            one_battery(protocol, line, flags)


class TestHost:
    @pytest.mark.parametrize("host", ["core-mosquitto", "192.168.1.10", "broker.local", "fe80::1", "::1", "my_broker"])
    def test_a_name_or_an_address(self, host: str) -> None:
        (mqtt, _) = parse({"batteries": [BATTERY], "mqtt": {"host": host}}).outputs.values()
        assert isinstance(mqtt, MqttOptions)
        assert mqtt.host == host

    def test_an_address_of_ipv6_may_stand_in_brackets(self) -> None:
        mqtt = parse({"batteries": [BATTERY], "mqtt": {"host": "[fe80::1]"}}).outputs["mqtt"]
        assert mqtt == MqttOptions(host="fe80::1")

    @pytest.mark.parametrize("host", ["mqtt://192.168.1.10", "192.168.1.10:1883", "broker.local:1883", "my broker"])
    def test_what_is_more_than_a_host(self, host: str) -> None:
        assert problems(mqtt={"host": host}) == [
            f"mqtt.host must be a name or an address alone, such as 192.168.1.10, not {host!r}: the port stands apart."
        ]


class TestRecords:
    @pytest.mark.parametrize("path", ["/data/latest.json", "/share/pylon2mqtt/latest.json"])
    def test_a_file_switches_the_output_on(self, path: str) -> None:
        options = parse({"batteries": [BATTERY], "records": {"json_file": path}}).outputs["json_file"]
        assert (options, options.switched_on) == (JsonFileOptions(json_file=path), True)

    @pytest.mark.parametrize("path", ["/etc/passwd", "latest.json", "/share/../etc/x", "/share/", "/sharex/y", "/data"])
    def test_files_of_owners_lie_below_data_or_share(self, path: str) -> None:
        assert problems(records={"json_file": path}) == [
            f"records.json_file must be a file below /data or /share, not {path!r}."
        ]

    def test_the_options_of_the_app_are_never_overwritten(self) -> None:
        assert problems(records={"json_file": "/data/options.json"}) == [
            "records.json_file must be another file: this is where the Supervisor keeps the options."
        ]


class TestFile:
    NOTHING: ClassVar[dict[str, Any]] = {"environment": {}, "flags": {}}

    def test_it_is_read(self, tmp_path: Path) -> None:
        file = tmp_path / "options.json"
        file.write_text(json.dumps({"batteries": [BATTERY]}))
        assert load(file, **self.NOTHING).batteries[0].name == "House"

    def test_flags_count_more_than_the_file_and_the_file_more_than_the_environment(self, tmp_path: Path) -> None:
        file = tmp_path / "options.json"
        mqtt = {"host": "file", "username": "from the file", "password": ""}
        file.write_text(json.dumps({"batteries": [BATTERY], "mqtt": mqtt, "cells": "full"}))
        settings = load(
            file,
            environment={
                "mqtt": {"host": "environment", "password": "from the environment"},
                "poll_interval": 5,
            },
            flags={"mqtt": {"username": "from a flag"}, "cells": "none"},
        )
        assert settings.outputs["mqtt"] == MqttOptions(
            host="file", username="from a flag", password="from the environment"
        )
        assert (settings.cells, settings.poll_interval_s) == ("none", 5)

    def test_a_missing_file_says_what_to_do(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"No such file.*--options FILE"):
            load(tmp_path / "none.json", **self.NOTHING)

    def test_a_file_that_is_no_json_says_where(self, tmp_path: Path) -> None:
        file = tmp_path / "options.json"
        file.write_text("{'batteries': []}")
        with pytest.raises(ConfigError, match=r"no JSON.*line 1.*Mend the file"):
            load(file, **self.NOTHING)

    @pytest.mark.parametrize("content", ["[]", "5", "null"])
    def test_a_file_that_is_no_object_says_so(self, tmp_path: Path, content: str) -> None:
        file = tmp_path / "options.json"
        file.write_text(content)
        with pytest.raises(ConfigError, match="must be a JSON object"):
            load(file, environment={"mqtt": {"host": "h"}}, flags={"cells": "none"})
