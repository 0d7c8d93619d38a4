"""The text console (RS232, 115200 baud) of Pylontech US2000 to US5000 and Pytes: which commands, and how often.

Only the master's console answers for the whole bank. `pwr` tells of all modules at once and is asked in every cycle;
the rest is asked of each module in turn. Only commands of `Command` can be sent: there is no way to name another.

Source: docs/protocols/console.md.
"""

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from pylon2mqtt.errors import DeviceError, FrameError, ProtocolError, TransportTimeoutError
from pylon2mqtt.model import Alarm, Bank, Event, Module
from pylon2mqtt.model.joining import agreed, joined
from pylon2mqtt.protocols.base import Clock, Probe
from pylon2mqtt.protocols.console.rack.driver import Rack
from pylon2mqtt.protocols.console.rack.opening import Allowed, Opening
from pylon2mqtt.protocols.roster import Roster, Slot
from pylon2mqtt.protocols.schedule import STAGGER_S
from pylon2mqtt.transports.base import ByteTransport

from .answers import decode_recording
from .commands import BAT_FOR_STATISTICS_S, EVERY_S, IDENTIFY_S, Command, twice
from .events import distinct
from .history import History
from .modules import MOST_SLOTS
from .prompt import BAUDRATE, ENTER, Prompt
from .questions import Questions, with_clocks, without_voltages
from .text import Refusal, echoed, prompt_of

__all__ = ["PROBES", "Command", "Console", "decode", "scrub"]

_LOG = logging.getLogger(__name__)

# The later one wins where two tell the same: what is asked more often comes last.
_OF_MODULE = (Command.STAT, Command.PWR)
_OF_CELLS = (Command.SOH, Command.BAT)
# What the console tells of the module that holds the cable only.
_OF_MASTER = (Command.EURO,)
_WITHOUT_ROWS = (Command.STAT, Command.PWR, Command.PWRSYS, Command.EURO)
_MASTER = 1

_BARCODE = re.compile(rb"(?i)((?:barcode\s*:|(?:module|pcba):\s*:|\btbar\b)\s*)(\S+)")
_LONG_WORD = re.compile(rb"\b(?=[A-Z0-9]*[A-Z])(?=[A-Z0-9]*\d)[A-Z0-9]{12,20}\b")

PROBES = (
    Probe(
        protocol="console",
        title="the text console (RS232)",
        rank=0,
        baudrate=BAUDRATE,
        question=ENTER,
        wait_s=0.6,
        recognises=lambda told: prompt_of(told) is not None,
        is_question=lambda _told: False,
    ),
)
"""Enter: a console shows its prompt, and it means nothing to anybody else."""


def decode(data: bytes, request: str | None) -> Bank:
    """Return what one recorded answer says; raise ProtocolError if it is no good answer.

    ``request`` is the command; without it the answer must begin with its echo.
    """
    command = request or echoed(data)
    if command is None:
        raise FrameError("an answer does not tell what was asked: give the command with --request")
    return decode_recording(command, data)


def scrub(_asked: bytes, answer: bytes, pseudonym: Callable[[str], str]) -> bytes:
    """Return recorded bytes with every barcode, or what looks like one, replaced by as many characters."""

    def hidden(barcode: bytes) -> bytes:
        return pseudonym(barcode.decode("latin-1")).ljust(len(barcode), "0")[: len(barcode)].encode("latin-1")

    answer = _BARCODE.sub(lambda match: match[1] + hidden(match[2]), answer)
    return _LONG_WORD.sub(lambda match: hidden(match[0]), answer)


