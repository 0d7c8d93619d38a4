"""The protocols that can be simulated, and the simulator itself: a virtual bank at the end of a line."""

import time
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from importlib import import_module
from itertools import takewhile
from random import Random
from typing import Protocol

from pylon2mqtt.errors import ConfigError
from pylon2mqtt.model.units import AlarmKind, Seconds
from pylon2mqtt.simulator.binary.inverter import Inverter

from . import orders
from .battery import VirtualBank
from .faults import Fault, Faults, LineExchange, Piece, Pieces
from .line import Line, line_at
from .models import stack
from .orders import OrderQueue
from .pacing import Pace

PROTOCOLS = {
    "rs485": "pylon2mqtt.simulator.binary.rs485:Rs485Battery",
    "rs232": "pylon2mqtt.simulator.binary.rs232:Rs232Battery",
    "console": "pylon2mqtt.simulator.console.battery:ConsoleBattery",
}
"""Name -> module:class, imported when used."""

DIALECTS = {
    "pace": "pylon2mqtt.simulator.binary.pace:PaceBattery",
    "seplos": "pylon2mqtt.simulator.binary.seplos:SeplosBattery",
    "eg4": "pylon2mqtt.simulator.binary.seplos:Eg4Battery",
    "ver22": "pylon2mqtt.simulator.binary.ver22:Ver22Battery",
}
"""Dialect of the model -> the battery that answers in place of Pylontech's, on RS485 and RS232 alike."""

# How long `serve` waits at most before it looks at ``stop`` and at the orders again.
_LOOK_UP_S = 0.02


class VirtualBattery(Protocol):
    """A protocol of the simulator: made for a bank, it cuts requests out of bytes and answers them.

    ``faults`` and ``orders`` are what its line may have and what may be ordered from it beside the common ones. One
    that ``echoes`` begins its answer with the request, or what there is of it so far. ``baudrate`` is its own rate at
    the moment, ``line_rate`` what a gateway on its line is set to; None: the simulator's.
    """

    alarm_kinds: frozenset[AlarmKind]
    writes_seen: list[bytes]
    echoes: bool

    @property
    def faults(self) -> Mapping[str, Fault]:
        """Name -> fault."""

    @property
    def orders(self) -> Mapping[str, orders.OrderRow]:
        """Name -> order."""

    @property
    def line_rate(self) -> int | None:
        """The rate of a gateway on its line."""

    @property
    def baudrate(self) -> int | None:
        """The rate at which it sends and receives now."""

    @property
    def requests(self) -> list[bytes]:
        """Every whole request so far."""

    def split(self, buffer: bytearray) -> list[bytes]:
        """Take the whole requests out of ``buffer``."""

    def answer(self, request: bytes) -> bytes:
        """The answer, or nothing."""


