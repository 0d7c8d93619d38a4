"""What was received on a CAN bus: the last frame of each kind, when it came, and how many others there were."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pylon2mqtt.transports.base import CanFrame

from .dbc import EXTENDED

# So many unknown identifiers are told apart; a bus that is full of random ones needs no longer list.
_MOST_UNKNOWN = 100


@dataclass(slots=True)
class KeyCount:
    """How many frames of one identifier came, and the second of the last one."""

    frames: int = 0
    at: float = 0.0


class Received:
    """The last frame of each identifier and length, with the second of its arrival.

    A frame that is shorter than the others of its identifier gives its whole fields, and the longer one keeps giving
    the rest. ``known`` are the keys (identifiers, extended ones with their mark) whose bytes are kept; all others are
    counted.
    """

    def __init__(self, known: Collection[int]) -> None:
        self.remote = self.errors = 0
        self._known = frozenset(known)
        # By identifier and length: when a frame came, after how many others, and its bytes.
        self._frames: dict[int, dict[int, tuple[float, int, bytes]]] = {}
        self._order = 0
        self._seen: dict[int, KeyCount] = {}

    def note(self, frame: CanFrame, now: float) -> None:
        """Take a frame in."""
        if frame.error:
            self.errors += 1
        elif frame.remote:
            self.remote += 1
        else:
            self._note_data(frame.id | EXTENDED if frame.extended else frame.id, frame.data, now)

    def _note_data(self, key: int, data: bytes, now: float) -> None:
        known = key in self._known
        if known:
            self._order += 1
            self._frames.setdefault(key, {})[len(data)] = (now, self._order, data)
        if known or key in self._seen or self._unknown() < _MOST_UNKNOWN:
            seen = self._seen.get(key)
            if seen is None:
                seen = self._seen[key] = KeyCount()
            seen.frames += 1
            seen.at = now

    def _unknown(self) -> int:
        return len(self._seen) - len(self._frames)

    def begin_count(self) -> None:
        """Count from here on; what was received stays."""
        self.remote = self.errors = 0
        for seen in self._seen.values():
            seen.frames = 0

    def kinds(self) -> int:
        """How many known identifiers were received."""
        return len(self._frames)

    def keys(self, since: float) -> frozenset[int]:
        """Return the identifiers, known or not, that were received since then."""
        return frozenset(key for key, seen in self._seen.items() if seen.at >= since)

    def counts(self) -> dict[int, int]:
        """Return how many frames of each identifier were counted, of those that came at all."""
        return {key: seen.frames for key, seen in self._seen.items() if seen.frames}

    def frames(self) -> Iterator[tuple[float, int, bytes]]:
        """Yield (second, key, data) of every frame that is kept, the oldest first."""
        kept = [(order, at, key, data) for key in self._frames for at, order, data in self._frames[key].values()]
        yield from ((at, key, data) for _, at, key, data in sorted(kept))

    def longest(self, key: int) -> bytes:
        """Return the data of the longest frame of a known identifier: a text is whole only there."""
        frames = self._frames.get(key)
        return frames[max(frames)][2] if frames else b""
