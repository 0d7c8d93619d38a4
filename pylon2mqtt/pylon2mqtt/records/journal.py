"""The journal: what has to be reported to somebody, one line for each entry, on the disk before it is reported.

::

    {"entry": {"id": "…", …}}     has to be reported
    {"done": ["…", …]}            these were reported

A line that a power cut has cut short is no entry. When the file has grown long it is written anew, with the open
entries only.
"""

import json
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

from .base import Json
from .files import compact, replace_file

_LOG = logging.getLogger(__name__)

_LONGEST = 256_000
"""Bytes; a journal of open entries alone may be longer, and is then written anew at twice its length."""

MOST_OPEN = 10_000
"""More open entries than this wait for nobody: the broker has been away for weeks. The oldest go."""


class Journal:
    """The journal in one file. All methods raise OSError where it cannot be read or written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open = _open_entries(path)
        self._file = self._begin()

    def append(self, entry: Mapping[str, Any]) -> None:
        """Add an entry; it is on the disk when this returns."""
        self._write({"entry": entry})
        os.fsync(self._file.fileno())
        self._open[entry["id"]] = dict(entry)
        if len(self._open) > MOST_OPEN:
            oldest = next(iter(self._open))
            _LOG.warning("%d events wait to be reported: the oldest one (%s) is dropped", MOST_OPEN, oldest)
            self.done([oldest])

    def done(self, ids: Iterable[str]) -> None:
        """Note that these entries were reported; after a crash right now they may be reported again."""
        found = [entry for entry in ids if self._open.pop(entry, None) is not None]
        if found:
            self._write({"done": found})
        if self._file.tell() > max(_LONGEST, 2 * self._began_with):
            self._file.close()
            self._file = self._begin()

    def open_entries(self) -> list[Json]:
        """Return the entries that were not reported yet, the oldest first."""
        return list(self._open.values())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(f"{compact(line)}\n")
        self._file.flush()

    def _begin(self) -> IO[str]:
        """Write the file anew with the open entries only, and return it, open for more."""
        replace_file(self._path, "".join(f"{compact({'entry': entry})}\n" for entry in self._open.values()))
        self._began_with = self._path.stat().st_size
        return self._path.open("a", encoding="utf-8")


def _open_entries(path: Path) -> dict[str, Json]:
    """The entries that are still open, by id; a line that is damaged costs itself only."""
    found: dict[str, Json] = {}
    damaged = 0
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return found
    for text in lines:
        try:
            _take(json.loads(text), found)
        except (ValueError, LookupError, TypeError, RecursionError):
            damaged += 1
    if damaged:
        _LOG.warning("%s: %d damaged lines were left out", path, damaged)
    return found


def _take(line: Json, found: dict[str, Json]) -> None:
    if "entry" in line:
        found[str(line["entry"]["id"])] = line["entry"]
        return
    for entry in line["done"]:
        found.pop(entry, None)
