"""One battery at a time: read, decode, record, replay."""

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO, cast

from pylon2mqtt.app.sources import line_and_driver
from pylon2mqtt.config import one_battery
from pylon2mqtt.config.groups import DRIVER, LINE
from pylon2mqtt.errors import ConfigError, FrameError, ProtocolError, TransportTimeoutError
from pylon2mqtt.model import Bank
from pylon2mqtt.model.report import whole_report
from pylon2mqtt.outputs.screen import table
from pylon2mqtt.protocols import registry
from pylon2mqtt.protocols.base import BatteryProtocol, Clock
from pylon2mqtt.protocols.registry import AUTO, FRAMES, driver, scrub
from pylon2mqtt.transports.base import ByteTransport, CanFrame, Line, TimedFrame, is_can
from pylon2mqtt.transports.can.logs import FORMS, frames_of
from pylon2mqtt.transports.can.playback import LogTime, Playback
from pylon2mqtt.transports.can.recorder import CanRecorder
from pylon2mqtt.transports.recording import MAGIC, Recorder, Replay, parse_recording
from pylon2mqtt.transports.registry import carries_frames

from .flags import chosen_flags
from .insight import with_insight

# How often `replay` may meet silence before it gives up.
_PATIENCE = 3


def read(chosen: argparse.Namespace) -> int:
    """Ask one bank everything once, or listen until everything has come, and show it."""
    line, protocol = _line_and_driver(chosen)
    with contextlib.closing(line):
        line.open()
        print(_text(protocol.read(line), as_json=chosen.json), flush=True)
    return 0


def _line_and_driver(chosen: argparse.Namespace) -> tuple[Line, BatteryProtocol]:
    """The closed line that the command line names, and the driver for what is spoken on it."""
    battery = one_battery(chosen.protocol, chosen.line, chosen_flags(chosen, DRIVER | LINE))
    return line_and_driver(battery, name=None, stagger_s=0)


def decode(chosen: argparse.Namespace) -> int:
    """Show what one recorded answer says; whatever is wrong with it, the status is 1."""
    try:
        data = sys.stdin.buffer.read() if chosen.file == "-" else Path(chosen.file).read_bytes()
        bank = _decoded(chosen, data)
    except OSError as error:
        print(f"{chosen.file}: {error.strerror}: name a file with an answer, or -", file=sys.stderr)
        return 1
    except ConfigError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(_text(bank, as_json=True), flush=True)
    return 0


def _decoded(chosen: argparse.Namespace, data: bytes) -> Bank:
    if chosen.protocol == FRAMES:
        return registry.decode_frames(_frames(data, str(chosen.file)))
    return registry.decode(chosen.protocol, data, chosen.request)


def _frames(data: bytes, name: str, without: str = "there is no CAN frame in it") -> list[TimedFrame]:
    """The frames of a CAN log; raises FrameError where there is none."""
    frames = list(frames_of(data, name))
    if not frames:
        raise FrameError(f"{without}: {FORMS}")
    return frames


def record(chosen: argparse.Namespace) -> int:
    """Read a bank again and again while writing down what passes."""
    _refuse_what_cannot_be_hidden(chosen)
    line, protocol = _line_and_driver(chosen)
    with contextlib.closing(line):
        line.open()  # before the file: an older recording stays where there is nothing to record
        with _new_file(chosen.file) as file:
            print(f"Recording for {chosen.seconds:g} s; Ctrl-C ends it sooner.", file=sys.stderr, flush=True)
            readings, error = _read_for(chosen.seconds, _recorder(line, chosen, file), protocol)
    print(f"{chosen.file}: {readings} readings. Read it before you share it: it holds what the battery said.")
    if not readings:
        print(f"Nothing was read: {error or 'the time was too short'}", file=sys.stderr)
    return 0 if readings else 1


