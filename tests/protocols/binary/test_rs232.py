"""The RS232 driver: Pylontech's V2.8 with its changing rate, in fake time."""

import logging
from collections.abc import Callable

import pytest
from tests.fakes import PackBench, pack_bench

from pylon2mqtt.errors import FrameError, TransportTimeoutError
from pylon2mqtt.model import Bank
from pylon2mqtt.protocols.binary.dialects import PYLONTECH_RS232
from pylon2mqtt.protocols.binary.frame import Frame
from pylon2mqtt.protocols.binary.rs232 import RATES, Rs232, rate_request

ALLOWED = {0x42, 0x44, 0x47, 0x4F, 0x51, 0x90, 0x92, 0x93}


def driver(rig: PackBench) -> Rs232:
    return Rs232(name="House", clock=rig.time.clock, stagger_s=0)


def fails(rig: PackBench, reader: Rs232, times: int) -> None:
    for _ in range(times):
        with pytest.raises((TransportTimeoutError, FrameError)):
            reader.read(rig.line)


def rates_tried(rig: PackBench, act: Callable[[], object]) -> list[int]:
    tried: list[int] = []
    change = rig.line.set_baudrate

    def noted(baudrate: int) -> None:
        tried.append(baudrate)
        change(baudrate)

    rig.line.set_baudrate = noted  # type: ignore[method-assign]
    act()
    return tried


def test_it_reads_what_the_battery_is_at_4800_baud(caplog: pytest.LogCaptureFixture) -> None:
    rig = pack_bench("rs232", "US2000", 3)
    with caplog.at_level(logging.INFO):
        bank = driver(rig).read(rig.line)
    assert rig.battery.baudrate == rig.line.baudrate == 4800
    assert "now at 4800 baud" in caplog.text
    assert [m.number for m in bank.modules] == [1, 2, 3]
    assert (bank.model, bank.firmware, bank.module_count, bank.protocol_version) == ("US2KBPL", "2.3", 3, "2.0")
    for module, real in zip(bank.modules, rig.bank.modules, strict=True):
        assert module.barcode == real.barcode
        assert module.voltage == pytest.approx(real.voltage(), abs=0.06)
        assert module.current == pytest.approx(real.current, abs=0.05)
        assert module.charge_current_limit == pytest.approx(real.charge_current_limit, abs=0.1)
    assert bank.modules[0].parameters
    assert not rig.battery.writes_seen


def test_every_frame_has_address_1_and_only_reading_commands_but_for_the_rate() -> None:
    assert PYLONTECH_RS232.commands == ALLOWED
    rig = pack_bench("rs232", "US3000", 2)
    reader = driver(rig)
    for _ in range(20):
        reader.read(rig.line)
        rig.time.now_s += 900
    pylontech = [frame for frame in rig.asked if frame.version == 0x20 and frame.cid1 == 0x46 and frame.address == 1]
    assert {frame.cid2 for frame in pylontech} <= ALLOWED | {0x91}
    assert {frame.info for frame in pylontech if frame.cid2 == 0x91} <= {b"\x01", b"\x02", b"\x03"}
    assert not rig.battery.writes_seen


def test_the_frames_of_the_rate_are_the_documents() -> None:
    assert [rate_request(rate).to_bytes() for rate in RATES] == [
        b"~20014691E00201FD31\r",
        b"~20014691E00202FD30\r",
        b"~20014691E00203FD2F\r",
    ]
    for other in (9600, 19200, 115200):
        with pytest.raises(ValueError, match="cannot be asked for"):
            rate_request(other)


