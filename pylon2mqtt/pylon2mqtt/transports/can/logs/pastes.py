"""Lines with a CAN frame as programs print them and people paste them: one table, a row for each form.

::

    Timestamp: 1700000000.001500    ID: 0355    S Rx   DL:  4    5a 00 64 00      python-can
    21:22:39.242 > [Pytes] Received CAN message: 0x355 - 14 00 64 00              OpenDTU, and what guides print
    Standard ID: 0x355       DLC: 4  Data: 0x5A 0x00 0x64 0x00                    Arduino's mcp_can
    22:13:20:0015 Rx 1 0x355 s 4 5A 00 64 00                                      Busmaster
    1700000000.001 1R11 355 5A 00 64 00                                           CRTD
    0x355 [4] 5A 00 64 00, 0x355 5A 00 64 00, 0355h 4 5A 00 64 00                 others
    Nov 14 22:13:20 pi candump[77]: can0 355#5A006400, 355#5A006400               parts of candump
    can.Message(timestamp=0.0, arbitration_id=0x355, is_extended_id=False, dlc=4, data=[0x5a, 0x0, 0x64, 0x0])
         2)  3.0  1  Rx  0355  4  5A 00 64 00                                     PEAK's TRC 1.2
     0  355  4  5A 00 64 00  0.003 R                                              Kvaser's CANking
    t35545A006400                                                                 slcan, with or without a time stamp

Some need several lines, one of the identifier and one or more of the bytes: ESPHome, newer OpenDTU, a logic analyser.
"""

import re
from collections.abc import Iterable, Iterator

from pylon2mqtt.transports.base import CanFrame

from .untimed import UntimedFrame, classic_frame

_HEX = "[0-9A-Fa-f]"
_BYTES = rf"(?P<data>(?:(?:0x)?{_HEX}{{2}}(?:[ ,.:-]+(?:0x)?{_HEX}{{2}}){{0,7}})?)"
_CLOCK = r"(?:.*?(?P<hours>\d\d?):(?P<minutes>\d\d):(?P<seconds>\d\d)(?:[.:](?P<fraction>\d+))?\D)?"
_DASHES = "-\u2013\u2014"
_FORMS = tuple(
    re.compile(form)
    for form in (
        (
            rf"Timestamp:\s+(?P<time>[\d.]+)\s+ID:\s+(?P<id>{_HEX}+)\s+(?P<kind>[SX]) .*?DL:\s+(?P<length>\d+)\s+"
            rf"{_BYTES}\s*(?:'.*'\s*)?(?:Channel.*)?"
        ),
        rf".*?(?P<kind>Standard|Extended) ID: *0x(?P<id>{_HEX}+)\s+DLC: (?P<length>\d)\s+Data: ?{_BYTES}\s*",
        rf"{_CLOCK} *[RT]x\s+\d+\s+0x(?P<id>{_HEX}+)\s+(?P<kind>[sx])\s+(?P<length>\d)\s*{_BYTES}\s*",
        rf"(?P<time>\d+\.\d+) \d?[RT](?P<kind>11|29) (?P<id>{_HEX}+) {_BYTES}\s*",
        rf"{_CLOCK}.*?0x(?P<id>{_HEX}{{3,8}})\s*[{_DASHES}:=]+>?\s*{_BYTES}(?:\s*$|\s+[{_DASHES}(].*)",
        rf"{_CLOCK}.*?0x(?P<id>{_HEX}{{3,8}})\s+(?:[\[(]?(?P<length>\d)[\])]?\s+)?(?:[Dd]ata:? *)?{_BYTES}\s*",
        rf"{_CLOCK}.*?\b(?P<id>{_HEX}{{3,8}})h\s+(?:\w+\s+)?(?P<length>\d)\s+{_BYTES}\s*",
        rf"{_CLOCK}.*?\b[a-z]*can\d+\s+(?P<id>{_HEX}{{3}}|{_HEX}{{8}})\s+\[(?P<length>\d)\]\s+{_BYTES}(?:\s+'.*)?\s*",
        rf"{_CLOCK}.*?\b[a-z]*can\d+\s+(?P<id>{_HEX}{{3}}|{_HEX}{{8}})#(?P<data>(?:{_HEX}{{2}}){{0,8}})(?:\s.*)?",
        rf"\s*(?P<id>{_HEX}{{3}}|{_HEX}{{8}})\s+\[(?P<length>\d)\]\s+{_BYTES}\s*",
        rf"\s*(?P<id>{_HEX}{{3}}|{_HEX}{{8}})#(?P<data>(?:{_HEX}{{2}}){{0,8}})\s*",
        rf"\s*(?P<id>{_HEX}{{3}}|{_HEX}{{8}})\s*[{_DASHES}:=]\s*(?=..[ ,.:-]..){_BYTES}\s*",
        (
            rf".*Message\(timestamp=(?P<time>[\d.]+), arbitration_id=0x(?P<id>{_HEX}+), is_extended_id="
            rf"(?P<kind>True|False).*?, dlc=(?P<length>\d), data=\[(?P<data>(?:0x{_HEX}{{1,2}}(?:, )?){{0,8}})\].*"
        ),
        rf"\s*\d+\)\s+(?P<milliseconds>[\d.]+)\s+\d+\s+[RT]x\s+(?P<id>{_HEX}{{4}}|{_HEX}{{8}})\s+(?P<length>\d)\s+{_BYTES}\s*",
        rf"\s*\d+\s+(?P<id>{_HEX}{{3,8}})\s+(?P<kind>X?)\s*(?P<length>\d)\s+{_BYTES}\s+(?P<time>\d+\.\d+)\s+[RT]\s*",
    )
)
_SLCAN = re.compile(rf"\s*(?:t(?P<id>{_HEX}{{3}})|T(?P<extended>{_HEX}{{8}}))(?P<length>[0-8])(?P<rest>{_HEX}*)\s*")
_STAMP = 4
_STAMPS_PER_S = 1000.0

