"""The virtual console at a line: its speed, its rates, other clients, and everything that goes wrong on demand."""

import re
from random import Random
from typing import Any

import pytest
from tests.fakes import FakeTime
from tests.simulator.console.console_host import ANSWER, PROMPT, WAKE, Desk
from tests.simulator.sim_host import Timed, plugged_in, running
from tests.waiting import LONGEST_S, until

from pylon2mqtt.errors import ConfigError
from pylon2mqtt.simulator.console.faults import CONSOLE_FAULTS
from pylon2mqtt.simulator.faults import Faults, LineExchange, Piece
from pylon2mqtt.simulator.pacing import Pace
from pylon2mqtt.simulator.registry import Simulator

BYTE_S = 10 / 115200


@pytest.fixture(params=["pty", "tcp"])
def listen(request, tmp_path):
    return f"pty:{tmp_path}/battery" if request.param == "pty" else "tcp:127.0.0.1:0"


def heard(port: Any, within: float = LONGEST_S) -> bytes:
    """What comes until a prompt ends it, or nothing more comes."""
    port.timeout, data = within, b""
    while not PROMPT.search(data) and (more := port.read(max(1, port.in_waiting))):
        data += more
    return data


def ask(port: Any, command: str, within: float = LONGEST_S) -> bytes:
    port.write(command.encode() + b"\r")
    return heard(port, within)


def is_good(answer: bytes) -> bool:
    found = ANSWER.fullmatch(answer.decode("ascii", "replace"))
    return found is not None and found["success"] is not None


def test_a_console_answers_at_a_line(listen):
    with running(listen, "console", fast=True, model="US5000,US2000C") as simulator, plugged_in(simulator) as port:
        assert is_good(ask(port, "pwr"))
        assert is_good(ask(port, "bat 2"))
        assert is_good(ask(port, "login debug"))
        assert ask(port, "pwrsys").endswith(b"pylon_debug>")
        assert not is_good(ask(port, "tbar X"))
        assert simulator.requests == [b"pwr\r", b"bat 2\r", b"login debug\r", b"pwrsys\r", b"tbar X\r"]
        assert simulator.writes_seen == [b"tbar X"]


def test_an_answer_takes_the_time_that_the_wire_needs():
    answer = Timed("console", model="US3000C", answer_delay_s=0.02, jitter_s=0).ask(b"pwr\r")
    characters = sum(len(data) for _, data in answer)
    # The echo runs beside the question and ends one character behind it.
    expected_s = 0.02 + (len("pwr\r") + 1 + characters - len("pwr")) * BYTE_S
    assert characters > 1000
    assert answer[-1][0] == pytest.approx(expected_s, abs=0.001)


def test_an_echo_ends_one_character_behind_the_question():
    pieces = [Piece(data=b"pwr", typed=True), Piece(wait=0.05, data=b"!" * 10)]
    assert [data for _, data in Pace(9600).timetable(pieces, 100.0)][:3] == [b"p", b"w", b"r"]
    due = [due for due, _ in Pace(9600).timetable(pieces, 100.0)]
    assert due[2] == pytest.approx(100.0 + 10 / 9600)
    assert due[0] == pytest.approx(100.0 - 10 / 9600)
    assert due[-1] == pytest.approx(100.0 + 0.05 + 11 * 10 / 9600)


def test_the_echo_comes_while_somebody_is_still_typing():
    with running("", "console", model="US3000C", fast=True) as simulator, plugged_in(simulator) as port:
        simulator.order("fault silence 1x")
        for character in b"time":
            port.write(bytes([character]))
            assert port.read(1) == bytes([character])
        port.write(b"\r")
        port.timeout = 0.1
        assert port.read(1) == b""
        assert is_good(ask(port, "time"))


def test_a_us2000_is_woken_at_1200(tmp_path):
    with (
        running(f"pty:{tmp_path}/b", "console", model="US2000", fast=True) as simulator,
        plugged_in(simulator, timeout=0.1) as port,
    ):
        for _ in range(2):
            assert ask(port, "", within=0.1) == b""
            port.baudrate = 1200
            port.write(WAKE)
            until(lambda: simulator.battery.baudrate != 1200)
            port.baudrate = 115200
            assert ask(port, "") == b"\n\rpylon>"
            assert is_good(ask(port, "pwr"))
            assert "1200 Bd" in simulator.order("power-cut")


