"""CAN under a kernel with SocketCAN: filters, an interface that goes down and comes back, and bringing one up.

They need vcan0 and the right to administer the network: ``ip link add vcan0 type vcan``, as root, in a network of its
own. Where the kernel has slcan too, a pseudo terminal becomes a real CAN interface with a bit rate.
"""

import fcntl
import logging
import signal
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import can
import pytest
from tests.app.app_host import Collector, app_running
from tests.can_logs import one
from tests.simulator.can.can_host import can_running, clock_of
from tests.transports.can.slcan_adapter import SlcanAdapter
from tests.waiting import LONGEST_S, until

from pylon2mqtt.app import App
from pylon2mqtt.config import Battery, Settings
from pylon2mqtt.errors import TransportError
from pylon2mqtt.protocols.can.dialects import known
from pylon2mqtt.protocols.registry import driver
from pylon2mqtt.simulator.can.simulator import CanSimulator
from pylon2mqtt.transports.base import CanFrame, CanTransport, is_can
from pylon2mqtt.transports.registry import transport

NAME = "vcan0"
SOC = CanFrame(0x355, b"\x5a\x00\x64\x00")

pytestmark = pytest.mark.skipif(
    not Path("/sys/class/net", NAME).exists(), reason="there is no vcan0: see the docstring"
)


def ip(*arguments: str) -> None:
    subprocess.run(["ip", "link", *arguments], check=True, capture_output=True)


@pytest.fixture(autouse=True)
def _up() -> Iterator[None]:
    yield
    with suppress(subprocess.CalledProcessError):
        ip("add", "dev", NAME, "type", "vcan")
    ip("set", NAME, "up")


@pytest.fixture
def others() -> Iterator[can.BusABC]:
    with can.Bus(interface="socketcan", channel=NAME) as bus:
        yield bus


def opened(line: str, **options: object) -> CanTransport:
    made = transport(line, **options)
    assert is_can(made)
    made.open()
    return made


@pytest.fixture
def line() -> Iterator[CanTransport]:
    made = opened(NAME)
    yield made
    made.close()


def send(bus: can.BusABC, *frames: CanFrame) -> None:
    for frame in frames:
        bus.send(can.Message(arbitration_id=frame.id, data=frame.data, is_extended_id=frame.extended))


class TestListening:
    def test_frames_arrive_as_they_are(self, line: CanTransport, others: can.BusABC) -> None:
        rack = CanFrame(0x4211, bytes(8), extended=True)
        send(others, SOC, rack)
        assert [one(line, LONGEST_S), one(line, LONGEST_S)] == [SOC, rack]

    def test_the_kernel_keeps_strangers_and_look_alikes_away(self, line: CanTransport, others: can.BusABC) -> None:
        line.select([(0x355, False), (0x4211, True)])
        strangers = [CanFrame(number, bytes(8)) for number in range(0x100, 0x300)]
        alike = [CanFrame(0x355, b"x", extended=True), CanFrame(0x211, b"x"), CanFrame(0x4212, b"x", extended=True)]
        send(others, *strangers, *alike, SOC)
        assert one(line, LONGEST_S) == SOC
        assert one(line, 0.1) is None
        assert line.traffic().frames >= len(strangers) + len(alike) + 1, (
            "the interface counts what the filter keeps away"
        )

    def test_all_identifiers_of_all_dialects_fit_into_the_filter(self, line: CanTransport, others: can.BusABC) -> None:
        line.select([(key & 0x1FFFFFFF, bool(key & 0x80000000)) for key in known()])
        send(others, CanFrame(0x7AA), SOC)
        assert one(line, LONGEST_S) == SOC

    def test_two_programs_listen_to_one_interface(self, line: CanTransport, others: can.BusABC) -> None:
        second = opened(NAME)
        send(others, SOC)
        assert one(line, LONGEST_S) == one(second, LONGEST_S) == SOC
        second.close()

    def test_a_full_bus_loses_no_frame_of_the_battery(self, line: CanTransport, others: can.BusABC) -> None:
        """Three times as many frames as 500 kbit/s can carry, in one go, most of them foreign."""
        line.select([(0x355, False)])

        def shout() -> None:
            for number in range(2000):
                send(others, *(CanFrame(0x100 + (number + n) % 0x200, bytes(8)) for n in range(5)), SOC)

        thread = threading.Thread(target=shout)
        thread.start()
        heard = [one(line, LONGEST_S) for _ in range(2000)]
        thread.join()
        assert heard == [SOC] * 2000


