"""The text console's frame: from the bytes of one answer to the lines of its body.

::

    pylon>pwr 2 LF CR            prompt and echo: what the battery received (garbled, doubled or missing on a bad line)
    @ CR CR LF                   the body begins (unreadable at times)
    ... CR CR LF  or  CR LF CR   lines, the last one always CR LF CR; blank ones mean nothing
    Command completed successfully[!] LF CR
    $$ LF CR
    pylon>                       any word and ``>``; nothing behind it

What goes wrong on such a line: bytes are dropped without a trace; noise replaces them; a telnet bridge adds IAC
(FF ..) and NUL; the last answer's prompt, or a whole earlier answer, still stands in front; a pager waits in the
middle. An answer without ``$$``, prompt or success line is damaged. Source: docs/protocols/console.md.
"""

import re
from dataclasses import dataclass
from enum import IntEnum

from pylon2mqtt.errors import DeviceError, FrameError


class Refusal(IntEnum):
    """Why a battery refused: the ``code`` of a DeviceError."""

    UNKNOWN_COMMAND = 1
    """This firmware, or its present mode, has no such command: learn it, ask again after a restart."""
    BAD_ARGUMENTS = 2
    """It knows the command, but not with these arguments: ``stat 1`` where only ``stat`` is known."""
    NOT_PRESENT = 3
    """No module has this number."""
    FAILED = 4
    """It tried and failed; for ``bat N`` that means that no module has this number (US3000C)."""
    NOT_SUPPORTED = 5
    """The master knows it, an older slave does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer: the lines of its body, stripped, without blank ones.

    ``prompt`` is the word before ``>``; ``raw`` the bytes it was read from, for a bug report.
    """

    lines: tuple[str, ...]
    prompt: str = ""
    ok: bool = True
    refusal: Refusal | None = None
    raw: bytes = b""


# What a refusing answer says, at the start of a line.
_REFUSALS = (
    (re.compile(r"Unknown command '"), Refusal.UNKNOWN_COMMAND),
    (re.compile(r"Invalid command or fail"), Refusal.BAD_ARGUMENTS),
    (re.compile(r"Target device is not present"), Refusal.NOT_PRESENT),
    (re.compile(r"This version do(es)? not support"), Refusal.NOT_SUPPORTED),
    (re.compile(r"Command failed|Command completed un"), Refusal.FAILED),
)
_SUCCESS = re.compile(r"Command completed successfully!?")
# The last line of a body ends as no other line of a table does: before the success line stands CR LF CR, or that last
# line was lost. Only where CR and LF come through a bridge as they were sent, as behind the success line.
_LAST_LINE_LOST = re.compile(r"(?<!\r)\r\r\nCommand completed successfully!?\r\n\r\$\$")
_END = re.compile(r"(?:\A|[\r\n])[ \t]*\$\$\s*[\r\n]\s*(?P<prompt>[A-Za-z_]\w*)>\s*\Z", re.ASCII)
_PROMPT = re.compile(r"(?:\A|[\r\n])\s*(?P<prompt>[A-Za-z_]\w*)>\s*\Z", re.ASCII)
_PROMPT_AND_ECHO = re.compile(r"(?P<prompt>[A-Za-z_]\w*)>\s*(?P<echo>.*)", re.ASCII)
_PAGER = re.compile(r"Press \[Enter\][^\r\n]*exit")
# The longest end: $$, blank lines and a prompt, with some noise in between.
_TAIL_BYTES = 120

_TELNET = re.compile(rb"\xff(?:[\xfb-\xfe][\x00-\x7f]|\xfa[^\xff]*\xff\xf0|[\xf0-\xf9])")
_INSERTED = re.compile(rb"[\x00\xff]+")
# Between two printed characters a NUL or FF may stand for one that was lost. Noise does so here and there; what stands
# between characters everywhere was inserted by a bridge and takes no place.
_LOST = re.compile(rb"(?<=[!-~])[\x00\xff]+(?=[!-~])")
_MOST_NOISE = 3

# A header and a row.
_SHORTEST_TABLE = 2


def ends(data: bytes) -> bool:
    """Whether an answer has arrived to its end: ``$$`` and a prompt."""
    return _END.search(_text(data[-_TAIL_BYTES:])) is not None


def pager_waits(data: bytes) -> bool:
    """Whether the battery waits for Enter in the middle of a long answer."""
    return re.search(rf"{_PAGER.pattern}\s*\Z", _plain(data[-_TAIL_BYTES:])) is not None


def prompt_of(data: bytes) -> str | None:
    """Return the prompt that the bytes end with, such as ``pylon`` or ``PYTES``, or None."""
    found = _PROMPT.search(_text(data[-_TAIL_BYTES:]))
    return found["prompt"] if found else None


def echoed(data: bytes) -> str | None:
    """Return the command that an answer repeats at its start, or None where it is not there or not readable."""
    lines = _lines(_END.sub("", _text(data)))
    echo = _echo(lines, _start(lines))
    return echo if re.fullmatch(r"[a-z]+( \w+)*", echo) else None


