"""Reads a line as the owner writes it, for `run`, `read` and `record` alike."""

import os.path
import re
from urllib.parse import SplitResult, urlsplit

from pylon2mqtt.errors import ConfigError

from .registry import BYTES, FRAMES, carries_frames

_EXAMPLE = "a device path such as /dev/ttyUSB0, or a gateway as host:port, such as 192.168.1.20:8899"
# A name with a port behind it; an address of IPv6 stands in brackets.
_HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.%\w]+\]|[\w.-]+):(\d+)")
# What serial devices are called below /dev on Linux and elsewhere.
_DEVICE = re.compile(r"(tty|cu\.|rfcomm|serial/)\S+")
# Adapters for a CAN bus that are a serial device themselves.
_ON_A_DEVICE = ("slcan", "canable", "seeedstudio")


def read_line(written: str, *, frames: bool = False) -> str:
    """Return the line as `transport` takes it; raise ConfigError, with what to write, for what can be none.

    ``frames``: a CAN bus is meant; a device or a gateway is then an adapter with slcan firmware.
    """
    text = written.strip()
    if carries_frames(text):
        return text
    if text.startswith("gs_usb:"):
        raise ConfigError(
            f"{text!r}: use the interface that Linux makes of this adapter, such as can0. Without it the adapter could "
            "not be kept from taking part in the bus."
        )
    if "://" in text:
        _refuse_no_gateway(text)
        return text
    if text.startswith(("/", "./", "../")):
        return f"slcan:{text}" if frames else text
    if not _HOST_AND_PORT.fullmatch(text):
        raise ConfigError(_advice(text))
    gateway = f"socket://{text}"
    _refuse_no_gateway(gateway)
    return f"slcan:{gateway}" if frames else gateway


def serial_line(line: str) -> str | None:
    """Return the serial line that an adapter for a CAN bus is itself; None for a line that is no such adapter."""
    kind, _, rest = line.partition(":")
    return rest if kind in _ON_A_DEVICE else None


def place(line: str) -> str:
    """Return one name for a line, however it is written: the gateway, the device behind symbolic links, or the bus."""
    adapter = serial_line(line)
    if carries_frames(line) and adapter is None:
        return line.removeprefix("socketcan:")
    line = adapter or line
    if "://" in line:
        url = urlsplit(line)
        return f"{url.hostname}:{url.port}"
    return os.path.realpath(line)


def _advice(text: str) -> str:
    """Say what to write in place of a word that is neither a device nor a gateway."""
    if _DEVICE.fullmatch(text):
        return f"{text!r} is no whole path: write /dev/{text}"
    if re.fullmatch(r"[\w-]+(\.[\w-]+)*|\[[0-9A-Fa-f:]+\]", text) and not text.isdecimal():
        return (
            f"{text!r} has no port. Write a gateway as host:port, such as {text}:8899, with the port that is set in "
            "the gateway; write a device with its whole path, such as /dev/ttyUSB0"
        )
    return f"{text!r} is no line that can be opened. Write {_EXAMPLE}, or a CAN interface such as can0"


def _refuse_no_gateway(url: str) -> None:
    """Look at a URL: its scheme must be one of ours, and it needs a host and a port."""
    scheme = url.partition("://")[0]
    if scheme not in BYTES:
        raise ConfigError(
            f"{scheme}:// is no line that can be opened. Write {_EXAMPLE}, or with rfc2217:// in front of it, or a CAN "
            f"line: can0, {', '.join(f'{kind}:…' for kind in FRAMES)}"
        )
    split = urlsplit(url)
    host = split.netloc.rpartition(":")[0] or split.netloc or "host"
    port = _port(split)
    if port is None or not split.hostname:
        raise ConfigError(f"{url!r} has no port. Write it as {scheme}://{host}:8899, with the port of your gateway")


def _port(url: SplitResult) -> int | None:
    try:
        port = url.port
    except ValueError:
        port = 0
    if port == 0:
        raise ConfigError(f"{url.netloc!r}: a port is a number from 1 to 65535. Look for it in your gateway's settings")
    return port
