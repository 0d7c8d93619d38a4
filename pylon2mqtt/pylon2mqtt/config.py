"""The options as the Supervisor writes them, checked and frozen.

``""`` and a missing key both mean "not set". Everything that is wrong is told at once, each in one sentence with the
option's path. docs: pylon2mqtt/DOCS.md.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import voluptuous as vol

from pylon2mqtt.protocols.registry import AUTO, FRAMES, LISTENING, OPTIONS, PROTOCOLS, speaks_over
from pylon2mqtt.transports.registry import CAN_OPTIONS, carries_frames

from .errors import ConfigError

CELL_LEVELS = ("none", "statistics", "voltages", "full")
LOG_LEVELS = ("debug", "info", "warning", "error")
SHORTEST_POLL_S, LONGEST_POLL_S = 1, 3600

_HOST_AND_PORT = re.compile(r"[\w.-]+:\d{1,5}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery:
    """One bank: its name, the language it speaks, and the line it is on (a device path, a URL or a CAN line).

    ``options`` are those of its protocol, ``line_options`` those of its line, by name, as far as the user set them.
    """

    name: str
    protocol: str
    line: str
    options: Mapping[str, Any] = field(default_factory=dict)
    line_options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mqtt:
    """The broker, and the two prefixes of all topics. ``ca``, ``certificate`` and ``key`` are paths of PEM files."""

    host: str | None = None
    port: int | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    insecure: bool = False
    base_topic: str = "pylon2mqtt"
    discovery_prefix: str = "homeassistant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the user chose."""

    batteries: tuple[Battery, ...]
    mqtt: Mqtt
    poll_interval_s: float = 10.0
    cells: str = "statistics"
    log_level: str = "info"


def load(path: Path) -> Settings:
    """Read an options file; raise ConfigError with all that is wrong in it."""
    try:
        options = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror}. Without the Supervisor, name an options file with --options FILE."
        ) from error
    except ValueError as error:
        raise ConfigError(f"{path}: this is no JSON ({error}). Mend the file.") from error
    return parse(options)


def parse(options: Any) -> Settings:
    """Check the options; raise ConfigError with one sentence for everything that is wrong."""
    if not isinstance(options, Mapping):
        raise ConfigError('The options must be a JSON object, like {"batteries": []}.')
    try:
        checked = _SCHEMA(_without_unset(options))
    except vol.MultipleInvalid as error:
        raise ConfigError("\n".join(dict.fromkeys(map(_sentence, error.errors)))) from error
    if "poll_interval" in checked:
        checked["poll_interval_s"] = float(checked.pop("poll_interval"))
    batteries = tuple(map(_battery, checked.pop("batteries")))
    return Settings(batteries=batteries, mqtt=Mqtt(**checked.pop("mqtt")), **checked)


def _without_unset(value: Any) -> Any:
    """Drop every key whose value is ``""`` or null: that is how the options page says "not set"."""
    if isinstance(value, Mapping):
        return {key: _without_unset(item) for key, item in value.items() if item not in ("", None)}
    return [_without_unset(item) for item in value] if isinstance(value, list) else value


def _battery(item: Mapping[str, Any]) -> Battery:
    return Battery(
        name=item["name"],
        protocol=item["protocol"],
        line=_line(item),
        options={key: item[key] for of in OPTIONS.values() for key in of if key in item},
        line_options={name: item[key] for key, name in CAN_OPTIONS.items() if item.get(key)},
    )


def _line(item: Mapping[str, Any]) -> str:
    line: str = item.get("device") or item["address"]
    if item["protocol"] == FRAMES and (line.startswith("/") or _HOST_AND_PORT.fullmatch(line)):
        return f"slcan:{line}" if line.startswith("/") else f"slcan:socket://{line}"
    return f"socket://{line}" if _HOST_AND_PORT.fullmatch(line) else line


# ---------------------------------------------------------------------------------------------------- what is allowed


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise vol.Invalid(f"must be text, not {value!r}")
    return value.strip()


def _name(value: Any) -> str:
    text = _text(value)
    if not re.search(r"\w", text) or len(text) > 40:
        raise vol.Invalid("must be a name of 1 to 40 characters with a letter or digit in it")
    return text


def _barcode(value: Any) -> str:
    text = _text(value)
    if not re.fullmatch(r"[A-Za-z0-9]{8,24}", text, re.ASCII):
        raise vol.Invalid("must be a barcode of 8 to 24 letters and digits, as on the label")
    return text