class TestOutages:
    def test_down_while_listening_then_up_again(self, line: CanTransport) -> None:
        threading.Timer(0.2, partial(ip, "set", NAME, "down")).start()
        with pytest.raises(TransportError, match="bring it up"):
            one(line, LONGEST_S)
        line.close()
        with pytest.raises(TransportError, match=rf"{NAME} is down: bring it up \(ip link set {NAME} up"):
            line.open()
        ip("set", NAME, "up")
        line.open()
        with can.Bus(interface="socketcan", channel=NAME) as others:
            send(others, SOC)
            assert one(line, LONGEST_S) == SOC

    def test_gone_while_listening_and_back(self, line: CanTransport) -> None:
        threading.Timer(0.2, partial(ip, "del", NAME)).start()
        with pytest.raises(TransportError, match=r"plug the adapter in|bring it up"):
            one(line, LONGEST_S)
        line.close()
        with pytest.raises(TransportError, match=f"there is no interface {NAME}: plug the adapter in"):
            line.open()
        ip("add", "dev", NAME, "type", "vcan")
        ip("set", NAME, "up")
        line.open()
        with can.Bus(interface="socketcan", channel=NAME) as others:
            send(others, SOC)
            assert one(line, LONGEST_S) == SOC

    def test_bus_off_is_told(self, line: CanTransport, others: can.BusABC) -> None:
        others.send(can.Message(arbitration_id=0x40, is_error_frame=True, data=bytes(8)))
        with pytest.raises(TransportError, match="bus-off"):
            one(line, LONGEST_S)


@contextmanager
def app_on(simulator: CanSimulator, output: Collector) -> Iterator[App]:
    battery = Battery(name="B1", protocol="auto", line=simulator.url)
    settings = Settings(batteries=(battery,), poll_interval_s=0.1)
    app = App(settings, outputs=[output], make_driver=partial(driver, clock=clock_of(simulator)))
    with app_running(app):
        yield app


