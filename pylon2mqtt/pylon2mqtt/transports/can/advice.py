"""Errors of python-can and of the system as ours, with advice where the cause is known."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import can

from pylon2mqtt.errors import TransportError
from pylon2mqtt.transports.causes import cause

_ADVICE: dict[int | None, str] = {
    errno.ENODEV: "plug the adapter in, and look whether its driver makes this interface",
    errno.ENETDOWN: "bring it up, or let the app do it with the option can_bring_up",
    errno.EACCES: "let this user open it (group dialout or uucp), or run this as the app",
    errno.EPERM: "let this user open it, or run this as the app",
    errno.ENOENT: "plug the adapter in, or choose the device it shows up as",
    errno.EBUSY: "stop the other program that uses it",
    errno.ECONNREFUSED: "look whether the server runs there",
}
_PACKAGE = "install the package that python-can needs for it, as in pip install 'python-can[multicast]'"
_ADAPTER = "look whether the adapter is plugged in and set up"

FOREIGN = (can.CanError, OSError, ValueError, NotImplementedError, ImportError)
"""What python-can raises, and what its interfaces let through when they get half an answer."""


@contextmanager
def translated(what: str, line: str) -> Iterator[None]:
    """Turn errors of python-can and of the system into TransportError."""
    try:
        yield
    except FOREIGN as error:
        number, reason = cause(error)
        if isinstance(error, (can.CanInterfaceNotImplementedError, ImportError)):
            raise TransportError(f"{what} {line}: {error}; {_PACKAGE}") from error
        raise TransportError(f"{what} {line}: {reason}; {_ADVICE.get(number, _ADAPTER)}") from error
