"""Reading a high-voltage rack over its controller's console: SC0500, SC1000, PowerCube, Force H1 and H2; or one BMU.

`pwr` tells of the rack and `unit` of its modules in every cycle, `bat` of all cells in one table, which is cut into
modules by what the rack itself says of them. Modules are in series: voltages add up, the current is one.

A rack that is full and that nobody uses falls asleep, sometimes in the middle of an answer. That is no fault: its last
values stand for a while before it counts as lost.

Source: docs/protocols/console.md.
"""

import logging
from collections.abc import Sequence
from dataclasses import fields, replace
from functools import partial

from pylon2mqtt.errors import DecodeError, DeviceError, FrameError, RestingError, TransportTimeoutError
from pylon2mqtt.model import Bank, Module, Readings, Topology
from pylon2mqtt.model.joining import agreed, joined
from pylon2mqtt.protocols.base import Clock
from pylon2mqtt.protocols.console.commands import IDENTIFY_S, Command, twice
from pylon2mqtt.protocols.console.history import History
from pylon2mqtt.protocols.console.questions import Questions, with_clocks, without_voltages
from pylon2mqtt.protocols.roster import Roster
from pylon2mqtt.transports.base import ByteTransport

from . import cells as rack_cells
from .opening import Opening

_LOG = logging.getLogger(__name__)

EVERY_S = {
    Command.BAT: 0.0,
    Command.SYSINFO: 60.0,
    Command.STAT: 600.0,
    Command.SOH: 3600.0,
    Command.RECORD: 600.0,
    Command.LOG: 600.0,
}
"""How often each question is asked, in seconds; `pwr`, `unit` and what is 0 here in every cycle."""

_BAT_FOR_STATISTICS_S = 60.0
# Who a rack and its modules are, is asked again so soon where the answer was damaged.
_IDENTIFY_AGAIN_S = 30.0
_BMUINFO_S = 3600.0
# A question that this console does not know is asked again once a day.
_UNKNOWN_S = 86_400.0
RESTS_FOR_S = 900.0
"""So long a rack that was nearly full may be silent before it counts as lost; a quarter of an hour is often seen."""

_NEARLY_FULL = 90.0
# What a module alone shares with its rack.
_READINGS = tuple(field.name for field in fields(Readings) if field.name not in ("counters", "parameters"))


