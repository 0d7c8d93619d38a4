"""Run the benchmarks: all of them, or those that are named."""

import argparse
import os
import platform
from importlib import import_module
from pathlib import Path

from .rig import NotHereError

BENCHMARKS = ("cycle", "console", "decode", "latency", "footprint", "can", "damage", "years", "insight", "soak")


def main() -> int:
    parser = argparse.ArgumentParser(prog="script/bench", description="Benchmarks of pylon2mqtt; see bench/README.md.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="fewer repeats: to see that it runs")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(BENCHMARKS):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}: choose from {', '.join(BENCHMARKS)}")
    print(_machine())
    for name in chosen.names or BENCHMARKS:
        try:
            import_module(f".{name}", __package__).run(quick=chosen.quick)
        except NotHereError as missing:
            print(f"\n{name}: skipped, {missing}")
    return 0


def _machine() -> str:
    """The machine in one line, and how busy others keep it: on a busy one the figures are worse."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    name = models[0] if models else platform.machine()
    load = f"load {os.getloadavg()[0]:.1f} at the start"
    return f"{len(models) or '?'} x {name}, Linux {platform.release()}, Python {platform.python_version()}, {load}"


if __name__ == "__main__":
    raise SystemExit(main())
