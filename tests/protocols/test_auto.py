"""Finding out what a battery speaks: safely, and with the likeliest cause when nothing is found."""

import logging
import subprocess
import sys

import pytest
from tests.fakes import Bench, FakeLine, bench, console_bench, pack_bench

from pylon2mqtt.errors import FrameError, TransportTimeoutError
from pylon2mqtt.protocols.base import BatteryProtocol
from pylon2mqtt.protocols.binary.frame import Frame
from pylon2mqtt.protocols.console.prompt import WAKE_FRAME
from pylon2mqtt.protocols.registry import AUTO, FRAMES, PROTOCOLS, driver


def auto(rig: Bench) -> BatteryProtocol:
    return driver("auto", name="House", clock=rig.time.clock, stagger_s=0)


class Talkative(FakeLine):
    """A line on which somebody already speaks."""

    chatter = b""

    def listen(self, seconds: float) -> bytes:
        heard = super().listen(seconds)
        return heard if self.sent else heard + self.chatter


def test_it_listens_first_then_asks_then_reads(caplog: pytest.LogCaptureFixture) -> None:
    rig = bench()
    with caplog.at_level(logging.INFO):
        bank = auto(rig).read(rig.line)
    assert len(bank.modules) == 3
    assert rig.line.sent[:3] == [b"\r", b"~2002464F0000FD98\r", b"~20024642E00202FD33\r"]
    assert "House: fake speaks Pylontech's binary protocol (RS485) at 115200 baud" in caplog.text


def test_it_looks_once() -> None:
    rig = bench()
    reader = auto(rig)
    reader.read(rig.line)
    rig.line.sent.clear()
    reader.read(rig.line)
    assert b"\r" not in rig.line.sent
    assert not [raw for raw in rig.line.sent if raw[7:9] == b"4F"]


def test_9600_baud_comes_after_silence_at_115200() -> None:
    rig = bench(baudrate=9600)
    assert len(auto(rig).read(rig.line).modules) == 3
    assert rig.line.baudrate == 9600


def test_the_first_of_several_groups_is_found_too() -> None:
    rig = bench(modules=16)
    assert len(auto(rig).read(rig.line).modules) == 16


def test_a_unit_that_knows_no_4f_is_found_by_its_driver() -> None:
    rig = bench()
    rig.line.spoil = lambda asked, told: b"" if asked[7:9] == b"4F" else told
    assert len(auto(rig).read(rig.line).modules) == 3


def test_a_refusal_is_an_answer_too() -> None:
    rig = bench()
    rig.line.spoil = lambda asked, told: Frame(address=2, cid2=4).to_bytes() if asked[7:9] == b"4F" and told else told
    assert len(auto(rig).read(rig.line).modules) == 3


@pytest.mark.parametrize("model", ["US3000C", "US5000"])
def test_a_console_is_found_by_its_prompt_and_gets_no_binary_frame(
    model: str, caplog: pytest.LogCaptureFixture
) -> None:
    rig = console_bench(model, 2)
    reader = driver("auto", name="House", clock=rig.time.clock, stagger_s=0)
    with caplog.at_level(logging.INFO):
        assert len(reader.read(rig.line).modules) == 2
    assert "House: fake speaks the text console (RS232)" in caplog.text
    assert not [raw for raw in rig.line.sent if raw.startswith(b"~")]


def test_a_sleeping_console_is_woken_up_after_everything_else_was_silent() -> None:
    rig = console_bench("US2000", 2)
    reader = driver("auto", name="House", clock=rig.time.clock, stagger_s=0)
    assert len(reader.read(rig.line).modules) == 2
    frames = [raw for raw in rig.line.sent if raw.startswith(b"~")]
    assert frames[-1] == WAKE_FRAME
    assert frames.count(WAKE_FRAME) == 1


def test_where_another_reader_asks_nothing_is_sent() -> None:
    rig = bench()
    line = Talkative(rig.battery.answer, rig.time)
    line.chatter = b"\x00" + Frame(address=2, cid2=0x61).to_bytes() + b"~2002"
    with pytest.raises(FrameError, match="another reader, such as an inverter, is already asking"):
        auto(rig).read(line)
    assert line.sent == []