def parse(data: bytes, command: str | None) -> Answer:
    """Return the body of an answer that was understood and ended well; of two in one buffer, the last.

    ``command`` is what was asked. Raises FrameError when the end or the success line is missing or the answer belongs
    to another question, DeviceError (its code a `Refusal`) when the battery refused.
    """
    answer = read(data, command)
    _check_refusal(answer, command)
    if not answer.ok:
        raise FrameError("no success line in the answer: ask again")
    return answer


def read(data: bytes, command: str | None) -> Answer:
    """Return an answer whether it ended well or not; raise FrameError when it is not whole or not ours."""
    text = _text(data)
    end = _END.search(text)
    if end is None:
        raise FrameError("the answer does not end in $$ and a prompt: wait longer, then ask again")
    if _LAST_LINE_LOST.search(text):
        raise FrameError("the last line before the success line was lost: ask again")
    lines = _lines(text[: end.start()])
    start = _start(lines)
    _check_echo(_echo(lines, start), command)
    body = lines[start:]
    while body and body[0] == command:
        body.pop(0)
    return _judged(body, command, end["prompt"], data)


def excerpt(data: bytes, command: str | None) -> Answer:
    """Return the lines of a table that was cut out of a terminal: neither echo, ``@`` nor end are there.

    A battery never answers so; people send it. Raises FrameError when there is any trace of a dialogue: then the rest
    of it is missing. Raises DeviceError for a refusal.
    """
    lines = _lines(_text(data))
    traces = [line for line in lines if line in ("@", "$$", command) or _PROMPT_AND_ECHO.match(line)]
    if traces or any(_SUCCESS.fullmatch(line) for line in lines) or len(lines) < _SHORTEST_TABLE:
        raise FrameError("the answer does not end in $$ and a prompt: record it again, whole")
    answer = _judged(lines, command, "", data)
    _check_refusal(answer, command)
    return answer


def _judged(body: list[str], command: str | None, prompt: str, raw: bytes) -> Answer:
    refusal = next((code for line in body if (code := _refusal(line)) is not None), None)
    if refusal is Refusal.UNKNOWN_COMMAND and command:
        _check_quoted(body, command)
    done = [i for i, line in enumerate(body) if _SUCCESS.fullmatch(line)]
    lines = tuple(body[: done[-1]] if done and refusal is None else body)
    return Answer(lines=lines, prompt=prompt, ok=bool(done) and refusal is None, refusal=refusal, raw=raw)


def _check_refusal(answer: Answer, command: str | None) -> None:
    if answer.refusal is not None:
        why = next(line for line in answer.lines if _refusal(line) is not None)
        raise DeviceError(f"the battery refused {command or 'the command'}: {why}", code=answer.refusal)


def _refusal(line: str) -> Refusal | None:
    return next((code for pattern, code in _REFUSALS if pattern.match(line)), None)


def _check_quoted(body: list[str], command: str) -> None:
    """The battery quotes what it does not know; where that is not what was asked, the question was damaged."""
    verb = command.split(maxsplit=1)[0]
    if not any(line.startswith(f"Unknown command '{verb}'") for line in body):
        raise FrameError(f"the battery did not hear {verb!r} but something else: ask again")


def _check_echo(echo: str, command: str | None) -> None:
    """Refuse the answer to the same question about another module; any other echo says nothing, for it is garbled."""
    asked = re.fullmatch(r"([a-z]+) ?(\d*)", command or "")
    came = re.fullmatch(r"([a-z]+) ?(\d*)", echo)
    if asked and came and asked[1] == came[1] and asked[2] != came[2]:
        raise FrameError(f"{command!r} was asked, {echo!r} answered: ask again")


def _text(data: bytes) -> str:
    return _PAGER.sub("\n", _plain(data))


def _plain(data: bytes) -> str:
    """The bytes as text; every byte that stands for a lost character becomes U+FFFD, which no value may contain."""
    if b"\xff" in data or b"\0" in data:
        data = _TELNET.sub(b"", data)
        few = len(_LOST.findall(data)) <= _MOST_NOISE
        data = _INSERTED.sub(b"", _LOST.sub(b"\x80", data) if few else data)
    return data.decode("ascii", errors="replace")


def _lines(text: str) -> list[str]:
    return [line for part in re.split(r"[\r\n]+", text) if (line := part.strip())]


def _start(lines: list[str]) -> int:
    """Where the body begins: behind the last ``@``, prompt or ``$$``."""
    marks = (i for i, line in enumerate(lines) if line in ("@", "$$") or _PROMPT_AND_ECHO.match(line))
    return max(marks, default=-1) + 1


def _echo(lines: list[str], start: int) -> str:
    """The line before ``@``, or what stands behind the prompt, or the first line."""
    at = start - 2 if 0 < start <= len(lines) and lines[start - 1] == "@" else start - 1
    line = lines[max(at, 0)] if lines else ""
    found = _PROMPT_AND_ECHO.match(line)
    return (found["echo"] if found else line).strip()
