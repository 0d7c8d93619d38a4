"""What the bridge takes of a machine at work, and its time to start: the command itself, in a process of its own."""

import tempfile
import time
from statistics import median

import psutil

from .bridge import STATE, bridge
from .rig import Figure, at_most, mosquitto, plain, show, subscriber, until
from .virtual import Passed, virtual_bank

MODULES, POLL_S = 16, 5
CPU_PERCENT, MEMORY_MB, START_S = 1.0, 40.0, 1.5
MB = 1e6
# A serial adapter, and a gateway in the network.
_LINES = ("pty", "tcp")
# The first cycles ask the slow questions too; the counting begins when those of the first round are over.
_SETTLE_S = 10.0
# What the broker kept from the run before comes at once.
_RETAINED_S = 0.2


def run(*, quick: bool) -> None:
    """Measure at work on both kinds of line, and some starts."""
    with mosquitto() as port:
        for kind in _LINES:
            title = f"footprint: {MODULES} modules every {POLL_S} s, 115200 Bd, {kind}"
            show(title, _at_work(port, kind, 15 if quick else 60))
        show("footprint: start, 2 modules", _starts(port, 2 if quick else 5))


def _at_work(port: int, kind: str, seconds: float) -> list[Figure]:
    with (
        tempfile.TemporaryDirectory() as folder,
        virtual_bank(_listen(kind, folder), modules=MODULES) as bank,
        subscriber(port, STATE) as listener,
    ):
        _forget_retained(listener.arrivals)
        with bridge(folder, bank.url, port, poll_interval_s=POLL_S) as process:
            until(lambda: bool(listener.arrivals), 60, "the first state", process)
            time.sleep(_SETTLE_S)
            bank.take()
            used_s, began = _processor_s(process.pid), time.monotonic()
            time.sleep(seconds)
            used_s, passed_s = _processor_s(process.pid) - used_s, time.monotonic() - began
            memory = psutil.Process(process.pid).memory_info().rss / MB
            passed = bank.take()
    return [
        at_most("processor, of one core", 100 * used_s / passed_s, CPU_PERCENT, "%"),
        at_most("resident memory", memory, MEMORY_MB, "MB"),
        plain("  measured for", round(passed_s), "s"),
        plain("  questions asked", len(passed)),
        plain("  processor time for a question, all in all", 1000 * used_s / max(1, len(passed)), "ms"),
    ]


def _listen(kind: str, folder: str) -> str:
    return f"pty:{folder}/battery" if kind == "pty" else "tcp:127.0.0.1:0"


def _forget_retained(arrivals: list[tuple[float, str]]) -> None:
    time.sleep(_RETAINED_S)
    arrivals.clear()


def _processor_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _starts(port: int, times: int) -> list[Figure]:
    """From the start of the process to the first state, less what the line took, by the ledger of the battery."""
    starts = [_start(port) for _ in range(times)]
    own = [total - line for total, line in starts]
    return [
        at_most("start to first state, less the line's time, median", median(own), START_S, "s"),
        at_most("  the slowest", max(own), START_S, "s"),
        plain("  start to first state, all in all, median", median(total for total, _ in starts), "s"),
        plain("  starts", times),
    ]


def _start(port: int) -> tuple[float, float]:
    with (
        tempfile.TemporaryDirectory() as folder,
        virtual_bank(f"pty:{folder}/battery", modules=2) as bank,
        subscriber(port, STATE) as listener,
    ):
        _forget_retained(listener.arrivals)
        began = time.monotonic()
        with bridge(folder, bank.url, port, poll_interval_s=3600) as process:
            until(lambda: bool(listener.arrivals), 30, "the first state", process)
            arrived = listener.arrivals[0][0]
            line_s = _line_s([one for one in bank.take() if one.asked_at < arrived])
    return arrived - began, line_s


def _line_s(passed: list[Passed]) -> float:
    """From the first question to the last answer: the finding of modules, with its time-outs, is the line's time."""
    return max(one.answered_at for one in passed) - passed[0].asked_at
