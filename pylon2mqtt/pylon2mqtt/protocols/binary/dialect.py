"""A dialect of the binary frame: one way of speaking, as one object in one file of `dialects`.

It says how its frames are known, what is asked and how often, what a module needs to exist, where its modules are, and
what its answers mean. Nothing but the questions of its ``commands`` can be sent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pylon2mqtt.model import Bank

from .frame import BATTERY, Frame

MINUTE, HOUR = 60.0, 3600.0

ANALOG = 0x42
"""The values of a module: without them there is none, in all dialects alike."""

ALARM = 0x44

ALL_MODULES = b"\xff"
"""The INFO of 42 and 44 that asks for every module at once."""

# The longest answer of one module in characters, and how many bits each of them takes on the wire.
_LONGEST_ANSWER, _BITS = 210, 10

Decoder = Callable[[Frame, Frame], Bank]
"""From a sound answer with RTN 00, and from what was asked, to a bank with only that filled in."""


@dataclass(frozen=True, slots=True)
class Group:
    """The places of one stack's modules: from ``first``, which is the master's, to ``last``.

    A place is an address, or the number in INFO where all have one address. ``number`` is that of the first module.
    The group is there if one of its first ``tries`` places answers. With ``contains_others`` one that was found at
    later places is part of it, if its first place answers too.
    """

    first: int
    last: int
    number: int = 1
    tries: int = 1
    contains_others: bool = False

    @property
    def places(self) -> range:
        """All places, the master's first."""
        return range(self.first, self.last + 1)

    def number_at(self, place: int) -> int:
        """The number of the module at a place."""
        return self.number + place - self.first


@dataclass(frozen=True, slots=True)
class Barcodes:
    """Where the barcodes stand in an INFO: from the byte ``begins`` on, ``length`` bytes each, ``most`` at the most."""

    begins: int
    length: int
    most: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeQuestion:
    """What finds out that a dialect is spoken on a line that nobody named.

    ``protocol`` is the driver's name, ``command`` is asked at each of ``places``, and an answer is waited for so many
    seconds at each rate of ``wait_s``. Lower ranks are asked first.
    """

    protocol: str
    command: int
    places: tuple[int, ...]
    wait_s: Mapping[int, float]
    rank: int


def _is_from_the_asked(answer: Frame, asked: Frame) -> bool:
    return answer.address == asked.address


def _always(_answer: Frame, _asked: Frame) -> bool:
    return True


def _cid2(asked: Frame) -> int:
    return asked.cid2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BinaryDialect:
    """One way of speaking.

    **Signature**: ``version`` (VER) and ``cid1`` of its answers; ``recognises`` where another dialect has the same.
    ``answers`` tells whether an answer is of the module that was asked.

    **Questions**: ``commands`` are all that may be sent: a CID2, or CID2 and a second byte where one CID2 asks several
    things (``command_of`` takes it out of a frame). ``info`` makes the INFO of a command to a place. ``also_decoded``
    are understood in recordings, and not asked. ``needed`` is what a module has to answer to exist, ``of_module`` and
    ``of_bank`` what else is asked of each module and of the master, every so many seconds; 0 is in every cycle.
    ``of_group``: those of the bank that speak for one group alone. ``bank_only`` finds a bank that names no modules.
    ``identity`` asks for the barcode, ``count`` for the number of modules. ``together`` may be asked for all modules at
    once, which spares questions; ``tells_all`` likewise, where only the master can be reached.

    **Places**: each of ``stacks`` are the groups that may be on a line together, the likeliest first. ``address`` is
    ADR of every frame where INFO alone names the module; ``through_master``: slaves may be asked at their master's.

    **Line**: ``lines`` are the drivers that try it, and as which one after the other. ``timeout_s`` are its rates, in
    the order in which they are tried, and after how many seconds an answer is missing; ``begins_s`` is how long the
    first answer of all may take to begin. ``probe`` is the question for a line that nobody named, or why there is none.
    ``barcodes`` says where barcodes stand, by command: they are hidden in recordings.
    """

    title: str
    lines: Mapping[str, int]
    timeout_s: Mapping[int, float]
    stacks: tuple[tuple[Group, ...], ...]
    decode: Decoder
    commands: frozenset[int]
    also_decoded: frozenset[int] = frozenset()
    info: Callable[[int, int], bytes]
    probe: ProbeQuestion | str
    version: int = 0x20
    cid1: int = BATTERY
    recognises: Callable[[Frame, Frame], bool] = _always
    answers: Callable[[Frame, Frame], bool] = _is_from_the_asked
    command_of: Callable[[Frame], int] = _cid2
    needed: tuple[int, ...] = (ANALOG,)
    of_module: Mapping[int, float] = field(default_factory=lambda: {ALARM: 0.0})
    of_bank: Mapping[int, float] = field(default_factory=dict)
    of_group: frozenset[int] = frozenset()
    bank_only: int | None = None
    identity: int | None = None
    count: int | None = None
    together: frozenset[int] = frozenset()
    tells_all: frozenset[int] = frozenset()
    address: int | None = None
    through_master: bool = False
    begins_s: float = 0.4
    barcodes: Mapping[int, Barcodes] = field(default_factory=dict)

    def question(self, command: int, place: int, *, all_modules: bool = False, address: int | None = None) -> Frame:
        """Return the request frame; raise ValueError for a command that is not in the table."""
        if command not in self.commands:
            raise ValueError(f"{command:02X} is not a valid command of {self.title}")
        fixed = self.address if address is None else address
        return Frame(
            version=self.version,
            address=place if fixed is None else fixed,
            cid1=self.cid1,
            cid2=command if command <= 0xFF else command >> 8,
            info=ALL_MODULES if all_modules else self.info(command, place),
        )

    def speaks(self, frame: Frame) -> bool:
        """Whether a frame has the signature of this dialect."""
        return (frame.version, frame.cid1) == (self.version, self.cid1)

    def asks(self, asked: Frame) -> bool:
        """Whether a question is one of this dialect's."""
        return self.command_of(asked) in self.commands | self.also_decoded

    def claims(self, answer: Frame, asked: Frame) -> bool:
        """Whether a sound answer to a question is this dialect's."""
        return self.speaks(answer) and self.asks(asked) and self.recognises(answer, asked)

    def first_wait_s(self, baudrate: int) -> float:
        """How long the first answer of all is waited for at a rate: the search goes on at the next one."""
        return self.begins_s + _LONGEST_ANSWER * _BITS / baudrate

    def is_constant(self, command: int) -> bool:
        """Whether what a command asks for does not change: names and the BMS's own limits."""
        every_s = {**self.of_module, **self.of_bank}.get(command, 0.0)
        return command == self.identity or every_s >= HOUR
