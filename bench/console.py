"""The text console: full cycles over a line at its true speed, and the time to parse its longest table.

The bound counts exactly the questions of each cycle, from the ledger of the virtual battery: every character both ways,
of an echo only the last, for the others come back while the question is typed, and the delay of each answer. Beside it
a reader as many are written: it looks for bytes ten times a second, asks again when none came, and asks each module
for its values.
"""

import contextlib
import tempfile
import time
from collections.abc import Iterator
from statistics import fmean, median

import serial

from pylon2mqtt.protocols.base import Clock
from pylon2mqtt.protocols.console.answers import read_answer
from pylon2mqtt.protocols.registry import driver
from pylon2mqtt.simulator.battery import VirtualBank
from pylon2mqtt.simulator.console.battery import ConsoleBattery
from pylon2mqtt.simulator.models import stack
from pylon2mqtt.transports.registry import transport

from .rig import Figure, at_most, percentile, plain, show
from .virtual import ClockAhead, Cycle, RemoteBank, cycles_between, virtual_bank

# The one knows `soh`, the other `euro`; no firmware knows both.
MODEL, WITH_PASSPORT = "US5000", "US3000C-B69.25"
RACK = "Force-H2"
BOUND, PARSE_MS = 1.05, 1.0
# Nobody has published how long a console thinks. A short time is the harder one: what we lose shows more beside it.
ANSWER_DELAY_S, JITTER_S = 0.01, 0.002
# The default poll interval. In the first cycles the driver learns who is there and what they know: new questions come
# due one after the other, those of 16 modules within 80 seconds.
_POLL_S, _LEARNING_CYCLES = 10.0, 9
# 20 cycles so far apart last longer than the period of `stat`, `info` and `log`: each of these is among them.
_APART_S = 31.0
# The period of `soh` and `euro`.
_HOUR_S = 3600.0
# A table of each width; the oldest consoles have 8 slots only.
_LAYOUTS = ("US5000", "US5000-B69.26", "US3000D", "Pytes-V5")
_PARSED_EVERY_S, _DAY_S = 900.0, 86400.0


def run(*, quick: bool) -> None:
    """Measure and print one table for each question."""
    cycles = 4 if quick else 20
    _show_cycles(cycles, 1 if quick else 5)
    _show_full_house(cycles)
    _show_rack(cycles)
    _show_hour(_HOUR_S / 10 if quick else _HOUR_S)
    _show_parsing(1 if quick else 10)


# -------------------- cycles


def _show_cycles(ours: int, theirs: int) -> None:
    """8 modules: we and the reader with fixed sleeps."""
    with _bank(8) as bank:
        our = list(_ours(bank, ours))
        their = list(_sleepers(bank, 8, theirs))
    our_s, their_s = (median(cycle.seconds for cycle in cycles) for cycles in (our, their))
    show(
        f"console: 8 x {MODEL}, 115200 Bd, the battery answers after {ANSWER_DELAY_S * 1000:.0f} ms",
        [
            *_ratios(our),
            plain("a reader with sleeps of 0.1 s, one cycle", their_s, "s"),
            plain("  / (wire + battery) of its own questions", median(cycle.ratio for cycle in their)),
            plain("  questions in a cycle", fmean(len(cycle.passed) for cycle in their)),
            plain("pylon2mqtt / a reader with sleeps", our_s / their_s),
        ],
    )


def _show_full_house(cycles: int) -> None:
    """16 modules, with all that is asked rarely."""
    with _bank(16, model=WITH_PASSPORT) as bank:
        ours = list(_ours(bank, cycles, apart_s=_APART_S))
    longest = max(ours, key=lambda cycle: cycle.seconds)
    show(
        f"console: 16 x {WITH_PASSPORT}, cells in full, {cycles} cycles in {cycles * _APART_S / 60:.0f} minutes",
        [
            *_ratios(ours),
            plain("the longest cycle", longest.seconds, "s"),
            plain("  / the median", longest.seconds / median(cycle.seconds for cycle in ours)),
            plain("  questions in it", len(longest.passed)),
        ],
    )


def _show_rack(cycles: int) -> None:
    """A high-voltage rack of 4 modules with 30 cells each: all 120 stand in one answer of 10 kB."""
    with _bank(4, model=RACK) as bank:
        ours = list(_ours(bank, cycles, apart_s=_APART_S))
    show(
        f"console: {RACK} with 120 cells, cells in full, {cycles} cycles in {cycles * _APART_S / 60:.0f} minutes",
        _ratios(ours),
    )