def _refuse_what_cannot_be_hidden(chosen: argparse.Namespace) -> None:
    if not chosen.hide_barcodes:
        return
    if chosen_flags(chosen, DRIVER).get("listen_only"):
        raise ConfigError("--hide-barcodes does not go together with --listen-only: what others say comes in pieces")
    if chosen.protocol == AUTO and not carries_frames(chosen.line):
        raise ConfigError("--hide-barcodes needs to know the protocol: `pylon2mqtt read auto` says which one it is")


def _new_file(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="ascii")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}; name another file") from error


def _recorder(line: Line, chosen: argparse.Namespace, file: TextIO) -> Line:
    """The open line, with what passes written into the file."""
    names: dict[str, str] = {}

    def pseudonym(barcode: str) -> str:
        return names.setdefault(barcode, f"{barcode[:3]}{len(names) + 1:013}") if barcode.strip("\0 ") else barcode

    def hidden(frame: CanFrame) -> CanFrame:
        return replace(frame, data=scrub(FRAMES)(str(frame).partition("#")[0].encode(), frame.data, pseudonym))

    def hidden_answer(request: bytes, answer: bytes) -> bytes:
        return scrub(chosen.protocol)(request, answer, pseudonym)

    if is_can(line):
        return CanRecorder(line, file, scrub=hidden if chosen.hide_barcodes else None)
    recorder = Recorder(
        cast(ByteTransport, line),
        file,
        protocol=chosen.protocol,
        scrub=hidden_answer if chosen.hide_barcodes else None,
    )
    recorder.begin()
    return recorder


def _read_for(seconds: float, line: Line, protocol: BatteryProtocol) -> tuple[int, Exception | None]:
    """Read for so long; return how often that succeeded, and why it did not the last time."""
    until = time.monotonic() + seconds
    readings, last = 0, None
    with contextlib.closing(line):
        while time.monotonic() < until:
            try:
                protocol.read(line)
                readings += 1
            except (TransportTimeoutError, ProtocolError) as error:
                last = error
    return readings, last


def replay(chosen: argparse.Namespace) -> int:
    """Run the driver against a recording and show every reading; with ``--insight`` also what follows over time."""
    try:
        data = chosen.file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{chosen.file} cannot be read as a recording: {error}") from error
    line, protocol = _replayed(data, str(chosen.file))
    line.open()
    read = _readings(line, protocol.read)
    if chosen.insight:
        texts = with_insight(((line.now(), bank) for bank in read), as_json=chosen.json)
    else:
        texts = (_text(bank, as_json=chosen.json) for bank in read)
    readings = 0
    for text in texts:
        print(text, flush=True)
        readings += 1
    if not readings:
        raise TransportTimeoutError("the driver got no whole reading out of this recording")
    return 0


def _replayed(data: bytes, name: str) -> tuple[Replay | Playback, BatteryProtocol]:
    """The line that a recording is, with its own time, and the driver for it."""
    if not data.lstrip().startswith(MAGIC.encode()):
        return _replayed_log(_frames(data, name, "this is no recording, and no CAN log that is known"))
    recording = parse_recording(data.decode("ascii", "replace"))
    line = Replay(recording)
    heard_only = bool(recording.exchanges) and not any(exchange.sent for exchange in recording.exchanges)
    clock = Clock(now=line.now, sleep=lambda _s: None)
    return line, driver(recording.protocol, name=None, listen_only=heard_only, clock=clock, stagger_s=0)


def _replayed_log(frames: list[TimedFrame]) -> tuple[Playback, BatteryProtocol]:
    time_of_log = LogTime()
    clock = Clock(now=time_of_log.now, sleep=time_of_log.sleep)
    line = Playback("log", lambda: frames, now=clock.now, sleep=clock.sleep)
    return line, driver(FRAMES, name=None, clock=clock, stagger_s=0)


def _readings(line: Replay | Playback, read: Callable[[Any], Bank]) -> Iterator[Bank]:
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


def _text(bank: Bank, *, as_json: bool) -> str:
    return json.dumps(whole_report(bank)) if as_json else table(bank)
