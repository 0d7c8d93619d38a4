"""CAN buses by python-can: interfaces of Linux (SocketCAN), adapters and servers. They are listened to, nothing else.

::

    can0, socketcan:can0         an interface of Linux: preferred, several programs may listen
    slcan:/dev/ttyACM0           an adapter with slcan firmware, also slcan:socket://host:port
    canable:/dev/ttyACM0         the same with a CANable's first firmware
    seeedstudio:/dev/ttyUSB0     a USB-CAN-A and its relatives; 11 bits only
    socketcand:host:port:can0    a server beside the battery
    udp_multicast:group@port, virtual:name    for trying out

Everything listens only: an adapter that takes part would disturb inverter and battery, at a wrong bit rate all of the
bus. Where a mode is set elsewhere (SocketCAN that is up, socketcand), it is left as it is.
"""

import logging
import socket
from collections.abc import Callable, Collection
from typing import Any

import can
from can.interfaces.socketcan import SocketcanBus
from can.typechecking import CanFilter

from pylon2mqtt.errors import ConfigError, TransportError
from pylon2mqtt.transports.base import CanFrame, CanTraffic

from .advice import FOREIGN, translated
from .receiving import Receive, from_python_can, from_socket

_LOG = logging.getLogger(__name__)

BITRATE = 500_000
RATES = (BITRATE, 250_000)
"""What Pylontech and most others use, and what Discover, REC and EMUS have."""

# How long one look for a frame waits: a stop is seen, and a deadline overrun, by this much at the most.
_LOOK_S = 0.1
SETTLE_S = 1.0
"""Some adapters start anew when their port is opened, and lose what is written before they are ready."""

# More identifiers than the kernel takes in one filter (linux/can/raw.h) are not filtered at all.
_MOST_FILTERS = 512
# A server in the same house answers in less.
_CONNECT_S = 1.0
_SOCKETCAND_PARTS = 3
# An error report with this bit says that the controller has left the bus (linux/can/error.h).
_BUS_OFF = 0x40


class CanBus:
    """A `CanTransport` over python-can.

    ``bring_up``: set up a SocketCAN interface that is down. ``settle_s``: how long a serial adapter may take after its
    port was opened.
    """

    def __init__(
        self, line: str, *, bitrate: int | None = None, bring_up: bool = False, settle_s: float = SETTLE_S
    ) -> None:
        self.line = line
        kind, _, self._place = line.partition(":")
        if kind not in _OPENERS or not self._place:
            raise ConfigError(f"{line!r} is no CAN line: write one of {', '.join(f'{known}:…' for known in _OPENERS)}")
        self._opener = _OPENERS[kind]
        self.bitrate = bitrate or BITRATE
        self.bitrate_is_chosen = bitrate is not None
        self.may_bring_up = bring_up
        self.settle_s = settle_s
        self.listen_only = True
        self._bus: can.BusABC | None = None
        self._wanted: list[CanFilter] | None = None
        self._frames = self._errors = 0
        self._before = CanTraffic()
        self._receive: Receive = lambda _wait_s: []
        self._was_open = False
        self._cancelled = False

    @property
    def only_listens(self) -> bool:
        """Whether the adapter is opened in a mode in which it cannot say anything."""
        return self._opener in _SETS_RATE

    def open(self) -> None:
        """Open the line; raise TransportError with what to do if that fails."""
        self.close()
        self._try_another_rate()
        # What it logs it also raises, and that is said once, with advice.
        logging.getLogger(can.__name__).setLevel(logging.CRITICAL)
        with translated("cannot open", self.line):
            self._bus = bus = self._opener(self, self._place)
            bus.set_filters(self._wanted)
        self._was_open = True
        self._receive = from_socket(bus.socket) if isinstance(bus, SocketcanBus) else from_python_can(bus)
        self._frames = self._errors = 0
        self._before = self._interface_counters()

    def close(self) -> None:
        """Close the line, whatever state it is in."""
        bus, self._bus = self._bus, None
        if bus is None:
            return
        try:
            bus.shutdown()
        except FOREIGN as error:
            _LOG.debug("%s: closing: %s", self.line, error)

    def cancel(self) -> None:
        """End a waiting `recv` within a tenth of a second, for good."""
        self._cancelled = True

    def recv(self, timeout_s: float) -> list[CanFrame]:
        """Return the frames that there are; nothing if none comes in time."""
        self._opened()
        left = timeout_s
        while True:
            if self._cancelled:
                raise TransportError(f"{self.line}: stopped")
            with translated("cannot listen to", self.line):
                frames = self._receive(max(0.0, min(_LOOK_S, left)))
            left -= _LOOK_S
            if frames or left <= 0:
                return self._counted(frames)

    def select(self, wanted: Collection[tuple[int, bool]] | None) -> None:
        """Let the kernel, or python-can where there is none, hand out only these identifiers."""
        too_many = wanted is not None and len(wanted) > _MOST_FILTERS
        self._wanted = None if wanted is None or too_many else [_filter(*one) for one in wanted]
        if self._bus is not None:
            with translated("cannot filter", self.line):
                self._bus.set_filters(self._wanted)

    def traffic(self) -> CanTraffic:
        """What passed; an interface of Linux counts what its filter keeps from us too."""
        now = self._interface_counters()
        frames, errors = now.frames - self._before.frames, now.errors - self._before.errors
        lost = getattr(self._bus, "errors", 0)
        return CanTraffic(frames=max(frames, self._frames), errors=max(errors, self._errors) + lost)

    def _try_another_rate(self) -> None:
        """Where no rate was chosen and nothing was received, try the next: a listener disturbs nobody by that."""
        if self.bitrate_is_chosen or not self.listen_only or self._opener not in _SETS_RATE:
            return
        if self._was_open and self._frames == self._errors:
            self.bitrate = RATES[(RATES.index(self.bitrate) + 1) % len(RATES)]
            _LOG.info("%s: tries %d bit/s", self.line, self.bitrate)

    def _counted(self, frames: list[CanFrame]) -> list[CanFrame]:
        self._frames += len(frames)
        for frame in frames:
            if frame.error:
                self._errors += 1
                if frame.id & _BUS_OFF:
                    raise TransportError(
                        f"{self.line} is bus-off: it gave up after too many errors. Look at bit rate, wires and "
                        "terminators; it comes back by itself only if it was set up with restart-ms"
                    )
        return frames

    def _interface_counters(self) -> CanTraffic:
        if self._opener is not _socketcan:
            return CanTraffic()
        from .link import counters  # noqa: PLC0415  netlink costs 10 MB: only with SocketCAN

        return counters(self._place)

    def _opened(self) -> can.BusABC:
        if self._bus is None:
            raise TransportError(f"{self.line} is not open: open it first")
        return self._bus


