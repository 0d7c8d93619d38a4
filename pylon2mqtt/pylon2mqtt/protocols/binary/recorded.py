"""Which dialect of the binary frame an answer is in: decided by VER, CID1 and layout, never guessed, never configured.

==== ====== ============================================ ===========
VER  CID1   and                                          dialect
==== ====== ============================================ ===========
20   46     10 user defined items in 42, 20 in 44        Seplos
20   46     else                                         Pylontech; JK's and others' emulations of it
20   4A                                                  EG4 LifePower4
25   46                                                  PACE
==== ====== ============================================ ===========

Everything else is refused, with a request for a recording: VER 12, 22 and 26 were seen with other layouts.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from pylon2mqtt.errors import DecodeError, FrameError
from pylon2mqtt.model import Bank
from pylon2mqtt.protocols.binary.dialects import eg4, pace, pylontech, seplos
from pylon2mqtt.protocols.binary.dialects.pylontech_info import SYSTEM, Command

from .dialogue import RETURN_CODES, last_answer
from .frame import BATTERY, Frame, candidates
from .values import Decoder

_COMMANDS: dict[tuple[int, int], frozenset[int]] = {
    (0x20, BATTERY): frozenset(Command),
    (pace.VERSION, BATTERY): frozenset(pace.Command),
    (0x20, eg4.CID1): frozenset(eg4.Command),
}
_ALL_COMMANDS = frozenset().union(*_COMMANDS.values())

# The answers that tell barcodes: where those begin in INFO, how long each is, and how many there are at the most.
_BARCODES: dict[int, tuple[int, int, int]] = {
    Command.SERIAL: (1, 16, 1),
    Command.SYSTEM_BASIC: (33, 16, 16),
    pace.Command.BARCODE: (0, 20, 1),
}


def decoded(answer: Frame, asked: Frame) -> Bank:
    """Return what a sound answer with RTN 00 says to a question; raise DecodeError for what is not known."""
    spoken = (answer.version, answer.cid1)
    if spoken not in _COMMANDS:
        raise DecodeError(
            f"VER {answer.version:02X} with CID1 {answer.cid1:02X} is not known: send a recording",
            raw=answer.to_bytes(),
        )
    if asked.cid2 not in _COMMANDS[spoken]:
        raise DecodeError(
            f"an answer to {asked.cid2:02X} with VER {answer.version:02X} is not known: send a recording",
            raw=answer.to_bytes(),
        )
    return _decoder(spoken, answer, asked)(answer, asked)


def _decoder(spoken: tuple[int, int], answer: Frame, asked: Frame) -> Decoder:
    if spoken == (pace.VERSION, BATTERY):
        return pace.decode
    if spoken == (0x20, eg4.CID1):
        return eg4.decode
    return seplos.decode if seplos.speaks(answer, asked) else pylontech.decode


# -------------------- recorded bytes


def decode(data: bytes, request_text: str | None) -> Bank:
    """Return what one recorded answer says.

    ``request_text`` is the request's characters; without it the echo of the request must be in ``data``. Raises
    ProtocolError if the answer is damaged, foreign, a refusal, or unknown.
    """
    asked = _recorded_request(data, request_text)
    if asked.cid2 not in _ALL_COMMANDS:
        raise FrameError(f"{asked.cid2:02X} is no command that this bridge asks")
    return decoded(last_answer(data, asked, any_group=asked.cid2 in SYSTEM), asked)


def _recorded_request(data: bytes, text: str | None) -> Frame:
    if text is not None:
        return Frame.parse(text.strip().encode("latin-1", "replace") + b"\r")
    for raw in candidates(data):
        frame = Frame.parse(raw)
        if frame.cid2 in _ALL_COMMANDS:
            return frame
    raise FrameError("an answer does not tell what was asked: give the request with --request")


def scrub(asked: bytes, answer: bytes, pseudonym: Callable[[str], str]) -> bytes:
    """Return recorded bytes with the barcodes in them replaced; what is too damaged to find them in is blanked."""
    try:
        command = Frame.parse(asked).cid2
    except FrameError:
        return answer
    if command not in _BARCODES:
        return answer
    pieces = re.findall(rb"~[^~\r]*\r?|[^~]+", answer)
    return b"".join(_scrubbed(piece, *_BARCODES[command], pseudonym) for piece in pieces)


def _scrubbed(piece: bytes, begins: int, length: int, most: int, pseudonym: Callable[[str], str]) -> bytes:
    try:
        frame = Frame.parse(piece)
    except FrameError:
        return re.sub(rb"[0-9A-Fa-f]", b"0", piece)
    info = frame.info
    for at in range(begins, min(len(info), begins + most * length) - length + 1, length):
        name = pseudonym(info[at : at + length].decode("latin-1")).ljust(length, "\0")[:length]
        info = info[:at] + name.encode("latin-1") + info[at + length :]
    return replace(frame, info=info).to_bytes()


# -------------------- what is heard while nobody has asked


def sound(data: bytes) -> list[Frame]:
    """Every sound frame in ``data``."""
    frames = []
    for raw in candidates(data):
        with suppress(FrameError):
            frames.append(Frame.parse(raw))
    return frames


def is_answer(data: bytes, version: int, cid1: int = BATTERY) -> bool:
    """Whether a battery's answer with this VER and CID1 is in ``data``, be it a refusal."""
    return any((f.version, f.cid1) == (version, cid1) and f.cid2 in {0, *RETURN_CODES} for f in sound(data))


def is_question(data: bytes) -> bool:
    """Whether somebody's question to a battery is in ``data``.

    90 is the question of a PACE master for its packs; as a return code nobody sends it unasked.
    """
    refusals = {0, *RETURN_CODES} - {Command.PACK_COUNT}
    return any(f.cid1 in (BATTERY, eg4.CID1) and f.cid2 not in refusals for f in sound(data))
