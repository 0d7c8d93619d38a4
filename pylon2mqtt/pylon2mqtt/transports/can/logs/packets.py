"""CAN logs of tcpdump and Wireshark: pcap and pcapng, of a CAN interface or of all interfaces (cooked).

A packet of a CAN interface (link type 227) is the identifier with its marks in network order, the length, three bytes
and the data; that of all interfaces (113, 276) stands behind a header that names the protocol.
Source: www.tcpdump.org/linktypes, draft-ietf-opsawg-pcapng.
"""

import struct
from collections.abc import Iterator

from pylon2mqtt.errors import FrameError
from pylon2mqtt.transports.base import CanFrame

from .untimed import UntimedFrame, classic_frame

MAGICS = (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x0a\x0d\x0d\x0a")
"""What the files begin with: pcap in either order, with micro- or nanoseconds, and pcapng."""

_NEXT_GENERATION = MAGICS[-1]
_NANO = (MAGICS[2], MAGICS[3])
_BIG = (MAGICS[1], MAGICS[3])
_HEADER, _RECORD = 24, 16
_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_LITTLE_ENDIAN = b"\x4d\x3c\x2b\x1a"
_SHORTEST_BLOCK = 12
# Link type -> where the protocol stands in the packet, and where the frame begins.
_CAN, _LINKS = 227, {113: (14, 16), 276: (0, 20)}
_PROTOCOL_CAN = 0x000C
_EXTENDED, _REMOTE, _ERROR, _ID = 0x80000000, 0x40000000, 0x20000000, 0x1FFFFFFF
_FRAME = struct.Struct(">IB3x")


def untimed_frames(data: bytes) -> Iterator[UntimedFrame]:
    """Yield the frames of a file; raise FrameError where it is damaged or of another kind of network."""
    try:
        yield from _blocks(data) if data.startswith(_NEXT_GENERATION) else _records(data)
    except struct.error as error:
        raise FrameError(f"this pcap file is cut: {error}") from error


def _records(data: bytes) -> Iterator[UntimedFrame]:
    """The packets of a pcap file."""
    order = ">" if data[:4] in _BIG else "<"
    per_s = 1e9 if data[:4] in _NANO else 1e6
    (link,) = struct.unpack_from(f"{order}I", data, _HEADER - 4)
    place = _HEADER
    while place < len(data):
        seconds, parts, length, _ = struct.unpack_from(f"{order}IIII", data, place)
        packet = data[place + _RECORD : place + _RECORD + length]
        place += _RECORD + length
        yield from _packet(packet, link & 0xFFFF, seconds + parts / per_s)


def _blocks(data: bytes) -> Iterator[UntimedFrame]:
    """The packets of a pcapng file; times are believed to be in microseconds, as they are by default."""
    order, place = "<", 0
    links: list[int] = []
    while place < len(data):
        if data[place : place + 4] == _NEXT_GENERATION:
            order = "<" if data[place + 8 : place + 12] == _LITTLE_ENDIAN else ">"
            links = []
        kind, length = struct.unpack_from(f"{order}II", data, place)
        if length < _SHORTEST_BLOCK:
            raise FrameError("this pcapng file is damaged: a block without a length")
        if kind == _INTERFACE:
            links.append(struct.unpack_from(f"{order}H", data, place + 8)[0])
        elif kind == _PACKET:
            interface, high, low, size = struct.unpack_from(f"{order}IIII", data, place + 8)
            packet = data[place + 28 : place + 28 + size]
            if interface < len(links):
                yield from _packet(packet, links[interface], ((high << 32) + low) / 1e6)
        place += length


def _packet(packet: bytes, link: int, at: float) -> Iterator[UntimedFrame]:
    if link in _LINKS:
        protocol, begin = _LINKS[link]
        if struct.unpack_from(">H", packet, protocol)[0] != _PROTOCOL_CAN:
            return
        packet = packet[begin:]
    elif link != _CAN:
        raise FrameError(f"this pcap file holds no CAN frames: its link type is {link}, not {_CAN}")
    frame = _can_frame(packet)
    if frame is not None:
        yield at, frame


def _can_frame(packet: bytes) -> CanFrame | None:
    number, length = _FRAME.unpack_from(packet)
    data = packet[_FRAME.size : _FRAME.size + length]
    extended = bool(number & _EXTENDED)
    if number & _ERROR:
        return CanFrame(number & _ID, data, error=True)
    if number & _REMOTE:
        return CanFrame(number & _ID, extended=extended, remote=True)
    return classic_frame(number & _ID, data, extended=extended) if len(data) == length else None
