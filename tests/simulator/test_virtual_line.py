"""Where the virtual battery is plugged in, and how fast it speaks there."""

import os
import socket
from itertools import accumulate
from pathlib import Path

import pytest
import serial
from tests.simulator.sim_host import Timed, ask, is_sound, plugged_in, request, running
from tests.waiting import LONGEST_S

from pylon2mqtt.errors import ConfigError, TransportError
from pylon2mqtt.simulator.line import line_at
from pylon2mqtt.simulator.pacing import Pace
from pylon2mqtt.simulator.registry import Simulator


@pytest.fixture(params=["pty", "tcp"])
def listen(request, tmp_path):
    return f"pty:{tmp_path}/battery" if request.param == "pty" else "tcp:127.0.0.1:0"


@pytest.fixture
def pty_at(tmp_path):
    return f"pty:{tmp_path}/battery"


# At 9600 Bd a byte takes 1.04 ms, at 115200 Bd 0.087 ms; the answer has 140 characters, the request 20.
@pytest.mark.parametrize(("baudrate", "expected_s"), [(115200, 0.0889), (9600, 0.2417)])
def test_an_answer_takes_the_time_that_the_wire_needs(baudrate, expected_s):
    answer = Timed(baudrate=baudrate, jitter_s=0).ask(request(0x42, "02"))
    assert len(b"".join(data for _, data in answer)) == 140
    assert answer[-1][0] == pytest.approx(expected_s, abs=0.001)


def test_bytes_come_one_after_the_other():
    answer = Timed(baudrate=9600, jitter_s=0).ask(request(0x42, "02"))
    begins_s = 0.0208 + 0.075
    lengths = list(accumulate(len(data) for _, data in answer))
    for (at, data), length in zip(answer, lengths, strict=True):
        assert 1 <= len(data) <= 2
        assert at == pytest.approx(begins_s + length * 10 / 9600, abs=0.001)


def test_the_timetable_ends_with_the_last_byte_of_the_last_piece():
    pace = Pace(115200)
    assert pace.arrived(20, 100.0) == pytest.approx(100.001736, abs=1e-6)
    assert pace.arrived(20, 100.0) == pytest.approx(100.003472, abs=1e-6)
    assert pace.arrived(1, 200.0) == pytest.approx(200.000087, abs=1e-6)


def test_the_delay_varies_as_it_was_measured_and_can_be_set():
    simulator = Simulator("rs485", "tcp:127.0.0.1:0", seed=8)
    delays = [simulator._delay() for _ in range(500)]
    again = Simulator("rs485", "tcp:127.0.0.1:0", seed=8)
    assert [again._delay() for _ in range(500)] == delays
    assert 0.069 <= min(delays) < 0.0695
    assert 0.0805 < max(delays) <= 0.081
    exact = Simulator("rs485", "tcp:127.0.0.1:0", answer_delay_s=0.25, jitter_s=0)
    assert exact._delay() == 0.25


def test_a_fast_line_needs_no_time():
    assert [at for at, _ in Timed(fast=True).ask(request(0x42, "02"))] == [0.0]


def test_a_host_at_another_rate_is_not_understood(pty_at):
    with running(pty_at, jitter_s=0) as simulator, plugged_in(simulator, 9600, timeout=0.2) as port:
        assert ask(port, 0x42, "02") == b""
        assert simulator.requests == []
        port.baudrate, port.timeout = 115200, LONGEST_S
        assert is_sound(ask(port, 0x42, "02"))
        assert simulator.requests == [request(0x42, "02")]


def test_a_host_at_another_rate_gets_garbage(pty_at):
    with running(pty_at, fast=True) as simulator, plugged_in(simulator, 9600) as port:
        simulator.order("fault unsolicited")
        heard = port.read(18)
        assert len(heard) == 18
        assert heard != b"~200246060000FDAC\r"


def test_a_host_comes_and_goes(listen):
    with running(listen, fast=True) as simulator:
        for _ in range(3):
            with plugged_in(simulator) as port:
                assert is_sound(ask(port, 0x42, "02"))


def test_a_pulled_cable_and_a_plugged_one(pty_at):
    with running(pty_at, fast=True) as simulator:
        path = simulator.url
        with plugged_in(simulator) as port:
            assert simulator.order("unplug") == f"{path} is gone."
            with pytest.raises((serial.SerialException, OSError)):
                ask(port, 0x42, "02")
        assert not os.path.lexists(path)
        assert simulator.order("plug") == f"{path} is there."
        with plugged_in(simulator) as port:
            assert is_sound(ask(port, 0x42, "02"))


def test_a_cable_pulled_in_the_middle_of_an_answer(pty_at):
    with running(pty_at, baudrate=9600) as simulator, plugged_in(simulator, 9600) as port:
        port.write(request(0x42, "02"))
        port.read(20)
        simulator.order("unplug")
        with pytest.raises((serial.SerialException, OSError)):
            port.read(140)
        simulator.order("plug")
        with plugged_in(simulator, 9600) as again:
            assert is_sound(ask(again, 0x42, "02"))


