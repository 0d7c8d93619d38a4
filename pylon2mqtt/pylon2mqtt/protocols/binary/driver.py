"""The driver of the binary protocol: it finds a stack, whatever dialect that speaks, and reads its modules.

In every cycle each module is asked what it needs to exist and what changes fast; the rest is asked in turn. Only
questions of the dialect that was found can be sent.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial, reduce
from itertools import chain

from pylon2mqtt.errors import DecodeError, DeviceError, FrameError, ProtocolError, TransportTimeoutError
from pylon2mqtt.model import Bank, Module
from pylon2mqtt.model.alarms import combined
from pylon2mqtt.model.joining import agreed, joined
from pylon2mqtt.protocols.base import Clock
from pylon2mqtt.protocols.roster import Roster, Slot, barcode_of
from pylon2mqtt.protocols.schedule import STAGGER_S
from pylon2mqtt.transports.base import ByteTransport

from .dialect import BinaryDialect
from .finder import Finder
from .stack import CHECK, Stack, Together

# The serial number is asked again so often: a module may be swapped while nobody looks.
_IDENTIFY_S = 600.0
# A serial number that does not come is asked for so often before a module is told of without it.
_WHO_ATTEMPTS = 3


class BinaryDriver:
    """Finds the modules once, then asks each its fast values in every cycle and the slow ones in turn.

    ``dialects`` are tried one after the other, the likeliest first. ``addresses`` are module addresses that the owner
    names: they are asked besides those that are found.
    """

    listens = False

    def __init__(
        self,
        dialects: Iterable[BinaryDialect],
        *,
        name: str | None,
        clock: Clock | None = None,
        stagger_s: float = STAGGER_S,
        addresses: Iterable[int] = (),
        cells: str = "full",  # noqa: ARG002  the answers to 42 bring them anyway
    ) -> None:
        self._name = name
        self._clock = clock or Clock()
        self._roster = Roster(name, self._clock.now, stagger_s)
        self._finder = Finder(
            dialects,
            self._roster,
            name=name,
            clock=self._clock,
            addresses=frozenset(addresses),
            settle=self.settle,
        )

    # -------------------- the seam

    def read(self, line: ByteTransport) -> Bank:
        """Ask everything that is due and return the whole bank; find its modules first where that is due."""
        if self._roster.begin():
            self._finder.lose()
        stack = self._finder.stack(line)
        try:
            bank = self._bank(line, stack)
        except TransportTimeoutError:
            self._finder.missed()
            raise
        self._finder.answered()
        return bank

    def rescan(self) -> None:
        """Forget what was found and look for the modules anew at the next read; may be called from any thread."""
        self._roster.rescan()

    def settle(self, line: ByteTransport, stack: Stack) -> None:
        """Do what is to be done once somebody answers, before all others are looked for."""

    # -------------------- reading

    def _bank(self, line: ByteTransport, stack: Stack) -> Bank:
        """Return the whole bank; raise TransportTimeoutError when nobody answers."""
        modules = list(self._modules(line, stack))
        slots = self._roster.slots
        if slots and not modules:
            raise TransportTimeoutError(f"none of the {len(slots)} modules answers: {CHECK}")
        own = self._own(line, stack)
        if not slots and not any(part.soc is not None for part in own):
            raise TransportTimeoutError(f"the battery does not answer any more: {CHECK}")
        mine = Bank(name=self._name, modules=tuple(modules))
        return replace(joined((*_of_members(own, modules), mine)), silent=self._roster.silent)

    def _modules(self, line: ByteTransport, stack: Stack) -> Iterator[Module]:
        """Every module that answered what it needs to exist; the others are silent."""
        together = stack.together(line, self._roster)
        for place, slot in self._roster.on_turn():
            try:
                module = self._module(line, stack, place, slot, together)
            except (TransportTimeoutError, ProtocolError) as error:
                self._roster.missed(place, error)
                continue
            self._roster.answered(place)
            yield module

    def _module(self, line: ByteTransport, stack: Stack, place: int, slot: Slot, together: Together) -> Module:
        needed = [
            together.get((place, command)) or self._needed(line, stack, command, place, slot)
            for command in stack.dialect.needed
        ]
        identity = self._identity(line, stack, place, slot)
        others = [
            together.get((place, command)) or self._other(line, stack, command, place, every_s)
            for command, every_s in stack.dialect.of_module.items()
        ]
        return _whole((*filter(None, others), identity, *needed))

    def _needed(self, line: ByteTransport, stack: Stack, command: int, place: int, slot: Slot) -> Bank:
        """The answer without which there is no module."""
        if place in stack.told_of:
            raise TransportTimeoutError("its master does not tell of it")
        return stack.ask(line, command, place, attempts=1 if slot.misses else 2)

    def _other(self, line: ByteTransport, stack: Stack, command: int, place: int, every_s: float) -> Bank | None:
        """The answer to a question that no module needs to exist: asked now if it is due; None where there is none."""
        if place in stack.told_of:
            return None
        ask = partial(stack.ask, line, command, place, attempts=1 if every_s else 2)
        return self._roster.answers.answer((command, place), every_s, ask, at_once=not every_s)

    # -------------------- who is who

    def _identity(self, line: ByteTransport, stack: Stack, place: int, slot: Slot) -> Bank:
        if self._clock.now() >= slot.identify_at:
            self._roster.recognise(place, self._who(line, stack, place, slot), again_s=_IDENTIFY_S)
        return slot.identity or Bank()

    def _who(self, line: ByteTransport, stack: Stack, place: int, slot: Slot) -> Bank:
        """Ask who a module is; another one than before has to say it twice: the checksum misses swapped digits."""
        told = self._barcode(line, stack, place, slot)
        if slot.identity is None or barcode_of(told) == slot.barcode:
            return told
        again = self._barcode(line, stack, place, slot)
        if barcode_of(again) != barcode_of(told):
            raise FrameError(f"address {place} reports two serial numbers")
        return again

    def _barcode(self, line: ByteTransport, stack: Stack, place: int, slot: Slot) -> Bank:
        """The barcode tells modules apart. One that never told it is read without; one that did has to tell it."""
        command = stack.dialect.identity
        if command is None or place in stack.told_of:
            return Bank()
        try:
            told = stack.ask(line, command, place, attempts=_WHO_ATTEMPTS if slot.identity is None else 2)
            return Bank() if self._is_of_another(barcode_of(told), slot) else told
        except DeviceError:
            return Bank()
        except (TransportTimeoutError, FrameError, DecodeError) as error:
            if slot.barcode is not None:
                raise
            if isinstance(error, DecodeError):
                self._roster.complaints.not_understood(f"{self._name}: module {slot.number}", error)
            return Bank()

    def _is_of_another(self, barcode: str | None, slot: Slot) -> bool:
        """Whether a module that answers has this barcode: some masters report their own for all of their slaves."""
        others = (other for other in self._roster.slots.values() if other is not slot and not other.misses)
        return barcode is not None and any(other.barcode == barcode for other in others)

    # -------------------- the bank as a whole

    def _own(self, line: ByteTransport, stack: Stack) -> list[Bank]:
        """What the masters say of the bank: of several groups only what all say alike, and of none what is its own."""
        parts = []
        for command, every_s in stack.dialect.of_bank.items():
            if len(stack.groups) > 1 and command in stack.dialect.of_group:
                continue
            told = [self._reported(line, stack, command, group.first, every_s) for group in stack.groups]
            if None not in told:
                parts.append(reduce(agreed, filter(None, told)))
        return parts

    def _reported(self, line: ByteTransport, stack: Stack, command: int, master: int, every_s: float) -> Bank | None:
        ask = partial(stack.ask, line, command, master)
        return self._roster.answers.answer((command, master), every_s, ask, at_once=not self._roster.slots)


def _whole(parts: Sequence[Bank]) -> Module:
    """One module of all its answers, with the alarms of each; raise TransportTimeoutError for one that is away."""
    module = joined(parts).modules[0]
    if module.voltage is None:
        raise TransportTimeoutError("it is listed as one that is away")
    known = [part.modules[0].alarms for part in parts if part.modules and part.modules[0].alarms is not None]
    return replace(module, alarms=combined(chain(*known))) if len(known) > 1 else module


def _of_members(parts: Iterable[Bank], modules: Iterable[Module]) -> Iterator[Bank]:
    """What was told of modules that are not in the bank now is left out."""
    numbers = {module.number for module in modules}
    for part in parts:
        yield replace(part, modules=tuple(module for module in part.modules if module.number in numbers))
