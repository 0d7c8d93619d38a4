"""What the bridge takes of a machine: processor, memory, and time to start."""

import tempfile
import time
from statistics import median

import psutil

from .bridge import STATE, bridge, hurried_bridge
from .rig import Figure, at_most, mosquitto, plain, show, subscriber, until
from .virtual import RemoteBank, virtual_bank

MODULES, POLL_S = 16, 5
CPU_PERCENT, MEMORY_MB, GROWTH, START_S = 1.0, 40.0, 1.02, 1.5
_MB = 1e6
# 42 and 44: what every module is asked in every cycle.
_QUESTIONS_A_MODULE = 2
# What the broker kept from the run before is there at once.
_RETAINED_S = 0.2


def run(*, quick: bool) -> None:
    """Measure all three and print a table for each."""
    with mosquitto() as port:
        show(f"footprint: {MODULES} modules every {POLL_S} s, paced line", _at_work(port, 15 if quick else 90))
        show("footprint: start", _start(port, 2 if quick else 5))
        show(f"footprint: {MODULES} modules as fast as it can", _in_a_hurry(port, 500 if quick else 10_000))


def _at_work(port: int, seconds: float) -> list[Figure]:
    """The command itself beside a simulator and a broker in other processes."""
    with (
        tempfile.TemporaryDirectory() as folder,
        virtual_bank(f"pty:{folder}/battery", modules=MODULES) as bank,
        subscriber(port, STATE) as listener,
        bridge(folder, bank.url, port, poll_interval_s=POLL_S) as process,
    ):
        until(lambda: bool(listener.arrivals), 60, "the first state")
        bank.take()
        used_s, began = _processor_s(process.pid), time.monotonic()
        time.sleep(seconds)
        percent = 100 * (_processor_s(process.pid) - used_s) / (time.monotonic() - began)
        memory = psutil.Process(process.pid).memory_info().rss / _MB
        passed = bank.take()
    return [
        at_most("processor, percent of one core", percent, CPU_PERCENT, "%"),
        at_most("resident memory", memory, MEMORY_MB, "MB"),
        plain("  measured for", seconds, "s"),
        plain("  questions asked", len(passed)),
        plain("  processor time per question, all in all", percent * seconds * 10 / max(1, len(passed)), "ms"),
    ]


def _processor_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _start(port: int, times: int) -> list[Figure]:
    """From the start of the process to the first state, less what the line took, by the ledger of the battery."""
    starts = [_one_start(port) for _ in range(times)]
    own = [total - line for total, line in starts]
    return [
        at_most("start to first state, less the line's time, median", median(own), START_S, "s"),
        at_most("  the slowest", max(own), START_S, "s"),
        plain("  start to first state, all in all, median", median(total for total, _ in starts), "s"),
        plain("  starts", times),
    ]


def _one_start(port: int) -> tuple[float, float]:
    with (
        tempfile.TemporaryDirectory() as folder,
        virtual_bank(f"pty:{folder}/battery", modules=2) as bank,
        subscriber(port, STATE) as listener,
    ):
        time.sleep(_RETAINED_S)
        listener.arrivals.clear()
        began = time.monotonic()
        with bridge(folder, bank.url, port, poll_interval_s=3600):
            until(lambda: bool(listener.arrivals), 30, "the first state")
            passed = bank.take()
    line_s = passed[-1].answered_at - passed[0].asked_at
    return listener.arrivals[0][0] - began, line_s


def _in_a_hurry(port: int, cycles: int) -> list[Figure]:
    """The memory after a tenth of the cycles and after all of them."""
    began = time.monotonic()
    with (
        virtual_bank("tcp:127.0.0.1:0", modules=MODULES, fast=True) as bank,
        hurried_bridge(bank.url, port, poll_interval_s=0) as process,
    ):
        early = _memory_after(cycles // 10, bank, process.pid)
        late = _memory_after(cycles, bank, process.pid)
    return [
        at_most(f"memory after {cycles} cycles / after {cycles // 10}", late / early, GROWTH),
        at_most(f"resident memory after {cycles} cycles", late, MEMORY_MB, "MB"),
        plain("  one cycle", (time.monotonic() - began) * 1000 / cycles, "ms"),
    ]


def _memory_after(cycles: int, bank: RemoteBank, pid: int) -> float:
    while bank.questions() < cycles * MODULES * _QUESTIONS_A_MODULE:
        time.sleep(0.5)
    return psutil.Process(pid).memory_info().rss / _MB
