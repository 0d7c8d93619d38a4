"""The seam between the app and the languages of batteries."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from pylon2mqtt.model import Bank


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Time, given from outside: ``now`` counts seconds from any moment, ``sleep`` waits so many.

    ``local`` is the time of day where the battery is, without a zone.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    local: Callable[[], datetime] = datetime.now


class BatteryProtocol(Protocol):
    """A driver: it asks one bank over one line, one question at a time, or listens to it.

    It is made once for a battery and keeps what it learnt about it; the line may be closed and opened between reads.
    """

    @property
    def listens(self) -> bool:
        """Whether the battery speaks by itself: then it is read all the time, or something of it would be lost."""

    def read(self, line: Any) -> Bank:
        """Ask everything that is due, or listen for a turn, and return the whole bank.

        ``line`` is a ByteTransport or a CanTransport, whichever the protocol speaks over. Raises TransportTimeoutError
        when no module answers, ProtocolError when what comes is no good answer, and TransportError when the line is
        gone.
        """

    def rescan(self) -> None:
        """Look for modules anew at the next read; may be called from any thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One harmless question that finds out whether a line speaks a protocol.

    Lower ranks are asked first: the less a question can mean to others, the lower. ``recognises`` tells a good answer,
    ``is_question`` another reader's request, both in whatever was heard.
    """

    protocol: str
    title: str
    rank: int
    baudrate: int
    question: bytes
    wait_s: float
    recognises: Callable[[bytes], bool]
    is_question: Callable[[bytes], bool]


class Language(Protocol):
    """What a protocol's module offers beside its driver: plain functions from bytes to values."""

    PROBES: tuple[Probe, ...]

    def decode(self, data: bytes, request: str | None) -> Bank:
        """Return what one recorded answer says; raise ProtocolError if it is damaged, foreign or a refusal."""

    def scrub(self, request: bytes, answer: bytes, pseudonym: Callable[[str], str]) -> bytes:
        """Return the answer with every barcode in it replaced."""
