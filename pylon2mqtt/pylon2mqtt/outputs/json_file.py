"""The JSON file: the latest snapshot of every bank as one JSON object in one file.

::

    {"Battery": {"taken_at": "2026-11-28T12:00:00+00:00", "online": true, "stale": false, "reason": null, "bank": {…}}}

``bank`` is what ``pylon2mqtt read --json`` prints; it is null while the battery is not read, and ``reason`` says why.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pylon2mqtt.errors import OutputError
from pylon2mqtt.model import Snapshot
from pylon2mqtt.model.report import whole_report
from pylon2mqtt.options import file_below, option

from .base import Surroundings


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonFileOptions:
    """Where the file stands; without a path there is none."""

    section: ClassVar[str] = "records"

    json_file: str | None = option(file_below("/data", "/share"), "write the latest values into this file")

    @property
    def switched_on(self) -> bool:
        """Whether the owner chose a file."""
        return self.json_file is not None


class JsonFile:
    """Writes the file anew with each snapshot; who reads it sees the old values or the new ones, never half of them."""

    name = "JSON file"
    keeps_all = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._banks: dict[str, dict[str, Any]] = {}

    @classmethod
    def from_options(cls, options: JsonFileOptions, _surroundings: Surroundings) -> "JsonFile":
        """Return the output for the file that the owner chose."""
        return cls(Path(options.json_file or ""))

    def open(self) -> None:
        """Begin; the folder may still be missing."""

    def publish(self, snapshot: Snapshot) -> None:
        """Write the file with this snapshot in it; raise OutputError, with what to do, where that fails."""
        self._banks[snapshot.bank.name or "Battery"] = {
            "taken_at": snapshot.taken_at.isoformat(),
            "online": snapshot.online,
            "stale": snapshot.stale,
            "reason": snapshot.reason,
            "bank": whole_report(snapshot.bank) if snapshot.online else None,
        }
        text = json.dumps(self._banks, ensure_ascii=False)
        # No fsync, which wears an SD card out: after a power cut the next reading writes the file anew.
        unfinished = self._path.with_name(f".{self._path.name}.tmp")
        try:
            unfinished.write_text(text, encoding="utf-8")
            unfinished.replace(self._path)
        except OSError as error:
            raise OutputError(
                f"{self._path} cannot be written: {error.strerror}. Make its folder, give it room and the right to be "
                "written to, or choose another file in records.json_file."
            ) from error

    def refresh(self) -> None:
        """Nothing is due without a snapshot."""

    def close(self) -> None:
        """End; the latest values stay in the file, with their time."""
