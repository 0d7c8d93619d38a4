"""How often one damaged character becomes a wrong number that is published: the silent-wrong rate.

A virtual battery on a line in fake time, read by the driver that a bridge uses. In each cycle one character of one
answer is lost, changed or added; then every number of the bank is held against that of a cycle without damage. A value
that is left out, and a reading that fails, is not wrong.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any

from pylon2mqtt.errors import ProtocolError, TransportTimeoutError
from pylon2mqtt.protocols import registry
from pylon2mqtt.protocols.base import BatteryProtocol, Clock
from pylon2mqtt.simulator.registry import Simulator

from .rig import at_most, plain, show

# Protocol, model, number of modules and of cycles of each run, and the rate in percent of the commit 8fe265b.
BANKS = (
    ("console", "US3000C", 2, 3000, 0.27),
    ("console", "US5000-B69.26", 2, 3000, 0.70),
    ("console", "Pytes-V5", 2, 3000, 0.47),
    ("console", "SC0500", 2, 3000, 0.73),
    ("rs485", "US3000C", 2, 20000, 0.0),
    ("rs232", "Jakiper", 2, 20000, 0.0),
)
# Longer than the period of every slow question but the rarest: nearly all of them are asked in every cycle.
_APART_S = 1000.0
_NOW = datetime(2031, 5, 6, 7, 8, 9)
_PRINTABLE = range(0x20, 0x7F)
# What is not a value: where a module stands, and what happened.
_NO_VALUES = ("number", "address", "events", "clock_offset", "alarms", "words")


def run(*, quick: bool) -> None:
    """Damage the answers of each bank and print the rates."""
    for protocol, model, modules, cycles, bound in BANKS:
        count = cycles // 20 if quick else cycles
        wrong, failed = measure(protocol, model, modules, count)
        show(
            f"damage: {protocol}, {modules} x {model}",
            [
                plain("cycles with one damaged character", count),
                plain("  that published a wrong number", wrong),
                plain("  that gave no reading", failed),
                at_most("silent-wrong rate", 100 * wrong / count, bound, "%"),
            ],
        )


def measure(protocol: str, model: str, modules: int, cycles: int) -> tuple[int, int]:
    """Return how many cycles with one damaged character published a wrong number, and how many gave no reading."""
    line = Line(Simulator(protocol, "tcp:127.0.0.1:0", model=model, modules=modules))
    dice = random.Random(f"{protocol} {model}")
    driver, truth = _fresh(protocol, line)
    wrong = failed = 0
    for _ in range(cycles):
        line.now_s += _APART_S
        line.damage(dice)
        try:
            numbers = dict(_numbers(driver.read(line)))
        except (ProtocolError, TransportTimeoutError):
            failed += 1
            continue
        finally:
            line.length = max(1, line.passed)
        if any(number != truth.get(path, number) for path, number in numbers.items()):
            wrong += 1
            driver, truth = _fresh(protocol, line)
    return wrong, failed


def _fresh(protocol: str, line: "Line") -> tuple[BatteryProtocol, dict[str, float]]:
    """A driver that has learnt the battery, and the numbers of a cycle without damage."""
    driver = registry.driver(protocol, name="bench", clock=line.clock, stagger_s=0.0)
    for _ in range(3):
        line.now_s += _APART_S
        line.damage(None)
        numbers = dict(_numbers(driver.read(line)))
    line.length = line.passed
    return driver, numbers


def _numbers(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Every number of a bank, by where it stands; modules and cells by their numbers."""
    if is_dataclass(value):
        for field in fields(value):
            if field.name not in _NO_VALUES:
                yield from _numbers(getattr(value, field.name), f"{path}.{field.name}")
    elif isinstance(value, tuple):
        for at, item in enumerate(value):
            yield from _numbers(item, f"{path}[{getattr(item, 'number', at)}]")
    elif hasattr(value, "items"):
        for key, item in value.items():
            yield from _numbers(item, f"{path}.{key}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, float(value)


@dataclass
class Line:
    """A line in fake time whose battery answers at once, one of its characters damaged where that is asked for."""

    simulator: Simulator
    now_s: float = 1000.0
    passed: int = 0
    length: int = 1
    line = "bench"
    has_baudrate = True

    def __post_init__(self) -> None:
        self.simulator.bank.advance(60)
        self._pending = b""
        self._at: int | None = None
        self._spoil: Callable[[int], bytes] = lambda byte: bytes([byte])

    @property
    def clock(self) -> Clock:
        """Time that passes only where somebody waits."""
        return Clock(now=lambda: self.now_s, sleep=self._sleep, local=lambda: _NOW)

    def damage(self, dice: random.Random | None) -> None:
        """Damage one character of the next cycle; ``None``: none."""
        self.passed = 0
        self._at = None if dice is None else dice.randrange(self.length)
        if dice is not None:
            other = dice.choice(_PRINTABLE)
            kinds = (lambda _byte: b"", lambda _byte: bytes([other]), lambda byte: bytes([byte, other]))
            self._spoil = dice.choice(kinds)

    def _sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def set_baudrate(self, baudrate: int) -> None:
        """Every rate is right."""

    def send(self, data: bytes) -> None:
        """Let the battery answer, and damage the answer where its turn has come."""
        battery = self.simulator.battery
        split = getattr(battery, "split", None)
        questions = split(bytearray(data)) if split else [data]
        answer = b"".join(battery.answer(question) for question in questions)
        at = -1 if self._at is None else self._at - self.passed
        self.passed += len(answer)
        if 0 <= at < len(answer):
            answer = answer[:at] + self._spoil(answer[at]) + answer[at + 1 :]
        self._pending = answer

    def read_until(self, end: bytes, timeout_s: float) -> bytes:
        """Everything up to ``end``."""
        data, found, rest = self._pending.partition(end)
        if not found:
            self.now_s += timeout_s
            raise TransportTimeoutError("bench: no whole answer")
        self._pending = rest
        return data + found

    def listen(self, seconds: float) -> bytes:
        """Everything that is there."""
        self.now_s += seconds
        data, self._pending = self._pending, b""
        return data

    def unread(self) -> bytes:
        """What was not returned yet."""
        return self._pending
