"""The JSON file: whole at every moment, and a failure that says what to do."""

import json
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.waiting import LONGEST_S, until

from pylon2mqtt.app.output_runner import OutputRunner
from pylon2mqtt.errors import OutputError
from pylon2mqtt.model import Bank, Module, Snapshot
from pylon2mqtt.model.report import whole_report
from pylon2mqtt.outputs.base import Surroundings
from pylon2mqtt.outputs.json_file import JsonFile, JsonFileOptions
from pylon2mqtt.outputs.registry import build

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
HOUSE = Snapshot(bank=Bank(name="House", voltage=51.25, modules=(Module(number=1, barcode="A1"),)), taken_at=NOON)
SHED = Snapshot(bank=Bank(name="Shed"), taken_at=NOON, online=False, reason="the battery is silent")
SURROUNDINGS = Surroundings(
    banks=("House",), cells="none", poll_interval_s=10, command=lambda *_: False, find_broker=None
)


def test_it_holds_the_latest_snapshot_of_every_bank(tmp_path: Path) -> None:
    file = tmp_path / "latest.json"
    output = build("json_file", JsonFileOptions(json_file=str(file)), SURROUNDINGS)
    output.open()
    output.publish(HOUSE)
    output.publish(SHED)
    output.refresh()
    output.close()
    assert json.loads(file.read_text()) == {
        "House": {
            "taken_at": "2026-11-28T12:00:00+00:00", "online": True, "stale": False, "reason": None,
            "bank": json.loads(json.dumps(whole_report(HOUSE.bank))),
        },
        "Shed": {
            "taken_at": "2026-11-28T12:00:00+00:00", "online": False, "stale": False,
            "reason": "the battery is silent", "bank": None,
        },
    }  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["latest.json"]


def test_who_reads_it_meanwhile_sees_the_old_file_whole(tmp_path: Path) -> None:
    file = tmp_path / "latest.json"
    output = JsonFile(file)
    output.publish(HOUSE)
    with file.open(encoding="utf-8") as reader:
        output.publish(SHED)
        assert list(json.load(reader)) == ["House"]
    assert list(json.loads(file.read_text())) == ["House", "Shed"]


def no_folder(folder: Path) -> Path:
    return folder / "none" / "latest.json"


def a_folder_in_its_place(folder: Path) -> Path:
    (folder / "latest.json").mkdir()
    return folder / "latest.json"


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (no_folder, "No such file or directory"),
        (a_folder_in_its_place, "Is a directory"),
    ],
)
def test_what_cannot_be_written_says_what_to_do(place: Callable[[Path], Path], reason: str, tmp_path: Path) -> None:
    output = JsonFile(place(tmp_path))
    with pytest.raises(OutputError, match=rf"cannot be written: {reason}\. Make its folder, give it room"):
        output.publish(HOUSE)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is not here")
def test_a_full_disk_leaves_the_old_values(tmp_path: Path) -> None:
    file = tmp_path / "latest.json"
    output = JsonFile(file)
    output.publish(HOUSE)
    (tmp_path / ".latest.json.tmp").symlink_to("/dev/full")
    with pytest.raises(OutputError, match="No space left on device"):
        output.publish(SHED)
    assert list(json.loads(file.read_text())) == ["House"]


def test_a_failure_is_logged_once_and_it_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "none" / "latest.json"
    stop = threading.Event()
    runner = OutputRunner(JsonFile(file), stop=stop)
    thread = threading.Thread(target=runner.run)
    with caplog.at_level(logging.INFO):
        thread.start()
        for _ in range(3):
            runner.mailbox.put(HOUSE)
            _wait_until_taken(runner)
        file.parent.mkdir()
        runner.mailbox.put(HOUSE)
        until(lambda: "works again" in caplog.text)
        stop.set()
        runner.cancel()
        thread.join(LONGEST_S)
    assert caplog.text.count("cannot be written") == 1
    assert "JSON file works again after 3 failures" in caplog.text
    assert list(json.loads(file.read_text())) == ["House"]


def _wait_until_taken(runner: OutputRunner) -> None:
    failures = runner._failures
    until(lambda: runner._failures > failures)
