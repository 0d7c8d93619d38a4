"""Asking a text console: only a `ConsoleCommand`, alone or with a number, and what is done about a doubtful answer.

Damage and novelty are not the same. A form that is damage, or the firmware's own, is asked for again: what comes twice
in the same way is the firmware's own, is accepted as unknown, and is reported once.
"""

import logging
import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from pylon2mqtt.errors import DeviceError, FrameError
from pylon2mqtt.model import Bank
from pylon2mqtt.model.joining import agreed
from pylon2mqtt.protocols.complaints import Complaints
from pylon2mqtt.transports.base import ByteTransport

from .answers import doubtful, read_answer
from .commands import LOGIN, TBAR, Belief, ConsoleCommand
from .decoded import Decoded
from .prompt import Prompt
from .text import Refusal

T = TypeVar("T")

_LOG = logging.getLogger(__name__)

# What a barcode consists of; nothing else may follow `tbar`.
_BARCODE = re.compile(r"[A-Za-z0-9]{8,24}", re.ASCII)
# So often a damaged answer is asked for before it counts as none.
_ATTEMPTS = 3
# So many readings to find two that are equal.
_READINGS = 4


class Session:
    """The questions to one console, the forms of its firmware that were accepted, and what was complained of already.

    What writes, or may, is sent once: where that did not end well, it is never sent again in this run.
    """

    def __init__(self, name: str | None, prompt: Prompt) -> None:
        self.prompt = prompt
        self.complaints = Complaints()
        self._name = name
        self._accepted: dict[str, set[str]] = {}
        self._spent: set[str] = set()

    def believed(self, line: ByteTransport, command: ConsoleCommand, number: int | None = None) -> Bank:
        """Return the answer to a command as it is believed: at once, or after readings that agree."""

        def ask() -> Bank:
            return self.ask(line, command, number).bank

        if command.belief is Belief.BY_VALUE:
            return agreed(ask(), ask())
        return twice(command.asked(number), ask) if command.belief is Belief.WHOLE else ask()

    def ask(self, line: ByteTransport, command: ConsoleCommand, number: int | None = None) -> Decoded:
        """Return one answer without doubts; ask again where it is damaged.

        Raises FrameError when it stays damaged in different ways.
        """
        if command.writes:
            raise ValueError(f"{command} is no question")
        text = command.asked(number)
        accepted, seen, error = self._accepted.setdefault(str(command), set()), set[str](), FrameError("")
        for _ in range(_ATTEMPTS):
            try:
                decoded = read_answer(text, self.prompt.ask(line, text))
            except FrameError as damage:
                error = damage
                _LOG.debug("%s: %s: %s", self._name, text, damage)
                continue
            doubts = set(decoded.doubts) - accepted
            accepted |= doubts & seen
            if doubts <= accepted:
                self._mention(command, logging.INFO, decoded.unknown)
                self._mention(command, logging.WARNING, decoded.doubts)
                return decoded
            seen |= doubts
            error = doubtful(decoded.doubts)
            _LOG.debug("%s: %s: %s", self._name, text, error)
        raise error

    def log_in(self, line: ByteTransport) -> bool:
        """Send `login debug`; tell whether the console is logged in then. Raises DeviceError where it is refused."""

        def is_logged_in(answer: bytes) -> bool:
            try:
                read_answer(str(LOGIN), answer)
            except DeviceError as refusal:
                if refusal.code != Refusal.BAD_ARGUMENTS:  # that one says that it was logged in already
                    raise
            return True

        return self._write_once(line, LOGIN, str(LOGIN), is_logged_in)

    def write_barcode(self, line: ByteTransport, barcode: str) -> bool:
        """Send `tbar` with the owner's barcode; tell whether the console took it."""
        if not _BARCODE.fullmatch(barcode):
            raise ValueError(f"{barcode!r} is no barcode")
        return self._write_once(line, TBAR, f"{TBAR} {barcode}", lambda answer: b"result:pass" in answer)

    def may_write(self, command: ConsoleCommand) -> bool:
        """Whether this command was not yet sent, or ended well whenever it was."""
        return str(command) not in self._spent

    def _write_once(
        self, line: ByteTransport, command: ConsoleCommand, text: str, ended_well: Callable[[bytes], bool]
    ) -> bool:
        if not self.may_write(command):
            return False
        self._spent.add(str(command))
        if ended_well(self.prompt.ask(line, text)):
            self._spent.discard(str(command))
            return True
        return False

    def _mention(self, command: ConsoleCommand, level: int, unknown: Iterable[str]) -> None:
        """Say once what this firmware prints and nobody knows yet."""
        new = [form for form in unknown if self.complaints.is_new(f"{command} {form}")]
        if new:
            _LOG.log(
                level,
                "%s: this firmware prints %s in its answer to %r, which is not known yet: the rest is read. "
                "Please send a recording (pylon2mqtt record)",
                self._name, ", ".join(new), str(command),
            )  # fmt: skip


def twice(what: str, ask: Callable[[], T], last: T | None = None) -> T:
    """Return an answer that came the same twice in a row, counting ``last`` from before; else raise FrameError.

    For text that stands still: a dropped byte leaves no trace in it.
    """
    for _ in range(_READINGS):
        before, last = last, ask()
        if last == before:
            return last
    raise FrameError(f"{what} reads differently each time: look at the cable")