def _topic(value: Any) -> str:
    text = _text(value).strip("/")
    if not text or re.search(r"[#+\0]", text):
        raise vol.Invalid("must be an MQTT topic without '#' and '+', such as 'pylon2mqtt'")
    return text


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise vol.Invalid(f"must be true or false, not {value!r}")
    return value


def _whole(low: int, high: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise vol.Invalid(f"must be a whole number from {low} to {high}, not {value!r}")
        return value

    return check


def _one_of(*choices: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in choices:
            raise vol.Invalid(f"must be one of {', '.join(choices)}, not {value!r}")
        return cast(str, value)

    return check


def _each_battery(value: Any) -> list[dict[str, Any]]:
    """Check every battery, and tell what is wrong with all of them."""
    if not isinstance(value, list) or not value:
        raise vol.Invalid("must be a list of at least one battery")
    checked, errors = [], []
    for number, item in enumerate(value):
        if isinstance(item, Mapping) and ("device" in item) == ("address" in item):
            errors.append(vol.Invalid("needs either a device or an address, and not both", path=[number]))
        if isinstance(item, Mapping) and item.get("listen_only") and item.get("protocol", AUTO) not in LISTENING:
            choices = " or ".join(LISTENING)
            errors.append(
                vol.Invalid(f"is for the protocol {choices} only: switch it off", path=[number, "listen_only"])
            )
        try:
            checked.append(_BATTERY(item))
            _fits(checked[-1])
        except vol.MultipleInvalid as error:
            error.prepend([number])
            errors += error.errors
        except ConfigError as error:
            errors.append(vol.Invalid(f"does not fit its line: {str(error).rstrip('.')}", path=[number, "protocol"]))
    if errors:
        raise vol.MultipleInvalid(errors)
    return checked


def _fits(battery: Mapping[str, Any]) -> None:
    """Raise ConfigError where the protocol cannot be spoken over the line, or options mean nothing on it."""
    if "device" not in battery and "address" not in battery:
        return
    frames = carries_frames(_line(battery))
    speaks_over(battery["protocol"], frames=frames, listen_only=battery.get("listen_only", False))
    if not frames and (strange := [key for key in CAN_OPTIONS if battery.get(key)]):
        raise ConfigError(f"{', '.join(strange)}: only a CAN bus has that, remove it.")


def _all_different(batteries: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    names = [battery["name"].casefold() for battery in batteries]
    lines = [battery.get("device") or battery["address"] for battery in batteries]
    for what, values in (("name", names), ("device or address", lines)):
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice:
            raise vol.Invalid(f"must each have their own {what}; {twice!r} is used twice")
    return batteries


_BATTERY = vol.Schema(
    {
        vol.Required("name"): _name,
        vol.Optional("protocol", default=AUTO): _one_of(AUTO, *PROTOCOLS),
        vol.Optional("device"): _text,
        vol.Optional("address"): _text,
        vol.Optional("allow_login"): _flag,
        vol.Optional("allow_tbar"): _flag,
        vol.Optional("console_barcode"): _barcode,
        vol.Optional("listen_only"): _flag,
        vol.Optional("can_bitrate"): _whole(10_000, 1_000_000),
        vol.Optional("can_bring_up"): _flag,
        vol.Optional("can_ask"): _flag,
    }
)

_MQTT = vol.Schema(
    {
        vol.Optional("host"): _text,
        vol.Optional("port"): _whole(1, 65535),
        vol.Optional("username"): _text,
        vol.Optional("password"): _text,
        vol.Optional("tls"): _flag,
        vol.Optional("ca"): _text,
        vol.Optional("certificate"): _text,
        vol.Optional("key"): _text,
        vol.Optional("insecure"): _flag,
        vol.Optional("base_topic"): _topic,
        vol.Optional("discovery_prefix"): _topic,
    }
)

_SCHEMA = vol.Schema(
    {
        vol.Required("batteries"): vol.All(_each_battery, _all_different),
        vol.Optional("mqtt", default=dict): _MQTT,
        vol.Optional("poll_interval"): _whole(SHORTEST_POLL_S, LONGEST_POLL_S),
        vol.Optional("cells"): _one_of(*CELL_LEVELS),
        vol.Optional("log_level"): _one_of(*LOG_LEVELS),
    }
)


def _sentence(error: vol.Invalid) -> str:
    """One sentence with the option's path, for whoever looks at the options page."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.path).lstrip(".")
    if isinstance(error, vol.RequiredFieldInvalid):
        return f"{path} is not set: it is needed."
    if error.error_message == "extra keys not allowed":
        return f"{path} is no option of this version: remove it."
    if error.error_message == "expected a dictionary":
        return f"{path} must be a group of options."
    return f"{path} {error.error_message}."