def _ratios(cycles: list[Cycle]) -> list[Figure]:
    ratios = [cycle.ratio for cycle in cycles]
    return [
        at_most("pylon2mqtt / (wire + battery), median", median(ratios), BOUND),
        at_most("  the same, the slowest cycle", max(ratios), BOUND),
        plain("  the same, 90 % of the cycles", percentile(ratios, 90)),
        plain("  cycles", len(cycles)),
        plain("  one cycle", median(cycle.seconds for cycle in cycles), "s"),
        plain("  questions in a cycle, mean", fmean(len(cycle.passed) for cycle in cycles)),
    ]


@contextlib.contextmanager
def _bank(modules: int, *, model: str = MODEL, fast: bool = False) -> Iterator[RemoteBank]:
    delay = {"answer_delay_s": ANSWER_DELAY_S, "jitter_s": JITTER_S}
    with (
        tempfile.TemporaryDirectory() as folder,
        virtual_bank(f"pty:{folder}/battery", "console", modules=modules, model=model, fast=fast, **delay) as bank,
    ):
        yield bank


def _ours(bank: RemoteBank, cycles: int, *, apart_s: float = 0.0, learning: int = _LEARNING_CYCLES) -> Iterator[Cycle]:
    """Cycles of our driver; by its clock they are ``apart_s`` apart, or follow at once when they took longer."""
    clock = ClockAhead()
    protocol = driver("console", name="Battery", clock=Clock(now=clock.now))
    line = transport(bank.url)
    with contextlib.closing(line):
        line.open()
        for _ in range(learning):
            protocol.read(line)
            clock.ahead_s += _POLL_S
        bank.take()
        moments = [time.monotonic()]
        for _ in range(cycles):
            protocol.read(line)
            moments.append(time.monotonic())
            clock.ahead_s += max(0.0, apart_s - (moments[-1] - moments[-2]))
    yield from cycles_between(moments, bank.take())


# -------------------- a reader with fixed sleeps


def _sleepers(bank: RemoteBank, modules: int, cycles: int) -> Iterator[Cycle]:
    """Cycles of a reader that asks each module for its values, then each for its cells."""
    questions = [f"{command} {number}\r".encode() for command in ("pwr", "bat") for number in range(1, modules + 1)]
    with serial.Serial(bank.url, 115200, timeout=0) as port:
        bank.take()
        moments = [time.monotonic()]
        for _ in range(cycles):
            for question in questions:
                _asked_with_sleeps(port, question)
            moments.append(time.monotonic())
    yield from cycles_between(moments, bank.take())


def _asked_with_sleeps(port: serial.Serial, question: bytes) -> bytes:
    """Sleep, look, and sleep again until the end is there; send the question again while nothing at all came."""
    told = b""
    while b"$$" not in told or not told.rstrip().endswith(b">"):
        if not told:
            port.write(question)
        time.sleep(0.1)
        told += port.read(port.in_waiting)
    return told


# -------------------- what is asked rarely


def _show_hour(seconds: float) -> None:
    """How long the line would take for the cycles of an hour, by the ledger; it is run without the line's speed."""
    with _bank(16, fast=True) as bank:
        hour = list(_ours(bank, int(seconds / _POLL_S), apart_s=_POLL_S, learning=0))
    first, *later = [cycle.own_s + ANSWER_DELAY_S * len(cycle.passed) for cycle in hour]
    show(
        f"console: what 16 x {MODEL} need of the line, a cycle every {_POLL_S:g} s, {seconds / 60:g} minutes",
        [
            plain("the first cycle", first, "s"),
            plain("later ones, median", median(later), "s"),
            plain("  99 %", percentile(later, 99), "s"),
            plain("  the longest", max(later), "s"),
            plain("the longest / the median", max(later) / median(later)),
        ],
    )


# -------------------- parsing


def _show_parsing(rounds: int) -> None:
    """One ``pwr`` of 16 modules, from the bytes to the modules."""
    for model in _LAYOUTS:
        day = list(_day(model))
        taken = [_parsing_ms(answer) for _ in range(rounds) for answer in day]
        show(
            f"console: parse one pwr of 16 x {model}, {len(day[0])} characters",
            [
                at_most("median", median(taken), PARSE_MS, "ms"),
                at_most("99 %", percentile(taken, 99), PARSE_MS, "ms"),
                plain("  answers", len(taken)),
            ],
        )


def _day(model: str) -> Iterator[bytes]:
    """The answers of a simulated day in their order."""
    bank = VirtualBank(stack(model, 16))
    console = ConsoleBattery(bank)
    for _ in range(int(_DAY_S / _PARSED_EVERY_S)):
        bank.advance(_PARSED_EVERY_S)
        yield console.answer(b"pwr\r")


def _parsing_ms(answer: bytes) -> float:
    """In processor time: what others do on the machine is no part of it."""
    began = time.thread_time()
    read_answer("pwr", answer)
    return (time.thread_time() - began) * 1000
