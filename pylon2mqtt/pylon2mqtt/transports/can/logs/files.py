"""CAN logs in files that python-can reads: Vector's BLF and ASC, PEAK's TRC, its own database."""

import binascii
import io
import sqlite3
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing

import can
from can.io.asc import ASCReader
from can.io.blf import BLFReader
from can.io.trc import TRCReader

from pylon2mqtt.errors import FrameError
from pylon2mqtt.transports.can.receiving import frame_of

from .untimed import UntimedFrame

# What the readers let through when a file is damaged or cut.
_FOREIGN = (
    can.CanError, OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, NotImplementedError, EOFError,
    struct.error, zlib.error, binascii.Error, sqlite3.Error, OverflowError,
)  # fmt: skip
_MESSAGES = "SELECT ts, arbitration_id, extended, remote, error, dlc, data FROM messages ORDER BY ts"


def blf(data: bytes) -> Iterator[UntimedFrame]:
    """Yield the frames of Vector's binary log; raise FrameError where there are none."""
    return _read("BLF", lambda: BLFReader(io.BytesIO(data)))


def asc(text: str) -> Iterator[UntimedFrame]:
    """Yield the frames of Vector's text log; raise FrameError where there are none."""
    return _read("ASC", lambda: ASCReader(io.StringIO(text)))


def trc(text: str) -> Iterator[UntimedFrame]:
    """Yield the frames of PEAK's log, versions 1.0 to 2.1; raise FrameError where there are none."""
    return _read("TRC", lambda: TRCReader(io.StringIO(text)))


def database(data: bytes) -> Iterator[UntimedFrame]:
    """Yield the frames of python-can's SQLite database; raise FrameError where there are none."""
    return _read("SQLite", lambda: _messages(data))


def _messages(data: bytes) -> Iterator[can.Message]:
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.deserialize(data)
        for at, number, extended, remote, error, dlc, payload in memory.execute(_MESSAGES):
            yield can.Message(
                timestamp=at,
                arbitration_id=number,
                is_extended_id=bool(extended),
                is_remote_frame=bool(remote),
                is_error_frame=bool(error),
                dlc=dlc,
                data=None if remote else payload,
            )


def _read(kind: str, opened: Callable[[], Iterable[can.Message]]) -> Iterator[UntimedFrame]:
    """Yield what can be read; a file that is cut gives the frames before that."""
    count = 0
    try:
        for message in opened():
            if not message.is_fd:
                count += 1
                yield message.timestamp, frame_of(message)
    except _FOREIGN as error:
        if not count:
            raise FrameError(f"this {kind} log cannot be read: {error}") from error
