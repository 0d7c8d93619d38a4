"""The commands and their arguments; options of the bridge and of a battery become flags."""

import argparse
from collections.abc import Callable
from pathlib import Path

from pylon2mqtt import __version__
from pylon2mqtt.config.groups import DRIVER, LINE, RUN
from pylon2mqtt.protocols.registry import AUTO, PROTOCOLS

from .flags import add_flags

_OPTIONS = Path("/data/options.json")


Add = Callable[[str, str, str], argparse.ArgumentParser]


def parser() -> argparse.ArgumentParser:
    """Return the parser; each command says in ``command`` which function of this folder runs it."""
    whole = argparse.ArgumentParser(prog="pylon2mqtt", description="Pylontech and Pytes batteries to Home Assistant.")
    whole.add_argument("--version", action="version", version=__version__)
    whole.add_argument("-v", "--verbose", action="store_true", help="log every byte")
    commands = whole.add_subparsers(title="commands", required=True)

    def add(name: str, function: str, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(command=f"{__package__}.{function}")
        return command

    _add_bridge(add)
    _add_battery(add)
    _add_virtual(add)
    return whole


def _add_bridge(add: Add) -> None:
    run = add("run", "bridge:run", "run the bridge")
    run.add_argument("--options", type=Path, default=_OPTIONS, help="options file (default: the Supervisor's)")
    run.add_argument("--heartbeat", type=Path, help="a file that is touched every 10 s while all threads are alive")
    for group, options in RUN.items():
        add_flags(run, options, group=group)


def _add_battery(add: Add) -> None:
    read = add("read", "battery:read", "ask once and show the bank")
    _add_line(read)
    read.add_argument("--json", action="store_true", help="show JSON, not a table")

    answer = add("decode", "battery:decode", "decode one recorded answer, or a log of a CAN bus, to JSON")
    answer.add_argument("protocol", help=f"one of {', '.join(PROTOCOLS)}")
    answer.add_argument("--request", help="the characters of the request")
    answer.add_argument("file", help="a file with the answer, or - for standard input")

    record = add("record", "battery:record", "read a battery and write down what passes on the wire, for a bug report")
    _add_line(record)
    record.add_argument("file", type=Path, help="the recording to write")
    record.add_argument("--seconds", type=float, default=60, help="how long (default 60)")
    record.add_argument("--hide-barcodes", action="store_true", help="replace serial numbers by made-up ones")

    replay = add("replay", "battery:replay", "run the driver against a recording")
    replay.add_argument("file", type=Path, help="the recording, or a log of a CAN bus")
    replay.add_argument("--json", action="store_true", help="show JSON, one line per read, not tables")
    replay.add_argument("--insight", action="store_true", help="show what follows over time, too")


def _add_virtual(add: Add) -> None:
    simulate = add(
        "simulate", "virtual:simulate", "be a virtual bank; orders such as 'fault silence 30' come on standard input"
    )
    simulate.add_argument("protocol", help=f"one of {', '.join(PROTOCOLS)}")
    simulate.add_argument("--listen", required=True, help="pty:PATH, tcp:HOST:PORT, or can:LINE for CAN")
    simulate.add_argument("--dialect", default="pylontech", help="of a CAN bus (default pylontech)")
    _add_bank(simulate)

    demo = add("demo", "virtual:demo", "a virtual bank, a broker and the bridge in one")
    demo.add_argument("--port", type=int, default=0, help="the broker's port on this machine (default: a free one)")
    demo.add_argument("--seconds", type=float, help="end after so long (default: at Ctrl-C)")
    _add_bank(demo)
    demo.set_defaults(speed=600.0)


def _add_line(command: argparse.ArgumentParser) -> None:
    command.add_argument("protocol", help=f"{AUTO}, {', '.join(PROTOCOLS)}")
    command.add_argument(
        "line", help="a device path, host:port of a gateway, rfc2217://host:port, can0, slcan:/dev/…, candump:FILE, …"
    )
    add_flags(command, DRIVER | LINE)


def _add_bank(command: argparse.ArgumentParser) -> None:
    command.add_argument("--modules", type=int, default=3, help="how many (default 3)")
    command.add_argument("--model", default="US3000C", help="their model, or several by commas (default US3000C)")
    command.add_argument("--speed", type=float, default=1.0, help="seconds of the battery's day in one of ours")
    command.add_argument("--seed", type=int, default=1, help="another seed is another bank")
