"""Damage and novelty are not the same: over every recording of a console, and through the session that asks.

What is not known costs itself only: an inserted line, key or column changes no value. A known key that lost a letter is
asked for again; a form that comes twice in the same way is the firmware's own.
"""

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from tests import recordings
from tests.fakes import FakeTime
from tests.protocols.console.test_answers import ANSWERS, framed

from pylon2mqtt.errors import FrameError, ProtocolError
from pylon2mqtt.model import Bank
from pylon2mqtt.protocols.console.answers import decode_answer, decode_recording, read_answer
from pylon2mqtt.protocols.console.commands import COMMANDS, ConsoleCommand
from pylon2mqtt.protocols.console.prompt import Prompt
from pylon2mqtt.protocols.console.session import Session

# Lists of what happened have entries of their own, and no values.
_LISTS = ("log", "data", "datalist", "help", "time")
_KEY = re.compile(rb"(?m)^([ \t]*[A-Za-z][\w .+/()%@~-]{2,30}?)([ \t]*):(?!\s*:)")
_HEADER = re.compile(rb"(?m)^(?:Power|Battery|Index|Bat|Volt)\s+(?=[A-Z])[^\r\n:]*$")


def _answers() -> Iterator[tuple[str, str, bytes]]:
    """(name, command, bytes) of every answer of a console that says something."""
    for answer in recordings.answers():
        if answer.protocol == "console":
            yield answer.name, answer.request, answer.data
    for folder in recordings.OUTSIDE:
        for path in sorted(folder.rglob("console/*.yaml")):
            yield path.stem, _asked(path), path.with_suffix(".txt").read_bytes()


def _asked(path: Path) -> str:
    command = yaml.safe_load(path.read_text(encoding="utf-8"))["command"]
    return str(command).partition("(")[0].partition(",")[0].strip()


def _says(command: str, data: bytes) -> Bank | None:
    try:
        return decode_recording(command, data)
    except ProtocolError:
        return None


READ = [
    pytest.param(command, data, id=name)
    for name, command, data in _answers()
    if command.split()[0] not in _LISTS and _says(command, data) is not None
]
every_recording = pytest.mark.parametrize(("command", "data"), READ)


@every_recording
def test_a_line_that_is_not_known_changes_nothing(command: str, data: bytes) -> None:
    before = _says(command, data)
    for line in (b"Cooling fan is off", b"-- see the manual --"):
        for at in _line_starts(data):
            assert _says(command, data[:at] + line + data[at - 1 : at] + data[at:]) == before


@every_recording
def test_a_key_that_is_not_known_changes_nothing(command: str, data: bytes) -> None:
    before = _says(command, data)
    for key in (b"Fan #2 duty~max : 35 %", b"Umgebung \xb0C : 21", b"New key         :        7"):
        for found in _KEY.finditer(data):
            inserted = data[: found.start()] + key + b"\r\n" + data[found.start() :]
            assert _known(_says(command, inserted), before) == before


@every_recording
def test_a_column_that_is_not_known_changes_nothing(command: str, data: bytes) -> None:
    before = _says(command, data)
    header = next(reversed(list(_HEADER.finditer(data))), None)
    if header is None:
        return
    for name, cell in ((b"Ripple", b"12"), (b"Fan%", b"7.5%"), (b"\xc2\xb5Ohm", b"1.5")):
        end = header.end()
        rows = re.sub(rb"(?m)^([ \t]*\d[^\r\n]*?)([ \t]*)(?=\r|\n|\Z)", rb"\1  " + cell, data[end:])
        assert _says(command, data[:end].rstrip(b" ") + b"  " + name + rows) == before


def _line_starts(data: bytes) -> list[int]:
    """Where lines of the body begin, but for the first and the last of them, which a mark stands at."""
    starts = [found.end() for found in re.finditer(rb"[\r\n]+(?=[^\r\n])", data)]
    end = data.find(b"Command completed")
    body = data.rfind(b"@", 0, end if end > 0 else None) + 1
    return [at for at in starts if at > body and (end < 0 or at < end)][1::3]


def _known(told: Bank | None, before: Bank | None) -> Bank | None:
    """What an answer says, without the counters that it did not have before: a rack counts what nobody knows."""
    if told is None or before is None or not told.counters:
        return told
    return replace(
        told, counters={name: told.counters[name] for name in told.counters if name in (before.counters or ())}
    )


# -------------------- through the session


class Console:
    """A console that gives these answers, one after the other, and the last one for ever."""

    has_baudrate = False
    line = "fake"

    def __init__(self, time: FakeTime, answers: Iterable[bytes]) -> None:
        self._time = time
        self._answers = list(answers)
        self.asked = 0
        self._pending = b""

    def send(self, data: bytes) -> None:
        if not data.strip():
            self._pending = b"\n\rpylon>"
            return
        self.asked += 1
        self._pending = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    def set_baudrate(self, _baudrate: int) -> None:
        pass

    def read_until(self, end: bytes, _timeout_s: float) -> bytes:
        data, found, self._pending = self._pending.partition(end)
        return data + found

    def listen(self, seconds: float) -> bytes:
        self._time.now_s += seconds
        data, self._pending = self._pending, b""
        return data