class Rack:
    """The driver of a rack; made when a console has shown that it is one.

    ``cells`` is the owner's level: with ``none`` no cell is asked for, with ``statistics`` rarely.
    """

    def __init__(
        self, *, name: str | None, clock: Clock, questions: Questions, opening: Opening, roster: Roster, cells: str
    ) -> None:
        questions.prompt.wakes = False
        self._name = name
        self._clock = clock
        self._questions = questions
        self._ask = questions.ask
        self._opening = opening
        self._cells = cells
        self._roster = roster
        self._every_s = EVERY_S | ({Command.BAT: _BAT_FOR_STATISTICS_S} if cells == "statistics" else {})
        self._history = History(self._roster.answers, EVERY_S)
        self._identity = Bank()
        self._identify_at = self._no_units_until = float("-inf")
        self._soc = 0.0
        self._told_at = float("-inf")

    # -------------------- the seam

    def read(self, line: ByteTransport, rack: Bank | None = None) -> Bank:
        """Ask everything that is due and return the whole rack; ``rack`` is what `pwr` has said already.

        Raises RestingError while it is silent as a full rack is.
        """
        try:
            bank = self._read(line, rack)
        except TransportTimeoutError as silence:
            self._questions.prompt.forget()
            if self._soc >= _NEARLY_FULL and self._clock.now() - self._told_at < RESTS_FOR_S:
                raise RestingError(str(silence)) from silence
            raise
        self._soc, self._told_at = bank.soc or 0.0, self._clock.now()
        return bank

    def _forget(self) -> None:
        """Forget who was found, and what the console was found not to know."""
        self._identity = Bank()
        self._identify_at = self._no_units_until = float("-inf")

    def _read(self, line: ByteTransport, rack: Bank | None) -> Bank:
        if self._roster.begin():
            self._forget()
        rack = rack or self._opening.told(line).bank
        if rack.voltage is None:
            raise FrameError("the console is no longer that of a rack: restart the app if the battery is another one")
        identity = self._identified(line)
        units = self._units(line, rack)
        slots = self._roster.slots
        if any(unit.number in slots and slots[unit.number].misses for unit in units.modules):
            self._identify_at = float("-inf")  # another one may be there now
            identity = self._identified(line)
        rack = replace(rack, current=_one_current(units.modules, rack.current))
        slow = [self._remembered(line, command) for command in (Command.STAT, Command.SYSINFO)]
        cells = [] if self._cells == "none" else self._all_cells(line, rack, units)
        parts = joined((*slow, identity, *cells, replace(rack, modules=()), units))
        for module in parts.modules:
            self._roster.found(module.number, module.number)
        told = {unit.number for unit in units.modules}
        modules = {module.number: module for module in parts.modules if module.number in told}
        self._roster.report(modules, "the rack does not tell of it")
        topology = Topology.SERIES if len(self._roster.slots) > 1 else Topology.PARALLEL
        events = self._history.news(lambda command, number: self._ask(line, command, number).bank.events or ())
        return replace(
            parts,
            name=self._name,
            topology=topology,
            modules=tuple(modules.values()),
            silent=self._roster.silent,
            events=events,
        )

    def _remembered(self, line: ByteTransport, command: Command) -> Bank:
        """What two readings agree on: in a list of keys a lost digit leaves no trace."""

        def ask() -> Bank:
            return agreed(*(self._ask(line, command).bank for _ in range(2)))

        return self._roster.answers.answer(command, self._every_s[command], ask) or Bank()

    # -------------------- modules

    def _units(self, line: ByteTransport, rack: Bank) -> Bank:
        """The modules as `unit` tells them; of a console that does not know it, those of `info`, or one alone.

        A single BMU says everything of itself: then the alarms are the module's.
        """
        if self._clock.now() >= self._no_units_until:
            try:
                return with_clocks(self._ask(line, Command.UNIT), self._clock.local())
            except DeviceError as refusal:
                _LOG.info("%s: %s", self._name, refusal)
                self._no_units_until = self._clock.now() + _UNKNOWN_S
        named = [module.number for module in self._identity.modules]
        if len(named) > 1:
            return Bank(modules=tuple(Module(number=number) for number in named))
        alone = Module(number=1, **{name: getattr(rack, name) for name in _READINGS})
        return Bank(alarms=(), modules=(alone,))

    # -------------------- cells

    def _all_cells(self, line: ByteTransport, rack: Bank, units: Bank) -> list[Bank]:
        """What is told of single cells; `getpwr` tells of them beside the rack, the rest has to be asked for."""
        told = []
        for command in (Command.SOH, Command.BAT):
            ask = partial(self._cut, line, command, units)
            answer = self._roster.answers.answer(command, self._every_s[command], ask)
            told += [answer] if answer else []
        try:
            return [self._sorted(rack, units), *told] if rack.modules else told
        except FrameError as error:
            if self._questions.complaints.is_new(str(error)):
                _LOG.info("%s: getpwr without its cells: %s", self._name, error)
            return told

    def _cut(self, line: ByteTransport, command: Command, units: Bank) -> Bank:
        told = self._sorted(self._ask(line, command).bank, units)
        return without_voltages(told) if command is Command.SOH else told

    def _sorted(self, told: Bank, units: Bank) -> Bank:
        """The answer with its cells in their modules."""
        (flat,) = told.modules
        by_modules = [(module.counters or {}).get("cell_count") for module in self._identity.modules]
        by_rack = (self._identity.counters or {}).get("cell_count")
        count = max((module.number for module in (*units.modules, *self._identity.modules)), default=1)
        sizes = rack_cells.sizes(
            len(flat.cells or ()),
            count,
            by_modules=[int(size) for size in by_modules if size],
            by_rack=None if by_rack is None else int(by_rack),
        )
        modules = rack_cells.cut(flat, sizes)
        rack_cells.check(modules, units.modules)
        return replace(told, modules=modules)

    # -------------------- who is who

    def _identified(self, line: ByteTransport) -> Bank:
        """Who the rack and its modules are, believed after two equal readings; asked again now and then."""
        if self._clock.now() < self._identify_at:
            return self._identity
        told = self._told_identity(line)
        if told is None:
            self._identify_at = self._clock.now() + _IDENTIFY_AGAIN_S
            return self._identity
        if self._identity.modules and _barcodes(told) != _barcodes(self._identity):
            _LOG.info("%s: its modules are other ones now, or in another order", self._name)
            self._roster.answers.forget(lambda _key: True)
        self._identity = joined((self._told_boards(line, told.module_count or 0), told))
        self._identify_at = self._clock.now() + IDENTIFY_S
        return self._identity

    def _told_identity(self, line: ByteTransport) -> Bank | None:
        """What `info` says; nothing where the console does not know it; None where the answer is damaged."""
        try:
            return twice("info", lambda: self._ask(line, Command.INFO).bank)
        except DeviceError:
            return Bank()
        except DecodeError as error:
            self._questions.complaints.not_understood(self._name, error)
            return Bank()
        except FrameError:
            if not self._identity.modules:
                raise
            return None

    def _told_boards(self, line: ByteTransport, count: int) -> Bank:
        """What each module's own board says, where the console asks it: BMU 0 is the last module."""
        modules = []
        for number in range(count):
            ask = partial(self._ask, line, Command.BMUINFO, number)
            board = self._roster.answers.answer(f"{Command.BMUINFO} {number}", _BMUINFO_S, ask, at_once=True)
            if board is None:  # The next ones would not be known either.
                break
            modules.append(replace(board.bank.modules[0], number=count - number))
        return Bank(modules=tuple(reversed(modules)))


def _one_current(modules: Sequence[Module], by_pwr: float | None) -> float | None:
    """The current that several rows of `unit` agree on; in the one row of `pwr` a lost digit leaves no trace."""
    told = {module.current for module in modules}
    return told.pop() if len(told) == 1 and len(modules) > 1 and None not in told else by_pwr


def _barcodes(bank: Bank) -> list[str | None]:
    return [module.barcode for module in bank.modules]