class Console:
    """The driver: reads all modules with one `pwr`, and what else there is in turn; a rack's console is left to `Rack`.

    ``cells`` is the owner's level: with ``none`` no cell is asked for, with ``statistics`` rarely. ``allow_login``: the
    owner allows the debug mode, for what is known only there. ``allow_tbar``, ``console_barcode``: for a rack that
    tells nothing without them, see `console_rack_opening`.
    """

    listens = False

    def __init__(
        self,
        *,
        name: str | None,
        clock: Clock | None = None,
        stagger_s: float = STAGGER_S,
        cells: str = "full",
        allow_login: bool = False,
        allow_tbar: bool = False,
        console_barcode: str | None = None,
    ) -> None:
        self._name = name
        self._clock = clock or Clock()
        self._questions = Questions(name, Prompt(self._clock))
        self._ask = self._questions.ask
        allowed = Allowed(login=allow_login, tbar=allow_tbar, barcode=console_barcode)
        self._opening = Opening(name, self._clock, self._questions, allowed)
        self._rack: Rack | None = None
        self._cells = cells
        self._roster = Roster(name, self._clock.now, stagger_s)
        self._allow_login = allow_login
        self._history = History(self._roster.answers, EVERY_S)
        self._every_s = EVERY_S | ({Command.BAT: BAT_FOR_STATISTICS_S} if cells == "statistics" else {})
        self._of_module = _OF_MODULE if cells == "none" else (*_OF_MODULE, *_OF_CELLS)

    # -------------------- the seam

    def read(self, line: ByteTransport) -> Bank:
        """Ask everything that is due and return the whole bank."""
        if self._rack:
            return self._rack.read(line)
        self._roster.begin()
        try:
            told = self._ask(line, Command.PWR) if self._roster.slots else self._opening.told(line)
        except TransportTimeoutError:
            self._questions.prompt.forget()
            raise
        if told.bank.voltage is not None:
            return self._made_rack().read(line, told.bank)
        modules = self._modules(line, with_clocks(told, self._clock.local()).modules)
        own = self._system(line)
        bank = joined((own, Bank(name=self._name, modules=tuple(modules))))
        return replace(bank, silent=self._roster.silent, events=self._news(line))

    def rescan(self) -> None:
        """Forget what was found; may be called from any thread."""
        self._roster.rescan()

    def _made_rack(self) -> Rack:
        """The driver that reads this console from now on: its `pwr` has one row for all modules."""
        _LOG.info("%s: this is the console of a high-voltage rack", self._name)
        self._rack = Rack(
            name=self._name,
            clock=self._clock,
            questions=self._questions,
            opening=self._opening,
            roster=self._roster,
            cells=self._cells,
        )
        return self._rack

    # -------------------- modules

    def _modules(self, line: ByteTransport, rows: Iterable[Module]) -> list[Module]:
        """The modules that `pwr` told of and that said who they are; known ones that it left out are silent."""
        present = {row.number: row for row in rows}
        for number in present:
            self._roster.found(number, number)
        modules = []
        for number, slot in sorted(self._roster.slots.items()):
            if number not in present:
                self._roster.missed(number, TransportTimeoutError("its slot is empty"))
                continue
            try:
                modules.append(self._module(line, present[number], slot))
            except (TransportTimeoutError, ProtocolError) as error:
                self._roster.missed(number, error)
                continue
            self._roster.answered(number)
        return modules

    def _module(self, line: ByteTransport, row: Module, slot: Slot) -> Module:
        identity = self._identity(line, row, slot)
        commands = (*self._of_module, *(_OF_MASTER if row.number == _MASTER else ()))
        slow = [part for c in commands if (part := self._remembered(line, c, row.number)) is not None]
        parts = [part for bank in slow for part in bank.modules if part.number == row.number]
        whole = joined((*(Bank(modules=(part,)) for part in (*parts, row)), identity)).modules[0]
        return replace(whole, alarms=_all_alarms((*parts, row)))

    # -------------------- who is who

    def _identity(self, line: ByteTransport, row: Module, slot: Slot) -> Bank:
        """Who the module is: asked again now and then, and when it was away or `pwr` names another barcode."""
        known = slot.identity.modules[0] if slot.identity and slot.identity.modules else None
        swapped = known is not None and row.barcode not in (None, known.barcode)
        if slot.identity is None or swapped or self._clock.now() >= slot.identify_at:
            told = self._told_identity(line, row)
            # Modules that were found together are not asked together for ever.
            share = (1 + row.number / MOST_SLOTS) / 2 if slot.identity is None else 1
            self._roster.recognise(row.number, told, again_s=IDENTIFY_S * share)
        return slot.identity or Bank()

    def _told_identity(self, line: ByteTransport, row: Module) -> Bank:
        """What a module tells of itself; where the firmware does not, what `pwr` says of it, which may be nothing."""
        try:
            told = twice(f"info {row.number}", lambda: self._ask_module(line, Command.INFO, row.number))
        except DeviceError:
            told = Bank()
        if row.barcode is None or any(module.barcode for module in told.modules):
            return told
        return twice(Command.PWR, lambda: _labels(self._ask(line, Command.PWR).bank, row.number))

    # -------------------- the bank as a whole

    def _system(self, line: ByteTransport) -> Bank:
        """What the bank says of itself, where it does; a module that it counts and that is not here is missed."""
        every_s = EVERY_S[Command.PWRSYS]
        own = self._roster.answers.answer(Command.PWRSYS, every_s, lambda: self._ask_system(line)) or Bank()
        counted, found = own.module_count or 0, len(self._roster.slots)
        if counted > found and self._questions.complaints.is_new(f"{counted} modules"):
            _LOG.warning(
                "%s: the battery counts %d modules, its console shows %d: check the link cables between the modules, "
                "their DIP switches, and that the cable is in the master's console socket",
                self._name, counted, found,
            )  # fmt: skip
        return _without_live(own)

    def _ask_system(self, line: ByteTransport) -> Bank:
        """Ask `pwrsys`; some firmwares know it only in their debug mode."""
        try:
            return self._ask_again(line, Command.PWRSYS)
        except DeviceError as refusal:
            if not self._allow_login or refusal.code != Refusal.UNKNOWN_COMMAND:
                raise
        with self._logged_in(line):
            return self._ask_again(line, Command.PWRSYS)

    @contextmanager
    def _logged_in(self, line: ByteTransport) -> Iterator[None]:
        self._ask(line, Command.LOGIN)
        try:
            yield
        finally:
            self._ask(line, Command.LOGOUT)

    # -------------------- what happened

    def _news(self, line: ByteTransport) -> tuple[Event, ...] | None:
        """What is new in the master's own lists; None where it has none."""
        new = self._history.news(lambda command, number: self._ask(line, command, number).bank.events or ())
        return None if new is None else tuple(replace(event, module=_MASTER) for event in new)

    # -------------------- asking

    def _remembered(self, line: ByteTransport, command: Command, number: int) -> Bank | None:
        told = self._roster.answers.answer(
            (command, number), self._every_s[command], lambda: self._ask_module(line, command, number)
        )
        return without_voltages(told) if told and command is Command.SOH else told

    def _ask_module(self, line: ByteTransport, command: Command, number: int) -> Bank:
        """Ask about one module; some masters answer for themselves only when they are asked without a number."""
        ask = self._ask_again if command in _WITHOUT_ROWS else self._ask_once
        if command in _OF_MASTER:
            return ask(line, command)
        try:
            return ask(line, command, number)
        except DeviceError as refusal:
            if number != _MASTER or refusal.code != Refusal.BAD_ARGUMENTS or command is Command.PWR:
                raise
            return ask(line, command)

    def _ask_once(self, line: ByteTransport, command: Command, number: int | None = None) -> Bank:
        return self._ask(line, command, number).bank

    def _ask_again(self, line: ByteTransport, command: Command, number: int | None = None) -> Bank:
        """What two readings agree on: in a list of keys a lost digit leaves no trace."""
        return agreed(*(self._ask(line, command, number).bank for _ in range(2)))


def _without_live(own: Bank) -> Bank:
    """What `pwrsys` says that stays true for a minute; what changes faster is computed from `pwr`."""
    return replace(
        own, voltage=None, current=None, temperature=None, state=None,
        cell_voltage_min=None, cell_voltage_max=None, cell_temperature_min=None, cell_temperature_max=None,
    )  # fmt: skip


def _labels(told: Bank, number: int) -> Bank:
    """What the table of all modules says of who one is."""
    rows = (row for row in told.modules if row.number == number)
    return Bank(modules=tuple(Module(number=row.number, barcode=row.barcode, model=row.model) for row in rows))


def _all_alarms(parts: Iterable[Module]) -> tuple[Alarm, ...] | None:
    """The alarms of all answers, each condition once; None if no answer tells of any."""
    told = [part.alarms for part in parts if part.alarms is not None]
    return distinct(alarm for alarms in told for alarm in alarms) if told else None
