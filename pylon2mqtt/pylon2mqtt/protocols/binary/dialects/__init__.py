"""The dialects: one object in one file each, all of them in `DIALECTS`."""

from pylon2mqtt.errors import DecodeError
from pylon2mqtt.model import Bank
from pylon2mqtt.protocols.binary.dialect import BinaryDialect
from pylon2mqtt.protocols.binary.frame import Frame

from .eg4 import EG4
from .pace import PACE
from .pylontech_rs232 import PYLONTECH_RS232
from .pylontech_rs485 import PYLONTECH_RS485
from .seplos import SEPLOS
from .ver22 import VER22

__all__ = [
    "DIALECTS",
    "EG4",
    "PACE",
    "PYLONTECH_RS232",
    "PYLONTECH_RS485",
    "SEPLOS",
    "VER22",
    "decoded",
    "is_answer",
    "tried_on",
]

DIALECTS: tuple[BinaryDialect, ...] = (PYLONTECH_RS485, PYLONTECH_RS232, PACE, SEPLOS, EG4, VER22)
"""All that are read. A new one is one file and its name here."""


def tried_on(line: str) -> tuple[BinaryDialect, ...]:
    """The dialects that the driver of a kind of line tries, the likeliest first."""
    tried = (dialect for dialect in DIALECTS if line in dialect.lines)
    return tuple(sorted(tried, key=lambda dialect: dialect.lines[line]))


def is_answer(answer: Frame, asked: Frame) -> bool:
    """Whether a frame is of the module that was asked, by the dialect that it is in."""
    spoken = [dialect for dialect in DIALECTS if dialect.speaks(answer) and dialect.asks(asked)]
    if not spoken:
        return answer.address == asked.address
    return any(dialect.answers(answer, asked) for dialect in spoken)


def decoded(answer: Frame, asked: Frame) -> Bank:
    """Return what a sound answer with RTN 00 says to a question; raise DecodeError for what no dialect claims."""
    for dialect in DIALECTS:
        if dialect.claims(answer, asked):
            return dialect.decode(answer, asked)
    raise DecodeError(
        f"an answer to {asked.cid2:02X} with VER {answer.version:02X} and CID1 {answer.cid1:02X} is not known: "
        "send a recording",
        raw=answer.to_bytes(),
    )