@dataclass(eq=False)
class Simulator:
    """A virtual bank that speaks ``protocol`` at ``listen`` (``pty:PATH`` or ``tcp:HOST:PORT``).

    ``model`` is a name, or several by commas with the master first; ``soc`` in percent; ``hour`` of the simulated day
    at the start, which runs ``speed`` times as fast as ours. An answer starts ``answer_delay_s`` ± ``jitter_s`` after
    the question; ``fast`` takes away the delay and the speed of the line. The same ``seed`` gives the same bank.

    Open it, let `serve` run in a thread, close it. `order` may be called from any thread. Raises ConfigError for
    arguments that do not go together, TransportError where the place to listen at cannot be had.
    """

    protocol: str
    listen: str
    _: KW_ONLY
    modules: int | None = None
    model: str = "US3000C"
    seed: int = 1
    speed: float = 1.0
    soc: float = 60.0
    hour: float = 10.0
    baudrate: int = 115200
    answer_delay_s: Seconds = 0.075
    jitter_s: Seconds = 0.006
    fast: bool = False
    clock: Callable[[], Seconds] = time.monotonic
    sleep: Callable[[Seconds], None] = time.sleep
    bank: VirtualBank = field(init=False)
    battery: VirtualBattery = field(init=False)
    line: Line = field(init=False)
    faults: Faults = field(init=False)
    inverter: Inverter | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.bank = VirtualBank(stack(self.model, self.modules), seed=self.seed, soc=self.soc, hour=self.hour)
        self.battery = _battery(self.protocol, self.bank)
        self.line = line_at(self.listen, self.battery.line_rate or self.baudrate)
        self.faults = Faults(self.clock, self.battery.faults)
        self._rate = self.battery.line_rate or self.baudrate
        self._pace = Pace(None if self.fast else self._rate)
        self._dice = Random(self.seed)  # noqa: S311 - delays and noise
        self._orders = OrderQueue(lambda text: orders.carry_out(self, text))
        self._buffer = bytearray()
        self._cut = False
        self._stop: Callable[[], bool] | None = None
        self._advanced_at: Seconds = 0.0

    @property
    def url(self) -> str:
        """What the bridge is given as its line: the path, or ``socket://host:port``."""
        return self.line.url

    @property
    def requests(self) -> list[bytes]:
        """Every whole request so far, oldest first."""
        return self.battery.requests

    @property
    def writes_seen(self) -> list[bytes]:
        """The requests that would have changed something in a real battery."""
        return self.battery.writes_seen

    def open(self) -> None:
        """Plug in."""
        self.line.open()

    def close(self) -> None:
        """Unplug; after `serve` has returned."""
        self.line.close()

    def unplug(self) -> None:
        """Pull the cable: what is on its way is lost. From another thread order it (`unplug`, `plug`)."""
        self.line.close()
        self.break_off()

    def break_off(self) -> None:
        """Forget what came in, and send no more of the answer that is being sent."""
        self._buffer.clear()
        self._cut = True

    def serve(self, stop: Callable[[], bool]) -> None:
        """Answer until ``stop()`` is true; returns within 0.3 s of that."""
        self._stop = stop
        self._advanced_at = self.clock()
        with self._orders.taken():
            while not stop():
                self._orders.carry_out()
                self._advance()
                self._listen()
                self._send(self.faults.chatter(self._dice), self.clock())
                if self.inverter is not None:
                    self._send(self.inverter.says(self.clock()), self.clock())

    def order(self, text: str) -> str:
        """Carry out one order (``help`` lists them) and return one sentence. Raises ConfigError."""
        return self._orders.place(text)

    def _advance(self) -> None:
        now = self.clock()
        self.bank.advance((now - self._advanced_at) * self.speed)
        self._advanced_at = now

    def _listen(self) -> None:
        self._tune()
        data = self.line.read(_LOOK_UP_S)
        arrived_at = self._pace.arrived(len(data), self.clock()) if data else 0.0
        self._buffer += data
        for request in self.battery.split(self._buffer):
            answer = self.battery.answer(request)  # at the rate of the question, even where it sets another one
            echo = _begun_alike(request, answer) if self.battery.echoes else b""
            if echo and echo == answer:
                # Somebody is still typing: there is no answer yet that a fault could spoil.
                self._send([Piece(data=echo, typed=True)], arrived_at)
                continue
            exchange = LineExchange(request=request, answer=answer, dice=self._dice, echo=echo)
            self._send(self.faults.spoil(exchange, self._delay()), arrived_at)

    def _tune(self) -> None:
        """Follow a battery that changes its rate."""
        rate = self.battery.baudrate or self.baudrate
        if rate != self._rate:
            self._rate = rate
            self.line.set_baudrate(rate)
            self._pace = Pace(None if self.fast else rate)

    def _delay(self) -> Seconds:
        return 0.0 if self.fast else self.answer_delay_s + self._dice.uniform(-self.jitter_s, self.jitter_s)

    def _send(self, pieces: Pieces, start: Seconds) -> None:
        self._cut = False
        for due, chunk in self._pace.timetable(pieces, start):
            if not self._wait_until(due):
                return
            self.line.write(chunk)

    def _wait_until(self, due: Seconds) -> bool:
        """Wait, in slices that leave room for orders; False when there is nothing more to send."""
        while (left := due - self.clock()) > 0:
            if self._stop is None or self._stop():
                return False
            self._orders.carry_out()
            self.sleep(min(left, _LOOK_UP_S))
        return not self._cut


def _begun_alike(request: bytes, answer: bytes) -> bytes:
    """What both begin with: the characters that came back while they were typed."""
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(request, answer, strict=False))
    return bytes(byte for byte, _ in alike)


def _battery(protocol: str, bank: VirtualBank) -> VirtualBattery:
    if protocol not in PROTOCOLS:
        raise ConfigError(f"{protocol!r} cannot be simulated: choose from {', '.join(PROTOCOLS)}")
    if bank.in_series and protocol != "console":
        raise ConfigError(f"a rack such as the {bank.modules[0].model.name} has a console only: simulate console")
    dialect = DIALECTS.get(bank.modules[0].model.dialect)
    if dialect and protocol == "console":
        raise ConfigError(f"{bank.modules[0].model.name} has no text console: choose rs485 or rs232")
    module, _, name = (dialect or PROTOCOLS[protocol]).partition(":")
    battery: VirtualBattery = getattr(import_module(module), name)(bank)
    return battery
