"""CAN logs: every form that candump writes, noise, playback in time, and the recorder."""

import io
import re
from pathlib import Path

import pytest
from tests.can_logs import US5000, Bus, frames, one

from pylon2mqtt.errors import TransportError
from pylon2mqtt.transports.base import CanFrame
from pylon2mqtt.transports.can.logs import frames_in
from pylon2mqtt.transports.can.logs.candump import parse_line
from pylon2mqtt.transports.can.playback import LogTime, Playback
from pylon2mqtt.transports.can.recorder import CanRecorder
from pylon2mqtt.transports.registry import transport

SOC = CanFrame(0x355, b"\x5a\x00\x64\x00")


@pytest.mark.parametrize(
    ("line", "at", "frame"),
    [
        ("(1700000000.001500) can0 355#5A006400", 1700000000.0015, SOC),
        ("(1700000000.001500) can0 355#5A006400 R", 1700000000.0015, SOC),
        ("(000.001500)  can0  355   [4]  5A 00 64 00", 0.0015, SOC),
        ("  can0  355   [4]  5A 00 64 00", None, SOC),
        ("vcan0 355 [4] 5A 00 64 00   'Z.d.'", None, SOC),
        ("can0 355#5a006400\r", None, SOC),
        ("can0 351#", None, CanFrame(0x351)),
        ("can0 355 [0]", None, CanFrame(0x355)),
        ("can0 355#R", None, CanFrame(0x355, remote=True)),
        ("can0 355#R8", None, CanFrame(0x355, remote=True)),
        ("can0 355 [8] remote request", None, CanFrame(0x355, remote=True)),
        ("can0 00000355#5A006400", None, CanFrame(0x355, SOC.data, extended=True)),
        ("can0 1FFFFFFF#DEADBEEF", None, CanFrame(0x1FFFFFFF, b"\xde\xad\xbe\xef", extended=True)),
        ("can0 20000080#0000000000000000", None, CanFrame(0x80, bytes(8), error=True)),
        ("can0 20000004#0004000000000000", None, CanFrame(0x4, bytes.fromhex("0004000000000000"), error=True)),
    ],
)
def test_every_form_is_read(line: str, at: float | None, frame: CanFrame) -> None:
    assert parse_line(line) == (at, frame)


@pytest.mark.parametrize(
    "line",
    ["", "this line is noise", "can0 351#ABC", "can0 351#140", "can0 35#14", "can0 3551#14", "can0 351##0112233",
     "can0 351#112233445566778899", "can0 355 [4] 5A 00 64", "can0 40000000#00",
     "can0 355 [9] 00 00 00 00 00 00 00 00 00"],
)  # fmt: skip
def test_noise_is_skipped(line: str) -> None:
    assert parse_line(line) is None


def test_times_begin_at_the_first_frame_and_never_turn_back() -> None:
    log = "(17.5) can0 355#5A006400\nnoise\ncan0 355#\n(17.9) can0 355#\n(17.6) can0 355#\n(18.5) can0 355#"
    assert [round(at, 3) for at, _ in frames_in(log)] == [0, 0, 0.4, 0.4, 1.0]


def test_playback_takes_the_time_that_the_recording_took() -> None:
    bus = Bus(([0.0, 0.25, 3.0], "355#5A006400"))
    told = [(one(bus.line, 1.0), bus.time.now()) for _ in range(6)]
    assert [round(at, 6) for _, at in told] == [0, 0.25, 1.25, 2.25, 3.0, 4.0]
    assert [frame is not None for frame, _ in told] == [True, True, False, False, True, False]
    assert bus.line.finished
    assert bus.line.traffic().frames == 3


def test_playback_can_be_cancelled() -> None:
    bus = Bus()
    bus.line.cancel()
    with pytest.raises(TransportError, match="stopped"):
        one(bus.line, 1.0)


def test_a_log_as_a_line(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text("(1.0) can0 355#5A006400\n")
    line = transport(f"candump:{file}")
    assert isinstance(line, Playback)
    line.open()
    assert one(line, 0.1) == SOC
    missing = transport("candump:/does/not/exist")
    with pytest.raises(TransportError, match="name the file of a log"):
        missing.open()


class TestRecorder:
    def test_it_writes_a_log_that_can_be_read(self) -> None:
        bus = Bus(([0.0], f"{US5000} 00004211#A50930759D042E64 305#R"))
        file = io.StringIO()
        recorder = CanRecorder(bus.line, file)
        heard = [one(recorder, 0.1) for _ in range(8)]
        assert [frame for _, frame in frames_in(file.getvalue())] == heard == frames(US5000) + heard[6:]
        assert re.match(r"\(\d{10}\.\d{6}\) can0 351#1402C012C012C201\n", file.getvalue())

    def test_it_hides_what_it_is_told_to(self) -> None:
        file = io.StringIO()
        recorder = CanRecorder(Bus(([0.0], "380#41424344")).line, file, scrub=lambda frame: CanFrame(frame.id, b"XXXX"))
        told = one(recorder, 0.1)
        assert told
        assert told.data == b"ABCD"
        assert "380#58585858" in file.getvalue()

    def test_it_records_what_the_driver_does_not_want(self) -> None:
        bus = Bus()
        CanRecorder(bus.line, io.StringIO()).select([(0x351, False)])
        assert bus.selected == []


def test_log_time_passes_only_while_somebody_sleeps() -> None:
    time = LogTime()
    time.sleep(2.5)
    assert time.now() == 2.5