class TestRate:
    def test_garbage_at_the_wrong_rate_is_no_battery(self) -> None:
        rig = pack_bench("rs232", "US2000", 1)
        rig.line.garbage = b"\x9f\x93\x8f" * 9
        assert len(driver(rig).read(rig.line).modules) == 1
        assert rig.line.baudrate == 4800

    def test_a_battery_that_is_at_4800_already_is_found_there(self) -> None:
        rig = pack_bench("rs232", "US2000", 1)
        rig.battery.rate = 4800
        assert len(driver(rig).read(rig.line).modules) == 1
        assert not [frame for frame in rig.asked if frame.cid2 == 0x91]

    def test_after_a_power_cut_it_finds_the_battery_at_1200_and_sets_4800_again(self) -> None:
        rig = pack_bench("rs232", "US2000", 2)
        reader = driver(rig)
        reader.read(rig.line)
        rig.battery.power_cut()
        fails(rig, reader, 3)
        tried = rates_tried(rig, lambda: reader.read(rig.line))
        assert tried[0] == 4800  # where it was last
        assert tried[1] == 1200
        assert rig.battery.baudrate == rig.line.baudrate == 4800

    def test_a_battery_that_does_not_change_is_read_at_1200_and_not_asked_to_again(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        rig = pack_bench("rs232", "US2000", 1)
        rig.battery.keeps_rate = True
        reader = driver(rig)
        assert len(reader.read(rig.line).modules) == 1
        assert rig.line.baudrate == 1200
        assert caplog.text.count("does not change to 4800 baud: staying at 1200") == 1
        rig.line.spoil = lambda _asked, _told: b""
        fails(rig, reader, 3)
        rig.line.spoil = lambda _asked, told: told
        asked = rig.during(lambda: reader.read(rig.line))
        assert not [frame for frame in asked if frame.cid2 == 0x91]

    def test_a_refused_rate_leaves_it_at_1200(self) -> None:
        rig = pack_bench("rs232", "US2000", 1)
        rig.battery.keeps_rate = True
        rig.line.spoil = lambda asked, told: Frame(address=1, cid2=4).to_bytes() if asked[7:9] == b"91" else told
        assert len(driver(rig).read(rig.line).modules) == 1
        assert rig.line.baudrate == 1200

    def test_a_lost_answer_to_the_new_rate_loses_no_battery(self) -> None:
        """The battery has changed its rate, and we did not hear that it would."""
        rig = pack_bench("rs232", "US2000", 1)
        rig.line.spoil = lambda asked, told: b"" if asked[7:9] == b"91" else told
        assert len(driver(rig).read(rig.line).modules) == 1
        assert rig.line.baudrate == 4800

    def test_the_rate_is_changed_only_after_the_answer(self) -> None:
        rig = pack_bench("rs232", "US2000", 1)
        at: list[int] = []

        def noted(asked: bytes, told: bytes) -> bytes:
            at.extend([rig.line.baudrate] if asked[7:9] == b"91" else [])
            return told

        rig.line.spoil = noted
        driver(rig).read(rig.line)
        assert at == [1200]
        assert rig.line.baudrate == 4800

    def test_a_gateway_with_its_own_rate_is_left_at_it(self) -> None:
        rig = pack_bench("rs232", "US2000", 2)
        rig.line.has_baudrate = False
        assert len(driver(rig).read(rig.line).modules) == 2
        assert not [frame for frame in rig.asked if frame.cid2 == 0x91]
        assert rig.battery.baudrate == 1200


class TestEcho:
    def test_the_echo_of_90_is_not_taken_for_its_refusal(self) -> None:
        """``~200146900000FDAA`` is both the question for the pack count and the answer "wrong address"."""
        rig = pack_bench("rs232", "US2000", 3)
        rig.line.spoil = lambda asked, told: asked + told
        assert driver(rig).read(rig.line).module_count == 3

    def test_the_echo_of_90_alone_counts_no_packs(self) -> None:
        rig = pack_bench("rs232", "US2000", 3)
        rig.line.spoil = lambda asked, told: asked if asked[7:9] == b"90" else told
        bank = driver(rig).read(rig.line)
        assert bank.module_count is None
        assert len(bank.modules) == 3  # found one behind the other


def test_the_answer_of_another_pack_is_not_taken() -> None:
    rig = pack_bench("rs232", "US2000", 2)
    reader = driver(rig)
    reader.read(rig.line)
    late = rig.battery.answer(PYLONTECH_RS232.question(0x42, 2).to_bytes())
    rig.line.spoil = lambda asked, told: late if asked == PYLONTECH_RS232.question(0x42, 1).to_bytes() else told
    bank = reader.read(rig.line)
    assert ([m.number for m in bank.modules], bank.silent) == ([2], (1,))


def test_a_pack_that_vanishes_is_silent_and_comes_back() -> None:
    rig = pack_bench("rs232", "US2000", 3)
    reader = driver(rig)
    reader.read(rig.line)
    rig.bank.modules[1].present = False
    bank = reader.read(rig.line)
    assert (len(bank.modules), bank.silent) == (2, (2,))
    rig.bank.modules[1].present = True
    assert reader.read(rig.line).silent == ()


def test_frames_that_come_unasked_are_dropped() -> None:
    rig = pack_bench("rs232", "US2000", 1)
    rig.line.spoil = lambda _asked, told: told + b"~200146060000FDAD\r"
    reader = driver(rig)
    for _ in range(3):
        assert isinstance(reader.read(rig.line), Bank)


def test_silence_says_what_was_tried() -> None:
    rig = pack_bench("rs232", "US2000", 1)
    rig.line.spoil = lambda _asked, _told: b""
    with pytest.raises(TransportTimeoutError, match=r"asked in PACE.* at 1 and 0; .*RS232.* at 1; Seplos.*; EG4"):
        driver(rig).read(rig.line)
