"""What is kept in a folder: whole or not at all, whatever the disk does."""

import contextlib
import json
import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pylon2mqtt.errors import OutputError
from pylon2mqtt.records.memory import JOURNAL, FolderMemory


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[FolderMemory]:
    with contextlib.closing(FolderMemory(tmp_path)) as opened:
        yield opened


@contextlib.contextmanager
def again(folder: Path) -> Iterator[FolderMemory]:
    """The memory as the next start finds it."""
    with contextlib.closing(FolderMemory(folder)) as opened:
        yield opened


def entry(number: int) -> dict[str, str]:
    return {"id": f"id-{number}", "kind": "module_lost"}


class TestStates:
    def test_what_was_saved_is_there_again(self, memory: FolderMemory, tmp_path: Path) -> None:
        memory.save("house", {"energy": {"charged": 12.5}})
        with again(tmp_path) as later:
            assert later.load("house") == {"energy": {"charged": 12.5}}
        assert not list(tmp_path.glob("*.new"))

    def test_nothing_saved_is_empty(self, memory: FolderMemory) -> None:
        assert memory.load("house") == {}

    @pytest.mark.parametrize(
        "content",
        [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 50_000, b'{"a":"' + b"x" * 5_000_000 + b'"}'],
        ids=["empty", "cut", "list", "no text", "deep", "long"],
    )
    def test_damaged_is_set_aside_said_once_and_begun_anew(
        self, memory: FolderMemory, tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "house.json").write_bytes(content)
        assert [memory.load("house"), memory.load("house")] == [{}, {}]
        assert (tmp_path / "house.json.damaged").read_bytes() == content
        assert len([r for r in caplog.records if r.levelno == logging.WARNING]) == 1

    def test_no_number_that_json_does_not_know(self, memory: FolderMemory, tmp_path: Path) -> None:
        memory.save("house", {"a": 1.0})
        with pytest.raises(ValueError, match="JSON"):
            memory.save("house", {"a": float("nan")})
        assert memory.load("house") == {"a": 1.0}

    def test_a_killed_writer_leaves_the_old_or_the_new(self, tmp_path: Path) -> None:
        """A process that saves again and again is killed; whatever it was doing, a whole state is there."""
        script = (
            "import sys; from pathlib import Path; from pylon2mqtt.records.memory import FolderMemory\n"
            "memory = FolderMemory(Path(sys.argv[1])); n = memory.load('house').get('n', 0)\n"
            "while True:\n"
            "    n += 1; memory.save('house', {'n': n, 'filler': [n] * 2000}); print(n, flush=True)\n"
        )
        last = 0
        for lines in (1, 2, 7):
            writer = subprocess.Popen(
                [sys.executable, "-P", "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
            )
            assert writer.stdout is not None
            seen = [int(writer.stdout.readline()) for _ in range(lines)][-1]
            writer.send_signal(signal.SIGKILL)
            writer.communicate()
            with again(tmp_path) as later:
                kept = later.load("house")
            assert kept["n"] >= seen > last
            assert kept["filler"] == [kept["n"]] * 2000
            last = kept["n"]


class TestJournal:
    def test_what_was_not_reported_is_there_again_in_order(self, memory: FolderMemory, tmp_path: Path) -> None:
        for number in range(5):
            memory.append(entry(number))
        memory.done(["id-1", "id-3", "unknown"])
        memory.close()
        with again(tmp_path) as later:
            assert later.open_entries() == [entry(0), entry(2), entry(4)]

    def test_it_is_on_the_disk_before_append_returns(self, memory: FolderMemory, tmp_path: Path) -> None:
        memory.append(entry(1))
        assert json.loads((tmp_path / JOURNAL).read_text()) == {"entry": entry(1)}

    def test_a_line_cut_by_a_power_cut_costs_itself_only(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        memory = FolderMemory(tmp_path)
        memory.append(entry(1))
        memory.append(entry(2))
        memory.close()
        path = tmp_path / JOURNAL
        path.write_bytes(path.read_bytes()[:-9])
        with again(tmp_path) as later:
            assert later.open_entries() == [entry(1)]
        assert "1 damaged" in caplog.text

    def test_it_does_not_grow_for_ever(self, memory: FolderMemory, tmp_path: Path) -> None:
        memory.append(entry(0))
        for number in range(1, 1200):
            memory.append({**entry(number), "text": "x" * 1000})
            memory.done([f"id-{number}"])
        assert (tmp_path / JOURNAL).stat().st_size < 400_000
        assert memory.open_entries() == [entry(0)]

    def test_lines_that_nobody_wrote_are_left_out(self, tmp_path: Path) -> None:
        (tmp_path / JOURNAL).write_text('[]\n"x"\n{}\n{"entry":5}\n{"done":[[]]}\n{"entry":{"id":"a"}}\n')
        with again(tmp_path) as later:
            assert later.open_entries() == [{"id": "a"}]


class TestNoRoom:
    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(OutputError, match=r"file.*not kept.*writable"):
            FolderMemory(tmp_path / "file" / "data")

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
    def test_a_full_disk_says_so_and_keeps_what_is_there(self, memory: FolderMemory, tmp_path: Path) -> None:
        memory.save("house", {"n": 1})
        (tmp_path / "house.json.new").symlink_to("/dev/full")
        with pytest.raises(OutputError, match="No space left"):
            memory.save("house", {"n": 2})
        assert memory.load("house") == {"n": 1}
        (tmp_path / "house.json.new").unlink()
        memory.save("house", {"n": 3})
        assert memory.load("house") == {"n": 3}
