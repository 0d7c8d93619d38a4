"""The outputs by name; each is imported when it is used, so that one never needs the libraries of another."""

from importlib import import_module
from typing import cast

from pylon2mqtt.errors import ConfigError

from .base import Output

OUTPUTS = {
    "mqtt": "mqtt.output:Mqtt",
    "screen": "screen:Screen",
}


def output_class(name: str) -> type[Output]:
    """Return the class of the output called ``name``; ConfigError names those there are."""
    if name not in OUTPUTS:
        raise ConfigError(f"There is no output {name!r}; choose one of: {', '.join(OUTPUTS)}")
    module, _, attribute = OUTPUTS[name].partition(":")
    return cast(type[Output], getattr(import_module(f".{module}", __package__), attribute))
