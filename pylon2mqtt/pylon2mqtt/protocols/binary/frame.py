r"""The frame of the binary protocol, shared by RS485, RS232 and their dialects, and by the simulator.

::

    ~  VER ADR CID1 CID2 LENGTH  INFO      CHKSUM  CR
    1  2   2    2    2    4      LENID     4       1     characters

``~`` (0x7E) and CR (0x0D) are raw, all between is two hexadecimal characters per byte. In an answer CID2 is the
return code RTN. LENGTH is LCHKSUM (1 nibble) and LENID (3 nibbles: the *characters* of INFO); its four nibbles add
up to 0 mod 16. CHKSUM is minus the sum of the character codes from VER to the end of INFO, mod 65536.

How a line goes bad, and what happens to it here: noise before ``~`` or behind CR is skipped; a second ``~`` starts
anew; a cut, a lost or a turned character fails the length or a checksum. CHKSUM does not see two swapped characters:
the decoder of INFO has to look whether the values can be true.

Source: RS485-protocol-pylon-low-voltage V3.3 (2018-08-21), 2.2 to 2.5.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pylon2mqtt.errors import FrameError

SOI = b"~"
EOI = b"\r"
BATTERY = 0x46
"""CID1 of a battery."""

_CANDIDATE = re.compile(rb"~[^~\r]*\r")
_SHORTEST = len("~2002460000000000\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame as values: ``Frame.parse(frame.to_bytes()) == frame``."""

    address: int
    cid2: int
    info: bytes = b""
    version: int = 0x20
    cid1: int = BATTERY

    def to_bytes(self) -> bytes:
        """Return the frame as it goes over the wire."""
        head = bytes((self.version, self.address, self.cid1, self.cid2)).hex()
        text = f"{head}{length_field(2 * len(self.info)):04X}{self.info.hex()}".upper().encode()
        return SOI + text + b"%04X" % checksum(text) + EOI

    @classmethod
    def parse(cls, raw: bytes) -> "Frame":
        """Return the values of one frame from ``~`` to CR; raise FrameError if anything about it is wrong."""
        if len(raw) < _SHORTEST or raw[:1] != SOI or raw[-1:] != EOI:
            raise FrameError(f"{len(raw)} characters are no whole frame")
        text = raw[1:-1]
        try:
            octets = bytes.fromhex(text.decode("ascii"))
        except ValueError:
            raise FrameError("a frame with characters that are not hexadecimal") from None
        if len(text) != 2 * len(octets):
            raise FrameError("a frame with blanks in it")
        _check_length(text)
        total = checksum(text[:-4])
        if int.from_bytes(octets[-2:]) != total:
            raise FrameError(f"CHKSUM is {text[-4:].decode()}, the characters add up to {total:04X}")
        version, address, cid1, cid2 = octets[:4]
        return cls(version=version, address=address, cid1=cid1, cid2=cid2, info=octets[6:-2])


def candidates(data: bytes) -> Iterator[bytes]:
    """Yield what may be frames in ``data``, each from its last ``~`` to CR; noise around them is left out."""
    yield from _CANDIDATE.findall(data)


def checksum(text: bytes) -> int:
    """CHKSUM over the characters from VER to the end of INFO."""
    return -sum(text) & 0xFFFF


def length_field(characters: int) -> int:
    """LENGTH for an INFO of so many characters: LCHKSUM above LENID."""
    return (-_nibbles(characters) & 0xF) << 12 | characters


def _nibbles(length: int) -> int:
    return (length >> 12) + (length >> 8 & 0xF) + (length >> 4 & 0xF) + (length & 0xF)


def _check_length(text: bytes) -> None:
    length = int(text[8:12], 16)
    if _nibbles(length) & 0xF:
        raise FrameError(f"LENGTH {length:04X} fails its LCHKSUM")
    if length & 0xFFF != len(text) - 16:
        raise FrameError(f"LENGTH {length:04X} does not fit an INFO of {len(text) - 16} characters")