def _asks(answers: Iterable[bytes]) -> tuple[Console, Callable[[ConsoleCommand, int | None], Bank]]:
    time = FakeTime()
    line = Console(time, answers)
    session = Session("House", Prompt(time.clock))
    return line, lambda command, number: session.ask(line, command, number).bank  # type: ignore[arg-type]


def _command(text: str) -> tuple[ConsoleCommand, int | None]:
    verb, _, number = text.partition(" ")
    found = [c for c in COMMANDS if c.text == verb and (c.numbered if number else c.alone)]
    return found[0], int(number) if number else None


KEYS = [
    pytest.param(command, line, id=f"{command}: {line.partition(':')[0].strip()}")
    for command in ("pwr 2", "info 2", "stat 2", "pwrsys")
    for line in ANSWERS[command]
    if ":" in line and len(line.partition(":")[0].strip().replace(" ", "")) > 5
]


@pytest.mark.parametrize(("command", "line"), KEYS)
def test_a_known_key_that_lost_a_letter_is_asked_for_again(command: str, line: str) -> None:
    key = line.partition(":")[0].strip()
    sound = framed(command, ANSWERS[command])
    for at in range(1, len(key)):
        if not key[at].isalpha():
            continue
        damaged = sound.replace(key.encode(), (key[:at] + key[at + 1 :]).encode(), 1)
        console, ask = _asks([damaged, sound])
        assert ask(*_command(command)) == decode_answer(command, sound)
        known = read_answer(command, damaged).bank == read_answer(command, sound).bank
        assert known or console.asked == 2, key[:at] + key[at + 1 :]


@pytest.mark.parametrize(
    ("command", "old", "new"),
    [
        ("pwr 2", "Coulomb         : 64", "Coulmb          : 64"),
        ("pwr 2", "50000       mAH", "50000       mAx"),
        ("pwr 2", ": Dischg", ": Dischrg"),
        ("stat 2", "CYCLE Times     :      311", "CYCE Times      :      311"),
        ("info 2", "Manufacturer ", "Manufactur   "),
        ("pwr", "Thigh ", "Thgh  "),
        ("pwr", "1     51312", "1     xx312"),
        ("bat 2", "3405 ", "x405 "),
        ("soh 2", "SOHCount", "SOHCont "),
    ],
)
def test_a_form_that_comes_twice_is_the_firmwares_own(
    command: str, old: str, new: str, caplog: pytest.LogCaptureFixture
) -> None:
    sound = framed(command, ANSWERS[command])
    odd = sound.replace(old.encode(), new.encode(), 1)
    assert odd != sound
    with pytest.raises(FrameError, match="not known yet"):
        decode_answer(command, odd)
    console, ask = _asks([odd])
    with caplog.at_level(logging.WARNING):
        first = ask(*_command(command))
        assert console.asked == 2
        assert ask(*_command(command)) == first
    assert console.asked == 3  # from now on it is known not to be damage
    assert len([r for r in caplog.records if "is not known yet" in r.message]) == 1
    assert first == read_answer(command, odd).bank


def test_damage_that_is_different_each_time_is_not_accepted() -> None:
    sound = framed("pwr 2", ANSWERS["pwr 2"])
    damaged = [
        sound.replace(b"Coulomb  ", part, 1) for part in (b"Coulmb   ", b"Coulob   ", b"Coulom   ", b"Coulomb\x96 ")
    ]
    console, ask = _asks(damaged)
    with pytest.raises(FrameError, match="not known yet"):
        ask(*_command("pwr 2"))
    assert console.asked == 3


def test_a_form_that_was_accepted_never_takes_the_place_of_a_known_one() -> None:
    sound = framed("stat 2", ANSWERS["stat 2"])
    odd = sound.replace(b"CYCLE Times", b"CYCE Times ")
    _, ask = _asks([odd, odd, sound])
    command, number = _command("stat 2")
    assert ask(command, number).modules[0].cycles is None
    assert ask(command, number).modules[0].cycles == 311


@pytest.mark.parametrize("command", ["pwr", "bat 2", "soh 2"])
def test_a_row_of_another_firmware_costs_itself_only(command: str) -> None:
    lines = list(ANSWERS[command])
    at = next(i for i, line in enumerate(lines) if line.startswith("2 "))
    number = lines[at].split()[0]
    lines[at] = f"{number}     3.31V   Charge  21.0  Normal"
    _, ask = _asks([framed(command, lines)])
    bank, sound = ask(*_command(command)), decode_answer(command, framed(command, ANSWERS[command]))
    if command == "pwr":
        assert bank.modules == tuple(module for module in sound.modules if module.number != 2)
        return
    ours, theirs = (list(told.modules[0].cells or ()) for told in (bank, sound))
    assert (ours[2].number, ours[2].voltage) == (3, None)
    assert [cell for cell in ours if cell.number != 3] == [cell for cell in theirs if cell.number != 3]
