"""Taking frames off a bus as many at a time as there are: on a full bus one at a time costs several times as much."""

import select
import socket
import struct
import time
from collections.abc import Callable

import can

from pylon2mqtt.transports.base import CanFrame

# What comes within this is taken with the first frame. A kernel's buffer holds some 270 frames, 60 ms of a full bus.
_NAP_S = 0.01
# A flood shall not keep us from looking up.
_MOST = 1000

# struct can_frame and the flags of its identifier (linux/can.h).
_LAYOUT = struct.Struct("=IB3x8s")
_EXTENDED, _REMOTE, _ERROR, _ID = 0x80000000, 0x40000000, 0x20000000, 0x1FFFFFFF

Receive = Callable[[float], list[CanFrame]]
"""Return the frames that there are, waiting so many seconds for the first one."""


def from_python_can(bus: can.BusABC) -> Receive:
    """Take frames from any bus of python-can."""

    def receive(wait_s: float) -> list[CanFrame]:
        frames: list[CanFrame] = []
        message = bus.recv(wait_s)
        while message is not None and len(frames) < _MOST:
            # A damaged line of an adapter may have lost some of it.
            if message.is_remote_frame or message.dlc == len(message.data):
                frames.append(frame_of(message))
            message = bus.recv(0)
        return frames

    return receive


def from_socket(sock: socket.socket) -> Receive:
    """Take frames straight from a SocketCAN socket."""
    sock.settimeout(0)

    def receive(wait_s: float) -> list[CanFrame]:
        if not select.select([sock], [], [], wait_s)[0]:
            return []
        time.sleep(_NAP_S)
        frames: list[CanFrame] = []
        while len(frames) < _MOST:
            try:
                number, length, data = _LAYOUT.unpack(sock.recv(_LAYOUT.size))
            except BlockingIOError:
                break
            remote, error = bool(number & _REMOTE), bool(number & _ERROR)
            payload = b"" if remote else data[:length]
            frames.append(
                CanFrame(number & _ID, payload, extended=bool(number & _EXTENDED), remote=remote, error=error)
            )
        return frames

    return receive


def frame_of(message: can.Message) -> CanFrame:
    """Return a message of python-can as a frame."""
    return CanFrame(
        message.arbitration_id,
        bytes(message.data),
        extended=message.is_extended_id and not message.is_error_frame,
        remote=message.is_remote_frame,
        error=message.is_error_frame,
    )
