"""Logs of a CAN bus as ``candump`` of the can-utils writes them: read and written.

::

    (1700000000.001500) can0 355#5A006400              candump -l, candump -L, and our own recordings
    (1700000000.001500) can0 00004211#A50930759D042E64 eight digits: an extended identifier
    (1700000000.001500) can0 355#R                     a remote frame
     (000.001500)  can0  355   [4]  5A 00 64 00        candump can0, with or without a time (-ta, -tz, -td)
     (2023-11-14 22:13:20.001500)  can0  RX - -  355   [4]  00`64`00`5A      -tA, -x and -S
      can0  355   [4]  01011010 00000000 01100100 00000000                   -i
    (12345.67) RX0 4210 [8] A5 09 30 75 9D 04 2E 64    Battery-Emulator, which fills no identifier up with zeros

Lines that are none of these are noise. Colours (-c) and what stands behind the data (-a, -e) are dropped.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from pylon2mqtt.transports.base import ERROR_MARK, CanFrame

from .untimed import UntimedFrame, classic_frame

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_LINE = re.compile(
    r"\s*(?:\((?P<time>\d+(?:\.\d+)?|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?)\)\s+)?(?P<bus>[\w.,-]+)\s+"
    r"(?:[RT]X\s+[-B]\s+[-E]\s+)?"
    r"(?P<id>[0-9A-Fa-f]{1,8})"
    r"(?:#(?P<packed>R[0-8]?|(?:[0-9A-Fa-f]{2}\.?)*)(?:_[0-9A-F])?|\s+[\[{](?P<length>0?[0-9A-F])[\]}]"
    r"\s*(?P<spaced>remote request|[01]{8}(?:[ `][01]{8})*|(?:[ `]*[0-9A-Fa-f]{2})*))"
    r"(?:\s+[RT])?(?:\s+'.*|\s+ERRORFRAME.*)?\s*"
)
# candump writes three or eight digits; Battery-Emulator as many as the number has, behind its own names of buses.
_FILLED_UP, _LONGEST_STANDARD = (3, 8), 0x7FF
_EMULATORS_BUS = re.compile(r"[RT]X\d+")
_BITS = 8
_WHOLE = 8


def parse_line(text: str) -> UntimedFrame | None:
    """Return the frame that a line holds, with its time in seconds if it has one; None for noise."""
    match = _LINE.fullmatch(_COLOUR.sub("", text))
    if match is None:
        return None
    digits, number = match["id"], int(match["id"], 16)
    if len(digits) not in _FILLED_UP and not _EMULATORS_BUS.fullmatch(match["bus"]):
        return None
    frame = _error_or_frame(match, number, extended=len(digits) > _FILLED_UP[0] or number > _LONGEST_STANDARD)
    return None if frame is None else (_seconds(match["time"]), frame)


def untimed_frames(lines: Iterable[str]) -> Iterator[UntimedFrame]:
    """Yield the frames of some lines with the times that it gives."""
    for line in lines:
        found = parse_line(line)
        if found is not None:
            yield found


def written(at: float, frame: CanFrame) -> str:
    """Return the line of a log for a frame, without its end."""
    return f"({at:.6f}) can0 {frame}"


def _error_or_frame(match: re.Match[str], number: int, *, extended: bool) -> CanFrame | None:
    data = _data(match)
    if data is None:
        return CanFrame(number, extended=extended, remote=True)
    if match["length"] and min(int(match["length"], 16), _WHOLE) != len(data):
        return None
    if extended and number & ERROR_MARK and number & ~ERROR_MARK < ERROR_MARK:
        return CanFrame(number & ~ERROR_MARK, data, error=True)
    return classic_frame(number, data, extended=extended)


def _data(match: re.Match[str]) -> bytes | None:
    """The bytes of a frame, in the order of the bus; None for a remote frame."""
    text: str = match["packed"] if match["packed"] is not None else match["spaced"]
    if text.lower().startswith("r"):
        return None
    bits = bool(re.match(rf"[01]{{{_BITS}}}", text)) and match["packed"] is None
    found = [int(one, 2) for one in re.split(r"[ `]+", text)] if bits else list(bytes.fromhex(re.sub(r"\W", "", text)))
    return bytes(reversed(found)) if "`" in text else bytes(found)


def _seconds(text: str | None) -> float | None:
    if text is None or "-" not in text:
        return None if text is None else float(text)
    return datetime.fromisoformat(text).timestamp()
