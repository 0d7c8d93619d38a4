"""The hub's memory in a folder: a file for each name, and the journal."""

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pylon2mqtt.errors import OutputError

from .base import Json
from .files import compact, replace_file
from .journal import Journal

_LOG = logging.getLogger(__name__)

JOURNAL = "journal.jsonl"
# Nothing that we write is as long; a longer file is not ours, and is not read into memory.
_LONGEST_FILE = 4_000_000


class FolderMemory:
    """A Memory in a folder, which is made when it is missing.

    Raises OutputError where the folder cannot be made or written.
    """

    keeps = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._journal = Journal(folder / JOURNAL)
        except OSError as error:
            raise _not_written(folder, error) from error

    def load(self, name: str) -> Json:
        """Return what was saved under ``name``; empty where there is nothing that can be read."""
        path = self._path(name)
        try:
            return _content(path)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            self._set_aside(path, error)
            return {}

    def save(self, name: str, content: Mapping[str, Any]) -> None:
        """Replace what is saved under ``name``, whole or not at all."""
        text = compact(content)
        try:
            replace_file(self._path(name), text)
        except OSError as error:
            raise _not_written(self._path(name), error) from error

    def append(self, entry: Mapping[str, Any]) -> None:
        """Add an entry, which has an ``id``, to the journal; it is on the disk when this returns."""
        try:
            self._journal.append(entry)
        except OSError as error:
            raise _not_written(self._path(JOURNAL), error) from error

    def done(self, ids: Iterable[str]) -> None:
        """Note that these entries of the journal were reported."""
        try:
            self._journal.done(ids)
        except OSError as error:
            raise _not_written(self._path(JOURNAL), error) from error

    def open_entries(self) -> list[Json]:
        """Return the entries of the journal that were not reported yet, the oldest first."""
        return self._journal.open_entries()

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _set_aside(self, path: Path, error: Exception) -> None:
        aside = path.with_name(f"{path.name}.damaged")
        _LOG.warning("%s cannot be read (%s): it is kept as %s, and its values begin anew", path, error, aside.name)
        try:
            path.replace(aside)
        except OSError as trouble:
            _LOG.debug("%s stays where it is: %s", path, trouble)


class NoMemory:
    """A Memory that keeps nothing: where there is no folder to write to, and for a replay."""

    keeps = False

    def load(self, _name: str) -> Json:
        """Return nothing."""
        return {}

    def save(self, name: str, content: Mapping[str, Any]) -> None:
        """Forget it."""

    def append(self, entry: Mapping[str, Any]) -> None:
        """Forget it."""

    def done(self, ids: Iterable[str]) -> None:
        """Forget it."""

    def open_entries(self) -> list[Json]:
        """Return nothing."""
        return []

    def close(self) -> None:
        """Nothing is open."""


def _content(path: Path) -> Json:
    """The object in a file; OSError or ValueError where it cannot be one of ours."""
    size = path.stat().st_size
    if size > _LONGEST_FILE:
        raise ValueError(f"{size} bytes are too many")
    content = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(content, dict):
        return content
    raise ValueError("it is no JSON object")


def _not_written(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{path}: {error.strerror or error}. Energy and events are not kept over a restart now: free some space, or "
        "make the folder writable"
    )
