"""One contract over all drivers: who is lost, back, swapped, moved or gone, and that a rescan asks everything anew."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import pytest
from tests.fakes import FakeTime, Spoil, console_bench, pack_bench
from tests.protocols.binary.test_listener import Rig as ListenerRig

from pylon2mqtt.errors import FrameError, TransportTimeoutError
from pylon2mqtt.model import Bank
from pylon2mqtt.protocols.binary.frame import Frame
from pylon2mqtt.protocols.registry import driver as make
from pylon2mqtt.protocols.roster import GONE_S
from pylon2mqtt.simulator.battery import VirtualBank
from pylon2mqtt.simulator.can.dialects import DIALECTS as CAN_DIALECTS
from pylon2mqtt.simulator.can.dialects import QUESTIONS, VirtualDialect
from pylon2mqtt.simulator.can.high_voltage import HIGH_VOLTAGE
from pylon2mqtt.simulator.models import stack
from pylon2mqtt.transports.base import CanFrame, CanTraffic

CYCLE_S = 10.0
# The longest that a module which is back has to wait for its turn.
BACK_S = 301.0


class Rig:
    """A driver, its battery with three modules, and the time of both."""

    rare = b""
    """What a question has in it that is asked rarely, and that no module needs to exist."""
    away = 2
    """The module that goes away; where the others move up, it is the last."""

    def __init__(self, protocol: str, bank: VirtualBank, line: Any, time: FakeTime, **options: Any) -> None:
        self.bank, self.line, self.time = bank, line, time
        self.driver = make(protocol, name="House", clock=time.clock, **options)

    def read(self) -> Bank:
        return self.driver.read(self.line)

    def read_for(self, seconds: float) -> Bank:
        """Read every ten seconds, and return the last bank."""
        until = self.time.now_s + seconds
        bank = self.read()
        while self.time.now_s < until:
            self.time.now_s += CYCLE_S
            bank = self.read()
        return bank

    def lost(self, seconds: float) -> None:
        """The line is silent for so long, and some seconds more."""
        self.line.spoil = lambda _asked, _told: b""
        self.time.now_s += 60
        until = self.time.now_s + seconds
        while self.time.now_s < until:
            with pytest.raises((TransportTimeoutError, FrameError)):
                self.read()
            self.time.now_s += CYCLE_S

    def there(self, *numbers: int) -> None:
        """These modules are there, and no others."""
        for module in self.bank.modules:
            module.present = module.number in numbers

    @property
    def others(self) -> list[int]:
        return [number for number in (1, 2, 3) if number != self.away]

    def go(self) -> None:
        """One module goes away."""
        self.there(*self.others)

    def refuse(self, question: bytes, *, silently: bool = False) -> None:
        """Let the battery not know one question."""

        def spoil(asked: bytes, told: bytes) -> bytes:
            if question not in asked:
                return told
            if silently:
                return b""
            if asked.startswith(b"~"):
                return replace(Frame.parse(asked), cid2=0x04, info=b"").to_bytes() if told else b""
            name = asked.split()[0]
            return asked + b"\n\r@\r\r\n\rUnknown command '" + name + b"' - try 'help'\r\n\r$$\r\n\r\rpylon>"

        self.line.spoil = spoil

    def asked(self, act: Callable[[], object]) -> set[bytes]:
        """What was asked and answered while ``act`` ran: each question once."""
        answered = set()
        whole = self.line.answer

        def answer(asked: bytes) -> bytes:
            told: bytes = whole(asked)
            if told and b"4691" not in asked and asked.strip():  # the rate is set, the console is woken once
                answered.add(asked)
            return told

        self.line.answer = answer
        act()
        self.line.answer = whole
        spoken = self.line.sent[-1][:3]  # other dialects were tried before it was found
        return {asked for asked in answered if asked[:3] == spoken or not asked.startswith(b"~")}


class CanLine:
    """A CAN bus on which a virtual bank speaks once a second."""

    line = "bus"

    def __init__(self, bank: VirtualBank, dialect: VirtualDialect, time: FakeTime) -> None:
        self._bank, self._dialect, self._time = bank, dialect, time
        self.spoil: Spoil = lambda _asked, told: told

    def recv(self, timeout_s: float) -> list[CanFrame]:
        self._time.now_s += timeout_s
        if not self.spoil(b"", b"frames"):
            return []
        told = [frame for _, burst in self._dialect.bursts for frame in burst(self._bank)]
        asked = self._dialect.asked
        return told + [frame for question in QUESTIONS if asked for frame in asked(self._bank, question)]

    def select(self, wanted: Collection[tuple[int, bool]] | None) -> None:
        pass

    def traffic(self) -> CanTraffic:
        return CanTraffic()


def _binary(protocol: str, model: str, rare: bytes) -> Callable[[], Rig]:
    def rig() -> Rig:
        bench = pack_bench(protocol, model, 3)
        made = Rig(protocol, bench.bank, bench.line, bench.time, stagger_s=0)
        made.rare = rare
        return made

    return rig


def _console(model: str) -> Callable[[], Rig]:
    def rig() -> Rig:
        bench = console_bench(model, 3)
        made = Rig("console", bench.bank, bench.line, bench.time, stagger_s=0)
        made.rare = b"stat"
        made.away = 3 if made.bank.in_series else 2
        return made

    return rig


def _listener() -> Rig:
    bench = ListenerRig()
    return Rig("rs485", bench.bank, bench.line, bench.time, listen_only=True)


def _can(model: str, dialect: VirtualDialect) -> Callable[[], Rig]:
    def rig() -> Rig:
        time = FakeTime()
        bank = VirtualBank(stack(model, 3))
        bank.advance(60)
        made = Rig("can", bank, CanLine(bank, dialect, time), time)
        made.away = 3
        return made

    return rig


ASKING = {
    "Pylontech on RS485": _binary("rs485", "US3000C", b"4696"),
    "Pylontech on RS232": _binary("rs232", "US2000", b"4647"),
    "PACE": _binary("rs232", "Jakiper", b"46C1"),
    "PACE on RS485": _binary("rs485", "Jakiper", b"46C1"),
    "Seplos": _binary("rs485", "Seplos", b"4651"),
    "EG4": _binary("rs232", "EG4", b"4A51"),
    "the 1363 family": _binary("rs485", "Daren", b"4A51"),
    "console": _console("US3000C"),
    "rack": _console("SC0500"),
}
LISTENING = {
    "listener": _listener,
    "CAN, high voltage": _can("US3000C", HIGH_VOLTAGE),
    "CAN, Deye": _can("US3000C", CAN_DIALECTS["deye"]),
}
# These count modules that are away: then no sum may be taken over the others, after a rescan too.
COUNTED = {"Pylontech on RS232", "rack"}
NO_BARCODES = {"Seplos", "EG4", *LISTENING} - {"listener"}


EVERY = ASKING | LISTENING


@pytest.fixture
def rig(request: pytest.FixtureRequest) -> Rig:
    return EVERY[request.param]()


def _each(names: Collection[str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("rig", sorted(names), indirect=True)


every_driver = _each(EVERY)
with_barcodes = _each(set(EVERY) - NO_BARCODES)
asking = _each(ASKING)


def numbers(bank: Bank) -> list[int]:
    return [module.number for module in bank.modules]


def barcodes(bank: Bank) -> list[str | None]:
    return [module.barcode for module in bank.modules]


def real_barcodes(rig: Rig) -> list[str]:
    return [module.barcode for module in rig.bank.modules]


@every_driver
def test_lost_and_back(rig: Rig) -> None:
    assert (numbers(rig.read_for(60)), rig.read().silent) == ([1, 2, 3], ())
    rig.go()
    bank = rig.read_for(120)
    assert (numbers(bank), bank.silent) == (rig.others, (rig.away,))
    rig.there(1, 2, 3)
    bank = rig.read_for(BACK_S)
    assert (numbers(bank), bank.silent) == ([1, 2, 3], ())


@every_driver
def test_a_bank_that_was_away_as_a_whole_is_not_forgotten(rig: Rig) -> None:
    rig.read_for(60)
    rig.lost(1000)
    rig.time.now_s += 2 * GONE_S
    rig.lost(60)
    rig.line.spoil = lambda _asked, told: told
    rig.there(1)
    bank = rig.read_for(BACK_S)
    assert (numbers(bank), bank.silent) == ([1], (2, 3))


@_each(set(EVERY) - {"rack"})
def test_gone_after_a_day(rig: Rig) -> None:
    rig.read_for(60)
    rig.go()
    assert rig.read_for(60).silent == (rig.away,)
    rig.time.now_s += GONE_S - 600
    assert rig.read_for(60).silent == (rig.away,)
    rig.time.now_s += 600
    bank = rig.read_for(60)
    assert (numbers(bank), bank.silent) == (rig.others, ())


@with_barcodes
def test_swapped(rig: Rig) -> None:
    rig.read_for(60)
    rig.go()
    rig.read_for(60)
    rig.there(1, 2, 3)
    real = rig.bank.modules[rig.away - 1]
    real.barcode = f"X{real.barcode[1:]}"
    bank = rig.read_for(BACK_S)
    assert (barcodes(bank), bank.silent) == (real_barcodes(rig), ())


@with_barcodes
def test_moved(rig: Rig) -> None:
    """Two modules that change places keep their barcodes, and neither counts twice or is missed."""
    before = barcodes(rig.read_for(60))
    rig.there(1)
    rig.read_for(60)
    second, third = rig.bank.modules[1:]
    second.barcode, third.barcode = third.barcode, second.barcode
    rig.there(1, 2, 3)
    bank = rig.read_for(BACK_S)
    assert (barcodes(bank), bank.silent) == ([before[0], before[2], before[1]], ())


@_each(set(EVERY) - COUNTED)
def test_a_rescan_forgets_who_is_away(rig: Rig) -> None:
    rig.read_for(60)
    rig.there(1, 2)
    assert rig.read_for(60).silent == (3,)
    rig.driver.rescan()
    bank = rig.read_for(60)
    assert (numbers(bank), bank.silent) == ([1, 2], ())


@asking
def test_a_rescan_asks_everything_anew(rig: Rig) -> None:
    """What was refused too: a question that a battery did not know yesterday is asked again."""
    rig.refuse(rig.rare)
    first = rig.asked(lambda: rig.read_for(60))
    rig.read_for(60)
    rig.driver.rescan()
    assert not first - rig.asked(lambda: rig.read_for(60))


@asking
@pytest.mark.parametrize("refused", [True, False], ids=["refused", "not answered"])
def test_a_question_that_never_succeeds_costs_only_itself(rig: Rig, refused: bool) -> None:
    rig.refuse(rig.rare, silently=not refused)
    bank = rig.read_for(1800)
    assert (numbers(bank), bank.silent) == ([1, 2, 3], ())
    before = len(rig.line.sent)
    rig.read_for(3600)
    assert not [sent for sent in rig.line.sent[before:] if rig.rare in sent]
