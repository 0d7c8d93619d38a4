"""Every fault does what its name says, for as long as it was ordered."""

from random import Random

import pytest
from tests.simulator.sim_host import analog_parts, ask, info_of, is_sound, plugged_in, request, running
from tests.waiting import LONGEST_S

from pylon2mqtt.errors import ConfigError
from pylon2mqtt.simulator.faults import CHATTER, FAULTS, Faults, LineExchange, Piece

ASKED = request(0x93, "02")
ANSWER = b"~20024600C0220253494D4352303030303030303030303031F6C7\r"


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def faults(clock):
    return Faults(clock)


def spoiled(faults, answer=ANSWER, seed=1):
    return faults.spoil(LineExchange(request=ASKED, answer=answer, dice=Random(seed)), 0.075)


def data(pieces):
    return b"".join(piece.data for piece in pieces)


def seen_with(name, answer=ANSWER, seed=1):
    made = Faults(Clock())
    made.set(name)
    return spoiled(made, answer, seed)


def test_without_faults_the_answer_is_whole(faults):
    assert spoiled(faults) == [Piece(wait=0.075, data=ANSWER)]
    assert faults.chatter(Random(1)) == []


def test_silence():
    assert seen_with("silence") == []


def test_noise():
    for seed in range(20):
        heard = data(seen_with("noise", seed=seed))
        assert ANSWER in heard
        assert not heard.startswith(ANSWER)
        assert not heard.endswith(ANSWER)


def test_nuls():
    heard = data(seen_with("nuls"))
    assert heard.strip(b"\0") == ANSWER
    assert heard[0] == heard[-1] == 0


def test_only_nuls():
    assert data(seen_with("only-nuls")) == bytes(len(ANSWER))


@pytest.mark.parametrize("answer", [ANSWER, b"~200246000000FDB0\r"])
def test_wrong_checksum(answer):
    heard = data(seen_with("wrong-checksum", answer))
    assert len(heard) == len(answer)
    assert heard[:-2] == answer[:-2]
    assert heard[-2] != answer[-2]
    assert chr(heard[-2]) in "0123456789ABCDEF"


def test_bit_error():
    for seed in range(50):
        heard = data(seen_with("bit-error", seed=seed))
        difference = [a ^ b for a, b in zip(heard, ANSWER, strict=True) if a != b]
        assert len(difference) == 1
        assert difference[0].bit_count() == 1
        assert heard[:1] + heard[-1:] == b"~\r"


def test_truncation():
    lengths = {len(data(seen_with("truncation", seed=seed))) for seed in range(200)}
    assert 1 <= min(lengths) < 5
    assert len(ANSWER) - 5 < max(lengths) < len(ANSWER)
    assert ANSWER.startswith(data(seen_with("truncation")))


def test_echo():
    assert seen_with("echo") == [Piece(data=ASKED, in_one=True), Piece(wait=0.075, data=ANSWER)]
    assert data(seen_with("echo", b"")) == ASKED


def test_late():
    pieces = seen_with("late")
    assert sum(piece.wait for piece in pieces) > 1.5
    assert data(pieces) == ANSWER


def test_swapped_digits():
    for seed in range(50):
        heard = data(seen_with("swapped-digits", seed=seed))
        assert heard != ANSWER
        assert sorted(heard) == sorted(ANSWER)
        assert heard[:13] + heard[-5:] == ANSWER[:13] + ANSWER[-5:]
    assert data(seen_with("swapped-digits", b"~200246000000FDB2\r")) == b"~200246000000FDB2\r"


def test_wrong_address():
    with running(fast=True) as simulator, plugged_in(simulator) as port:
        good = ask(port, 0x42, "02")
        simulator.order("fault wrong-address 1x")
        wrong = ask(port, 0x42, "02")
        assert is_sound(wrong)
        assert wrong[3:5] == b"03"
        assert wrong[5:-5] == good[5:-5]


def test_foreign_answers_come_first():
    with running(fast=True) as simulator, plugged_in(simulator) as port:
        simulator.order("fault foreign 1x")
        port.write(request(0x93, "02"))
        heard = [port.read_until(b"\r") for _ in range(2)]
        port.timeout = 0.3
        assert port.read(1) == b""
    assert all(map(is_sound, heard))
    mine = [answer for answer in heard if answer[1:7] == b"200246"]
    others = [answer for answer in heard if answer[1:7] == b"200346"]
    assert len(mine) == len(others) == 1
    assert heard.index(others[0]) < heard.index(mine[0])