def test_behind_a_gateway_of_one_rate_a_us2000_stays_asleep():
    with (
        running("tcp:127.0.0.1:0", "console", model="US2000", fast=True) as simulator,
        plugged_in(simulator, timeout=0.1) as port,
    ):
        port.write(WAKE)
        assert ask(port, "pwr", within=0.1) == b""
        assert simulator.requests == []
        assert simulator.order("wake") == "The console speaks at 115200 Bd."
        assert is_good(ask(port, "pwr"))


def test_a_power_cut_ends_what_is_being_said():
    with (
        running("", "console", model="US3000C", jitter_s=0, answer_delay_s=0) as simulator,
        plugged_in(simulator, timeout=0.2) as port,
    ):
        ask(port, "login debug")
        port.write(b"pwr\r")
        port.read(200)
        assert simulator.order("power-cut") == "The battery was off; its console speaks at 115200 Bd."
        assert b"$$" not in heard(port, within=0.3)
        assert ask(port, "") == b"\n\rpylon>"


def test_somebody_else_types_at_the_same_line():
    with running("", "console", model="US3000C", fast=True) as simulator, plugged_in(simulator) as port:
        assert simulator.order("client login debug").endswith("the prompt is 'pylon_debug>'.")
        told = heard(port)
        assert told.startswith(b"login debug\n\r@")
        assert told.endswith(b"\n\rpylon_debug>")
        assert ask(port, "time").endswith(b"pylon_debug>")


def test_orders_of_a_console():
    simulator = Simulator("console", "tcp:127.0.0.1:0", model="US3000C", modules=3)
    module = simulator.bank.modules[1]
    assert simulator.order("slot 2 9") == "Module 2 is in slot 9."
    assert simulator.order("warn 2 cell_overvoltage 3") == "Module 2 warns of cell_overvoltage at cell 3."
    assert simulator.order("cell-fault 2 4") == "Module 2 has cell_fault at cell 4."
    assert simulator.order("current 2 -120.5") == "-120.5 A flow through module 2, whatever its BMS admits."
    assert (len(module.warnings), len(module.alarms), module.current) == (1, 1, -120.5)
    assert re.search(rb"\r\n2     -.*\r\n9     \d{5} ", simulator.battery.answer(b"pwr\r"), re.DOTALL)
    assert b"-120500" in simulator.battery.answer(b"pwr\r")
    assert simulator.order("clear") == "No module has an alarm."
    assert (module.warnings, module.alarms) == (set(), set())
    assert simulator.order("current 2 free") == "Module 2 has its share of the current again."
    told = simulator.order("help")
    assert "slot MODULE SLOT" in told
    assert "garbled-echo" in told
    assert "wrong-checksum" not in told
    with pytest.raises(ConfigError, match="there is no fault 'wrong-checksum': choose from silence, "):
        simulator.order("fault wrong-checksum")
    with pytest.raises(ConfigError, match="there is no order 'slot'"):
        Simulator("rs485", "tcp:127.0.0.1:0").order("slot 1 2")


ANSWERED = Desk("US3000C", 3).type("pwr\r").encode()
TIME = Desk("US3000C", 3).type("time\r").encode()


def spoiled(name: str, seed: int = 1, answer: bytes = ANSWERED) -> bytes:
    faults = Faults(FakeTime().clock.now, CONSOLE_FAULTS)
    faults.set(name)
    echo = answer[: answer.index(b"\n")]
    exchange = LineExchange(request=echo + b"\r", answer=answer, dice=Random(seed), echo=echo)
    return b"".join(piece.data for piece in faults.spoil(exchange, 0.0))


def rows(answer: bytes) -> list[bytes]:
    return [line for line in re.split(rb"[\r\n]+", answer) if line]


def test_echo_faults_leave_the_answer():
    body = ANSWERED.removeprefix(b"pwr")
    for seed in range(20):
        garbled = spoiled("garbled-echo", seed)
        assert garbled.endswith(body)
        assert not garbled.startswith(b"pwr")
    assert spoiled("doubled-echo") == b"pwr\n\rpwr" + body
    assert spoiled("no-echo") == body