# ----------------------------------------------------------------------------------------------- one for each kind


def _socketcan(line: CanBus, name: str) -> can.BusABC:
    """Look at the interface first: what is wrong with it has a sentence of its own."""
    from .link import bring_up, link, same_rate  # noqa: PLC0415

    found = link(name)
    if found is None:
        raise TransportError(
            f"there is no interface {name}: plug the adapter in. The app needs the host's network, and the kernel a "
            "driver for the adapter"
        )
    rate = line.bitrate
    if not found.up:
        if not line.may_bring_up:
            raise TransportError(
                f"{name} is down: bring it up (ip link set {name} up type can bitrate {rate} listen-only on "
                "restart-ms 100), or let the app do it with the option can_bring_up"
            )
        bring_up(name, rate, listen_only=line.listen_only)
        _LOG.info("%s: brought up with %d bit/s%s", name, rate, ", listening only" if line.listen_only else "")
    elif line.bitrate_is_chosen and found.bitrate and not same_rate(found.bitrate, rate):
        raise TransportError(
            f"{name} is up with {found.bitrate} bit/s, not {rate}: it may serve others and is not touched. "
            "Set can_bitrate to that, or set the interface up anew"
        )
    if found.up and found.listens_only and not line.listen_only:
        raise TransportError(
            f"{name} only listens, so nothing can be asked: set it up without listen-only, or remove can_ask"
        )
    if found.state == "BUS_OFF":
        raise TransportError(
            f"{name} is bus-off: it gave up after too many errors. Look at bit rate, wires and terminators, "
            "and set it up anew with restart-ms 100"
        )
    return can.Bus(interface="socketcan", channel=name)


def _slcan(line: CanBus, device: str, *, silent_by_m1: bool = False) -> can.BusABC:
    from .slcan import SlcanBus  # noqa: PLC0415

    return SlcanBus(device, bitrate=line.bitrate, silent_by_m1=silent_by_m1, settle_s=line.settle_s)


def _canable(line: CanBus, device: str) -> can.BusABC:
    return _slcan(line, device, silent_by_m1=True)


def _seeedstudio(line: CanBus, device: str) -> can.BusABC:
    silent: dict[str, Any] = {"frame_type": "STD", "operation_mode": "silent"}
    return can.Bus(interface="seeedstudio", channel=device, bitrate=line.bitrate, **silent)


def _socketcand(_line: CanBus, place: str) -> can.BusABC:
    host, port, channel = _socketcand_parts(place)
    # python-can tries for 10 s, thousands of times in a second.
    socket.create_connection((host, port), timeout=_CONNECT_S).close()
    return can.Bus(interface="socketcand", host=host, port=port, channel=channel)


def _socketcand_parts(place: str) -> tuple[str, int, str]:
    parts = place.rsplit(":", 2)
    if len(parts) != _SOCKETCAND_PARTS or not parts[1].isdecimal():
        raise TransportError(f"socketcand:{place} names no server: write socketcand:host:port:interface")
    return parts[0], int(parts[1]), parts[2]


def _udp_multicast(_line: CanBus, place: str) -> can.BusABC:
    group, _, port = place.partition("@")
    options: dict[str, Any] = {"port": int(port)} if port else {}
    return can.Bus(interface="udp_multicast", channel=group, **options)


def _virtual(_line: CanBus, name: str) -> can.BusABC:
    return can.Bus(interface="virtual", channel=name)


_OPENERS: dict[str, Callable[[CanBus, str], can.BusABC]] = {
    "socketcan": _socketcan,
    "slcan": _slcan,
    "canable": _canable,
    "seeedstudio": _seeedstudio,
    "socketcand": _socketcand,
    "udp_multicast": _udp_multicast,
    "virtual": _virtual,
}

# The kinds whose rate is ours to set whenever they are opened.
_SETS_RATE = (_slcan, _canable, _seeedstudio)


def _filter(number: int, extended: bool) -> CanFilter:
    """Exactly this identifier, and only of this length: else 29 bits would pass that look alike."""
    return {"can_id": number, "can_mask": 0x1FFFFFFF if extended else 0x7FF, "extended": extended}