# Several lines: that of the identifier, and those of the bytes.
_HEADS = tuple(
    re.compile(head)
    for head in (
        rf"{_CLOCK}.*(?P<kind>std|standard|extended) (?:can_)?id=0x(?P<id>{_HEX}+).*?size=(?P<length>\d).*",
        rf"{_CLOCK}.*CAN message: 0x(?P<id>{_HEX}+) \((?P<length>\d) bytes\).*",
        rf".*Identifier: \d+ \(0x(?P<id>{_HEX}+)\).*",
    )
)
_LENGTH = re.compile(r".*Data length code: (\d).*")
_ONE_BYTE = re.compile(rf".*data(?:\[\d\]=| byte \d: 0x)({_HEX}{{2}})\b.*", re.IGNORECASE)
_ALL_BYTES = re.compile(rf".*?((?:\b{_HEX}{{2}} ){{0,7}}\b{_HEX}{{2}})\s*")
_EXTENDED = frozenset({"X", "x", "Extended", "extended", "29", "T", "True"})
_LONGEST_STANDARD = 0x7FF


def untimed_frames(lines: Iterable[str]) -> Iterator[UntimedFrame]:
    """Yield the frames of some lines with the times that it gives."""
    spread = _Spread()
    for line in lines:
        found = parse_line(line) or spread.take(line)
        if found is not None:
            yield found


def parse_line(line: str) -> UntimedFrame | None:
    """Return the frame that one line holds, with its time if it has one; None if it holds none."""
    match = next((found for form in _FORMS if (found := form.fullmatch(line))), None)
    if match is None:
        return _slcan(line)
    fields = match.groupdict()
    data = _data(match["data"])
    if fields.get("length") is not None and int(match["length"]) != len(data):
        return None
    frame = _frame(match["id"], data, fields.get("kind"))
    return None if frame is None else (_time(fields), frame)


def _data(text: str) -> bytes:
    """The bytes of a form: two digits each, or up to two behind 0x."""
    if "0x" in text:
        return bytes(int(one, 16) for one in re.findall(rf"0x({_HEX}{{1,2}})", text))
    return bytes.fromhex(re.sub(rf"[^{_HEX[1:-1]}]", "", text))


def _slcan(line: str) -> UntimedFrame | None:
    match = _SLCAN.fullmatch(line)
    if match is None:
        return None
    digits = 2 * int(match["length"])
    data, stamp = match["rest"][:digits], match["rest"][digits:]
    if len(data) != digits or len(stamp) not in (0, _STAMP):
        return None
    frame = _frame(match["extended"] or match["id"], bytes.fromhex(data), "T" if match["extended"] else "t")
    return None if frame is None else (int(stamp, 16) / _STAMPS_PER_S if stamp else None, frame)


def _frame(digits: str, data: bytes, kind: str | None) -> CanFrame | None:
    """A frame whose form says whether it is extended; or its number, where it does not."""
    number = int(digits, 16)
    extended = number > _LONGEST_STANDARD or len(digits) == len("00000000") if kind is None else kind in _EXTENDED
    return classic_frame(number, data, extended=extended)


def _time(fields: dict[str, str | None]) -> float | None:
    """Seconds since 1970 or since midnight, whichever the form has."""
    if fields.get("time"):
        return float(fields["time"] or 0)
    if fields.get("milliseconds"):
        return float(fields["milliseconds"] or 0) / 1000
    if not fields.get("hours"):
        return None
    hours, minutes, seconds = (int(fields[name] or 0) for name in ("hours", "minutes", "seconds"))
    return 3600 * hours + 60 * minutes + seconds + float(f"0.{fields.get('fraction') or 0}")


class _Spread:
    """A frame whose bytes stand in the lines behind that of its identifier."""

    def __init__(self) -> None:
        self._head: re.Match[str] | None = None
        self._length: int | None = None
        self._data = b""

    def take(self, line: str) -> UntimedFrame | None:
        """Take a line; return the frame that it completes."""
        head = next((found for form in _HEADS if (found := form.fullmatch(line))), None)
        if head is not None:
            self._head, self._data = head, b""
            self._length = int(head["length"]) if "length" in head.groupdict() else None
        elif self._head is not None and (length := _LENGTH.fullmatch(line)):
            self._length = int(length[1])
        elif self._head is not None:
            self._take_bytes(line)
        return self._whole()

    def _take_bytes(self, line: str) -> None:
        if one := _ONE_BYTE.fullmatch(line):
            self._data += bytes.fromhex(one[1])
        elif not self._data and (several := _ALL_BYTES.fullmatch(line)):
            found = bytes.fromhex(several[1])
            self._data = found if len(found) == self._length else b""

    def _whole(self) -> UntimedFrame | None:
        if self._head is None or self._length is None or len(self._data) != self._length:
            return None
        head, self._head = self._head, None
        fields = head.groupdict()
        frame = _frame(head["id"], self._data, fields.get("kind"))
        return None if frame is None else (_time(fields), frame)
