"""The outputs to be switched on; each is imported when it is built, so that none needs the libraries of another."""

from importlib import import_module
from typing import Any, cast

from .base import Output, OutputOptions, Surroundings
from .json_file import JsonFileOptions
from .mqtt.options import MqttOptions

OUTPUTS: dict[str, tuple[str, type[OutputOptions]]] = {
    "mqtt": ("mqtt.output:Mqtt", MqttOptions),
    "json_file": ("json_file:JsonFile", JsonFileOptions),
}
"""Name -> module and class in this folder, and the class of its options."""


def build(name: str, options: OutputOptions, surroundings: Surroundings) -> Output:
    """Return the output ``name``; raise ConfigError where its options are not enough."""
    module, _, attribute = OUTPUTS[name][0].partition(":")
    output: Any = getattr(import_module(f".{module}", __package__), attribute)
    return cast(Output, output.from_options(options, surroundings))
