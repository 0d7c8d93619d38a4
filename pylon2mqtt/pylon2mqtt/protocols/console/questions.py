"""Asking a text console: only a `Command`, alone or with a number, and what is done about a damaged answer."""

import logging
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from pylon2mqtt.errors import FrameError
from pylon2mqtt.model import Bank
from pylon2mqtt.protocols.complaints import Complaints
from pylon2mqtt.transports.base import ByteTransport

from .answers import Reading, read_answer
from .commands import Command
from .prompt import Prompt

_LOG = logging.getLogger(__name__)

# What a barcode consists of; nothing else may follow `TBAR`.
_BARCODE = re.compile(r"[A-Za-z0-9]{8,24}", re.ASCII)


class Questions:
    """The questions to one console, and what was complained of already."""

    def __init__(self, name: str | None, prompt: Prompt) -> None:
        self.prompt = prompt
        self._name = name
        self.complaints = Complaints()

    def ask(self, line: ByteTransport, command: Command, number: int | None = None) -> Reading:
        """Ask, and once more where the answer is damaged."""
        if command is Command.TBAR:
            raise ValueError("tbar is no question")
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
        if not _BARCODE.fullmatch(barcode):
            raise ValueError(f"{barcode!r} is no barcode")
        return b"result:pass" in self.prompt.ask(line, f"{Command.TBAR} {barcode}", attempts=1)

    def _mention(self, command: Command, unknown: Iterable[str]) -> None:
        """Say once which columns and keys of this firmware nobody knows yet."""
        new = [word for word in unknown if self.complaints.is_new(f"{command} {word}")]
        if new:
            words = ", ".join(map(repr, new))
            _LOG.info(
                "%s: %r tells %s, which is not known here: a recording would help", self._name, str(command), words
            )


def with_clocks(told: Reading, now: datetime) -> Bank:
    """Return the bank with how far each module's clock is ahead of ``now``, to the minute."""
    ahead_s = {number: (at - now).total_seconds() for number, at in told.clocks.items()}
    to_the_minute = {number: 60.0 * round(seconds / 60) for number, seconds in ahead_s.items()}
    modules = (replace(module, clock_offset=to_the_minute.get(module.number)) for module in told.bank.modules)
    return replace(told.bank, modules=tuple(modules))


def without_voltages(bank: Bank) -> Bank:
    """Return what `soh` says without its voltages: it is remembered for so long that they are those of another hour."""
    modules = (
        replace(module, cells=tuple(replace(cell, voltage=None) for cell in module.cells or ()) or None)
        for module in bank.modules
    )
    return replace(bank, modules=tuple(modules))
