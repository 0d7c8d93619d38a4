"""A CAN interface of Linux: what state it is in, and bringing it up to listen. By netlink, as ``ip link`` does it.

An interface belongs to the host and may serve other programs: one that is up is never touched.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from pylon2mqtt.errors import TransportError
from pylon2mqtt.transports.base import CanTraffic

_COUNTERS = Path("/sys/class/net")
_UP = 1
# A controller that gave up after too many errors begins anew by itself after this.
_RESTART_MS = 100
# Adapters differ in how exactly they make a rate: 1 % is no other rate.
_SAME_RATE = 0.01


@dataclass(frozen=True, slots=True)
class Link:
    """An interface as the kernel describes it; virtual ones have no rate and no state."""

    up: bool
    bitrate: int | None
    listens_only: bool
    state: str | None


def link(name: str) -> Link | None:
    """Return the state of an interface, or None if there is none of this name. Raises TransportError."""
    with _route(name) as route:
        found = next((link for link in route.get_links() if link.get_attr("IFLA_IFNAME") == name), None)
        if found is None:
            return None
        data = found.get_nested("IFLA_LINKINFO", "IFLA_INFO_DATA")
        timing = data.get_attr("IFLA_CAN_BITTIMING") if data else None
        mode = (data.get_attr("IFLA_CAN_CTRLMODE") if data else None) or {}
        return Link(
            up=bool(found["flags"] & _UP),
            bitrate=timing["bitrate"] if timing else None,
            listens_only=mode.get("listenonly") == "on",
            state=data.get_attr("IFLA_CAN_STATE") if data else None,
        )


def bring_up(name: str, bitrate: int, *, listen_only: bool) -> None:
    """Set rate and mode of an interface that is down, and switch it on. Raises TransportError."""
    with _route(name) as route:
        index = route.link_lookup(ifname=name)[0]
        mode = {"listenonly": "on" if listen_only else "off"}
        route.link("set", index=index, kind="can", can_bittiming={"bitrate": bitrate}, can_ctrlmode=mode)
        with suppress(NetlinkError):  # not every controller can; one that only listens never needs it
            route.link("set", index=index, kind="can", can_restart_ms=_RESTART_MS)
        route.link("set", index=index, state="up")


def same_rate(one: int, other: int) -> bool:
    """Whether two rates can talk to each other."""
    return abs(one - other) <= _SAME_RATE * other


def counters(name: str) -> CanTraffic:
    """Return how many frames and errors an interface has counted; zero where it is gone."""
    try:
        frames, errors = (
            int((_COUNTERS / name / "statistics" / counter).read_text(encoding="ascii"))
            for counter in ("rx_packets", "rx_errors")
        )
    except (OSError, ValueError):
        return CanTraffic()
    return CanTraffic(frames=frames, errors=errors)


@contextmanager
def _route(name: str) -> Iterator[Any]:
    try:
        with IPRoute() as route:
            yield route
    except (NetlinkError, OSError) as error:
        raise TransportError(
            f"{name} cannot be set up: {error}. Let this program administer the network (NET_ADMIN), or do it by hand: "
            f"ip link set {name} up type can bitrate 500000 listen-only on"
        ) from error
