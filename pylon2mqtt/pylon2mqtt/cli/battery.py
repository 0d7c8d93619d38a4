"""One battery at a time: read, decode, record, replay."""

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pylon2mqtt.errors import ConfigError, TransportTimeoutError
from pylon2mqtt.model import Bank
from pylon2mqtt.model.report import whole_report
from pylon2mqtt.outputs.screen import table
from pylon2mqtt.protocols import registry
from pylon2mqtt.protocols.base import Clock
from pylon2mqtt.protocols.registry import driver, scrub
from pylon2mqtt.transports.capture import Recorder, Replay, parse_recording
from pylon2mqtt.transports.registry import transport

# How often `replay` may meet silence before it gives up.
_PATIENCE = 3


def read(chosen: argparse.Namespace) -> int:
    """Ask one bank everything once and show it."""
    protocol = driver(chosen.protocol, name=None, listen_only=chosen.listen_only, stagger_s=0)
    line = transport(chosen.line)
    with contextlib.closing(line):
        line.open()
        _print(protocol.read(line), as_json=chosen.json)
    return 0


def decode(chosen: argparse.Namespace) -> int:
    """Show what one recorded answer says; whatever is wrong with it, the status is 1."""
    try:
        data = sys.stdin.buffer.read() if chosen.file == "-" else Path(chosen.file).read_bytes()
        bank = registry.decode(chosen.protocol, data, chosen.request)
    except OSError as error:
        print(f"{chosen.file}: {error.strerror}: name a file with an answer, or -", file=sys.stderr)
        return 1
    except ConfigError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    _print(bank, as_json=True)
    return 0


def record(chosen: argparse.Namespace) -> int:
    """Read a bank again and again while writing down what passes."""
    if chosen.listen_only and chosen.hide_barcodes:
        raise ConfigError("--hide-barcodes does not go together with --listen-only: what others say comes in pieces")
    protocol = driver(chosen.protocol, name=None, listen_only=chosen.listen_only, stagger_s=0)
    names: dict[str, str] = {}

    def pseudonym(barcode: str) -> str:
        return names.setdefault(barcode, f"{barcode[:3]}{len(names) + 1:013}") if barcode.strip("\0 ") else barcode

    hide = scrub(chosen.protocol)
    with chosen.file.open("w", encoding="ascii") as file:
        line = Recorder(
            transport(chosen.line),
            file,
            protocol=chosen.protocol,
            scrub=(lambda asked, told: hide(asked, told, pseudonym)) if chosen.hide_barcodes else None,
        )
        until = time.monotonic() + chosen.seconds
        answers = 0
        with contextlib.closing(line):
            line.open()
            while time.monotonic() < until:
                with contextlib.suppress(TransportTimeoutError):
                    protocol.read(line)
                    answers += 1
    print(f"{chosen.file}: {answers} readings. Read it before you share it: it holds what the battery said.")
    return 0 if answers else 1


def replay(chosen: argparse.Namespace) -> int:
    """Run the driver against a recording and show every reading."""
    try:
        recording = parse_recording(chosen.file.read_text(encoding="ascii"))
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"{chosen.file} cannot be read as a recording: {error}") from error
    line = Replay(recording)
    heard_only = bool(recording.exchanges) and not any(exchange.sent for exchange in recording.exchanges)
    clock = Clock(now=line.now, sleep=lambda _s: None)
    protocol = driver(recording.protocol, name=None, listen_only=heard_only, clock=clock, stagger_s=0)
    readings = 0
    for bank in _readings(line, protocol.read):
        _print(bank, as_json=chosen.json)
        readings += 1
    if not readings:
        raise TransportTimeoutError("the driver got no whole reading out of this recording")
    return 0


def _readings(line: Replay, read: Callable[[Replay], Bank]) -> Iterator[Bank]:
    """Yield what the driver reads until the recording ends, or nothing more comes out of it."""
    silent = 0
    while not line.finished and silent < _PATIENCE:
        before = line.now()
        try:
            yield read(line)
        except TransportTimeoutError:
            silent += 1
        else:
            silent = silent + 1 if line.now() == before else 0


def _print(bank: Bank, *, as_json: bool) -> None:
    print(json.dumps(whole_report(bank)) if as_json else table(bank), flush=True)
