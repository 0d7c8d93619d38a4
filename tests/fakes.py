"""Fakes that implement a seam: a clock that is told what time it is, and a line with a virtual battery at its end."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pylon2mqtt.errors import TransportError, TransportTimeoutError
from pylon2mqtt.protocols.base import Clock
from pylon2mqtt.protocols.binary.frame import Frame
from pylon2mqtt.simulator.battery import VirtualBank
from pylon2mqtt.simulator.binary.rs485 import Rs485Battery
from pylon2mqtt.simulator.console.battery import ConsoleBattery
from pylon2mqtt.simulator.models import stack
from pylon2mqtt.simulator.registry import Simulator, VirtualBattery

ANSWER_DELAY_S = 0.075


@dataclass
class FakeTime:
    """Time that passes only when somebody waits."""

    now_s: float = 1000.0
    slept: list[float] = field(default_factory=list)

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.now_s, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds


Spoil = Callable[[bytes, bytes], bytes]


class FakeLine:
    """A line whose other end answers at once in fake time.

    ``spoil`` gets each request and its answer and returns what arrives. ``baudrate`` is the battery's own: at another
    one nobody understands anybody.
    """

    has_baudrate = True
    line = "fake"

    def __init__(self, answer: Callable[[bytes], bytes], time: FakeTime, *, baudrate: int = 115200) -> None:
        self.answer = answer
        self.time = time
        self.battery_baudrate = baudrate
        self.baudrate = 115200
        self.spoil: Spoil = lambda _request, told: told
        self.sent: list[bytes] = []
        self.opened = 0
        self.gone = False
        self._pending = b""

    def open(self) -> None:
        if self.gone:
            raise TransportError("fake is gone: plug it in")
        self.opened += 1

    def close(self) -> None:
        pass

    def cancel(self) -> None:
        self.gone = True

    def set_baudrate(self, baudrate: int) -> None:
        self.baudrate = baudrate

    def send(self, data: bytes) -> None:
        if self.gone:
            raise TransportError("fake is gone: plug it in")
        self.sent.append(data)
        told = self.answer(data) if self.baudrate == self.battery_baudrate else b""
        self._pending = self.spoil(data, told)
        self.time.now_s += 10 * len(data) / self.baudrate

    def read_until(self, end: bytes, timeout_s: float) -> bytes:
        data, found, rest = self._pending.partition(end)
        if not found:
            self.time.now_s += timeout_s
            raise TransportTimeoutError("fake: no whole answer")
        self.time.now_s += ANSWER_DELAY_S + 10 * len(data) / self.baudrate
        self._pending = rest
        return data + found

    def listen(self, seconds: float) -> bytes:
        data, self._pending = self._pending, b""
        self.time.now_s += seconds
        return data

    def unread(self) -> bytes:
        return self._pending


@dataclass
class Bench:
    """A virtual RS485 bank on a fake line in fake time."""

    bank: VirtualBank
    battery: Rs485Battery
    line: FakeLine
    time: FakeTime

    @property
    def asked(self) -> list[tuple[int, int]]:
        """(address, command) of everything sent."""
        return [(int(r[3:5], 16), int(r[7:9], 16)) for r in self.line.sent]

    def during(self, act: Callable[[], object]) -> list[tuple[int, int]]:
        """What was asked while ``act`` ran."""
        before = len(self.line.sent)
        act()
        return self.asked[before:]


def bench(model: str = "US3000C", modules: int = 3, *, baudrate: int = 115200) -> Bench:
    time = FakeTime()
    bank = VirtualBank(stack(model, modules))
    bank.advance(60)
    battery = Rs485Battery(bank)
    return Bench(bank, battery, FakeLine(battery.answer, time, baudrate=baudrate), time)


class RateLine(FakeLine):
    """A line whose battery has a rate of its own, which may change; at another one it sends garbage, if anything."""

    garbage = b""

    def __init__(self, battery: VirtualBattery, time: FakeTime) -> None:
        self.battery = battery
        super().__init__(battery.answer, time)

    def send(self, data: bytes) -> None:
        """Ask; the answer comes at the rate of the question, even where it sets another one."""
        self.battery_baudrate = self.battery.baudrate or 115200
        matches = self.baudrate == self.battery_baudrate or not self.has_baudrate
        if not self.has_baudrate:
            self.baudrate = self.battery_baudrate
        super().send(data)
        if not matches:
            self._pending = self.garbage


@dataclass
class PackBench:
    """A virtual stack of any dialect on a fake line in fake time."""

    bank: VirtualBank
    battery: Any
    line: RateLine
    time: FakeTime

    @property
    def asked(self) -> list[Frame]:
        """Everything that was sent to a binary protocol, but only what is a frame."""
        return [Frame.parse(raw) for raw in self.line.sent if raw.startswith(b"~")]

    def during(self, act: Callable[[], object]) -> list[Frame]:
        """What was asked while ``act`` ran."""
        before = len(self.asked)
        act()
        return self.asked[before:]


def pack_bench(protocol: str, model: str, modules: int = 3) -> PackBench:
    time = FakeTime()
    simulator = Simulator(protocol, "tcp:127.0.0.1:0", model=model, modules=modules)
    simulator.bank.advance(60)
    return PackBench(simulator.bank, simulator.battery, RateLine(simulator.battery, time), time)


class ConsoleLine(FakeLine):
    """A line with a text console at its end, which may have to be woken up at another rate."""

    def __init__(self, battery: ConsoleBattery, time: FakeTime) -> None:
        self._battery = battery
        super().__init__(self._typed, time)

    def _typed(self, raw: bytes) -> bytes:
        return b"".join(self._battery.answer(part) for part in self._battery.split(bytearray(raw)))

    def send(self, data: bytes) -> None:
        self.battery_baudrate = self._battery.baudrate or 115200
        super().send(data)

    @property
    def commands(self) -> list[str]:
        """Every command that was sent, without bare Enters."""
        return [sent.decode("latin-1").strip() for sent in self.sent if sent.strip()]


@dataclass
class ConsoleBench:
    """A virtual bank with a text console on a fake line in fake time."""

    bank: VirtualBank
    battery: ConsoleBattery
    line: ConsoleLine
    time: FakeTime

    def during(self, act: Callable[[], object]) -> list[str]:
        """The commands that were sent while ``act`` ran."""
        before = len(self.line.commands)
        act()
        return self.line.commands[before:]


def console_bench(model: str = "US3000C", modules: int | None = None) -> ConsoleBench:
    time = FakeTime()
    bank = VirtualBank(stack(model, modules))
    bank.advance(60)
    battery = ConsoleBattery(bank)
    return ConsoleBench(bank, battery, ConsoleLine(battery, time), time)
