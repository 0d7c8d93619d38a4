"""The options of a line to a CAN bus."""

from dataclasses import dataclass

from pylon2mqtt.options import FLAG, option, whole


@dataclass(frozen=True, slots=True, kw_only=True)
class CanLineOptions:
    """How the bus is opened, in the words of `transports.registry.transport`."""

    bitrate: int | None = option(
        whole(10_000, 1_000_000), "of a CAN bus, in bit/s (default 500000)", key="can_bitrate", flag="--bitrate"
    )
    bring_up: bool = option(FLAG, "set up a CAN interface that is down", default=False, key="can_bring_up")
    ask: bool = option(
        FLAG, "ask high-voltage batteries on a CAN bus; read the documentation first", default=False, key="can_ask"
    )
