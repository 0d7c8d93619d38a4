"""The options of the binary protocol."""

from dataclasses import dataclass

from pylon2mqtt.options import ADDRESSES, FLAG, option


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenOptions:
    """Whether anything may be sent."""

    listen_only: bool = option(FLAG, "send nothing: an inverter asks on this line", default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryOptions:
    """What the owner knows of the modules. ``addresses`` are asked besides those that are found."""

    addresses: tuple[int, ...] = option(ADDRESSES, "addresses of modules to ask besides those found", default=())
