"""Listening only: a virtual inverter and a virtual battery talk on one line, and the bridge sends not one byte."""

import logging

import pytest
from tests.fakes import FakeLine, FakeTime

from pylon2mqtt.errors import ConfigError, FrameError, TransportTimeoutError
from pylon2mqtt.model import AlarmKind
from pylon2mqtt.protocols.base import BatteryProtocol
from pylon2mqtt.protocols.binary.frame import Frame
from pylon2mqtt.protocols.registry import driver
from pylon2mqtt.simulator.battery import VirtualBank
from pylon2mqtt.simulator.binary.inverter import Inverter
from pylon2mqtt.simulator.binary.rs485 import Rs485Battery
from pylon2mqtt.simulator.models import stack


class Party(FakeLine):
    """A line on which an inverter asks a battery; whoever sends here spoils both, and that is the end."""

    def __init__(self, battery: Rs485Battery, time: FakeTime, *, every_s: float = 0.5, baudrate: int = 115200) -> None:
        super().__init__(battery.answer, time, baudrate=baudrate)
        self.inverter: Inverter | None = Inverter(battery.answer, battery.addresses, every_s, time.now_s)

    def send(self, data: bytes) -> None:
        self.sent.append(data)
        raise AssertionError(f"{data!r} was sent on somebody else's line")

    def set_baudrate(self, baudrate: int) -> None:
        super().set_baudrate(baudrate)
        self._pending = b""

    def listen(self, seconds: float) -> bytes:
        until = self.time.now_s + seconds
        heard = self._pending
        self._pending = b""
        while self.time.now_s < until:
            if self.inverter is not None:
                heard += b"".join(piece.data for piece in self.inverter.says(self.time.now_s))
            self.time.now_s += 0.05
        # Frames come in pieces, as they do.
        heard, self._pending = heard[: len(heard) * 2 // 3], heard[len(heard) * 2 // 3 :]
        return self.spoil(b"", heard) if self.baudrate == self.battery_baudrate else bytes(b ^ 0x55 for b in heard)


class Rig:
    def __init__(self, model: str = "US5000", modules: int = 3, **line: float) -> None:
        self.time = FakeTime()
        self.bank = VirtualBank(stack(model, modules))
        self.bank.advance(60)
        self.line = Party(Rs485Battery(self.bank), self.time, **line)  # type: ignore[arg-type]
        self.reader = self.driver()

    def driver(self, protocol: str = "rs485") -> BatteryProtocol:
        return driver(protocol, name="House", listen_only=True, clock=self.time.clock)


@pytest.mark.parametrize("protocol", ["rs485", "auto"])
def test_it_shows_the_whole_bank_and_sends_not_one_byte(protocol: str) -> None:
    rig = Rig()
    reader = rig.driver(protocol)
    for _ in range(50):
        bank = reader.read(rig.line)
        rig.time.now_s += 10
    assert rig.line.sent == []
    assert [m.number for m in bank.modules] == [1, 2, 3]
    assert bank.silent == ()
    assert bank.soc is not None
    for module, real in zip(bank.modules, rig.bank.modules, strict=True):
        assert module.barcode == real.barcode
        assert module.voltage == pytest.approx(real.voltage(), abs=0.06)
        assert module.charge_current_limit == pytest.approx(real.charge_current_limit, abs=0.1)
        assert module.alarms == ()


def test_nothing_is_sent_whatever_goes_wrong() -> None:
    for spoilt in (b"", b"~", b"\r" * 50, b"~2002464F0000FD98\r" * 20, bytes(range(256)), b"~20024600C0"):
        rig = Rig()
        rig.line.spoil = lambda _asked, told, spoilt=spoilt: spoilt and spoilt + told  # type: ignore[misc]
        for _ in range(5):
            try:
                rig.reader.read(rig.line)
            except (FrameError, TransportTimeoutError):
                rig.reader.rescan()
        assert rig.line.sent == []


def test_the_first_bank_is_known_after_one_round() -> None:
    rig = Rig(modules=2)
    assert len(rig.reader.read(rig.line).modules) == 2
    assert rig.time.now_s - 1000 < 10


def test_9600_baud_is_found_by_listening(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig(baudrate=9600)
    with caplog.at_level(logging.INFO):
        assert len(rig.reader.read(rig.line).modules) == 3
    assert "listening only, at 9600 baud" in caplog.text


def test_a_module_that_answers_no_more_is_silent_after_a_minute() -> None:
    rig = Rig()
    rig.reader.read(rig.line)
    rig.bank.modules[1].present = False
    rig.time.now_s += 61
    for _ in range(3):
        bank = rig.reader.read(rig.line)
    assert ([m.number for m in bank.modules], bank.silent) == ([1, 3], (2,))
    rig.reader.rescan()
    assert rig.reader.read(rig.line).silent == ()


def test_old_values_are_never_told_when_the_inverter_stops() -> None:
    rig = Rig()
    rig.reader.read(rig.line)
    rig.line.inverter = None
    rig.time.now_s += 61
    with pytest.raises(TransportTimeoutError, match="no question and answer was heard"):
        rig.reader.read(rig.line)


def test_an_answer_belongs_to_the_question_before_it_and_to_no_other() -> None:
    rig = Rig(modules=1)
    wrong = Frame(address=2, cid2=0x42, info=b"\x02").to_bytes()  # asks for 42, and the answer is of 61
    rig.line.inverter = Inverter(
        lambda asked: rig.line.answer(Frame(address=2, cid2=0x61).to_bytes() if asked == wrong else asked),
        [2],
        0.5,
        rig.time.now_s,
    )
    assert rig.reader.read(rig.line).modules == ()
    assert rig.line.sent == []


def test_alarms_are_heard_too() -> None:
    rig = Rig()
    rig.bank.modules[2].alarms = {(AlarmKind.CELL_UNDERVOLTAGE, 4)}
    told = rig.reader.read(rig.line).modules[2].alarms or ()
    assert [(a.kind, *a.cells) for a in told] == [(AlarmKind.CELL_UNDERVOLTAGE, 4)]


def test_a_line_without_an_inverter_is_told_from_a_wrong_rate() -> None:
    rig = Rig()
    rig.line.inverter = None
    with pytest.raises(TransportTimeoutError, match=r"nothing is said here.*switch listen_only off"):
        rig.reader.read(rig.line)
    rig = Rig(baudrate=1200)
    with pytest.raises(FrameError, match=r"bytes, but no frame at any of 115200, 9600, 19200 baud: swap A and B"):
        rig.reader.read(rig.line)


@pytest.mark.parametrize("protocol", ["console", "rs232"])
def test_other_protocols_cannot_be_listened_to(protocol: str) -> None:
    with pytest.raises(ConfigError, match=f"listen_only is for auto and rs485, not for {protocol}"):
        driver(protocol, name="House", listen_only=True)
