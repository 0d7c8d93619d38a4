"""Reading a high-voltage rack over its controller's console: SC0500, SC1000, PowerCube, Force H1 and H2; or one BMU.

`pwr` tells of the rack and `unit` of its modules in every cycle, `bat` of all cells in one table, which is cut into
modules by what the rack itself says of them. Modules are in series: voltages add up, the current is one.

A rack that is full and that nobody uses falls asleep, sometimes in the middle of an answer. That is no fault: its last
values stand for a while before it counts as lost.

Source: docs/protocols/console.md.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any

from pylon2mqtt.errors import DeviceError, FrameError, ProtocolError, RestingError, TransportTimeoutError
from pylon2mqtt.model import Bank, Module, Readings, Topology
from pylon2mqtt.model.joining import joined
from pylon2mqtt.protocols.base import Clock
from pylon2mqtt.protocols.console.commands import (
    BAT,
    BMUINFO,
    CELLS,
    FOR_STATISTICS_S,
    INFO,
    OF_RACK,
    RECORD_OF_RACK,
    SOH,
    UNIT,
    ConsoleCommand,
)
from pylon2mqtt.protocols.console.decoded import Decoded, with_clocks, without_voltages
from pylon2mqtt.protocols.console.events.lists import EventLists
from pylon2mqtt.protocols.console.session import Session
from pylon2mqtt.protocols.roster import Roster
from pylon2mqtt.transports.base import ByteTransport

from . import cells as rack_cells
from .opening import Opening

_LOG = logging.getLogger(__name__)

# Who a rack and its modules are, is asked again so soon where the answer was late or damaged.
_IDENTIFY_AGAIN_S = 30.0
# A question that this console does not know is asked again once a day.
_UNKNOWN_S = 86_400.0
RESTS_FOR_S = 900.0
"""So long a rack that was nearly full may be silent before it counts as lost; a quarter of an hour is often seen."""

_NEARLY_FULL = 90.0
# What a module shares with its rack.
_READINGS = tuple(field.name for field in fields(Readings))
_MEASURED = tuple(name for name in _READINGS if name not in ("counters", "parameters"))
# More than one module has: a rack that tells of no module is not one itself.
_MOST_MODULE_V = 100.0


class Rack:
    """The driver of a rack; made when a console has shown that it is one.

    ``cells`` is the owner's level: with ``none`` no cell is asked for, with ``statistics`` rarely.
    """

    def __init__(
        self, *, name: str | None, clock: Clock, session: Session, opening: Opening, roster: Roster, cells: str
    ) -> None:
        session.prompt.wakes = False
        self._name = name
        self._clock = clock
        self._session = session
        self._opening = opening
        self._roster = roster
        self._cells = cells
        self._lists = EventLists(roster.answers, RECORD_OF_RACK)
        self._who = Bank()
        self._identify_at = self._no_units_until = float("-inf")
        self._knows_unit = False
        self._soc, self._answered_at = 0.0, float("-inf")

    def read(self, line: ByteTransport, power: Decoded | None = None) -> Bank:
        """Ask everything that is due and return the whole rack; ``power`` is what `pwr` has said already.

        Raises RestingError while it is silent as a full rack is.
        """
        try:
            bank = self._read(line, power)
        except TransportTimeoutError as silence:
            self._session.prompt.forget()
            if self._soc >= _NEARLY_FULL and self._clock.now() - self._answered_at < RESTS_FOR_S:
                raise RestingError(str(silence)) from silence
            raise
        self._soc, self._answered_at = bank.soc or 0.0, self._clock.now()
        return bank

    def _read(self, line: ByteTransport, power: Decoded | None) -> Bank:
        if self._roster.begin():
            self._who = Bank()
            self._identify_at = self._no_units_until = float("-inf")
        rack = (power or self._opening.first_answer(line)).bank
        if rack.topology is not Topology.SERIES:
            raise FrameError("the console is no longer that of a rack: restart the app if the battery is another one")
        units = self._units(line)
        who = self._identity(line, units)
        units = units or self._without_unit(rack, who)
        rack = replace(rack, current=_one_current(units.modules, rack.current))
        slow = [self._remembered(line, command) for command in OF_RACK]
        cells = [] if self._cells == "none" else self._all_cells(line, rack, units)
        parts = joined((*slow, who, *cells, replace(rack, modules=()), units))
        modules = self._present(parts.modules, units)
        return replace(
            parts,
            name=self._name,
            topology=Topology.SERIES if len(self._roster.slots) > 1 else Topology.PARALLEL,
            modules=modules,
            silent=self._roster.silent,
            events=self._lists.news(lambda ask, number: self._session.ask(line, ask, number).bank.events or ()),
        )

    def _remembered(self, line: ByteTransport, command: ConsoleCommand) -> Bank:
        """What the rack answers to a command that is not asked in every cycle."""
        ask = partial(self._session.believed, line, command)
        return self._roster.answers.answer(str(command), command.every_s, ask) or Bank()

    # -------------------- modules

    def _units(self, line: ByteTransport) -> Bank | None:
        """The modules as `unit` tells them; None where this console does not, or not now."""
        if self._clock.now() < self._no_units_until:
            return None
        try:
            units = with_clocks(self._session.ask(line, UNIT), self._clock.local())
        except (DeviceError, TransportTimeoutError) as error:
            if self._knows_unit and isinstance(error, TransportTimeoutError):  # the rack fell asleep
                raise
            _LOG.info("%s: %s", self._name, error)
            self._no_units_until = self._clock.now() + _UNKNOWN_S
            return None
        except ProtocolError as error:
            if self._session.complaints.is_new(str(error)):
                _LOG.warning("%s: the answer to %r is not understood: %s", self._name, str(UNIT), error)
            return None
        self._knows_unit = True
        return units

    def _without_unit(self, rack: Bank, who: Bank) -> Bank:
        """The modules where `unit` does not tell them: those found before, those of `info`, or one alone.

        A single BMU says everything of itself: then the alarms are the module's. What is no module by its voltage, or
        by what `info` says, is never one.
        """
        numbers = sorted(self._roster.slots) or [module.number for module in who.modules]
        if len(numbers) > 1 or who.topology is Topology.SERIES or (rack.voltage or 0.0) > _MOST_MODULE_V:
            return Bank(modules=tuple(Module(number=number) for number in numbers))
        return Bank(alarms=(), modules=(Module(number=1, **_named(rack, _MEASURED)),))

    def _present(self, modules: Iterable[Module], units: Bank) -> tuple[Module, ...]:
        """The modules that the rack tells of in this cycle; known ones that it leaves out are silent.

        So are those of which only `unit` tells, where its answer is not understood now.
        """
        known = {module.number: _with_sum(module) for module in modules}
        for number in known:
            self._roster.found(number, number)
        present = {
            unit.number: known[unit.number]
            for unit in units.modules
            if not self._knows_unit or known[unit.number].voltage is not None
        }
        self._roster.report(present, "the rack does not tell of it")
        return tuple(present.values())

    # -------------------- cells

    def _all_cells(self, line: ByteTransport, rack: Bank, units: Bank) -> list[Bank]:
        """What is reported of single cells; `getpwr` tells of them beside the rack, the rest has to be asked for."""
        reported = []
        for command in CELLS:
            every_s = FOR_STATISTICS_S if command is BAT and self._cells == "statistics" else command.every_s
            ask = partial(self._asked_cells, line, command, units)
            reported += [answer] if (answer := self._roster.answers.answer(str(command), every_s, ask)) else []
        try:
            return [self._in_modules(rack, units), *reported] if rack.modules else reported
        except FrameError as error:
            if self._session.complaints.is_new(str(error)):
                _LOG.info("%s: getpwr without its cells: %s", self._name, error)
            return reported

    def _asked_cells(self, line: ByteTransport, command: ConsoleCommand, units: Bank) -> Bank:
        reported = self._in_modules(self._session.ask(line, command).bank, units)
        return without_voltages(reported) if command is SOH else reported

    def _in_modules(self, reported: Bank, units: Bank) -> Bank:
        """The answer with its cells in their modules."""
        (flat,) = reported.modules
        by_modules = [(module.counters or {}).get("cell_count") for module in self._who.modules]
        by_rack = (self._who.counters or {}).get("cell_count")
        sizes = rack_cells.sizes(
            len(flat.cells or ()),
            max((module.number for module in (*units.modules, *self._who.modules)), default=0),
            by_modules=[int(size) for size in by_modules if size],
            by_rack=None if by_rack is None else int(by_rack),
        )
        modules = rack_cells.cut(flat, sizes)
        rack_cells.check(modules, units.modules)
        return replace(reported, modules=modules)

    # -------------------- who is who

    def _identity(self, line: ByteTransport, units: Bank | None) -> Bank:
        """Who the rack and its modules are; asked again now and then, and when a module was away."""
        slots = self._roster.slots
        back = [unit for unit in (units.modules if units else ()) if unit.number in slots and slots[unit.number].misses]
        if not back and self._clock.now() < self._identify_at:
            return self._who
        try:
            who = self._asked_identity(line, units)
        except (TransportTimeoutError, ProtocolError) as error:
            _LOG.info("%s: who its modules are, is not known now: %s", self._name, error)
            self._identify_at = self._clock.now() + _IDENTIFY_AGAIN_S
            return self._who
        if self._who.modules and _barcodes(who) != _barcodes(self._who):
            _LOG.info("%s: its modules are other ones now, or in another order", self._name)
            self._roster.answers.forget(lambda _key: True)
        bmus = self._bmus(line, who.module_count or len(units.modules if units else ()))
        self._who = joined((bmus, who))
        self._who = replace(self._who, topology=who.topology)
        self._identify_at = self._clock.now() + INFO.every_s
        return self._who

    def _asked_identity(self, line: ByteTransport, units: Bank | None) -> Bank:
        """What `info` says: of a rack where `unit` tells of several modules, whatever the rack is called."""
        try:
            who = self._session.believed(line, INFO)
        except DeviceError:
            return Bank()
        if who.topology is not Topology.SERIES and units and len(units.modules) > 1:
            return Bank(topology=Topology.SERIES, **_named(who.modules[0], _READINGS))
        return who

    def _bmus(self, line: ByteTransport, count: int) -> Bank:
        """What each module's BMU says, where the console asks it: BMU 0 is the last module."""
        modules = []
        for number in range(count):
            ask = partial(self._session.believed, line, BMUINFO, number)
            bmu = self._roster.answers.answer(BMUINFO.asked(number), BMUINFO.every_s, ask, at_once=True)
            if bmu is None:  # The next ones would not be known either.
                break
            modules.append(replace(bmu.modules[0], number=count - number))
        return Bank(modules=tuple(reversed(modules)))


def _named(reported: Readings, names: Iterable[str]) -> dict[str, Any]:
    """The fields of a rack or a module, by name."""
    return {name: getattr(reported, name) for name in names}


def _one_current(modules: Sequence[Module], by_pwr: float | None) -> float | None:
    """The current that several rows of `unit` agree on; in the one row of `pwr` a lost digit leaves no trace."""
    reported = {module.current for module in modules}
    return reported.pop() if len(reported) == 1 and len(modules) > 1 and None not in reported else by_pwr


def _with_sum(module: Module) -> Module:
    """The module with the sum of its cells as its voltage, where nothing else tells it."""
    volts = [cell.voltage for cell in module.cells or ()]
    measured = [each for each in volts if each is not None]
    if module.voltage is not None or not measured or len(measured) < len(volts):
        return module
    return replace(module, voltage=round(sum(measured), 3))


def _barcodes(bank: Bank) -> list[str | None]:
    return [module.barcode for module in bank.modules]
