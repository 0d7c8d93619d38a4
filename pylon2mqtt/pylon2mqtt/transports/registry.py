"""Which transport serves which line, by the scheme in front of ``://`` (none for a device path)."""

from importlib import import_module
from typing import cast

from pylon2mqtt.errors import ConfigError

from .base import ByteTransport

TRANSPORTS = {
    "": "serial:SerialTransport",
    "socket": "serial:SerialTransport",
    "rfc2217": "serial:SerialTransport",
}


def transport(line: str) -> ByteTransport:
    """Return the closed transport for a line; raise ConfigError for a scheme that is not known."""
    scheme = line.partition("://")[0] if "://" in line else ""
    if not line or scheme not in TRANSPORTS:
        known = ", ".join(f"{name}://host:port" for name in TRANSPORTS if name)
        raise ConfigError(f"{line!r} is no line that can be opened: write a device path, or one of {known}")
    module, _, name = TRANSPORTS[scheme].partition(":")
    return cast(ByteTransport, getattr(import_module(f".{module}", __package__), name)(line))
