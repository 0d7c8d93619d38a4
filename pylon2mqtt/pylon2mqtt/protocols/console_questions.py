"""Asking a text console: which commands can be sent at all, and what is done about a damaged answer.

Only a `Command` can be sent, alone, with a number, or `TBAR` with a barcode: there is no way to name another.
"""

import logging
import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TypeVar

from pylon2mqtt.errors import FrameError
from pylon2mqtt.transports.base import ByteTransport

from .console_answers import Reading, read_answer
from .prompt import Prompt

T = TypeVar("T")

_LOG = logging.getLogger(__name__)

# Text that stands still is believed after two equal readings: a dropped byte leaves no trace in it.
_READINGS = 4

BARCODE = re.compile(r"[A-Za-z0-9]{8,24}", re.ASCII)
"""What a barcode consists of; nothing else may follow `TBAR`."""


class Command(StrEnum):
    """The commands that may be sent, alone or with a number. All of them only read, but for the last three.

    ``login debug`` and ``logout`` change what the console knows, and are sent only where the owner allows it. ``tbar``
    is the works' test that writes a barcode: only with the barcode that the owner entered, and allowed, and only where
    the console tells nothing without it.
    """

    PWR = "pwr"
    BAT = "bat"
    INFO = "info"
    STAT = "stat"
    SOH = "soh"
    PWRSYS = "pwrsys"
    EURO = "euro"
    UNIT = "unit"
    SYSINFO = "sysinfo"
    BMUINFO = "bmuinfo"
    GETPWR = "getpwr"
    RECORD = "data event"
    LOG = "log"
    LOGIN = "login debug"
    LOGOUT = "logout"
    TBAR = "tbar"


class Questions:
    """The questions to one console, and what was complained of already."""

    def __init__(self, name: str | None, prompt: Prompt) -> None:
        self.prompt = prompt
        self._name = name
        self._complaints: set[str] = set()

    def ask(self, line: ByteTransport, command: Command, number: int | None = None) -> Reading:
        """Ask, and once more where the answer is damaged."""
        text = str(command) if number is None else f"{command} {number}"
        try:
            reading = read_answer(text, self.prompt.ask(line, text))
        except FrameError as error:
            _LOG.debug("%s: %s: %s", self._name, text, error)
            reading = read_answer(text, self.prompt.ask(line, text))
        self._mention(command, reading.unknown)
        return reading

    def open_with(self, line: ByteTransport, barcode: str) -> bool:
        """Send `TBAR` with the owner's barcode, once; tell whether the console took it."""
        if not BARCODE.fullmatch(barcode):
            raise ValueError(f"{barcode!r} is no barcode")
        return b"result:pass" in self.prompt.ask(line, f"{Command.TBAR} {barcode}", attempts=1)

    def is_new(self, complaint: str) -> bool:
        """Whether this was not complained of before; from now on it was."""
        known, self._complaints = self._complaints, self._complaints | {complaint}
        return complaint not in known

    def _mention(self, command: Command, unknown: Iterable[str]) -> None:
        """Say once which columns and keys of this firmware nobody knows yet."""
        new = [word for word in unknown if self.is_new(f"{command} {word}")]
        if new:
            words = ", ".join(map(repr, new))
            _LOG.info(
                "%s: %r tells %s, which is not known here: a recording would help", self._name, str(command), words
            )


def twice(what: str, ask: Callable[[], T]) -> T:
    """Return an answer that came the same twice in a row; raise FrameError where it never does."""
    last = ask()
    for _ in range(_READINGS - 1):
        before, last = last, ask()
        if last == before:
            return last
    raise FrameError(f"{what} reads differently each time: look at the cable")
