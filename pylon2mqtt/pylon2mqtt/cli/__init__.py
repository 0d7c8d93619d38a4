"""The command line: arguments in, exit status out (0 well, 1 the battery or the line, 2 the user's options)."""

import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module

from pylon2mqtt.errors import ConfigError, Pylon2MqttError

from .process import end_early_at_sigterm, log_to_stderr


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    end_early_at_sigterm()
    # Loaded only now: the options of all rooms take some tenths of a second.
    chosen = import_module(".parser", __package__).parser().parse_args(arguments)
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
