"""What recorded bytes of the binary protocol say, in whichever dialect, and how they are told from others'."""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial

from pylon2mqtt.errors import FrameError
from pylon2mqtt.model import Bank
from pylon2mqtt.protocols.base import Probe

from .dialect import Barcodes, BinaryDialect
from .dialects import DIALECTS, decoded, is_answer
from .dialogue import RETURN_CODES, last_answer
from .frame import Frame, candidates

# The question of a PACE master for its packs; as a return code nobody sends it unasked.
_PACK_COUNT = 0x90


def decode(data: bytes, request_text: str | None) -> Bank:
    """Return what one recorded answer says.

    ``request_text`` is the request's characters; without it the echo of the request must be in ``data``. Raises
    ProtocolError if the answer is damaged, foreign, a refusal, or unknown.
    """
    asked = _recorded_request(data, request_text)
    if not _is_known(asked):
        raise FrameError(f"{asked.cid2:02X} is no command that this bridge asks")
    return decoded(last_answer(data, asked, is_answer), asked)


def _recorded_request(data: bytes, text: str | None) -> Frame:
    if text is not None:
        return Frame.parse(text.strip().encode("latin-1", "replace") + b"\r")
    for raw in candidates(data):
        frame = Frame.parse(raw)
        if _is_known(frame):
            return frame
    raise FrameError("an answer does not tell what was asked: give the request with --request")


def _is_known(asked: Frame) -> bool:
    return any(dialect.asks(asked) for dialect in DIALECTS)


def scrub(asked: bytes, answer: bytes, pseudonym: Callable[[str], str]) -> bytes:
    """Return recorded bytes with the barcodes in them replaced; what is too damaged to find them in is blanked."""
    try:
        question = Frame.parse(asked)
    except FrameError:
        return answer
    places = [
        (dialect, dialect.barcodes[command])
        for dialect in DIALECTS
        if (command := dialect.command_of(question)) in dialect.barcodes
    ]
    if not places:
        return answer
    pieces = re.findall(rb"~[^~\r]*\r?|[^~]+", answer)
    return b"".join(_scrubbed(piece, places, pseudonym) for piece in pieces)


def _scrubbed(piece: bytes, places: list[tuple[BinaryDialect, Barcodes]], pseudonym: Callable[[str], str]) -> bytes:
    """One frame with other barcodes; they stand where the dialect has them that the frame is in."""
    try:
        frame = Frame.parse(piece)
    except FrameError:
        return re.sub(rb"[0-9A-Fa-f]", b"0", piece)
    barcodes = next((barcodes for dialect, barcodes in places if dialect.speaks(frame)), None)
    if barcodes is None:
        return piece
    info, length = frame.info, barcodes.length
    end = min(len(info), barcodes.begins + barcodes.most * length)
    for at in range(barcodes.begins, end - length + 1, length):
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


def is_from(data: bytes, dialect: BinaryDialect) -> bool:
    """Whether a battery's answer in this dialect is in ``data``, be it a refusal."""
    return any(dialect.speaks(frame) and frame.cid2 in {0, *RETURN_CODES} for frame in sound(data))


def is_question(data: bytes) -> bool:
    """Whether somebody's question to a battery is in ``data``."""
    refusals = {0, *RETURN_CODES} - {_PACK_COUNT}
    spoken = {dialect.cid1 for dialect in DIALECTS}
    return any(frame.cid1 in spoken and frame.cid2 not in refusals for frame in sound(data))


def probes(protocol: str) -> tuple[Probe, ...]:
    """Return the harmless questions that find out whether a line speaks one of a driver's dialects."""
    return tuple(
        Probe(
            protocol=protocol,
            title=dialect.title,
            rank=dialect.probe.rank,
            baudrate=baudrate,
            question=dialect.question(dialect.probe.command, place).to_bytes(),
            wait_s=wait_s,
            recognises=partial(is_from, dialect=dialect),
            is_question=is_question,
        )
        for dialect in DIALECTS
        if not isinstance(dialect.probe, str) and dialect.probe.protocol == protocol
        for baudrate, wait_s in dialect.probe.wait_s.items()
        for place in dialect.probe.places
    )
