"""Logs of a CAN bus as ``candump`` of the can-utils writes them: read and written.

::

    (1700000000.001500) can0 355#5A006400              candump -l, candump -L, and our own recordings
    (1700000000.001500) can0 00004211#A50930759D042E64 eight digits: an extended identifier
    (1700000000.001500) can0 355#R                     a remote frame
     (000.001500)  can0  355   [4]  5A 00 64 00        candump can0, with or without a time

Lines that are none of these are noise, and skipped: a log is cut, pasted and edited before it reaches us.
"""

import re
from collections.abc import Iterator

from pylon2mqtt.transports.base import ERROR_MARK, CanFrame, TimedFrame

_LINE = re.compile(
    r"\s*(?:\((?P<time>\d+(?:\.\d+)?)\)\s+)?(?P<bus>\S+)\s+(?P<id>[0-9A-Fa-f]{3}|[0-9A-Fa-f]{8})"
    r"(?:#(?P<packed>R[0-8]?|[0-9A-Fa-f]*)|\s+\[(?P<length>[0-8])\]"
    r"\s*(?P<spaced>remote request|(?:\s*[0-9A-Fa-f]{2})*))"
    r"(?:\s+[RT])?(?:\s+'.*')?\s*"
)


def parse_line(text: str) -> tuple[float | None, CanFrame] | None:
    """Return the frame that a line holds, with its time in seconds if it has one; None for noise."""
    match = _LINE.fullmatch(text)
    if match is None:
        return None
    digits = match["packed"] if match["packed"] is not None else re.sub(r"\s", "", match["spaced"])
    remote = digits.startswith(("R", "r"))
    if not remote and (len(digits) % 2 or len(digits) > 16):
        return None
    if match["length"] and not remote and int(match["length"]) != len(digits) // 2:
        return None
    number, extended = int(match["id"], 16), len(match["id"]) == 8
    error = extended and bool(number & ERROR_MARK)
    if number & ~ERROR_MARK > 0x1FFFFFFF:
        return None
    number &= ~ERROR_MARK
    data = b"" if remote else bytes.fromhex(digits)
    frame = CanFrame(number, data, extended=extended and not error, remote=remote, error=error)
    return (float(match["time"]) if match["time"] else None), frame


def frames_in(text: str) -> Iterator[TimedFrame]:
    """Yield the frames of a log with seconds since its first one; where times are missing or turn back, time stands."""
    first: float | None = None
    now = 0.0
    for line in text.splitlines():
        parsed = parse_line(line)
        if parsed is None:
            continue
        at, frame = parsed
        if at is not None:
            first = at if first is None else first
            now = max(now, at - first)
        yield now, frame


def written(at: float, frame: CanFrame) -> str:
    """Return the line of a log for a frame, without its end."""
    return f"({at:.6f}) can0 {frame}"
