"""CAN lines on python-can's virtual bus, and an slcan adapter at the end of a pseudo terminal."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

import can
import pytest
from tests.can_logs import one
from tests.transports.can.slcan_adapter import SlcanAdapter
from tests.waiting import LONGEST_S, until

from pylon2mqtt.errors import ConfigError, TransportError
from pylon2mqtt.transports.base import CanFrame, CanTransport, is_can
from pylon2mqtt.transports.can.ask import AskingCanBus
from pylon2mqtt.transports.can.bus import CanBus
from pylon2mqtt.transports.registry import carries_frames, transport

SOC = CanFrame(0x355, b"\x5a\x00\x64\x00")


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


@pytest.fixture
def others(name: str) -> Iterator[can.BusABC]:
    """Everybody else on the bus."""
    with can.Bus(interface="virtual", channel=name) as bus:
        yield bus


@pytest.fixture
def line(name: str, others: can.BusABC) -> Iterator[CanTransport]:
    made = transport(f"virtual:{name}")
    assert is_can(made)
    made.open()
    yield made
    made.close()


def message(frame: CanFrame) -> can.Message:
    return can.Message(arbitration_id=frame.id, data=frame.data, is_extended_id=frame.extended)


class TestBus:
    def test_frames_arrive_as_they_are(self, line: CanTransport, others: can.BusABC) -> None:
        others.send(message(SOC))
        others.send(can.Message(arbitration_id=0x4211, data=b"12345678"))
        others.send(can.Message(arbitration_id=0x355, is_extended_id=False, is_remote_frame=True, dlc=8))
        others.send(can.Message(arbitration_id=0x80, is_error_frame=True))
        told = [one(line, LONGEST_S) for _ in range(4)]
        assert told[0] == SOC
        assert told[1] == CanFrame(0x4211, b"12345678", extended=True)
        assert told[2] == CanFrame(0x355, remote=True)
        assert told[3]
        assert told[3].error
        assert (line.traffic().frames, line.traffic().errors) == (4, 1)

    def test_silence_ends(self, line: CanTransport) -> None:
        assert one(line, 0.15) is None

    def test_only_what_is_selected_comes_and_no_look_alike(self, line: CanTransport, others: can.BusABC) -> None:
        line.select([(0x355, False)])
        for frame in (CanFrame(0x356, b"1"), CanFrame(0x355, b"2", extended=True), SOC):
            others.send(message(frame))
        assert one(line, LONGEST_S) == SOC
        line.select(None)
        others.send(message(CanFrame(0x356, b"1")))
        assert one(line, LONGEST_S) == CanFrame(0x356, b"1")

    def test_a_selection_outlives_the_line(self, line: CanTransport, others: can.BusABC) -> None:
        line.select([(0x355, False)])
        line.close()
        line.open()
        others.send(message(CanFrame(0x356, b"1")))
        others.send(message(SOC))
        assert one(line, LONGEST_S) == SOC

    def test_cancel_ends_a_wait(self, line: CanTransport) -> None:
        timer = threading.Timer(0.1, line.cancel)
        timer.start()
        with pytest.raises(TransportError, match="stopped"):
            one(line, 10 * LONGEST_S)
        timer.join()

    def test_bus_off_closes_the_line(self, line: CanTransport, others: can.BusABC) -> None:
        others.send(can.Message(arbitration_id=0x40, is_error_frame=True))
        with pytest.raises(TransportError, match="bus-off"):
            one(line, LONGEST_S)

    def test_it_has_to_be_open(self) -> None:
        with pytest.raises(TransportError, match="open it first"):
            CanBus("virtual:x").recv(0)

    def test_closing_twice_does_nothing(self, line: CanTransport) -> None:
        line.close()
        line.close()
        with pytest.raises(TransportError, match="open it first"):
            line.recv(0)


class TestLines:
    @pytest.mark.parametrize("line", ["can0", "vcan12", "slcan0", "socketcan:can0", "slcan:/dev/tty1", "canable:/dev/x",
                                      "slcan:socket://10.0.0.5:23", "udp_multicast:239.0.0.1@4000", "candump:/tmp/x",
                                      "seeedstudio:/dev/ttyUSB0", "socketcand:pi:29536:can0"])  # fmt: skip
    def test_they_are_known(self, line: str) -> None:
        assert carries_frames(line)
        assert is_can(transport(line))

    @pytest.mark.parametrize("line", ["/dev/ttyUSB0", "/dev/serial/by-path/pci-0:1.0-can0", "socket://h:1", "cannon"])
    def test_others_are_not(self, line: str) -> None:
        assert not carries_frames(line)

    @pytest.mark.parametrize("line", ["slcan:/dev/does-not-exist", "seeedstudio:/dev/does-not-exist"])
    def test_an_error_says_each_thing_once(self, line: str) -> None:
        with pytest.raises(TransportError) as caught:
            transport(line).open()
        assert str(caught.value).count("does-not-exist") == 1
        assert "Errno" not in str(caught.value)

    def test_what_names_no_adapter_is_refused(self) -> None:
        with pytest.raises(ConfigError):
            transport("slcan:")

    @pytest.mark.parametrize(
        ("line", "error"),
        [
            ("can77", "there is no interface can77: plug the adapter in"),
            ("slcan:/dev/does-not-exist", "plug the adapter in"),
            ("socketcand:127.0.0.1:1:can0", "look whether the server runs there"),
            ("socketcand:127.0.0.1", "write socketcand:host:port:interface"),
            ("udp_multicast:not-an-address", "cannot open udp_multicast:not-an-address"),
        ],
    )
    def test_what_is_not_there_says_what_to_do(self, line: str, error: str) -> None:
        made = transport(line)
        with pytest.raises(TransportError, match=error):
            made.open()


def test_a_missing_package_is_not_the_adapters_fault() -> None:
    """Without msgpack python-can has no udp_multicast."""
    script = """
