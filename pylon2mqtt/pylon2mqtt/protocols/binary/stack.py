"""The modules that were found on a line: each is asked its fast values in every cycle, and the slow ones in turn."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from pylon2mqtt.errors import DecodeError, DeviceError, FrameError, ProtocolError, TransportTimeoutError
from pylon2mqtt.model import Bank, Module
from pylon2mqtt.model.joining import joined
from pylon2mqtt.protocols.binary.dialects.pylontech_info import Command
from pylon2mqtt.protocols.roster import Roster, Slot
from pylon2mqtt.transports.base import ByteTransport

from .questions import Questions

_LOG = logging.getLogger(__name__)

LOST_AFTER = 3
"""So many reads without any answer, and the battery is looked for anew, at all its rates."""

# The serial number is asked again so often: a module may be swapped while nobody looks.
_IDENTIFY_S = 600.0
# So many silent addresses in a row are the end of a stack.
_SILENT_IN_A_ROW = 2

ANALOG = Command.ANALOG
FAST = (Command.ANALOG, Command.ALARM)
"""What is asked of every module in every cycle, in all dialects alike."""

Together = Mapping[int, Mapping[int, Bank]]
"""What the master told of all modules at once: by command and address."""


class Stack:
    """The modules of one bank, by their addresses (or by their numbers, where only INFO names them).

    ``told_of`` are those that cannot be asked themselves: their master tells of them together with all others.
    """

    def __init__(self, questions: Questions, roster: Roster, *, name: str | None, now: Callable[[], float]) -> None:
        self.questions = questions
        self.variant = questions.variant
        self.roster = roster
        self.told_of: set[int] = set()
        self._name = name
        self._now = now

    # -------------------- finding modules

    def scan(self, line: ByteTransport, addresses: Iterable[int], *, anew: bool) -> set[int]:
        """Look for modules at these addresses, up to two silent ones, and tell where there are any.

        Those that answer already are not asked, unless ``anew``.

        Raises FrameError or DecodeError if the answer of the first is damaged: then this is hardly the right rate.
        """
        silent = 0
        heard = set()
        for place, address in enumerate(addresses):
            if self._answers(address, anew) or self._probe(line, address, may_raise=place == 0):
                heard.add(address)
                silent = 0
                continue
            silent += 1
            if silent == _SILENT_IN_A_ROW:
                break
        return heard

    def _probe(self, line: ByteTransport, address: int, *, may_raise: bool) -> bool:
        """Ask who is at an address; damage is raised where it says more than that nobody is there."""
        try:
            identity = self._who(line, address)
            if not identity.modules:
                self.questions.ask(line, ANALOG, address, attempts=1)
        except (TransportTimeoutError, DeviceError):
            return False
        except ProtocolError:
            if may_raise:
                raise
            return False
        self.roster.found(address, self.variant.number(address))
        self.roster.recognise(address, identity, again_s=_IDENTIFY_S)
        return True

    def _answers(self, address: int, anew: bool) -> bool:
        slot = self.roster.slots.get(address)
        return slot is not None and not slot.misses and not anew

    # -------------------- who is who

    def _identity(self, line: ByteTransport, address: int, slot: Slot) -> Bank:
        if self._now() >= slot.identify_at:
            self.roster.recognise(address, self._who(line, address), again_s=_IDENTIFY_S)
        return slot.identity or Bank()

    def _who(self, line: ByteTransport, address: int) -> Bank:
        """Ask who a module is; another one than before has to say it twice: the checksum misses swapped digits."""
        told = self.questions.who(line, address)
        slot = self.roster.slots.get(address)
        if slot is not None and slot.identity not in (None, told) and self.questions.who(line, address) != told:
            raise FrameError(f"address {address} tells two serial numbers")
        return told

    # -------------------- reading

    def bank(self, line: ByteTransport, master: int | None, together: Together) -> Bank:
        """Return the whole bank; ``master`` speaks for it, where one does.

        Raises TransportTimeoutError when nobody answers.
        """
        modules = list(self._modules(line, together))
        slots = self.roster.slots
        if slots and not modules:
            raise TransportTimeoutError(f"none of the {len(slots)} modules answers: {CHECK}")
        own = {} if master is None else self._own(line, master)
        if not slots and Command.SYSTEM_ANALOG not in own:
            raise TransportTimeoutError(f"the battery does not answer any more: {CHECK}")
        mine = Bank(name=self._name, modules=tuple(modules))
        return replace(joined((*_of_members(own.values(), modules), mine)), silent=self.roster.silent)

    def _modules(self, line: ByteTransport, together: Together) -> Iterator[Module]:
        """Every module that told all of its fast values and who it is; the others are silent."""
        for address, slot in self.roster.on_turn():
            try:
                module = self._module(line, address, slot, together)
            except (TransportTimeoutError, ProtocolError) as error:
                self.roster.missed(address, error)
                continue
            self.roster.answered(address)
            yield module

    def _module(self, line: ByteTransport, address: int, slot: Slot, together: Together) -> Module:
        told = [together.get(command, {}).get(address) for command in FAST]
        if address in self.told_of:
            if None in told:
                raise TransportTimeoutError("its master does not tell of it")
            return joined(filter(None, told)).modules[0]
        attempts = 1 if slot.misses else 2
        fast = [
            answer or self.questions.ask(line, command, address, attempts=attempts)
            for command, answer in zip(FAST, told, strict=True)
        ]
        identity = self._identity(line, address, slot)
        slow = [self.remembered(line, command, address, every_s) for command, every_s in self.variant.slow.items()]
        return joined((identity, *filter(None, slow), *fast)).modules[0]

    def _own(self, line: ByteTransport, master: int) -> dict[int, Bank]:
        """What the master says of the bank as a whole."""
        asked = self.variant.of_bank.items()
        parts = {command: self.remembered(line, command, master, every_s) for command, every_s in asked}
        return {command: part for command, part in parts.items() if part is not None}

    def remembered(self, line: ByteTransport, command: int, address: int, every_s: float) -> Bank | None:
        """The answer to a slow question: asked now if it is due."""
        return self.roster.answers.answer(
            (command, address),
            every_s,
            lambda: self.questions.ask(line, command, address, attempts=1),
            at_once=not self.roster.slots,
        )


def _of_members(parts: Iterable[Bank], modules: Iterable[Module]) -> Iterator[Bank]:
    """What was told of modules that are not in the bank now is left out."""
    numbers = {module.number for module in modules}
    for part in parts:
        yield replace(part, modules=tuple(module for module in part.modules if module.number in numbers))


def explained(trouble: FrameError | DecodeError | None, where: str) -> ProtocolError | TransportTimeoutError:
    """What is said when no battery was found: what came, or that nothing did."""
    return trouble or TransportTimeoutError(f"no battery answers at {where}: {CHECK}")


CHECK = (
    "check the cable (A and B, or receive and transmit), DIP switch 1 (rate), the terminator, "
    "and that the battery is on"
)
