"""The text console (RS232, 115200 baud) of Pylontech US2000 to US5000 and Pytes: which commands, and how often.

Only the master's console answers for the whole bank. `pwr` tells of all modules at once and is asked in every cycle;
the rest is asked of each module in turn. Only the rows of `commands` can be sent: there is no way to name another.

Source: docs/protocols/console.md.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from pylon2mqtt.errors import DeviceError, FrameError, ProtocolError, TransportTimeoutError
from pylon2mqtt.model import Alarm, Bank, Event, Module, Topology
from pylon2mqtt.model.joining import joined
from pylon2mqtt.model.plausibility import contradictions
from pylon2mqtt.protocols.base import Clock, Probe
from pylon2mqtt.protocols.roster import Roster, Slot
from pylon2mqtt.protocols.schedule import STAGGER_S
from pylon2mqtt.transports.base import ByteTransport

from .answers import decode_recording, scrub
from .commands import (
    BAT,
    CELLS,
    FOR_STATISTICS_S,
    INFO,
    LOGIN,
    LOGOUT,
    OF_MASTER,
    OF_MODULE,
    PWR,
    PWRSYS,
    RECORD,
    SOH,
    ConsoleCommand,
)
from .decoded import with_clocks, without_voltages
from .events.lists import EventLists
from .prompt import BAUDRATE, ENTER, Prompt
from .rack.driver import Rack
from .rack.opening import Allowed, Opening
from .session import Session, twice
from .stack.conditions import distinct
from .stack.tables import MOST_SLOTS, fit
from .text import Refusal, echoed, prompt_of

__all__ = ["PROBES", "Console", "decode", "scrub"]

_LOG = logging.getLogger(__name__)

# Who a module is, is asked again so soon where the answer was late or damaged.
_IDENTIFY_AGAIN_S = 60.0

PROBES = (
    Probe(
        protocol="console",
        title="the text console (RS232)",
        rank=0,
        baudrate=BAUDRATE,
        question=ENTER,
        wait_s=0.6,
        recognises=lambda reported: prompt_of(reported) is not None,
        is_question=lambda _reported: False,
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


class Console:
    """The driver: reads all modules with one `pwr`, and what else there is in turn; a rack's console is left to `Rack`.

    ``cells`` is the owner's level: with ``none`` no cell is asked for, with ``statistics`` rarely. ``allow_login``: the
    owner allows the debug mode, for what is known only there. ``allow_tbar``, ``console_barcode``: for a rack that
    tells nothing without them, see `rack.opening`.
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
        self._session = Session(name, Prompt(self._clock))
        allowed = Allowed(login=allow_login, tbar=allow_tbar, barcode=console_barcode)
        self._opening = Opening(name, self._clock, self._session, allowed)
        self._roster = Roster(name, self._clock.now, stagger_s)
        self._lists = EventLists(self._roster.answers, RECORD)
        self._full: dict[int, tuple[str | None, float]] = {}
        self._rack: Rack | None = None
        self._allow_login, self._cells = allow_login, cells

    def read(self, line: ByteTransport) -> Bank:
        """Ask everything that is due and return the whole bank."""
        if self._rack:
            return self._rack.read(line)
        self._roster.begin()
        try:
            power = self._session.ask(line, PWR) if self._roster.slots else self._opening.first_answer(line)
        except TransportTimeoutError:
            self._session.prompt.forget()
            raise
        if power.bank.topology is Topology.SERIES:
            self._rack = self._made_rack()
            return self._rack.read(line, power)
        present = {row.number: row for row in with_clocks(power, self._clock.local()).modules}
        modules = [self._module(line, present[number], slot) for number, slot in self._present(present)]
        own = self._of_bank(line)
        bank = joined((own, Bank(name=self._name, modules=tuple(modules))))
        return replace(bank, silent=self._roster.silent, events=self._news(line))

    def rescan(self) -> None:
        """Forget what was found; may be called from any thread."""
        self._roster.rescan()

    def _made_rack(self) -> Rack:
        """The driver that reads this console from now on: its `pwr` has one row for all modules."""
        _LOG.info("%s: this is the console of a high-voltage rack", self._name)
        return Rack(
            name=self._name,
            clock=self._clock,
            session=self._session,
            opening=self._opening,
            roster=self._roster,
            cells=self._cells,
        )

    # -------------------- modules

    def _present(self, rows: Iterable[int]) -> list[tuple[int, Slot]]:
        """The modules that `pwr` tells of; known ones that it leaves out are silent."""
        present = sorted(rows)
        for number in present:
            self._roster.found(number, number)
        for number in sorted(self._roster.slots.keys() - present):
            self._roster.missed(number, TransportTimeoutError("its slot is empty"))
        return [(number, self._roster.slots[number]) for number in present]

    def _module(self, line: ByteTransport, row: Module, slot: Slot) -> Module:
        """The module of a row of `pwr`: the row is enough, everything else costs its own values only."""
        identity = self._identity(line, row, slot)
        self._roster.answered(row.number)
        commands = (*OF_MODULE, *(OF_MASTER if row.number == self._own_number else ()))
        if self._cells == "none":
            commands = tuple(command for command in commands if command not in CELLS)
        answers = [self._remembered(line, command, row) for command in commands]
        parts = [part for bank in answers if bank for part in bank.modules if part.number == row.number]
        whole = joined((*(Bank(modules=(part,)) for part in (*parts, row)), identity)).modules[0]
        return replace(whole, alarms=_all_alarms((*parts, row)), full_capacity=self._full_capacity(whole))

    def _full_capacity(self, module: Module) -> float | None:
        """What the module holds: the last figure of it, for it tells one only while it is more than half full."""
        wrong = {name for found in contradictions(module) for name in found.fields}
        if module.full_capacity is not None and "full_capacity" not in wrong:
            self._full[module.number] = (module.barcode, module.full_capacity)
        barcode, full = self._full.get(module.number, (None, None))
        return full if barcode == module.barcode else None

    @property
    def _own_number(self) -> int:
        """The number of the module that holds the cable."""
        return min(self._roster.slots, default=1)

    def _remembered(self, line: ByteTransport, command: ConsoleCommand, row: Module) -> Bank | None:
        """What a module answers to a command that is not asked in every cycle, or may fail."""
        number = row.number
        every_s = FOR_STATISTICS_S if command is BAT and self._cells == "statistics" else command.every_s
        ask = partial(self._cells_of, line, row) if command is BAT else partial(self._of_module, line, command, number)
        answer = self._roster.answers.answer((str(command), number), every_s, ask)
        return without_voltages(answer) if answer and command is SOH else answer

    def _cells_of(self, line: ByteTransport, row: Module) -> Bank:
        """The cells of a module; asked again where they are not those of its row in `pwr`."""
        cells = self._of_module(line, BAT, row.number)
        return cells if fit(cells.modules[0], row) else self._of_module(line, BAT, row.number)

    def _of_module(self, line: ByteTransport, command: ConsoleCommand, number: int) -> Bank:
        """Ask about one module; some masters answer for themselves only when they are asked without a number."""
        if not command.numbered:
            return _as_module(self._session.believed(line, command), number)
        try:
            return self._session.believed(line, command, number)
        except DeviceError as refusal:
            own = number == self._own_number and command.alone
            if not own or refusal.code != Refusal.BAD_ARGUMENTS:
                raise
        return _as_module(self._session.believed(line, command), number)

    # -------------------- who is who

    def _identity(self, line: ByteTransport, row: Module, slot: Slot) -> Bank:
        """Who the module is: asked again now and then, and when it was away or `pwr` names another barcode."""
        swapped = slot.barcode is not None and row.barcode not in (None, slot.barcode)
        if swapped or self._clock.now() >= slot.identify_at:
            # Modules that were found together are not asked together for ever.
            share = (1 + row.number / MOST_SLOTS) / 2 if slot.identity is None else 1
            try:
                self._roster.recognise(row.number, self._asked_identity(line, row), again_s=INFO.every_s * share)
            except (TransportTimeoutError, ProtocolError) as error:
                _LOG.info("%s: who module %d is, is not known now: %s", self._name, row.number, error)
                slot.identify_at = self._clock.now() + _IDENTIFY_AGAIN_S
        return slot.identity or Bank()

    def _asked_identity(self, line: ByteTransport, row: Module) -> Bank:
        """What a module says of itself; where the firmware does not, what `pwr` says of it, which may be nothing."""
        try:
            identity = self._of_module(line, INFO, row.number)
        except DeviceError:
            identity = Bank()
        if row.barcode is None or any(module.barcode for module in identity.modules):
            return identity
        return twice(str(PWR), lambda: _labels(self._session.ask(line, PWR).bank, row.number))

    # -------------------- the bank as a whole

    def _of_bank(self, line: ByteTransport) -> Bank:
        """What the bank says of itself, where it does; a module that it counts and that is not here is missed."""
        own = self._roster.answers.answer(str(PWRSYS), PWRSYS.every_s, lambda: self._asked_system(line)) or Bank()
        counted, found = own.module_count or 0, len(self._roster.slots)
        if counted > found and self._session.complaints.is_new(f"{counted} modules"):
            _LOG.warning(
                "%s: the battery counts %d modules, its console shows %d: check the link cables between the modules, "
                "their DIP switches, and that the cable is in the master's console socket",
                self._name, counted, found,
            )  # fmt: skip
        return _without_live(own)

    def _asked_system(self, line: ByteTransport) -> Bank:
        """Ask `pwrsys`; some firmwares know it only in their debug mode."""
        try:
            return self._session.believed(line, PWRSYS)
        except DeviceError as refusal:
            may = self._allow_login and self._session.may_write(LOGIN)
            if not may or refusal.code != Refusal.UNKNOWN_COMMAND:
                raise
        with self._logged_in(line):
            return self._session.believed(line, PWRSYS)

    @contextmanager
    def _logged_in(self, line: ByteTransport) -> Iterator[None]:
        self._session.log_in(line)
        try:
            yield
        finally:
            self._session.ask(line, LOGOUT)

    def _news(self, line: ByteTransport) -> tuple[Event, ...] | None:
        """What is new in the master's own lists; None where it has none."""
        new = self._lists.news(lambda command, number: self._session.ask(line, command, number).bank.events or ())
        return None if new is None else tuple(replace(event, module=self._own_number) for event in new)


def _as_module(reported: Bank, number: int) -> Bank:
    """The answer of a console about itself, as that of the module with this number."""
    return replace(reported, modules=tuple(replace(module, number=number) for module in reported.modules))


def _without_live(own: Bank) -> Bank:
    """What `pwrsys` says that stays true for a minute; what changes faster is computed from `pwr`."""
    return replace(
        own, voltage=None, current=None, temperature=None, state=None,
        cell_voltage_min=None, cell_voltage_max=None, cell_temperature_min=None, cell_temperature_max=None,
    )  # fmt: skip


def _labels(reported: Bank, number: int) -> Bank:
    """What the table of all modules says of who one is."""
    rows = (row for row in reported.modules if row.number == number)
    return Bank(modules=tuple(Module(number=row.number, barcode=row.barcode, model=row.model) for row in rows))


def _all_alarms(parts: Iterable[Module]) -> tuple[Alarm, ...] | None:
    """The alarms of all answers, each condition once; None if no answer tells of any."""
    reported = [part.alarms for part in parts if part.alarms is not None]
    return distinct(alarm for alarms in reported for alarm in alarms) if reported else None
