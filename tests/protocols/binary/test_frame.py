"""The frame of the binary protocol, against figures of the document and against damage."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylon2mqtt.errors import DeviceError, FrameError
from pylon2mqtt.protocols.binary.dialects import is_answer
from pylon2mqtt.protocols.binary.dialogue import RETURN_CODES, accepted, last_answer
from pylon2mqtt.protocols.binary.frame import Frame, candidates, checksum, length_field

ASKED = Frame(address=2, cid2=0x42, info=b"\x02")
GOOD = Frame(address=2, cid2=0, info=b"\x00\x02")


@given(
    st.builds(
        Frame,
        address=st.integers(0, 255),
        cid2=st.integers(0, 255),
        info=st.binary(max_size=300),
        version=st.integers(0, 255),
        cid1=st.integers(0, 255),
    )
)
def test_a_frame_survives_the_wire(frame: Frame) -> None:
    assert Frame.parse(frame.to_bytes()) == frame


@pytest.mark.parametrize(
    ("characters", "field"),
    [(0, 0x0000), (2, 0xE002), (4, 0xC004), (0x04C, 0x004C), (0x0F0, 0x10F0), (0x142, 0x9142), (0x1DC, 0x61DC)],
)
def test_the_length_field_even_where_its_checksum_is_0(characters: int, field: int) -> None:
    assert length_field(characters) == field


def test_the_checksum_of_the_documents_example() -> None:
    assert checksum(b"1203400456ABCEFE") == 0xFC71


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"~20024600\r", "no whole frame"),
        (b"20024642E00202FD33\r", "no whole frame"),
        (b"~20024642E00202FD33", "no whole frame"),
        (b"~20024642E0020GFD33\r", "not hexadecimal"),
        (b"~20024642E00202FD3\r", "not hexadecimal"),
        (b"~20024642E002 02 FD33\r", "blanks"),
        (b"~20024642D00202FD34\r", "LCHKSUM"),
        (b"~20024642C00402FD33\r", "does not fit"),
        (b"~20024642E00202FD34\r", "add up to FD33"),
        (b"~20024642E00203FD33\r", "CHKSUM"),
    ],
)
def test_what_is_wrong_is_said(raw: bytes, why: str) -> None:
    with pytest.raises(FrameError, match=why):
        Frame.parse(raw)


def test_lower_case_counts_as_it_was_sent() -> None:
    text = b"20024642e00202"
    raw = b"~" + text + b"%04X" % checksum(text) + b"\r"
    assert Frame.parse(raw) == ASKED
    with pytest.raises(FrameError, match="CHKSUM"):
        Frame.parse(ASKED.to_bytes().replace(b"E", b"e"))


def test_candidates_begin_at_the_last_tilde() -> None:
    noise = b"\x00\xf0~2002~\xff\n"
    raw = ASKED.to_bytes()
    assert list(candidates(noise + raw + b"\x00" + raw + b"~20")) == [raw, raw]


class TestAnswers:
    def test_the_answer_is_taken(self) -> None:
        assert accepted(GOOD.to_bytes(), ASKED, is_answer) == GOOD

    def test_the_echo_is_none(self) -> None:
        assert accepted(ASKED.to_bytes(), ASKED, is_answer) is None
        assert accepted(Frame(address=2, cid2=0x42, info=b"\x02", version=0x00).to_bytes(), ASKED, is_answer) is None

    def test_another_readers_request_is_foreign(self) -> None:
        with pytest.raises(FrameError, match="another reader"):
            accepted(Frame(address=2, cid2=0x61).to_bytes(), ASKED, is_answer)

    @pytest.mark.parametrize("code", sorted(set(RETURN_CODES) - {2, 3}))
    def test_a_refusal_says_why(self, code: int) -> None:
        with pytest.raises(DeviceError) as caught:
            accepted(Frame(address=2, cid2=code).to_bytes(), ASKED, is_answer)
        assert caught.value.code == code
        assert RETURN_CODES[code] in str(caught.value)

    @pytest.mark.parametrize("code", [2, 3])
    def test_a_request_damaged_on_its_way_is_asked_again(self, code: int) -> None:
        with pytest.raises(FrameError):
            accepted(Frame(address=2, cid2=code).to_bytes(), ASKED, is_answer)

    def test_another_cid1_than_was_asked_is_refused(self) -> None:
        with pytest.raises(FrameError, match="CID1 4A"):
            accepted(Frame(address=2, cid2=0, cid1=0x4A).to_bytes(), ASKED, is_answer)

    def test_a_maker_whose_protocol_is_not_read_is_named(self) -> None:
        with pytest.raises(FrameError, match="TDT's own protocol"):
            accepted(Frame(address=2, cid2=0x42, cid1=0x4F, version=0x25).to_bytes(), ASKED, is_answer)

    @pytest.mark.parametrize("everybody", [0x00, 0xFF])
    def test_a_pace_master_answers_for_everybody(self, everybody: int) -> None:
        told = Frame(address=1, cid2=0, version=0x25, info=b"\x05")
        asked = Frame(address=everybody, cid2=0x90, version=0x25, info=b"\xff")
        assert accepted(told.to_bytes(), asked, is_answer) == told
        for foreign in (replace(told, address=0x21), replace(told, version=0x20)):
            with pytest.raises(FrameError, match="from address"):
                accepted(foreign.to_bytes(), asked, is_answer)

    def test_a_group_may_answer_from_address_2_where_that_is_known(self) -> None:
        asked = Frame(address=0x12, cid2=0x61)
        assert accepted(GOOD.to_bytes(), asked, is_answer) == GOOD
        with pytest.raises(FrameError, match="from address 02"):
            accepted(GOOD.to_bytes(), Frame(address=0x12, cid2=0x42, info=b"\x12"), is_answer)

    def test_the_last_good_answer_counts(self) -> None:
        broken = GOOD.to_bytes().replace(b"02", b"03", 1)
        assert last_answer(broken + ASKED.to_bytes() + GOOD.to_bytes(), ASKED, is_answer) == GOOD

    @pytest.mark.parametrize(
        ("data", "why"),
        [(b"", "no frame"), (b"\xf0\xff", "no frame"), (ASKED.to_bytes(), "only the echo")],
    )
    def test_without_one_the_reason_is_said(self, data: bytes, why: str) -> None:
        with pytest.raises(FrameError, match=why):
            last_answer(data, ASKED, is_answer)