def test_the_path_of_a_dead_simulator_is_taken_over_and_left_tidy(tmp_path):
    path = tmp_path / "battery"
    path.symlink_to("/dev/pts/99999")
    with running(f"pty:{path}", fast=True) as simulator, plugged_in(simulator) as port:
        assert is_sound(ask(port, 0x42, "02"))
    assert not os.path.lexists(path)


def test_closing_leaves_the_link_of_another(tmp_path):
    old, new = (line_at(f"pty:{tmp_path}/battery", 115200) for _ in range(2))
    old.open()
    new.open()
    old.close()
    assert (tmp_path / "battery").exists()
    new.close()
    new.close()
    assert not os.path.lexists(tmp_path / "battery")


def test_a_closed_line_holds_nothing(listen):
    line = line_at(listen, 115200)
    before = len(list(Path("/dev/fd").iterdir()))
    for _ in range(3):
        line.open()
        assert line.is_open
        line.close()
        assert not line.is_open
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_places_that_cannot_be_had(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(TransportError, match="choose another path"):
        line_at(f"pty:{tmp_path}/file", 115200).open()
    assert (tmp_path / "file").read_text() == "mine"
    with pytest.raises(TransportError, match="No such file or directory"):
        line_at(f"pty:{tmp_path}/nowhere/battery", 115200).open()
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(TransportError, match="choose another"):
        line_at(f"tcp:127.0.0.1:{taken.getsockname()[1]}", 115200).open()


@pytest.mark.parametrize("listen", ["", "pty", "pty:", "tcp:1234", "tcp:host:", "tcp:host:99999", "com:1"])
def test_places_that_are_none(listen):
    with pytest.raises(ConfigError, match="write pty:PATH or tcp:HOST:PORT"):
        line_at(listen, 115200)


def test_rates_that_no_terminal_has():
    with pytest.raises(ConfigError, match=r"a terminal knows no 12345 Bd: choose from .* 9600, "):
        line_at("pty:battery", 12345)
    line_at("tcp:localhost:0", 12345)


def test_one_client_at_a_time():
    with running("tcp:127.0.0.1:0", fast=True) as simulator:
        with plugged_in(simulator) as first:
            assert is_sound(ask(first, 0x42, "02"))
            with socket.create_connection(("127.0.0.1", simulator.url.rsplit(":")[-1]), timeout=LONGEST_S) as second:
                assert second.recv(1) == b""
            assert is_sound(ask(first, 0x42, "02"))
        with plugged_in(simulator) as third:
            assert is_sound(ask(third, 0x42, "02"))


def test_a_client_is_dropped():
    with running("tcp:127.0.0.1:0", fast=True) as simulator:
        with plugged_in(simulator) as port:
            assert is_sound(ask(port, 0x42, "02"))
            assert simulator.order("drop") == "The client was dropped."
            with pytest.raises(serial.SerialException):
                port.read(1)
        assert simulator.order("drop") == "There was nobody to drop."
        with plugged_in(simulator) as port:
            assert is_sound(ask(port, 0x42, "02"))


def test_an_unplugged_gateway_refuses_and_returns_at_its_port():
    with running("tcp:127.0.0.1:0", fast=True) as simulator:
        url = simulator.url
        simulator.order("unplug")
        with pytest.raises(serial.SerialException):
            serial.serial_for_url(url)
        simulator.order("plug")
        assert simulator.url == url
        with plugged_in(simulator) as port:
            assert is_sound(ask(port, 0x42, "02"))


@pytest.mark.parametrize("busy_with", ["fault none", "fault late"])
def test_serving_ends_soon(busy_with):
    timed = Timed()
    timed.simulator.order(busy_with)
    began = timed.time.now_s
    timed.ask(request(0x42, "02"), seconds=0.15)
    assert timed.time.now_s - began < 0.15 + 0.3


def test_the_batterys_time_passes_while_serving():
    timed = Timed(speed=3600.0, hour=8.0, soc=40)
    before = timed.ask(request(0x42, "02"), seconds=0.2)
    timed.serve(0.3)
    assert timed.simulator.bank.time / 3600 == pytest.approx(8.5, abs=0.05)
    assert [data for _, data in timed.ask(request(0x42, "02"))] != [data for _, data in before]


def test_simulators_with_the_same_seed_answer_alike():
    answers = []
    for seed in (77, 77, 78):
        with running(fast=True, seed=seed, modules=2) as simulator, plugged_in(simulator) as port:
            answers.append([ask(port, 0x42, "03", 0x03), ask(port, 0x93, "03", 0x03)])
    assert answers[0] == answers[1]
    assert answers[0][1] != answers[2][1]


def test_an_unknown_protocol_is_refused():
    with pytest.raises(ConfigError, match="'rs999' cannot be simulated: choose from rs485"):
        Simulator("rs999", "tcp:127.0.0.1:0")
