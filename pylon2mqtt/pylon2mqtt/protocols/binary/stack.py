"""A stack that was found: its dialect, its groups, and how each of its modules can be asked."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from pylon2mqtt.errors import DeviceError, ProtocolError, TransportTimeoutError
from pylon2mqtt.model import Bank, Module
from pylon2mqtt.protocols.roster import Roster
from pylon2mqtt.transports.base import ByteTransport

from .asking import Asking
from .dialect import Group

_LOG = logging.getLogger(__name__)

CHECK = (
    "check the cable (A and B, or receive and transmit), DIP switch 1 (rate), the terminator, "
    "and that the battery is on"
)

# The first try at reading a group at once comes after the first states: on most models it costs a time-out.
_TOGETHER_AFTER_S = 30.0
# A master that does not know it is asked again once a day; one whose count did not fit, sooner.
_TOGETHER_UNKNOWN_S = 86_400.0
_TOGETHER_AGAIN_S = 300.0
# 15 modules with 140 characters each take 2.2 s at 9600.
_ALL_S = 4.0

Together = Mapping[tuple[int, int], Bank]
"""What a master reports of all modules at once: by place and command."""


class Stack:
    """The groups of one dialect on a line.

    ``told_of`` are the places of modules that cannot be asked themselves: their master reports all of them together.
    """

    def __init__(self, asking: Asking, groups: Sequence[Group], *, name: str | None, now: Callable[[], float]) -> None:
        self.asking = asking
        self.dialect = asking.dialect
        self.groups = list(groups)
        self.told_of: set[int] = set()
        self._name = name
        self._now = now
        self._together_at = dict.fromkeys(groups, now() + _TOGETHER_AFTER_S)

    def number(self, place: int) -> int:
        """The number of the module at a place; what is in no known group is numbered as if its group were there."""
        groups = (*self.groups, *(group for stack in self.dialect.stacks for group in stack))
        return next((group.number_at(place) for group in groups if place in group.places), place)

    @property
    def missing(self) -> list[Group]:
        """The groups that may be beside the known ones and are not there."""
        beside = next((groups for groups in self.dialect.stacks if self.groups[0] in groups), ())
        return [group for group in beside if group not in self.groups]

    def ask(
        self, line: ByteTransport, command: int, place: int, *, attempts: int = 1, timeout_s: float | None = None
    ) -> Bank:
        """Ask the module at a place, and return its answer under its own number; raise as `Asking.ask` does."""
        told = self.asking.ask(line, command, place, attempts=attempts, timeout_s=timeout_s)
        return replace(told, modules=(self._located(told.modules[0], place),)) if len(told.modules) == 1 else told

    def _located(self, module: Module, place: int) -> Module:
        number = self.number(place)
        if (module.number, module.address) == (number, place):
            return module
        return replace(module, number=number, address=place)

    # -------------------- all modules at once

    def together(self, line: ByteTransport, roster: Roster) -> Together:
        """What the masters report of all their modules in one answer, where that is needed or spares questions."""
        told: dict[tuple[int, int], Bank] = {}
        for group in self.groups:
            members = [place for place in group.places if place in roster.slots]
            if self.told_of & set(members):
                told.update(self._reported(line, group, members))
            elif self._may_spare(roster, group, members):
                told.update(self._spared(line, group, members))
        return told

    def all_modules(self, line: ByteTransport, command: int, group: Group, *, attempts: int = 1) -> tuple[Module, ...]:
        """Ask a master for all modules of its group; raise as `Asking.ask` does."""
        wait_s = max(_ALL_S, self.dialect.timeout_s[self.asking.baudrate])
        told = self.asking.ask(line, command, group.first, attempts=attempts, all_modules=True, timeout_s=wait_s)
        return told.modules

    def _reported(
        self, line: ByteTransport, group: Group, members: list[int]
    ) -> Iterator[tuple[tuple[int, int], Bank]]:
        """What only the master can report. Of fewer modules than are known it is not sure which: the first alone."""
        for command in self.dialect.tells_all:
            try:
                modules = self.all_modules(line, command, group, attempts=2)
            except (TransportTimeoutError, ProtocolError) as error:
                _LOG.debug("%s: no answer for all modules at once: %s", self._name, error)
                continue
            sure = group.places if len(modules) >= len(members) else group.places[:1]
            for place, module in zip(sure, modules, strict=False):
                yield (place, command), Bank(modules=(self._located(module, place),))

    def _may_spare(self, roster: Roster, group: Group, members: list[int]) -> bool:
        gapless = members == list(group.places[: len(members)])
        whole = gapless and len(members) > 1 and not any(roster.slots[place].misses for place in members)
        return whole and bool(self.dialect.together) and self._now() >= self._together_at.get(group, 0.0)

    def _spared(self, line: ByteTransport, group: Group, members: list[int]) -> Iterator[tuple[tuple[int, int], Bank]]:
        """The values of a whole group in one answer, where the master knows how (US2000, US3000)."""
        for command in self.dialect.together:
            modules = self._try_together(line, command, group)
            if len(modules) == len(members):
                for place, module in zip(members, modules, strict=True):
                    yield (place, command), Bank(modules=(self._located(module, place),))
            elif modules:
                self._together_at[group] = self._now() + _TOGETHER_AGAIN_S

    def _try_together(self, line: ByteTransport, command: int, group: Group) -> tuple[Module, ...]:
        try:
            return self.all_modules(line, command, group)
        except (TransportTimeoutError, DeviceError) as error:
            _LOG.debug("%s: no answer for all modules at once: %s", self._name, error)
            self._together_at[group] = self._now() + _TOGETHER_UNKNOWN_S
        except ProtocolError as error:
            _LOG.debug("%s: a bad answer for all modules at once: %s", self._name, error)
        return ()
