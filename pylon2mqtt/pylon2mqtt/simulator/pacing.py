"""When the bytes of a line are due.

One byte takes ten bits (8N1). Times are absolute, so that nothing adds up: a chunk is handed over when its last byte
would have arrived.
"""

from collections.abc import Iterator, Sequence

from pylon2mqtt.model.units import Seconds

from .faults import Piece

# Bytes are handed over this often: finer than any host looks, and some 500 wake-ups a second while sending only.
_CHUNK_S = 0.002


class Pace:
    """The timetable of one line; ``baudrate`` None: a line without end to its speed."""

    def __init__(self, baudrate: int | None) -> None:
        self._byte_s: Seconds = 10 / baudrate if baudrate else 0.0
        self._arrived_until: Seconds = 0.0

    def arrived(self, characters: int, now: Seconds) -> Seconds:
        """When the last of the characters has come over the wire that the host handed over by ``now``."""
        self._arrived_until = max(self._arrived_until, now) + characters * self._byte_s
        return self._arrived_until

    def timetable(self, pieces: Sequence[Piece], start: Seconds) -> Iterator[tuple[Seconds, bytes]]:
        """Yield each chunk with the moment at which it is due."""
        at = start
        for piece in pieces:
            at += piece.wait
            if piece.typed:
                # Each character comes back while the next one is typed: all but the last one's time is over already.
                at -= (len(piece.data) - 1) * self._byte_s
            if piece.in_one or not self._byte_s:
                yield at, piece.data
                continue
            length = max(1, int(_CHUNK_S / self._byte_s))
            for place in range(0, len(piece.data), length):
                chunk = piece.data[place : place + length]
                at += len(chunk) * self._byte_s
                yield at, chunk
