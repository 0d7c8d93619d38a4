"""A virtual bank in a process of its own, with a ledger of what passed on its line and when.

The simulator paces the line and takes its part of the processor; in a process of its own it takes nothing from what is
measured. time.monotonic() is the same clock in every process of one machine.
"""

import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing.connection import Connection
from typing import Any, cast

from pylon2mqtt.simulator.faults import Faults, LineExchange, Pieces
from pylon2mqtt.simulator.line import Line
from pylon2mqtt.simulator.registry import Simulator

BYTE_S = 10 / 115200
"""One character of the wire, 8N1."""

# The simulator stops within 0.3 s; a process needs a little longer.
_STOP_S = 5.0


@dataclass(slots=True)
class Passed:
    """One question and its answer. The times are those at which the battery had the one and let go of the other.

    ``answer_length`` counts the echo too, which comes back while the question is still being typed.
    """

    request: bytes
    answer_length: int
    delay_s: float
    asked_at: float
    answered_at: float = 0.0
    echo_length: int = 0

    @property
    def line_s(self) -> float:
        """What the wire and the battery need for it, both ways; of an echo only the last character takes time."""
        meanwhile = max(0, self.echo_length - 1)
        return (len(self.request) + self.answer_length - meanwhile) * BYTE_S + self.delay_s


@dataclass(frozen=True, slots=True)
class Cycle:
    """One read of the whole bank: how long it took, what passed on the line, and our pause before each question."""

    seconds: float
    passed: list[Passed]
    pause_s: float = 0.0

    @property
    def own_s(self) -> float:
        """What the line, the battery and our pauses need for it."""
        return sum(one.line_s + self.pause_s for one in self.passed)

    @property
    def ratio(self) -> float:
        """The time that it took by the time that it needs."""
        return self.seconds / self.own_s

    @property
    def answered(self) -> bool:
        """Whether every question was answered: looking for new modules costs time-outs."""
        return all(one.answer_length for one in self.passed)


def cycles_between(moments: list[float], passed: list[Passed], pause_s: float = 0.0) -> Iterator[Cycle]:
    """Cut what passed at the moments at which cycles ended."""
    for begin, end in pairwise(moments):
        yield Cycle(end - begin, [one for one in passed if begin <= one.asked_at < end], pause_s)


@dataclass(slots=True)
class ClockAhead:
    """A driver's clock, which can be put forward."""

    ahead_s: float = 0.0

    def now(self) -> float:
        return time.monotonic() + self.ahead_s


class Ledger(Faults):
    """Spoils nothing, and writes down everything."""

    def __init__(self) -> None:
        super().__init__(time.monotonic)
        self.passed: list[Passed] = []
        self.questions = 0

    def spoil(self, exchange: LineExchange, delay: float) -> Pieces:
        self.questions += 1
        asked_at = time.monotonic()
        passed = Passed(exchange.request, len(exchange.answer), delay, asked_at, echo_length=len(exchange.echo))
        self.passed.append(passed)
        return super().spoil(exchange, delay)

    def take(self) -> list[Passed]:
        """Hand over what is in it, and begin anew."""
        passed, self.passed = self.passed, []
        return passed


class _TimedLine:
    """A line of the simulator that notes in the ledger when it hands over bytes."""

    def __init__(self, line: Line, ledger: Ledger) -> None:
        self._line, self._ledger = line, ledger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._line, name)

    def write(self, data: bytes) -> None:
        if self._ledger.passed:
            self._ledger.passed[-1].answered_at = time.monotonic()
        self._line.write(data)


class RemoteBank:
    """The bench's end of a virtual bank."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.url: str = pipe.recv()

    def take(self) -> list[Passed]:
        """What passed on the line since the last call, oldest first."""
        return cast(list[Passed], self._ask("take"))

    def questions(self) -> int:
        """How many questions were ever asked; what the ledger holds is dropped."""
        return cast(int, self._ask("questions"))

    def _ask(self, what: str) -> object:
        self._pipe.send(what)
        return self._pipe.recv()


@contextmanager
def virtual_bank(listen: str, protocol: str = "rs485", **options: Any) -> Iterator[RemoteBank]:
    """Run a simulator at ``listen``; ``options`` are those of `Simulator`."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(protocol, listen, options, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield RemoteBank(ours)
    finally:
        ours.close()
        process.join(_STOP_S)
        process.terminate()


def _serve(protocol: str, listen: str, options: dict[str, Any], pipe: Connection) -> None:
    """What runs in the other process, until the bench hangs up."""
    simulator = Simulator(protocol, listen, **options)
    simulator.faults = ledger = Ledger()
    simulator.line = cast(Line, _TimedLine(simulator.line, ledger))
    simulator.open()
    stop = threading.Event()
    threading.Thread(target=_answer_the_bench, args=(pipe, simulator.url, ledger, stop), daemon=True).start()
    simulator.serve(stop.is_set)
    simulator.close()


def _answer_the_bench(pipe: Connection, url: str, ledger: Ledger, stop: threading.Event) -> None:
    try:
        pipe.send(url)
        while True:
            what = pipe.recv()
            passed = ledger.take()
            pipe.send(passed if what == "take" else ledger.questions)
    except (EOFError, OSError):
        stop.set()
