"""Which protocols there are; each module is imported when it is used."""

from collections.abc import Callable, Iterable
from importlib import import_module
from itertools import chain
from typing import Any, cast

from pylon2mqtt.errors import ConfigError
from pylon2mqtt.model import Bank
from pylon2mqtt.options import declared
from pylon2mqtt.transports.base import ByteTransport, TimedFrame

from .auto import Auto
from .base import BatteryProtocol, Clock, Language, Probe
from .binary.options import BinaryOptions, ListenOptions
from .console.options import ConsoleOptions
from .diagnosis import Chosen

PROTOCOLS: dict[str, str] = {
    "rs485": "binary.rs485:Rs485",
    "rs232": "binary.rs232:Rs232",
    "console": "console.driver:Console",
    "can": "can.driver:Can",
}
"""The name that users write -> the module in this folder and its driver. `AUTO` tries them in this order."""

AUTO = "auto"
FRAMES = "can"
"""The protocol of all CAN lines; all others speak over lines that carry bytes."""


def speaks_over(protocol: str, *, frames: bool, listen_only: bool = False) -> None:
    """Raise ConfigError if a protocol and its line do not go together; ``frames``: the line is a CAN bus."""
    if frames and listen_only:
        raise ConfigError("A CAN bus is only listened to in any case: switch listen_only off.")
    if frames and protocol not in (AUTO, FRAMES):
        raise ConfigError(f"{protocol} is not spoken on a CAN bus: choose the protocol {FRAMES}, or a serial line.")
    if protocol == FRAMES and not frames:
        raise ConfigError(
            "CAN needs a CAN line: the name of an interface such as can0, slcan:/dev/ttyACM0, or another of the "
            "documentation."
        )


OPTIONS: dict[str, tuple[type, ...]] = {
    "rs485": (ListenOptions, BinaryOptions),
    "rs232": (BinaryOptions,),
    "console": (ConsoleOptions,),
}
"""The option classes of the protocols that have options; all others ignore them, also those that `AUTO` finds."""

LISTENING = (AUTO, "rs485")
"""The protocols that can be read by listening alone; with ``listen_only`` no other is used."""


def driver(protocol: str, *, name: str | None, listen_only: bool = False, **options: Any) -> BatteryProtocol:
    """Return a new driver for the battery ``name``; raise ConfigError for a protocol that is not known.

    With ``listen_only`` it never sends. ``options``: ``clock``; ``cells``, the owner's level (none, statistics,
    voltages, full); ``stagger_s``, of which 0 asks everything in the first read instead of spreading the slow
    questions over many; and those of `OPTIONS`.
    """
    if listen_only:
        if protocol not in LISTENING:
            raise ConfigError(f"listen_only is for {' and '.join(LISTENING)}, not for {protocol}: switch it off")
        listener: Callable[..., BatteryProtocol] = import_module(".binary.listener", __package__).Listener
        return listener(name=name, clock=options.get("clock"))
    if protocol == AUTO:
        return Auto(name=name, probes=_probes, make_driver=lambda found: driver(found, name=name, **options))
    module, class_name = _module(protocol)
    make: Callable[..., BatteryProtocol] = getattr(module, class_name)
    foreign = declared(*chain(*OPTIONS.values())).keys() - declared(*OPTIONS.get(protocol, ())).keys()
    return make(name=name, **{option: value for option, value in options.items() if option not in foreign})


def chosen_driver(protocol: str, *, adapter: ByteTransport | None = None, **options: Any) -> BatteryProtocol:
    """Return the `driver` for what an owner chose: where nothing good comes, it says what is spoken there instead.

    ``adapter``: the serial line that the adapter of a CAN bus is itself.
    """
    made = driver(protocol, **options)
    if protocol == AUTO or options.get("listen_only"):
        return made
    return Chosen(protocol, made, probes=_probes, clock=options.get("clock") or Clock(), adapter=adapter)


def decode(protocol: str, data: bytes, request: str | None) -> Bank:
    """Return what one recorded answer says; raise ProtocolError if it is no good answer."""
    return cast(Language, _module(protocol)[0]).decode(data, request)


def decode_frames(frames: Iterable[TimedFrame]) -> Bank:
    """Return what a log of a CAN bus says; raise ProtocolError if that is nothing of a battery."""
    bank: Bank = _module(FRAMES)[0].decode(frames)
    return bank


def scrub(protocol: str) -> Callable[[bytes, bytes, Callable[[str], str]], bytes]:
    """Return the protocol's function that replaces barcodes in recorded bytes."""
    return cast(Language, _module(protocol)[0]).scrub


def _probes() -> list[Probe]:
    return [probe for known in PROTOCOLS if known != FRAMES for probe in cast(Language, _module(known)[0]).PROBES]


def _module(protocol: str) -> tuple[Any, str]:
    if protocol not in PROTOCOLS:
        raise ConfigError(f"{protocol!r} is no protocol known here: use one of {', '.join(PROTOCOLS)}")
    module, _, class_name = PROTOCOLS[protocol].partition(":")
    return import_module(f".{module}", __package__), class_name
