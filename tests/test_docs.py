"""The tables of DOCS.md are those that follow from the quantities and the recordings."""

import runpy
from pathlib import Path

import pytest
from tests import recordings

ROOT = Path(__file__).parent.parent
WRITE_DOCS = runpy.run_path(str(ROOT / "script" / "write-docs"))


def test_the_tables_are_those_of_now() -> None:
    text = (ROOT / "pylon2mqtt" / "DOCS.md").read_text(encoding="utf-8")
    assert WRITE_DOCS["written"](text) == text, "run .venv/bin/python script/write-docs"


@pytest.mark.parametrize("path", recordings.files(), ids=lambda path: path.stem)
def test_each_recording_counts_in_one_column(path: Path) -> None:
    columns = [column for name in WRITE_DOCS["PORTS"] if (column := WRITE_DOCS["_column"](name, path))]
    assert len(columns) == 1


def test_a_table_says_who_reports_a_figure() -> None:
    rows = {row[0]: row[1:] for row in WRITE_DOCS["ports"]("ports")}
    assert rows["Cell voltage"] == ("each cell",) * 4
    assert rows["Remaining capacity"][0] == "bank, module"
    assert rows["MOSFET temperature"][1] == "module (some)"
    assert all(any(cell[:1].isalpha() for cell in cells) for cells in rows.values())
