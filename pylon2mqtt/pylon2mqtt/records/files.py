"""Files that are whole whatever happens: a power cut leaves the old one or the new one."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def replace_file(path: Path, text: str) -> None:
    """Write a file beside the old one and let it take its place once it is on the disk; raise OSError."""
    new = path.with_name(f"{path.name}.new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def compact(content: Mapping[str, Any]) -> str:
    """Return JSON without blanks; raise ValueError for a number that JSON does not know."""
    return json.dumps(content, separators=(",", ":"), allow_nan=False)
