"""The options of the binary protocol."""

from dataclasses import dataclass

from pylon2mqtt.options import ADDRESSES, FLAG, option


@dataclass(frozen=True, slots=True, kw_only=True)
class Rs485Options:
    """What the owner may choose on RS485. ``addresses`` are asked besides those that are found."""

    listen_only: bool = option(FLAG, "send nothing: an inverter asks on this line", default=False)
    addresses: tuple[int, ...] = option(ADDRESSES, "addresses of modules to ask besides those found", default=())
