"""From the bytes of one answer of a text console to the model.

Every answer becomes a bank with only that filled in. `model.joining` puts such parts together field by field; but
``alarms``, ``counters`` and ``cells`` are reported by several commands, so the driver joins those by their items.
"""

import re
from collections.abc import Callable
from datetime import datetime

from pylon2mqtt.errors import DecodeError, FrameError
from pylon2mqtt.model import Bank

from .commands import COMMANDS
from .decoded import Decoded, Reader
from .events.bits import recorded
from .stack.dictionaries import detail
from .text import Answer, echoed, excerpt, parse
from .values import moment

_BARCODE = re.compile(rb"(?i)((?:barcode\s*:|(?:module|pcba):\s*:|\btbar\b)\s*)(\S+)")
_LONG_WORD = re.compile(rb"\b(?=[A-Z0-9]*[A-Z])(?=[A-Z0-9]*\d)[A-Z0-9]{12,20}\b")


def read_answer(command: str, data: bytes) -> Decoded:
    """Return what an answer to ``command`` says, and what is doubtful in it.

    Raises FrameError when it is damaged (ask again), DeviceError when the battery refused (its code: `Refusal`) and
    DecodeError when it is sound but of a command that is not read.
    """
    return _decoded(command, parse(data, command))


def decode_answer(command: str, data: bytes) -> Bank:
    """Return what an answer to ``command`` says, as a bank with only that filled in.

    Raises as `read_answer`, and FrameError for a doubt: one answer alone cannot tell damage from a new form.
    """
    return _without_doubts(read_answer(command, data))


def decode_recording(command: str | None, data: bytes) -> Bank:
    """As `decode_answer`, for what people record: the command may stand in the echo alone, or be a table's header.

    A table without any trace of a dialogue, cut out of a terminal, is read too. A battery never answers so.
    """
    asked = " ".join(command.split()) if command else echoed(data)
    if asked is None:
        raise FrameError("no echo tells what was asked: name it with --request")
    try:
        answer = parse(data, asked)
    except FrameError:
        if b"$$" in data:
            raise
        answer = excerpt(data, asked)
    return _without_doubts(_decoded(asked, answer))


def scrub(_asked: bytes, answer: bytes, pseudonym: Callable[[str], str]) -> bytes:
    """Return recorded bytes with every barcode, or what looks like one, replaced by as many characters."""

    def hidden(barcode: bytes) -> bytes:
        return pseudonym(barcode.decode("latin-1")).ljust(len(barcode), "0")[: len(barcode)].encode("latin-1")

    answer = _BARCODE.sub(lambda match: match[1] + hidden(match[2]), answer)
    return _LONG_WORD.sub(lambda match: hidden(match[0]), answer)


def doubtful(doubts: tuple[str, ...]) -> FrameError:
    """The error for an answer that is damaged, or in a form that is not known."""
    return FrameError(f"{doubts[0]}: this is damaged, or this firmware prints it, and it is not known yet: ask again")


def clock(answer: Answer) -> datetime | None:
    """Return the time that ``time`` tells, in the battery's own zone; None for a date that does not exist.

    Raises FrameError when no line tells a time.
    """
    reported = [line for line in answer.lines if re.search(r"\d\d-\d\d-\d\d \d\d:\d\d:\d\d", line, re.ASCII)]
    if not reported:
        raise FrameError("no time in the answer: ask again")
    return moment(reported[0])


def _without_doubts(decoded: Decoded) -> Bank:
    if decoded.doubts:
        raise doubtful(decoded.doubts)
    return decoded.bank


def _decoded(command: str, answer: Answer) -> Decoded:
    verb, _, rest = command.partition(" ")
    if command in _RECORDED_ONLY:
        return _RECORDED_ONLY[command](answer, None)
    if (verb, bool(rest)) in _READERS and re.fullmatch(r"\d{0,2}", rest):
        return _READERS[verb, bool(rest)](answer, int(rest) if rest else None)
    if re.match(_LISTS, command):
        return recorded(answer, None)
    if verb in _SAY_NOTHING:
        return Decoded(bank=Bank())
    raise DecodeError(f"{command!r} is not a question that is read", raw=answer.raw)


def _time(answer: Answer, number: int | None) -> Decoded:
    at = clock(answer)
    return Decoded(bank=Bank(), clocks={} if at is None else {number or 1: at})


# (command, with a number) -> what reads its answer.
_READERS: dict[tuple[str, bool], Reader] = {
    (command.text, numbered): command.read
    for command in COMMANDS
    for numbered in (False, True)
    if (command.numbered if numbered else command.alone)
}
# What is never asked, but read where people recorded it.
_RECORDED_ONLY: dict[str, Reader] = {"time": _time, "stat detail": detail}
# What the battery says happened; its history of values every half an hour is not read.
_LISTS = r"(log|data event|datalist event)\b"
_SAY_NOTHING = ("log", "data", "datalist", "help", "login", "logout")
