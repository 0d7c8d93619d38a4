"""One full cycle of 8 modules over a line at its true speed, against what the line itself needs.

The bound counts exactly the questions of each cycle, from the ledger of the virtual battery: every character both ways,
the delay with which the battery began to answer, and `PAUSE_S` before each question. Beside it python-pylontech, which
waits for a line feed that this protocol does not have.
"""

import contextlib
import io
import tempfile
import time
from collections.abc import Iterator
from statistics import fmean, median

from pylontech import Pylontech

from pylon2mqtt.protocols.base import Clock
from pylon2mqtt.protocols.binary.dialogue import PAUSE_S
from pylon2mqtt.protocols.registry import driver
from pylon2mqtt.transports.registry import transport

from .rig import Figure, at_most, percentile, plain, show
from .virtual import ClockAhead, Cycle, RemoteBank, cycles_between, virtual_bank

MODULES = 8
BOUND = 1.05
ADDRESSES = range(2, 2 + MODULES)
# US2000 tells the analog values of all modules in one answer, US3000C keeps silent when asked so.
MODELS = ("US3000C", "US2000")
# The first cycles look for modules and learn what the bank knows; with the clock put ahead between them that is over
# soon, and the next look is minutes away.
_LEARNING_CYCLES, _AHEAD_S = 4, 320.0


def run(*, quick: bool) -> None:
    """Measure both models and print one table for each."""
    for model in MODELS:
        with (
            tempfile.TemporaryDirectory() as folder,
            virtual_bank(f"pty:{folder}/battery", modules=MODULES, model=model) as bank,
        ):
            ours = list(_ours(bank, cycles=4 if quick else 20))
            theirs = list(_theirs(bank, cycles=1 if quick or model != MODELS[0] else 2))
        show(f"cycle: {MODULES} x {model}, 115200 Bd, the battery answers after 75 ms", _figures(ours, theirs))


def _figures(all_ours: list[Cycle], theirs: list[Cycle]) -> list[Figure]:
    ours = [cycle for cycle in all_ours if cycle.answered]
    ratios = [cycle.ratio for cycle in ours]
    our_s, their_s = (median(cycle.seconds for cycle in cycles) for cycles in (ours, theirs))
    return [
        at_most("pylon2mqtt / (wire + battery + pauses), median", median(ratios), BOUND),
        at_most("  the same, the slowest cycle", max(ratios), BOUND),
        plain("  the same, 90 % of the cycles", percentile(ratios, 90)),
        plain("  cycles", len(ours)),
        plain("  left out: with a question that nobody answers", len(all_ours) - len(ours)),
        plain("  one cycle", our_s, "s"),
        plain("  questions in a cycle, mean", fmean(len(cycle.passed) for cycle in ours)),
        plain("python-pylontech, one cycle", their_s, "s"),
        plain("  questions in a cycle (42 alone)", fmean(len(cycle.passed) for cycle in theirs)),
        plain("pylon2mqtt / python-pylontech", our_s / their_s),
    ]


def _ours(bank: RemoteBank, cycles: int) -> Iterator[Cycle]:
    clock = ClockAhead()
    protocol = driver("rs485", name="Battery", clock=Clock(now=clock.now))
    line = transport(bank.url)
    with contextlib.closing(line):
        line.open()
        for _ in range(_LEARNING_CYCLES):
            clock.ahead_s += _AHEAD_S
            protocol.read(line)
        bank.take()
        moments = [time.monotonic()]
        for _ in range(cycles):
            protocol.read(line)
            moments.append(time.monotonic())
    yield from cycles_between(moments, bank.take(), PAUSE_S)


def _theirs(bank: RemoteBank, cycles: int) -> Iterator[Cycle]:
    their = Pylontech(bank.url, 115200)
    moments = [time.monotonic()]
    with contextlib.closing(their.s), contextlib.redirect_stdout(io.StringIO()):
        for _ in range(cycles):
            for address in ADDRESSES:
                their.get_values_single(address)
            moments.append(time.monotonic())
    yield from cycles_between(moments, bank.take(), PAUSE_S)