def test_lost_markers():
    assert spoiled("no-at") == ANSWERED.replace(b"@", b"")
    assert spoiled("unreadable-at") == ANSWERED.replace(b"@", b"\xc0")
    assert spoiled("no-dollars") == ANSWERED.replace(b"$$", b"")
    prompts = {spoiled("damaged-prompt", seed).rpartition(b"\r")[2] for seed in range(40)}
    assert prompts == {b"ylon>", b"plon>", b"pyon>", b"pyln>", b"pylo>"}
    assert all(spoiled("damaged-prompt", seed)[:-5] == ANSWERED[:-6] for seed in range(5))


@pytest.mark.parametrize(("name", "alien"), [("iac", b"\xff"), ("scattered-nuls", b"\0"), ("non-ascii", None)])
def test_bytes_between_the_good_ones(name, alien):
    for seed in range(10):
        damaged = spoiled(name, seed)
        strange = bytes(byte for byte in damaged if byte > 0x7F or byte == 0)
        assert bytes(byte for byte in damaged if 0 < byte <= 0x7F) == ANSWERED
        assert len(strange) == 6
        assert alien is None or set(strange) == set(alien)


def test_noise_before_the_first_byte():
    damaged = spoiled("early-noise")
    assert damaged[2:] == ANSWERED
    assert damaged[0] < 0x80 <= damaged[1]


def test_dropped_bytes_and_digits():
    for seed in range(20):
        assert 1 <= len(ANSWERED) - len(spoiled("dropped-bytes", seed)) <= 7
        lost = spoiled("lost-digit", seed)
        assert len(lost) == len(ANSWERED) - 1
        (good, bad) = next((a, b) for a, b in zip(rows(ANSWERED), rows(lost), strict=True) if a != b)
        assert sum(map(bytes.isdigit, map(bytes, zip(good)))) - 1 == sum(map(bytes.isdigit, map(bytes, zip(bad))))


def test_swapped_and_corrupted_rows():
    for seed in range(20):
        swapped = rows(spoiled("swapped-rows", seed))
        assert sorted(swapped) == sorted(rows(ANSWERED))
        assert sum(a != b for a, b in zip(swapped, rows(ANSWERED), strict=True)) == 2
        corrupted = rows(spoiled("corrupted-row", seed))
        (bad,) = [(a, b) for a, b in zip(corrupted, rows(ANSWERED), strict=True) if a != b]
        assert sum(a != b for a, b in zip(*bad, strict=True)) == 4
        assert bad[0].decode("ascii").isprintable()


def test_swapped_blocks():
    for seed in range(20):
        damaged = spoiled("swapped-blocks", seed)
        assert damaged != ANSWERED
        assert sorted(damaged) == sorted(ANSWERED)
        first = next(place for place, (a, b) in enumerate(zip(damaged, ANSWERED, strict=True)) if a != b)
        assert 0 < sum(a != b for a, b in zip(damaged[first:], ANSWERED[first:], strict=True)) <= 128


def test_common_faults_leave_the_echo():
    for seed in range(20):
        cut = spoiled("truncation", seed)
        assert ANSWERED.startswith(cut)
        assert 3 < len(cut) < len(ANSWERED)
        assert spoiled("noise", seed).startswith(b"pwr")
    assert spoiled("silence") == b""
    assert spoiled("late") == ANSWERED
    assert spoiled("nuls").strip(b"\0").endswith(b"pylon>")


@pytest.mark.parametrize("first", CONSOLE_FAULTS)
def test_faults_go_together_with_every_answer(first):
    for seed, second in enumerate(CONSOLE_FAULTS):
        for answer in (ANSWERED, TIME, b"\n\rpylon>", b""):
            faults = Faults(FakeTime().clock.now, CONSOLE_FAULTS)
            faults.set(first)
            faults.set(second)
            echo = answer.partition(b"\n")[0]
            exchange = LineExchange(request=echo + b"\r", answer=answer, dice=Random(seed), echo=echo)
            assert all(isinstance(piece, Piece) for piece in faults.spoil(exchange, 0.0))


def test_a_fault_at_a_line_and_the_good_line_behind_it():
    with running("", "console", model="US3000C", fast=True) as simulator, plugged_in(simulator, timeout=0.2) as port:
        simulator.order("fault no-dollars 1x")
        assert b"$$" not in ask(port, "pwr")
        assert is_good(ask(port, "pwr"))
        simulator.order("fault no-echo 1x")
        assert ask(port, "time").startswith(b"\n\r@")
        simulator.order("fault truncation 1x")
        assert not is_good(ask(port, "pwr", within=0.2))
        assert is_good(ask(port, "pwr"))
