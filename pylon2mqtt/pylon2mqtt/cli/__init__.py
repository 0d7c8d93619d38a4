"""The command line: arguments in, exit status out (0 well, 1 the battery or the line, 2 the user's options)."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from pylon2mqtt import __version__
from pylon2mqtt.config.groups import DRIVER, LINE, RUN
from pylon2mqtt.errors import ConfigError, Pylon2MqttError
from pylon2mqtt.protocols.registry import AUTO, PROTOCOLS

from .flags import add_flags
from .process import end_early_at_sigterm, log_to_stderr

_OPTIONS = Path("/data/options.json")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    end_early_at_sigterm()
    chosen = _parser().parse_args(arguments)
    log_to_stderr("debug" if chosen.verbose else "warning")
    try:
        module, _, name = chosen.command.partition(":")
        status: int = getattr(import_module(module), name)(chosen)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except Pylon2MqttError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return _without_a_reader()
    return status


def _without_a_reader() -> int:
    """Whoever read our output has seen enough (``| head``): end without a word, as other programs do."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it ends
    return 128 + signal.SIGPIPE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pylon2mqtt", description="Pylontech and Pytes batteries to Home Assistant.")
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("-v", "--verbose", action="store_true", help="log every byte")
    commands = parser.add_subparsers(title="commands", required=True)

    def add(name: str, function: str, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(command=f"{__name__}.{function}")
        return command

    run = add("run", "bridge:run", "run the bridge")
    run.add_argument("--options", type=Path, default=_OPTIONS, help="options file (default: the Supervisor's)")
    run.add_argument("--heartbeat", type=Path, help="a file that is touched every 10 s while all threads are alive")
    for group, options in RUN.items():
        add_flags(run, options, group=group)

    read = add("read", "battery:read", "ask once and show the bank")
    _add_line(read)
    read.add_argument("--json", action="store_true", help="show JSON, not a table")

    answer = add("decode", "battery:decode", "decode one recorded answer, or a candump log, to JSON")
    answer.add_argument("protocol", help=f"one of {', '.join(PROTOCOLS)}")
    answer.add_argument("--request", help="the characters of the request")
    answer.add_argument("file", help="a file with the answer, or - for standard input")

    record = add("record", "battery:record", "read a battery and write down what passes on the wire, for a bug report")
    _add_line(record)
    record.add_argument("file", type=Path, help="the recording to write")
    record.add_argument("--seconds", type=float, default=60, help="how long (default 60)")
    record.add_argument("--hide-barcodes", action="store_true", help="replace serial numbers by made-up ones")

    replay = add("replay", "battery:replay", "run the driver against a recording")
    replay.add_argument("file", type=Path, help="the recording, or a candump log")
    replay.add_argument("--json", action="store_true", help="show JSON, one line per read, not tables")
    replay.add_argument("--insight", action="store_true", help="show what follows over time, too")

    _add_virtual(add)
    return parser


def _add_virtual(add: Callable[[str, str, str], argparse.ArgumentParser]) -> None:
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
