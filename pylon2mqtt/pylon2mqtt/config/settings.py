"""What the owner chose, checked and frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pylon2mqtt.options import DEVICE, NAME, REQUIRED, TEXT, one_of, option, seconds
from pylon2mqtt.outputs.base import OutputOptions
from pylon2mqtt.protocols.registry import AUTO, PROTOCOLS

CELL_LEVELS = ("statistics", "none", "voltages", "full")
LOG_LEVELS = ("debug", "info", "warning", "error")
SHORTEST_POLL_S, LONGEST_POLL_S = 1, 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryOptions:
    """What every entry of ``batteries`` has: one of ``device`` and ``address`` is needed."""

    name: str = option(NAME, "what you call the bank", default=REQUIRED)
    protocol: str = option(one_of(AUTO, *PROTOCOLS), "what is spoken on the line", default=AUTO, offered=True)
    device: str | None = option(DEVICE, "the serial adapter")
    address: str | None = option(TEXT, "a gateway as host:port, a CAN interface such as can0, or a path")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertOptions:
    """What every entry of ``expert`` has beside the options that its protocol and its line declare."""

    name: str = option(NAME, "the name of the battery", default=REQUIRED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery:
    """One bank: its name, the language it speaks, and the line it is on, as `transports.registry.transport` takes it.

    ``options`` are those of its driver, ``line_options`` those of its line, by name, as far as the owner set them.
    """

    name: str
    protocol: str
    line: str
    options: Mapping[str, Any] = field(default_factory=dict)
    line_options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the owner chose; ``outputs``: the options of each output by its name in the registry."""

    batteries: tuple[Battery, ...]
    outputs: Mapping[str, OutputOptions] = field(default_factory=dict)
    poll_interval_s: float = option(
        seconds(SHORTEST_POLL_S, LONGEST_POLL_S),
        "seconds from one reading to the next",
        default=10.0,
        key="poll_interval",
        offered=True,
    )
    cells: str = option(one_of(*CELL_LEVELS), "which entities the cells have", default="statistics", offered=True)
    log_level: str = option(one_of(*LOG_LEVELS), "how much the log says", default="info", offered=True)