def test_foreign_traffic_and_unsolicited_frames_come_unasked():
    with running(fast=True) as simulator, plugged_in(simulator) as port:
        simulator.order("fault unsolicited")
        assert port.read_until(b"\r") == b"~200246060000FDAC\r"
        assert port.read_until(b"\r") == b"~200246060000FDAC\r"
        simulator.order("fault none")
        simulator.order("fault foreign")
        heard = port.read_until(b"\r")
        assert is_sound(heard)
        assert heard[3:5] != b"02"
        assert is_sound(port.read_until(b"\r"))


def test_chatter_keeps_its_pauses(faults, clock):
    faults.set("unsolicited")
    assert len(faults.chatter(Random(1))) == 1
    clock.now += 0.3
    assert faults.chatter(Random(1)) == []
    clock.now += 0.2
    assert len(faults.chatter(Random(1))) == 1


def test_garbage_takes_the_answers_place():
    heard = data(seen_with("garbage"))
    assert len(heard) == len(ANSWER)
    assert ANSWER not in heard


def test_garbage_has_no_end():
    with running(fast=True) as simulator, plugged_in(simulator) as port:
        simulator.order("fault garbage")
        heard = port.read(1000)
        port.write(request(0x42, "02"))
        heard += port.read(1000)
        assert len(heard) == 2000
        assert len(set(heard)) > 200
        simulator.order("fault none")
        port.timeout = 0.3
        while port.read(1000):
            pass
        port.timeout = LONGEST_S
        assert is_sound(ask(port, 0x42, "02"))
        assert len(simulator.requests) == 2


def test_split_and_merged():
    parts = seen_with("split")
    assert len(parts) > 1
    assert all(piece.in_one for piece in parts)
    assert data(parts) == ANSWER
    assert parts[0].wait == 0.075
    made = Faults(Clock())
    made.set("echo")
    made.set("merged")
    (piece,) = spoiled(made)
    assert piece.in_one
    assert piece.data == ASKED + ANSWER
    assert piece.wait == pytest.approx(0.095)


def test_split_answers_arrive_whole_in_the_end():
    with running(fast=True) as simulator, plugged_in(simulator) as port:
        simulator.order("fault split")
        for _ in range(5):
            assert len(analog_parts(info_of(ask(port, 0x42, "02")))) == 1


def test_several_faults_add_up(faults):
    faults.set("echo")
    faults.set("nuls")
    faults.set("late")
    pieces = spoiled(faults)
    assert [bool(piece.data.strip(b"\0")) for piece in pieces] == [False, True, True]
    assert faults.names() == ["echo", "nuls", "late"]


def test_a_fault_lasts_as_long_as_it_was_set(faults, clock):
    faults.set("silence", seconds=30)
    assert spoiled(faults) == []
    clock.now += 29.9
    assert spoiled(faults) == []
    clock.now += 0.1
    assert data(spoiled(faults)) == ANSWER
    assert faults.names() == []


def test_a_fault_lasts_for_so_many_answers(faults):
    faults.set("silence", answers=2)
    assert [data(spoiled(faults)) for _ in range(3)] == [b"", b"", ANSWER]


def test_faults_are_cleared(faults):
    faults.set("silence")
    faults.clear()
    assert data(spoiled(faults)) == ANSWER


def test_an_unknown_fault_is_refused(faults):
    with pytest.raises(ConfigError, match="there is no fault 'fire': choose from silence, noise, "):
        faults.set("fire")


@pytest.mark.parametrize("first", FAULTS)
@pytest.mark.parametrize("second", FAULTS)
def test_faults_go_together_and_with_silence(first, second):
    for answer in (ANSWER, b""):
        for seed in range(5):
            made = Faults(Clock())
            made.set(first)
            made.set(second)
            assert all(isinstance(piece, Piece) for piece in spoiled(made, answer, seed))


def test_chatter_is_of_known_faults():
    assert CHATTER.keys() <= FAULTS.keys()
