"""A virtual bank on a CAN bus: it plays a dialect at its real cadence, with an inverter beside it, faults on demand."""

import time
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import partial
from random import Random
from typing import Any, cast

import can

from pylon2mqtt.errors import ConfigError, TransportError
from pylon2mqtt.model.units import Seconds
from pylon2mqtt.simulator import orders
from pylon2mqtt.simulator.battery import VirtualBank
from pylon2mqtt.simulator.faults import Faults
from pylon2mqtt.simulator.models import stack
from pylon2mqtt.simulator.orders import OrderQueue
from pylon2mqtt.transports.base import CanFrame

from .dialects import DIALECTS, GAP_S, Frames, VirtualDialect
from .high_voltage import HIGH_VOLTAGE

_DIALECTS = {**DIALECTS, "high-voltage": HIGH_VOLTAGE}
_INTERFACES = ("socketcan", "udp_multicast", "virtual")
_INVERTER_EVERY_S = 1.0
# How long `serve` waits at most before it looks at ``stop`` and at the orders again.
_LOOK_UP_S = 0.02
# Identifiers that nobody knows.
_STRANGE = range(0x700, 0x7F0)


def _cut(frames: Frames, _dice: Random) -> Frames:
    return [replace(one, data=one.data[: len(one.data) // 2]) for one in frames]


def _invalid(frames: Frames, _dice: Random) -> Frames:
    return [replace(one, data=b"\xff" * len(one.data)) for one in frames]


def _alike(frames: Frames, _dice: Random) -> Frames:
    """The same identifiers in the other length, and as remote frames."""
    others = [replace(one, data=b"\xff" * 8, extended=not one.extended) for one in frames]
    return [*frames, *others, *(replace(one, data=b"", remote=True) for one in frames)]


def _strangers(frames: Frames, dice: Random) -> Frames:
    return [*frames, *(CanFrame(dice.choice(_STRANGE), dice.randbytes(8)) for _ in range(20))]


def _errors(_frames: Frames, _dice: Random) -> Frames:
    return [CanFrame(0x80, bytes(8), error=True)] * 3


_FAULTS: Mapping[str, Callable[[Frames, Random], Frames]] = {
    "silence": lambda _frames, _dice: [],
    "cut-frames": _cut,
    "not-available": _invalid,
    "look-alikes": _alike,
    "strangers": _strangers,
    "bus-errors": _errors,
}


@dataclass(eq=False)
class CanSimulator:
    """A virtual bank that plays ``dialect`` on the bus ``listen`` (``can:vcan0``, ``can:udp_multicast:GROUP@PORT`` …).

    The other arguments are those of `Simulator`. Open it, let `serve` run in a thread, close it. `order` may be called
    from any thread.
    """

    listen: str
    _: KW_ONLY
    dialect: str = "pylontech"
    modules: int | None = None
    model: str = "US3000C"
    seed: int = 1
    speed: float = 1.0
    soc: float = 60.0
    hour: float = 10.0
    clock: Callable[[], Seconds] = time.monotonic
    sleep: Callable[[Seconds], None] = time.sleep
    bank: VirtualBank = field(init=False)
    faults: Faults = field(init=False)
    inverter: bool = field(init=False, default=True)

    def __post_init__(self) -> None:
        if self.dialect not in _DIALECTS:
            raise ConfigError(f"there is no dialect {self.dialect!r}: choose from {', '.join(_DIALECTS)}")
        self._speaks: VirtualDialect = _DIALECTS[self.dialect]
        self.url = self.listen.removeprefix("can:")
        self._place = self.url if ":" in self.url else f"socketcan:{self.url}"
        if not self.listen.startswith("can:") or self._place.partition(":")[0] not in _INTERFACES:
            raise ConfigError(
                f"{self.listen!r} is no bus: write can:vcan0, or can:KIND:… with {', '.join(_INTERFACES)}"
            )
        self.bank = VirtualBank(stack(self.model, self.modules), seed=self.seed, soc=self.soc, hour=self.hour)
        self.faults = Faults(self.clock, cast(Any, _FAULTS))
        self.battery = self
        self.alarm_kinds = self._speaks.alarm_kinds
        self.orders: dict[str, orders.OrderRow] = {"inverter": ("inverter on|off", 1, 1, _inverter)}
        self.line = self
        self._dice = Random(self.seed)  # noqa: S311 - strangers
        self._bus: can.BusABC | None = None
        self._orders = OrderQueue(lambda text: orders.carry_out(cast(Any, self), text))
        self._advanced_at: Seconds = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it is on the bus."""
        return self._bus is not None

    def open(self) -> None:
        """Get on the bus. Raises TransportError."""
        kind, _, place = self._place.partition(":")
        channel, _, port = place.partition("@")
        options: dict[str, Any] = {"port": int(port)} if port else {}
        try:
            self._bus = can.Bus(interface=kind, channel=channel, **options)
        except (can.CanError, OSError, ValueError, ImportError) as error:
            raise TransportError(f"{self.listen} cannot be had: {error}") from error

    def close(self) -> None:
        """Leave the bus; after `serve` has returned."""
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.shutdown()

    def unplug(self) -> None:
        """Leave the bus, inverter and all."""
        self.close()

    def drop(self) -> bool:
        """There is nobody to hang up on."""
        return False

    def order(self, text: str) -> str:
        """Carry out one order (``help`` lists them) and return one sentence. Raises ConfigError."""
        return self._orders.place(text)

    def serve(self, stop: Callable[[], bool]) -> None:
        """Speak until ``stop()`` is true."""
        with self._orders.taken():
            self._speak(stop)

    def _speak(self, stop: Callable[[], bool]) -> None:
        now = self._advanced_at = self.clock()
        turns = [(every, partial(self._battery_says, report)) for every, report in self._speaks.bursts]
        turns.append((_INVERTER_EVERY_S, partial(self._inverter_says)))
        due = [now + 0.1 * place for place in range(len(turns))]
        while not stop():
            self._orders.carry_out()
            now = self.clock()
            self.bank.advance((now - self._advanced_at) * self.speed)
            self._advanced_at = now
            for place, (every, report) in enumerate(turns):
                if now >= due[place]:
                    due[place] += every
                    self._say(report())
            self._hear(min(_LOOK_UP_S, max(0.0, min(due) - self.clock())))

    def say(self, frames: Frames) -> None:
        """Put frames on the bus as they are; for tests and benchmarks."""
        self._say(frames)

    def _hear(self, timeout: Seconds) -> None:
        """Answer questions; without a dialect that answers, wait."""
        if self._bus is None or self._speaks.asked is None:
            self.sleep(timeout)
            return
        message = self._bus.recv(0)
        if message is None:
            self.sleep(timeout)
        else:
            question = CanFrame(message.arbitration_id, bytes(message.data), extended=message.is_extended_id)
            self._say(self._spoilt(self._speaks.asked(self.bank, question)))

    def _battery_says(self, report: Callable[[VirtualBank], Frames]) -> Frames:
        return self._spoilt(report(self.bank))

    def _inverter_says(self) -> Frames:
        if not self.inverter:
            return []
        frames = list(self._speaks.inverter)
        if self._speaks.asked is None:
            return frames
        # Nobody hears his own question.
        return frames + self._spoilt([reported for one in frames for reported in self._speaks.asked(self.bank, one)])

    def _spoilt(self, frames: Frames) -> Frames:
        for name in self.faults.names():
            frames = _FAULTS[name](frames, self._dice)
        return frames

    def _say(self, frames: Frames) -> None:
        for one in frames:
            if self._bus is None:
                return
            self._bus.send(_message(one))
            self.sleep(GAP_S)


def _inverter(simulator: Any, words: list[str]) -> str:
    if words[0] not in ("on", "off"):
        raise ConfigError("the order is written inverter on|off")
    simulator.inverter = words[0] == "on"
    return f"The inverter is {words[0]}."


def _message(frame: CanFrame) -> can.Message:
    return can.Message(
        arbitration_id=frame.id,
        data=frame.data,
        is_extended_id=frame.extended,
        is_remote_frame=frame.remote,
        is_error_frame=frame.error,
    )
