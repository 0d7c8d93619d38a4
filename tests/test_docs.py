"""The documents name files that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXTS = [ROOT / "CONTRIBUTING.md", ROOT / "bench" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FILES = [path for folder in ("pylon2mqtt", "tests", "docs", "bench", "script") for path in (ROOT / folder).rglob("*.*")]
NAME = re.compile(r"`([\w./-]+\.(?:py|dbc|md|toml))`")


def place(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("text", TEXTS, ids=place)
def test_every_file_that_a_text_names_is_there(text: Path) -> None:
    named = set(NAME.findall(text.read_text(encoding="utf-8")))
    endings = {f"/{name}" for name in named}
    there = {ending for ending in endings if any(f"/{place(file)}".endswith(ending) for file in FILES)}
    assert endings - there == set()