class TestApp:
    def test_the_link_goes_down_and_up_and_the_battery_is_read_again(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        output = Collector()
        with can_running(f"can:{NAME}", model="US5000", modules=6) as battery, app_on(battery, output):
            until(lambda: output.online)
            battery.order("unplug")
            ip("set", NAME, "down")
            until(lambda: not output.told[-1].online)
            until(lambda: f"{NAME} is down" in (output.told[-1].reason or ""))
            ip("set", NAME, "up")
            battery.order("plug")
            until(lambda: output.told[-1].online)
        assert output.told[-1].bank.module_count == 6
        assert len([r for r in caplog.records if r.levelno == logging.WARNING]) == 1, "once per outage"

    def test_the_interface_vanishes_and_comes_back(self) -> None:
        output = Collector()
        with can_running(f"can:{NAME}", modules=1) as battery, app_on(battery, output):
            until(lambda: output.online)
            battery.order("unplug")
            ip("del", NAME)
            until(lambda: "there is no interface" in (output.told[-1].reason or ""))
            ip("add", "dev", NAME, "type", "vcan")
            ip("set", NAME, "up")
            battery.order("plug")
            until(lambda: output.told[-1].online)

    def test_nothing_is_ever_sent(self, others: can.BusABC) -> None:
        """Whoever else is on the bus hears the battery and its inverter, and nobody else."""
        output = Collector()
        with can_running(f"can:{NAME}", "high-voltage", modules=1) as battery, app_on(battery, output):
            until(lambda: output.online)
            battery.order("unplug")
            until(lambda: not output.told[-1].online)
            while others.recv(0) is not None:
                pass
            assert others.recv(1.5) is None

    def test_asking_is_chosen_and_a_rack_answers(self, others: can.BusABC) -> None:
        with can_running(f"can:{NAME}", "high-voltage", modules=1) as battery:
            battery.order("inverter off")
            line = opened(NAME, ask=True)
            heard: list[CanFrame | None] = []
            until(lambda: 0x4211 in {frame.id for frame in heard if frame}, turn=lambda: heard.append(one(line, 0.1)))
            line.close()


# ------------------------------------------------------------------------------------------------- a real CAN interface

_TIOCSETD, _N_SLCAN = 0x5423, 17


def interfaces() -> set[str]:
    return {path.name for path in Path("/sys/class/net").iterdir()}


class Adapter(SlcanAdapter):
    """An slcan adapter that the kernel has made an interface of."""

    def __init__(self) -> None:
        super().__init__()
        before = interfaces()
        try:
            fcntl.ioctl(self._slave, _TIOCSETD, struct.pack("i", _N_SLCAN))
        except OSError:
            self.unplug()
            raise
        (self.name,) = interfaces() - before


@pytest.fixture
def adapter() -> Iterator[Adapter]:
    # The terminal may have become ours, and then its end is our end.
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        made = Adapter()
    except OSError as error:
        pytest.skip(f"this kernel has no slcan: {error}")
    yield made
    with suppress(OSError):
        made.unplug()
    signal.signal(signal.SIGHUP, before)


def told(adapter: Adapter, what: bytes) -> Callable[[], bool]:
    return lambda: what in adapter.told


class TestBringingUp:
    def test_an_interface_that_is_down_is_left_alone_unless_it_was_chosen(self, adapter: Adapter) -> None:
        with pytest.raises(TransportError, match=f"{adapter.name} is down: bring it up"):
            opened(adapter.name)
        assert adapter.told == b""

    def test_it_is_brought_up_listening_only_at_the_rate(self, adapter: Adapter) -> None:
        line = opened(adapter.name, bring_up=True, bitrate=250_000)
        until(told(adapter, b"L\r"))
        assert b"S5\r" in adapter.told
        assert b"O\r" not in adapter.told
        adapter.say("t35545A006400\r")
        assert one(line, LONGEST_S) == SOC
        line.close()

    def test_one_that_is_up_is_never_touched(self, adapter: Adapter) -> None:
        opened(adapter.name, bring_up=True).close()
        until(told(adapter, b"L\r"))
        before = adapter.told
        with pytest.raises(TransportError, match="is up with 500000 bit/s, not 250000: it may serve others"):
            opened(adapter.name, bring_up=True, bitrate=250_000)
        opened(adapter.name, bring_up=True, bitrate=500_000).close()
        opened(adapter.name, bring_up=True).close()
        time.sleep(0.2)
        assert adapter.told == before

    def test_nothing_can_be_asked_where_it_only_listens(self, adapter: Adapter) -> None:
        opened(adapter.name, bring_up=True).close()
        with pytest.raises(TransportError, match="only listens, so nothing can be asked"):
            opened(adapter.name, ask=True)

    def test_to_ask_it_is_brought_up_to_take_part(self, adapter: Adapter) -> None:
        line = opened(adapter.name, ask=True, bring_up=True)
        until(told(adapter, b"O\r"))
        assert b"L\r" not in adapter.told
        line.close()

    def test_unplugged_and_gone(self, adapter: Adapter) -> None:
        line = opened(adapter.name, bring_up=True)
        until(told(adapter, b"L\r"))
        # A program of its own would get the hang-up; here nobody does.
        threading.Timer(0.2, adapter.unplug).start()
        with pytest.raises(TransportError, match=r"plug the adapter in|bring it up"):
            one(line, LONGEST_S)
        line.close()
        with pytest.raises(TransportError, match=f"there is no interface {adapter.name}|{adapter.name} is down"):
            line.open()