@pytest.mark.parametrize("chatter", [Frame(address=2, cid2=0x61), Frame(address=0x0B, cid2=0x90, version=0x25)])
def test_a_reader_at_9600_baud_and_a_pace_master_are_heard_too(chatter: Frame) -> None:
    rig = bench()
    line = Talkative(rig.battery.answer, rig.time)
    line.chatter = b"\x9f\x93\x8f"
    change = line.set_baudrate

    def at(baudrate: int) -> None:
        change(baudrate)
        line.chatter = chatter.to_bytes() if baudrate == 9600 else b"\x9f\x93\x8f"

    line.set_baudrate = at  # type: ignore[method-assign]
    with pytest.raises(FrameError, match=r"is already asking here.*Set listen_only"):
        auto(rig).read(line)
    assert line.sent == []


@pytest.mark.parametrize(
    ("protocol", "model", "title"),
    [
        ("rs232", "US2000", "Pylontech's binary protocol (RS232) at 1200 baud"),
        ("rs232", "Jakiper", "PACE's binary protocol at 9600 baud"),
        ("rs485", "Seplos", "Seplos' binary protocol at 9600 baud"),
        ("rs485", "EG4", "EG4's binary protocol at 9600 baud"),
    ],
)
def test_each_dialect_is_found(protocol: str, model: str, title: str, caplog: pytest.LogCaptureFixture) -> None:
    rig = pack_bench(protocol, model, 2)
    reader = driver("auto", name="House", clock=rig.time.clock, stagger_s=0)
    with caplog.at_level(logging.INFO):
        assert len(reader.read(rig.line).modules) == 2
    assert f"House: fake speaks {title}" in caplog.text
    assert rig.time.now_s - 1000 < 40


def test_newer_firmware_on_rs232_has_the_console_alone_and_auto_moves_to_it() -> None:
    rig = console_bench("US3000C", 2)
    reader = driver("auto", name="House", clock=rig.time.clock, stagger_s=0)
    assert len(reader.read(rig.line).modules) == 2
    assert not [raw for raw in rig.line.sent if raw.startswith(b"~")]


@pytest.mark.parametrize(
    ("comes_back", "error", "why"),
    [
        (b"", TransportTimeoutError, "silence. Look whether the battery is on"),
        (b"\x9f\x93\x8f", FrameError, "bytes, but neither a prompt nor a frame.*A and B swapped.*CAN socket"),
        (None, TransportTimeoutError, "only our own echo"),
    ],
)
def test_what_is_not_found_is_said_with_its_cause(comes_back: bytes | None, error: type[Exception], why: str) -> None:
    rig = bench()
    rig.line.spoil = lambda asked, _told: asked if comes_back is None else comes_back
    with pytest.raises(error, match=why):
        auto(rig).read(rig.line)


def test_a_gateway_with_its_own_rate_is_tried_at_one() -> None:
    rig = bench()
    rig.line.has_baudrate = False
    rig.line.spoil = lambda _asked, _told: b""
    with pytest.raises(TransportTimeoutError):
        auto(rig).read(rig.line)
    assert len([raw for raw in rig.line.sent if raw[7:9] == b"4F"]) == len({2, 0x12, 1})


def test_looking_for_a_serial_battery_loads_nothing_of_can() -> None:
    """python-can and cantools take 20 MB and some tenths of a second."""
    script = (
        "import sys; from pylon2mqtt.protocols.registry import _probes; print(len(_probes()), "
        "[name for name in ('can', 'cantools', 'pyroute2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=1)[1].strip() == "[]"


@pytest.mark.parametrize("protocol", [AUTO, *PROTOCOLS])
def test_every_driver_says_whether_it_listens(protocol: str) -> None:
    assert driver(protocol, name=None).listens == (protocol == FRAMES)


def test_a_driver_that_never_sends_is_read_at_intervals_too() -> None:
    assert driver(AUTO, name=None, listen_only=True).listens is False
