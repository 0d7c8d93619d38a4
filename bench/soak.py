"""Ten thousand cycles in a hurry: the bridge's memory has to stay what it was."""

import subprocess
import tempfile
import time

import psutil

from .bridge import hurried_bridge
from .footprint import MB, MEMORY_MB, MODULES
from .rig import at_most, mosquitto, plain, show, until
from .virtual import RemoteBank, virtual_bank

# The issue says "flat"; this much is ours to choose: what the allocator does by itself.
GROWTH = 1.02
# 42 and 44: what every module is asked in every cycle.
_QUESTIONS_A_CYCLE = 2 * MODULES
# The battery's day in some minutes, so that there is always something to publish.
_SPEED = 600.0
_PATIENCE_S = 1800.0


def run(*, quick: bool) -> None:
    """Measure after a tenth of the cycles and after all of them, and print one table."""
    cycles = 500 if quick else 10_000
    with (
        tempfile.TemporaryDirectory() as folder,
        mosquitto() as port,
        virtual_bank(f"pty:{folder}/battery", modules=MODULES, fast=True, speed=_SPEED) as bank,
        hurried_bridge(bank.url, port, poll_interval_s=0) as process,
    ):
        began = time.monotonic()
        early, middle, late = (_memory_after(part, bank, process) for part in (cycles // 10, cycles // 2, cycles))
        cycle_ms = (time.monotonic() - began) * 1000 / cycles
    show(
        f"soak: {MODULES} modules, {cycles} cycles in a hurry",
        [
            at_most(f"memory after {cycles} cycles / after {cycles // 10}", late / early, GROWTH),
            at_most(f"resident memory after {cycles} cycles", late, MEMORY_MB, "MB"),
            plain(f"  after {cycles // 10}", early, "MB"),
            plain(f"  after {cycles // 2}: a leak would go on growing", middle, "MB"),
            plain("  one cycle", cycle_ms, "ms"),
        ],
    )


def _memory_after(cycles: int, bank: RemoteBank, process: "subprocess.Popen[bytes]") -> float:
    questions = cycles * _QUESTIONS_A_CYCLE
    until(lambda: bank.questions() >= questions, _PATIENCE_S, f"{cycles} cycles", process)
    return float(psutil.Process(process.pid).memory_info().rss / MB)
