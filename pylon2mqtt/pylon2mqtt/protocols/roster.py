"""Who is on the line: which modules were found, which are silent or gone, whom to ask now, and what each answered.

Every driver keeps what it learns about the modules in one `Roster`. A module that is not there costs a time-out, so it
is not asked in every cycle; but nobody who was found is forgotten before it was away for a day, because no sum may be
taken over the rest. A rescan forgets everything.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pylon2mqtt.errors import DecodeError, TransportTimeoutError
from pylon2mqtt.model import Bank, Module

from .complaints import Complaints
from .schedule import Schedule

_LOG = logging.getLogger(__name__)

TRY_AGAIN_CYCLES = 3
"""A module that fell silent is tried in the next cycles too: most often only its answer was damaged."""

TRY_EVERY_S = 300.0
"""After that it is tried so often."""

GONE_S = 86_400.0
"""A module that was silent for so long is no longer one of the bank."""


def barcode_of(identity: Bank | None) -> str | None:
    """Return the barcode in what a module said of itself, if there is one."""
    return identity.modules[0].barcode if identity and identity.modules else None


@dataclass(slots=True, kw_only=True)
class Slot:
    """A place that a module answers at; ``identity`` is what it last said of itself, due again at ``identify_at``."""

    number: int
    identity: Bank | None = None
    identify_at: float = float("-inf")
    misses: int = 0
    silent_since: float = 0.0
    try_at: float = 0.0

    @property
    def barcode(self) -> str | None:
        """The barcode of the module, where it reported one."""
        return barcode_of(self.identity)

    def resting(self, now: float) -> bool:
        """Whether it is silent and not to be tried now."""
        return self.misses >= TRY_AGAIN_CYCLES and now < self.try_at


class Roster:
    """The modules of one bank by place (an address, or a number where there is none).

    A read calls `begin` first, then `missed` or `answered` for everyone in `on_turn`; or `report` for all at once,
    where one answer names all modules. ``answers`` are those to slow questions: under the key (question, place) those
    of one module, under any other those of the bank.
    """

    def __init__(self, name: str | None, now: Callable[[], float], stagger_s: float = 0.0) -> None:
        self.slots: dict[int, Slot] = {}
        self.answers = Schedule(now, stagger_s)
        self.complaints = Complaints()
        self._name = name
        self._now = now
        self._rescan = False

    # -------------------- anew

    def rescan(self) -> None:
        """Forget everything at the beginning of the next read; may be called from any thread."""
        self._rescan = True

    def begin(self) -> bool:
        """Begin a read: let those go who are away for long. Return whether all is forgotten, as a rescan asks for.

        Then the driver has to forget what it keeps beside the roster.
        """
        if self._rescan:
            self._rescan = False
            self.forget()
            return True
        self._drop_gone()
        return False

    def forget(self) -> None:
        """Forget all modules and all answers, but not what was complained of."""
        self.slots.clear()
        self.answers.forget(lambda _key: True)

    # -------------------- who is there

    def found(self, place: int, number: int) -> Slot:
        """Return the slot of a module that belongs to the bank from now on; a silent one is tried at once."""
        slot = self.slots.setdefault(place, Slot(number=number))
        slot.try_at = 0.0
        return slot

    def on_turn(self) -> list[tuple[int, Slot]]:
        """Whom to ask now, by place; of a bank that is silent as a whole, the first module alone."""
        everybody = sorted(self.slots.items())
        awake = [(place, slot) for place, slot in everybody if not slot.resting(self._now())]
        return awake or everybody[:1]

    @property
    def silent(self) -> tuple[int, ...]:
        """The numbers of the modules that did not answer when they were last asked."""
        return tuple(sorted(slot.number for slot in self.slots.values() if slot.misses))

    def answered(self, place: int) -> None:
        """Note that a module answered. If it was silent before, the others may be back too: they are tried at once.

        Where the whole bank was silent, it was off: who is still silent then is away from now on.
        """
        slot = self.slots[place]
        if slot.misses:
            _LOG.info("%s: module %d answers again", self._name, slot.number)
            was_off = all(other.misses for other in self.slots.values())
            for other in self.slots.values():
                other.try_at = 0.0
                other.silent_since = self._now() if was_off else other.silent_since
        slot.misses = 0

    def missed(self, place: int, error: Exception) -> None:
        """Note, and log once, that a module did not answer. It has to say who it is when it returns."""
        slot, now = self.slots[place], self._now()
        name = f"{self._name}: module {slot.number}"
        slot.misses += 1
        slot.try_at = now + TRY_EVERY_S
        slot.identify_at = now
        if slot.misses == 1:
            slot.silent_since = now
            _LOG.warning("%s is silent: %s", name, error)
        if isinstance(error, DecodeError):
            self.complaints.not_understood(name, error)

    def report(self, modules: Mapping[int, Module], why_not: str) -> None:
        """Note that an answer for the whole bank names these modules, by place, and no others.

        ``why_not`` is what is logged of known ones that it leaves out.
        """
        for place, module in modules.items():
            slot = self.found(place, module.number)
            self.answered(place)
            if module.barcode not in (None, slot.barcode):
                identity = Module(number=module.number, barcode=module.barcode)
                self.recognise(place, Bank(modules=(identity,)), again_s=GONE_S)
        for place in sorted(self.slots.keys() - modules.keys()):
            self.missed(place, TransportTimeoutError(why_not))

    # -------------------- who is who

    def recognise(self, place: int, identity: Bank, *, again_s: float) -> None:
        """Keep who the module at a place is, and ask it again after so many seconds.

        What another one answered there is forgotten. A barcode that was known at another place has moved: a silent
        module there now stands for the one that was here, or for nobody if there was none.
        """
        slot = self.slots[place]
        before, barcode = slot.identity, slot.barcode
        slot.identity = identity
        slot.identify_at = self._now() + again_s
        if before is not None and barcode == slot.barcode:
            return
        if before is not None:
            _LOG.info("%s: another module answers as module %d now", self._name, slot.number)
            self._forget_answers(place)
        for other, old in list(self.slots.items()):
            if other != place and slot.barcode is not None and old.barcode == slot.barcode:
                self._moved(other, old, before)

    def _moved(self, place: int, old: Slot, displaced: Bank | None) -> None:
        """The module of a slot answers at another place; ``displaced`` was there before it."""
        if not old.misses:
            old.identify_at = self._now()
            return
        self._forget_answers(place)
        if displaced is not None:
            old.identity = displaced
            return
        del self.slots[place]
        _LOG.info("%s: module %d has another number now", self._name, old.number)

    # -------------------- who is gone

    def _drop_gone(self) -> None:
        """Remove, and log, the modules that were silent for long, unless all are."""
        now = self._now()
        gone = [place for place, slot in self.slots.items() if slot.misses and now - slot.silent_since > GONE_S]
        if len(gone) == len(self.slots):
            return
        for place in gone:
            _LOG.warning("%s: module %d was away for a day: it no longer counts", self._name, self.slots[place].number)
            del self.slots[place]
            self._forget_answers(place)

    def _forget_answers(self, place: int) -> None:
        self.answers.forget(lambda key: isinstance(key, tuple) and key[1] == place)