import sys
sys.modules["msgpack"] = None
from pylon2mqtt.transports.registry import transport
transport("udp_multicast:239.74.163.2").open()
"""
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=False)
    *_, said = done.stderr.splitlines()
    assert "pip install 'python-can[multicast]'" in said
    assert "plugged in" not in said


@pytest.fixture
def adapter() -> Iterator[SlcanAdapter]:
    made = SlcanAdapter()
    yield made
    with suppress(OSError):  # a test may have pulled it out
        made.unplug()


def opened(line: str, **options: object) -> CanTransport:
    made = CanBus(line, settle_s=0.01, **options)  # type: ignore[arg-type]
    made.open()
    return made


def commands(adapter: SlcanAdapter, count: int) -> list[str]:
    until(lambda: adapter.told.count(b"\r") >= count)
    return [command for command in adapter.told.decode().split("\r") if command]


class TestSlcan:
    def test_it_listens_only(self, adapter: SlcanAdapter) -> None:
        line = opened(f"slcan:{adapter.path}", bitrate=250_000)
        told = commands(adapter, 4)
        assert "S5" in told
        assert told[-1] == "L"
        assert "O" not in told
        line.close()

    def test_a_canable_is_silenced_by_m1_first(self, adapter: SlcanAdapter) -> None:
        line = opened(f"canable:{adapter.path}")
        told = commands(adapter, 7)
        assert "L" not in told
        assert all(told[place - 1] == "M1" for place, command in enumerate(told) if command == "O")
        assert told[-2:] == ["M1", "O"]
        line.close()

    def test_whole_frames_are_received_and_damaged_ones_counted(self, adapter: SlcanAdapter) -> None:
        line = opened(f"slcan:{adapter.path}")
        for said in ("t35545A006400", "t35545A00640012AB", "T0000421180102030405060708", "r3558"):
            adapter.say(f"{said}\r")
        told = [one(line, LONGEST_S) for _ in range(4)]
        assert told[:2] == [SOC, SOC]
        assert told[2] == CanFrame(0x4211, bytes(range(1, 9)), extended=True)
        assert told[3] == CanFrame(0x355, remote=True)
        for said in ("t35545A0064", "t355", "zzz", "45A006400", "t35545A0064t35545A006400", "t35595A006400", "\xff"):
            adapter.say(f"{said}\r")
        adapter.say("t35545A006400\r")
        assert one(line, LONGEST_S) == SOC
        assert line.traffic().errors == 4
        line.close()

    def test_it_tries_the_other_rate_where_nothing_comes(self, adapter: SlcanAdapter) -> None:
        line = opened(f"slcan:{adapter.path}")
        line.open()
        line.open()
        told = commands(adapter, 3 * 5 + 2)
        assert [command for command in told if command.startswith("S")] == ["S6", "S5", "S6"]
        line.close()

    def test_it_stays_at_a_rate_at_which_something_comes(self, adapter: SlcanAdapter) -> None:
        line = opened(f"slcan:{adapter.path}")
        adapter.say("t35545A006400\r")
        assert one(line, LONGEST_S) == SOC
        line.open()
        assert "S5" not in commands(adapter, 10)
        line.close()

    def test_unplugged(self, adapter: SlcanAdapter) -> None:
        line = opened(f"slcan:{adapter.path}")
        adapter.unplug()
        with pytest.raises(TransportError, match="slcan"):
            one(line, LONGEST_S)
        line.close()


class TestAsking:
    """The one exception to listening, and only where the owner chose it."""

    def opened(self, name: str, at: list[float]) -> AskingCanBus:
        line = AskingCanBus(f"virtual:{name}", now=lambda: at[0])
        line.open()
        return line

    def sent(self, others: can.BusABC) -> list[tuple[int, bool, bytes]]:
        told = []
        while (heard := others.recv(0.02)) is not None:
            told.append((heard.arbitration_id, heard.is_extended_id, bytes(heard.data)))
        return told

    def test_nothing_is_sent_unless_it_was_chosen(self, line: CanTransport, others: can.BusABC) -> None:
        for _ in range(3):
            one(line, 0.01)
        assert self.sent(others) == []
        assert not isinstance(transport("virtual:x", bitrate=1), AskingCanBus)
        assert isinstance(transport("virtual:x", ask=True), AskingCanBus)

    def test_only_4200_is_ever_sent_once_a_second(self, name: str, others: can.BusABC) -> None:
        at = [100.0]
        line = self.opened(name, at)
        for _ in range(400):
            at[0] += 0.25
            one(line, 0)
        sent = self.sent(others)
        assert 90 <= len(sent) <= 100
        assert {(number, extended) for number, extended, _ in sent} == {(0x4200, True)}
        assert {data for _, _, data in sent} == {bytes(8), b"\x02" + bytes(7)}
        assert 2 <= sum(data[0] == 2 for _, _, data in sent) <= 3
        line.close()

    def test_it_is_left_to_an_inverter_that_asks(self, name: str, others: can.BusABC) -> None:
        at = [100.0]
        line = self.opened(name, at)
        for _ in range(100):
            others.send(can.Message(arbitration_id=0x4200, data=bytes(8)))
            at[0] += 1.0
            one(line, 0.01)
        assert self.sent(others) == []
        at[0] += 6.0
        one(line, 0)
        assert len(self.sent(others)) == 1
        line.close()


@pytest.mark.parametrize("line", ["slcan:/dev/ttyACM0", "canable:/dev/ttyACM0", "seeedstudio:/dev/ttyUSB0"])
def test_nothing_can_be_asked_where_the_adapter_only_listens(line: str) -> None:
    with pytest.raises(ConfigError, match="interface such as can0"):
        transport(line, ask=True)
