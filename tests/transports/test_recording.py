"""The recorder and the replayer share one format, which people can read."""

import io

import pytest
from tests.fakes import bench

from pylon2mqtt.errors import FrameError, TransportTimeoutError
from pylon2mqtt.protocols.binary.rs485 import Rs485, scrub
from pylon2mqtt.transports.recording import Recorder, Replay, parse_recording

HEAD = "# pylon2mqtt recording 1\n# protocol: rs485\n# line: fake\n"


def recorded(text: str) -> Replay:
    return Replay(parse_recording(HEAD + text))


def test_it_is_text_for_people() -> None:
    rig, file = bench(modules=1), io.StringIO()
    line = Recorder(rig.line, file, protocol="rs485")
    line.open()
    line.set_baudrate(9600)
    rig.line.battery_baudrate = 9600
    line.send(b"~20024F\\\x00\r")
    rig.line._pending = b"\xf0\x00~answer\r\nrest"
    line.read_until(b"\r", 1)
    line.close()
    lines = file.getvalue().splitlines()
    assert lines[:3] == HEAD.splitlines()
    assert [text[11:] for text in lines[3:]] == [
        "= 9600",
        r"> ~20024F\\\x00\r",
        r"< \xf0\x00~answer\r",
        r"< \n",
        "< rest",
    ]


def test_what_is_recorded_can_be_replayed() -> None:
    rig, file = bench(modules=3), io.StringIO()
    reader = Rs485(name=None, clock=rig.time.clock, stagger_s=0)
    line = Recorder(rig.line, file, protocol="rs485")
    line.open()
    bank = reader.read(line)
    replay = Replay(parse_recording(file.getvalue()))
    again = Rs485(name=None, clock=rig.time.clock, stagger_s=0).read(replay)
    assert again == bank
    assert replay.finished


def test_barcodes_are_replaced_and_the_frames_stay_sound() -> None:
    rig, file = bench(modules=2), io.StringIO()
    secret = [module.barcode for module in rig.bank.modules]
    line = Recorder(
        rig.line,
        file,
        protocol="rs485",
        scrub=lambda asked, told: scrub(asked, told, lambda code: "HIDDEN" + code[-3:]),
    )
    line.open()
    Rs485(name=None, clock=rig.time.clock, stagger_s=0).read(line)
    for barcode in secret:
        assert barcode not in file.getvalue()
        assert barcode.encode().hex().upper() not in file.getvalue()
    again = Rs485(name=None, clock=rig.time.clock, stagger_s=0).read(Replay(parse_recording(file.getvalue())))
    assert [module.barcode for module in again.modules] == ["HIDDEN" + barcode[-3:] for barcode in secret]


def test_a_damaged_answer_with_a_barcode_is_blanked() -> None:
    rig = bench(modules=1)
    asked = b"~20024693E00202FD2D\r"
    told = rig.battery.answer(asked)[:-3] + b"0\r"
    barcode = rig.bank.modules[0].barcode.encode().hex().upper().encode()
    assert barcode in told
    kept = scrub(asked, told, lambda code: code)
    assert barcode not in kept
    assert len(kept) == len(told)


def test_a_cut_answer_with_a_barcode_is_blanked_too() -> None:
    rig = bench(modules=1)
    asked = b"~20024693E00202FD2D\r"
    cut = rig.battery.answer(asked)[:-5]
    barcode = rig.bank.modules[0].barcode.encode().hex().upper().encode()
    assert barcode in cut
    assert barcode[:12] not in scrub(asked, cut, lambda code: code)


def test_questions_are_found_in_any_order_and_times_pass() -> None:
    line = recorded("1.0 > a\\r\n1.5 < A\\r\n2.0 > b\\r\n2.5 < B\\r\n3.0 > a\\r\n3.5 < C\\r\n")
    for question, answer in ((b"b\r", b"B\r"), (b"a\r", b"C\r"), (b"a\r", b"A\r")):
        line.send(question)
        assert line.read_until(b"\r", 1) == answer
    assert line.now() >= 3.0
    line.send(b"never asked\r")
    with pytest.raises(TransportTimeoutError):
        line.read_until(b"\r", 1)


def test_an_answer_belongs_to_its_rate() -> None:
    line = recorded("0 = 115200\n0 > a\\r\n1 = 9600\n1 > a\\r\n1 < slow\\r\n")
    line.set_baudrate(115200)
    line.send(b"a\r")
    with pytest.raises(TransportTimeoutError):
        line.read_until(b"\r", 1)
    line.set_baudrate(9600)
    line.send(b"a\r")
    assert line.read_until(b"\r", 1) == b"slow\r"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "first line must be"),
        ("hello\n", "first line must be"),
        (HEAD + "0.1 > a\n0.2 ? b\n", "line 5"),
        (HEAD + "0.1 > \\u1234\n", "cannot be bytes"),
        (HEAD + "0.1 > \\x4\n", "cannot be bytes"),
    ],
)
def test_what_is_no_recording_is_told_with_its_line(text: str, why: str) -> None:
    with pytest.raises(FrameError, match=why):
        parse_recording(text)
