"""Which transport serves which line, by what stands in front of its first colon (nothing for a device path)."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from pylon2mqtt.errors import ConfigError, TransportError
from pylon2mqtt.transports.can.logs import frames_of
from pylon2mqtt.transports.can.playback import Playback

from .base import ByteTransport, CanTransport, Line

BYTES = {
    "": "serial:SerialTransport",
    "socket": "serial:SerialTransport",
    "rfc2217": "serial:SerialTransport",
}
"""Serial lines: written ``scheme://host:port``, or a device path."""

FRAMES = ("socketcan", "slcan", "canable", "seeedstudio", "socketcand", "udp_multicast", "virtual", "candump")
"""CAN lines: written ``kind:place``, or the name of an interface such as can0."""

_INTERFACE = re.compile(r"[a-z]*can\d+")


def carries_frames(line: str) -> bool:
    """Whether this is a line to a CAN bus."""
    return line.partition(":")[0] in FRAMES or bool(_INTERFACE.fullmatch(line))


def transport(line: str, **can_options: Any) -> Line:
    """Return the closed transport for a line; raise ConfigError for one that is not known.

    ``can_options``: ``bitrate``, ``bring_up`` and ``ask``, for CAN lines only.
    """
    if carries_frames(line):
        return _can(line, **can_options)
    scheme = line.partition("://")[0] if "://" in line else ""
    if not line or scheme not in BYTES:
        known = ", ".join([*(f"{name}://host:port" for name in BYTES if name), *(f"{kind}:…" for kind in FRAMES)])
        raise ConfigError(f"{line!r} is no line that can be opened: write a device path, or one of can0, {known}")
    module, _, name = BYTES[scheme].partition(":")
    return cast(ByteTransport, _class(module, name)(line))


def _can(line: str, *, ask: bool = False, **options: Any) -> CanTransport:
    if _INTERFACE.fullmatch(line):
        line = f"socketcan:{line}"
    kind, _, place = line.partition(":")
    if kind == "candump":
        return Playback(line, lambda: frames_of(_log(Path(place)), place))
    found = _class("can.ask", "AskingCanBus") if ask else _class("can.bus", "CanBus")
    return cast(CanTransport, found(line, **options))


def _log(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TransportError(f"{path} cannot be played back: {error.strerror}; name the file of a log") from error


def _class(module: str, name: str) -> Any:
    return getattr(import_module(f".{module}", __package__), name)
