"""The contract of every decoder, over every recording: right, or refused, never wrong."""

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests import recordings

from pylon2mqtt.errors import FrameError, ProtocolError
from pylon2mqtt.protocols import registry
from pylon2mqtt.protocols.base import Clock
from pylon2mqtt.protocols.binary.dialects import DIALECTS
from pylon2mqtt.protocols.binary.frame import Frame
from pylon2mqtt.transports.recording import Replay

ANSWERS = recordings.answers()
BINARY = [answer for answer in ANSWERS if answer.protocol in ("rs485", "rs232")]


TELL_NO_BARCODE = ("seplos", "eg4")


def expect_same_or_refused(answer: recordings.Answer, data: bytes, truth: dict[str, object]) -> None:
    try:
        told = answer.decoded(data)
    except ProtocolError:
        return
    assert told == truth


@pytest.mark.parametrize("path", recordings.files(), ids=lambda path: path.stem)
def test_each_recording_decodes_to_its_golden_bank(path: Path) -> None:
    assert recordings.golden(path) == json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", recordings.exchanged(), ids=lambda path: path.stem)
def test_each_recording_can_be_replayed(path: Path) -> None:
    recording = recordings.recording(path)
    line = Replay(recording)
    clock = Clock(now=line.now, sleep=lambda _s: None)
    bank = registry.driver(recording.protocol, name=None, clock=clock, stagger_s=0).read(line)
    assert bank.modules
    assert all(module.cells and module.voltage for module in bank.modules)
    assert bank.modules[0].barcode or path.stem in TELL_NO_BARCODE


@pytest.mark.parametrize("answer", [a for a in ANSWERS if a.protocol == "console"], ids=str)
def test_a_console_answer_cut_at_every_byte_is_refused(answer: recordings.Answer) -> None:
    whole = answer.data.rstrip()
    for cut in range(len(whole)):
        with pytest.raises(ProtocolError):
            answer.decoded(whole[:cut])


@pytest.mark.parametrize("answer", BINARY, ids=str)
def test_cut_at_every_byte_it_is_refused(answer: recordings.Answer) -> None:
    truth = answer.decoded()
    end = answer.data.rindex(b"\r")
    first = answer.data.index(b"\r")
    for cut in range(end + 1):
        if cut <= first:
            with pytest.raises(ProtocolError):
                answer.decoded(answer.data[:cut])
        else:
            expect_same_or_refused(answer, answer.data[:cut], truth)


@pytest.mark.parametrize("answer", BINARY, ids=str)
def test_with_any_bit_flipped_it_is_refused_or_the_same(answer: recordings.Answer) -> None:
    truth = answer.decoded()
    for position in range(len(answer.data)):
        for bit in range(8):
            flipped = bytearray(answer.data)
            flipped[position] ^= 1 << bit
            expect_same_or_refused(answer, bytes(flipped), truth)


@pytest.mark.parametrize("answer", BINARY, ids=str)
def test_noise_before_it_changes_nothing(answer: recordings.Answer) -> None:
    truth = answer.decoded()
    dice = random.Random(answer.name)
    for noise in (b"\x00", b"\xf0\xff\xff\x1f", b"~2002", b"~\r\n\r", b"~2002460000", dice.randbytes(40)):
        assert answer.decoded(noise.replace(b"\r", b"") + answer.data) == truth
        assert answer.decoded(answer.data + noise.replace(b"~", b"")) == truth


@pytest.mark.parametrize("answer", BINARY, ids=str)
def test_the_echo_of_the_request_before_it_changes_nothing(answer: recordings.Answer) -> None:
    assert answer.decoded(answer.request.encode() + b"\r" + answer.data) == answer.decoded()


@pytest.mark.parametrize("answer", BINARY, ids=str)
def test_from_another_address_it_is_refused(answer: recordings.Answer) -> None:
    raw = next(f for f in _frames(answer.data) if f.cid2 == 0)
    asked = int(answer.request[3:5], 16)
    allowed = {asked, raw.address}
    if raw.version == 0x25:  # A PACE master may answer for its packs, and whoever is asked at 0 or FF as itself.
        allowed |= {*range(0x10)} if asked in (0x00, 0xFF) else {0x00, 0x01}
    for address in {0x01, 0x05, 0x0B, 0x33} - allowed:
        with pytest.raises(FrameError):
            answer.decoded(replace(raw, address=address).to_bytes())


@pytest.mark.parametrize("answer", BINARY, ids=str)
def test_as_a_refusal_it_is_refused(answer: recordings.Answer) -> None:
    raw = next(f for f in _frames(answer.data) if f.cid2 == 0)
    for code in (0x01, 0x02, 0x04, 0x06, 0x90, 0x91):
        with pytest.raises(ProtocolError):
            answer.decoded(replace(raw, cid2=code, info=b"").to_bytes())


def _frames(data: bytes) -> Iterator[Frame]:
    for piece in data.split(b"~")[1:]:
        try:
            yield Frame.parse(b"~" + piece[: piece.index(b"\r") + 1])
        except (FrameError, ValueError):
            continue


QUESTIONS = [
    dialect.question(command, 1, all_modules=everybody)
    for dialect in DIALECTS
    for command in sorted(dialect.commands)
    for everybody in ((False, True) if command in (0x42, 0x44) else (False,))
]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.binary(max_size=400), asked=st.sampled_from(QUESTIONS))
def test_random_bytes_raise_only_protocol_errors(data: bytes, asked: Frame) -> None:
    with pytest.raises(ProtocolError):
        registry.decode("rs485", data, asked.to_bytes().decode())


@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(info=st.binary(max_size=160), asked=st.sampled_from(QUESTIONS))
def test_random_info_in_a_sound_frame_raises_only_protocol_errors(info: bytes, asked: Frame) -> None:
    answer = Frame(version=asked.version, address=asked.address, cid1=asked.cid1, cid2=0, info=info)
    try:
        bank = registry.decode("rs485", answer.to_bytes(), asked.to_bytes().decode())
    except ProtocolError:
        return
    assert all(0 <= (cell.voltage or 0) < 4.5 for module in bank.modules for cell in module.cells or ())
    assert all(-40 <= (t or 0) <= 120 for module in bank.modules for t in module.temperatures or ())


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, 300), pick=st.sampled_from([a for a in BINARY if a.request[7:9] == "42"]))
def test_two_swapped_digits_are_refused_or_change_little(at: int, pick: recordings.Answer) -> None:
    """The additive checksum does not see them: no cell may end up where it cannot be."""
    data = bytearray(pick.data)
    at %= len(data) - 1
    data[at], data[at + 1] = data[at + 1], data[at]
    truth = pick.decoded()
    try:
        told = pick.decoded(bytes(data))
    except ProtocolError:
        return
    for module, real in zip(told["modules"], truth["modules"], strict=True):
        cells = sum(cell["voltage"] for cell in module["cells"])
        assert abs(cells - module["voltage"]) <= 0.3
        assert len(module["cells"]) == len(real["cells"])
