"""The recordings that the contract tests run over: our own, and those of the folders in PYLON2MQTT_CAPTURES.

A recording is NAME.txt in the recorder's format (docs: pylon2mqtt/DOCS.md), below a folder named like its protocol;
of CAN it is a candump log.
NAME.json beside it is its golden bank: what each of its answers says, without what is not reported. Folders from
outside may also hold NAME.yaml files with ``request`` and ``response`` or ``response_hex``; they have no golden bank
here. `python -m tests.recordings` writes the golden banks that are missing, to be read before they are committed.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from pylon2mqtt.errors import ProtocolError
from pylon2mqtt.model import Bank, Topology
from pylon2mqtt.model.joining import joined
from pylon2mqtt.model.report import whole_report
from pylon2mqtt.protocols import registry
from pylon2mqtt.transports.can.logs import frames_in
from pylon2mqtt.transports.recording import Recording, parse_recording

OWN = Path(__file__).parent / "captures"
OUTSIDE = [Path(folder) for folder in os.environ.get("PYLON2MQTT_CAPTURES", "").split(os.pathsep) if folder]


@dataclass(frozen=True, slots=True)
class Answer:
    """One question and what came back."""

    name: str
    protocol: str
    request: str
    data: bytes

    def __str__(self) -> str:
        return self.name

    def decoded(self, data: bytes | None = None) -> dict[str, Any]:
        """What ``data`` (as recorded, if not given) says; raises ProtocolError."""
        bank = decode(self.protocol, self.data if data is None else data, self.request)
        told: dict[str, Any] = said(whole_report(bank))
        return told


def decode(protocol: str, data: bytes, request: str) -> Bank:
    """What an answer, or a CAN log, says; raises ProtocolError."""
    if protocol == registry.FRAMES:
        return registry.decode_frames(frames_in(data.decode("utf-8", "replace")))
    return registry.decode(protocol, data, request)


def said(value: Any) -> Any:
    """Drop what is not reported."""
    if isinstance(value, dict):
        return {key: said(item) for key, item in value.items() if item is not None}
    return [said(item) for item in value] if isinstance(value, list) else value


def files() -> list[Path]:
    """Our own recordings."""
    return sorted(OWN.glob("*/*.txt"))


def exchanged() -> list[Path]:
    """Our own recordings of questions and answers."""
    return [path for path in files() if path.parent.name != "can"]


def logs() -> list[Path]:
    """Our own recordings of CAN buses."""
    return [path for path in files() if path.parent.name == "can"]


def outside_logs() -> list[Path]:
    """Recordings of CAN buses in the folders from outside: candump logs below ``can``."""
    return sorted(path for folder in OUTSIDE for path in folder.glob("can/*.log"))


def recording(path: Path) -> Recording:
    return parse_recording(path.read_text(encoding="ascii"))


def golden(path: Path) -> list[dict[str, Any]]:
    """What each exchange of a recording says: a bank, or the name of the error."""
    return [_told(answer) for answer in _exchanges(path)]


def bank(path: Path) -> Bank:
    """All that a recording says, as one bank; what one answer and a later one say is what the later one says."""
    parts = [
        decode(answer.protocol, answer.data, answer.request) for answer in _exchanges(path) if "says" in _told(answer)
    ]
    series = any(part.topology is Topology.SERIES for part in parts)
    return replace(joined(parts), topology=Topology.SERIES if series else Topology.PARALLEL)


def answers() -> list[Answer]:
    """Every answer of every recording that says something."""
    return [answer for answer in [*_own(), *_outside()] if "error" not in _told(answer)]


def _told(answer: Answer) -> dict[str, Any]:
    try:
        return {"request": answer.request, "says": answer.decoded()}
    except ProtocolError as error:
        return {"request": answer.request, "error": type(error).__name__}


def _exchanges(path: Path) -> Iterator[Answer]:
    if path.parent.name == "can":  # nobody asks: the whole log is the answer
        yield Answer(path.stem, "can", "", path.read_bytes())
        return
    for number, exchange in enumerate(recording(path).exchanges):
        request = exchange.sent.decode("latin-1").rstrip("\r")
        if request:  # a bare Enter asks for nothing
            yield Answer(f"{path.stem}-{number}", path.parent.name, request, exchange.received)


def _own() -> Iterator[Answer]:
    for path in files():
        yield from _exchanges(path)


def _outside() -> Iterator[Answer]:
    for path in sorted(file for folder in OUTSIDE for file in folder.rglob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        protocol = content.get("transport", "")
        if protocol in registry.PROTOCOLS and content.get("request"):
            yield Answer(path.stem, protocol, content["request"].removesuffix("\\r"), _bytes(content))


def _bytes(content: dict[str, Any]) -> bytes:
    if "response_hex" in content:
        return bytes.fromhex(content["response_hex"])
    text: str = content["response"]
    return text.encode("latin-1").decode("unicode_escape").encode("latin-1")


if __name__ == "__main__":
    for file in files():
        target = file.with_suffix(".json")
        if not target.exists():
            lines = ",\n".join(json.dumps(told) for told in golden(file))
            target.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
            print(f"{target}: read it")  # noqa: T201
