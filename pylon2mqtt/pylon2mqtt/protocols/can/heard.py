"""What was heard on a CAN bus: the last frame of each kind, when it came, and how much else there was."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from pylon2mqtt.transports.base import CanFrame

from .dbc import EXTENDED

# So many different strangers are told apart; a bus that is full of random identifiers needs no longer list.
_MOST_STRANGERS = 100


@dataclass(slots=True)
class Census:
    """How many frames of which kind came, to tell why no battery is heard. ``strangers``: unknown ones, by key."""

    battery: int = 0
    inverter: int = 0
    remote: int = 0
    errors: int = 0
    strangers: Counter[int] = field(default_factory=Counter)


class Heard:
    """The last frame of each identifier and length, with the second of its arrival.

    A frame that is shorter than the others of its identifier gives its whole fields, and the longer one keeps giving
    the rest. ``known`` are the keys (identifiers, extended ones with their mark) that are kept, ``by_inverter`` those
    that no battery sends.
    """

    def __init__(self, known: Collection[int], by_inverter: Callable[[int], bool]) -> None:
        self.census = Census()
        self._known = frozenset(known)
        self._by_inverter = by_inverter
        self._frames: dict[int, dict[int, tuple[float, bytes]]] = {}

    def note(self, frame: CanFrame, now: float) -> None:
        """Take a frame in."""
        if frame.error:
            self.census.errors += 1
            return
        if frame.remote:
            self.census.remote += 1
            return
        key = frame.id | EXTENDED if frame.extended else frame.id
        if key not in self._known:
            self._note_stranger(key)
            return
        self._frames.setdefault(key, {})[len(frame.data)] = (now, frame.data)
        if self._by_inverter(key):
            self.census.inverter += 1
        else:
            self.census.battery += 1

    def __len__(self) -> int:
        """How many kinds of frames were heard."""
        return len(self._frames)

    def keys(self, since: float) -> set[int]:
        """Return which of the known identifiers were heard since then."""
        return {key for key, frames in self._frames.items() if max(at for at, _ in frames.values()) >= since}

    def frames(self) -> Iterator[tuple[float, int, bytes]]:
        """Yield (second, key, data) of every frame that is remembered, the oldest first."""
        yield from sorted((at, key, data) for key, frames in self._frames.items() for at, data in frames.values())

    def last(self, key: int) -> tuple[float, bytes] | None:
        """Return the last frame of an identifier, with its second."""
        return max(self._frames.get(key, {}).values(), default=None)

    def _note_stranger(self, key: int) -> None:
        strangers = self.census.strangers
        if key in strangers or len(strangers) < _MOST_STRANGERS:
            strangers[key] += 1
