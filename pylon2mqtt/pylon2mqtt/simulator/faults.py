"""What goes wrong on a line, on demand.

A fault turns the pieces of an answer into other pieces, or chatters while nobody asks. Several may be set at once;
each is applied to what the one before left.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random

from pylon2mqtt.errors import ConfigError, FrameError
from pylon2mqtt.model.units import Seconds
from pylon2mqtt.protocols.binary.frame import Frame

# Later than any host waits at 115200 Bd: the recommended time-out is 1 s.
_LATE_S = 1.6
# A gateway hands over what it has when so long nothing came in.
_GATEWAY_S = 0.02
# Between two lines that others send unasked; noise has no pauses.
_CHATTER_S = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Bytes and how long the line is idle before them.

    ``in_one``: not at the line's speed, but in one packet. ``typed``: an echo, sent while the question still comes in.
    """

    wait: Seconds = 0.0
    data: bytes
    in_one: bool = False
    typed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LineExchange:
    """One question and its answer, which is empty where the battery keeps silent, and begins with its ``echo``."""

    request: bytes
    answer: bytes
    dice: Random
    echo: bytes = b""

    def pieces(self, delay: Seconds) -> "Pieces":
        """The answer on a good line: the echo at once, the rest ``delay`` after the question."""
        rest = self.answer[len(self.echo) :]
        echoed = [Piece(data=self.echo, typed=True)] if self.echo else []
        return echoed + ([Piece(wait=delay, data=rest)] if rest else [])


Pieces = list[Piece]
Fault = Callable[[LineExchange, Pieces], Pieces]
Chatter = Callable[[Random], Pieces]


def silence(_exchange: LineExchange, _pieces: Pieces) -> Pieces:
    """No answer."""
    return []


def noise(exchange: LineExchange, pieces: Pieces) -> Pieces:
    """Random bytes before and behind the answer, as the turning of the line's direction makes them."""
    before, behind = _noise(exchange.dice, 8), _noise(exchange.dice, 5)
    return [_changed(piece, lambda data: before + data + behind) for piece in pieces]


def nuls(exchange: LineExchange, pieces: Pieces) -> Pieces:
    """NULs around the answer."""
    many = exchange.dice.randrange(1, 20)
    return [_changed(piece, lambda data: bytes(many) + data + bytes(2)) for piece in pieces]


def only_nuls(_exchange: LineExchange, pieces: Pieces) -> Pieces:
    """As many NULs as the answer has characters."""
    return [_changed(piece, lambda data: bytes(len(data))) for piece in pieces]


def wrong_checksum(_exchange: LineExchange, pieces: Pieces) -> Pieces:
    """The last digit of CHKSUM is another one."""
    return [
        _changed(piece, lambda data: data[:-2] + (b"0" if data[-2:-1] != b"0" else b"1") + b"\r") for piece in pieces
    ]


def bit_error(exchange: LineExchange, pieces: Pieces) -> Pieces:
    """One bit between ``~`` and CR is turned."""

    def turned(data: bytes) -> bytes:
        place = exchange.dice.randrange(1, len(data) - 1)
        return data[:place] + bytes([data[place] ^ 1 << exchange.dice.randrange(7)]) + data[place + 1 :]

    return [_changed(piece, turned) for piece in pieces]


def truncation(exchange: LineExchange, pieces: Pieces) -> Pieces:
    """The answer breaks off."""
    return [_changed(piece, lambda data: data[: exchange.dice.randrange(1, len(data))]) for piece in pieces]


def echo(exchange: LineExchange, pieces: Pieces) -> Pieces:
    """The adapter receives what the host sends, while the host sends it."""
    return [Piece(data=exchange.request, in_one=True), *pieces]


def late(_exchange: LineExchange, pieces: Pieces) -> Pieces:
    """The answer comes after the host has given up."""
    return [Piece(wait=_LATE_S, data=b""), *pieces]


def swapped_digits(exchange: LineExchange, pieces: Pieces) -> Pieces:
    """Two digits of INFO have changed places, which CHKSUM does not see."""

    def swapped(data: bytes) -> bytes:
        places = [place for place in range(13, len(data) - 6) if data[place] != data[place + 1]]
        if not places:
            return data
        place = exchange.dice.choice(places)
        return data[:place] + data[place + 1 : place + 2] + data[place : place + 1] + data[place + 2 :]

    return [_changed(piece, swapped) for piece in pieces]


def wrong_address(_exchange: LineExchange, pieces: Pieces) -> Pieces:
    """The answer is sound, and comes from the next address."""
    return [_changed(piece, _from_next_address) for piece in pieces]


def foreign(exchange: LineExchange, pieces: Pieces) -> Pieces:
    """Others talk on the line: before the answer there comes one of somebody else."""
    return [Piece(data=_from_next_address(exchange.answer)), *pieces]


def split(exchange: LineExchange, pieces: Pieces) -> Pieces:
    """A gateway hands the answer over in odd packets."""
    parts: Pieces = []
    for piece in pieces:
        rest, wait = piece.data, piece.wait
        while rest:
            length = exchange.dice.randrange(1, 40)
            parts.append(Piece(wait=wait, data=rest[:length], in_one=True))
            rest, wait = rest[length:], exchange.dice.uniform(0, _GATEWAY_S)
    return parts


def merged(_exchange: LineExchange, pieces: Pieces) -> Pieces:
    """A gateway hands over in one packet all that came."""
    if not pieces:
        return []
    data = b"".join(piece.data for piece in pieces)
    return [Piece(wait=sum(piece.wait for piece in pieces) + _GATEWAY_S, data=data, in_one=True)]


def garbage(exchange: LineExchange, pieces: Pieces) -> Pieces:
    """Random bytes in place of the answer, and all the time (see CHATTER)."""
    return [_changed(piece, lambda data: _noise(exchange.dice, len(data))) for piece in pieces]


def as_it_is(_exchange: LineExchange, pieces: Pieces) -> Pieces:
    """The answer itself is good."""
    return pieces


def _garbage_always(dice: Random) -> Pieces:
    return [Piece(data=_noise(dice, 128))]


def _foreign_traffic(dice: Random) -> Pieces:
    """Another master asks a battery that is not here, and gets its answer."""
    address = dice.randrange(0xA0, 0xF0)
    asks = Frame(version=0x25, address=address, cid2=0x90)
    says = Frame(version=0x25, address=address, cid2=0x00, info=b"\x01")
    return [Piece(data=asks.to_bytes()), Piece(wait=0.05, data=says.to_bytes())]


def _unsolicited(_dice: Random) -> Pieces:
    return [Piece(data=Frame(address=0x02, cid2=0x06).to_bytes())]


FAULTS: dict[str, Fault] = {
    "silence": silence,
    "noise": noise,
    "nuls": nuls,
    "only-nuls": only_nuls,
    "wrong-checksum": wrong_checksum,
    "bit-error": bit_error,
    "truncation": truncation,
    "echo": echo,
    "late": late,
    "swapped-digits": swapped_digits,
    "wrong-address": wrong_address,
    "foreign": foreign,
    "unsolicited": as_it_is,
    "garbage": garbage,
    "split": split,
    "merged": merged,
}
"""What `fault NAME` can set, where the battery's protocol names no others."""

LINE_FAULTS = {
    name: FAULTS[name]
    for name in ("silence", "noise", "nuls", "bit-error", "truncation", "late", "garbage", "split", "merged")
}
"""Those that any line may have, whatever is spoken on it."""

CHATTER: dict[str, tuple[Chatter, Seconds]] = {
    "garbage": (_garbage_always, 0.0),
    "foreign": (_foreign_traffic, _CHATTER_S),
    "unsolicited": (_unsolicited, _CHATTER_S),
}
"""Which of them also send unasked, and how often."""


@dataclass(slots=True, kw_only=True)
class _Active:
    until: Seconds | None
    answers_left: int | None
    chatters_at: Seconds


class Faults:
    """The faults that are set now, out of those ``known``."""

    def __init__(self, clock: Callable[[], Seconds], known: Mapping[str, Fault] = FAULTS) -> None:
        self.known = known
        self._clock = clock
        self._active: dict[str, _Active] = {}

    def set(self, name: str, *, seconds: Seconds | None = None, answers: int | None = None) -> None:
        """Set a fault for so long, for so many answers, or until `clear`. Raises ConfigError for an unknown name."""
        if name not in self.known:
            raise ConfigError(f"there is no fault {name!r}: choose from {', '.join(self.known)}, or none")
        now = self._clock()
        until = None if seconds is None else now + seconds
        self._active[name] = _Active(until=until, answers_left=answers, chatters_at=now)

    def clear(self) -> None:
        """No faults from now on."""
        self._active.clear()

    def names(self) -> list[str]:
        """The faults set now, the oldest first; those whose time is over are dropped."""
        now = self._clock()
        over = [name for name, active in self._active.items() if active.until is not None and now >= active.until]
        for name in over:
            del self._active[name]
        return list(self._active)

    def spoil(self, exchange: LineExchange, delay: Seconds) -> Pieces:
        """The pieces to send for an exchange whose answer is due ``delay`` after the question."""
        pieces = exchange.pieces(delay)
        for name in self.names():
            pieces = self.known[name](exchange, pieces)
            self._count(name)
        return pieces

    def chatter(self, dice: Random) -> Pieces:
        """What is due to be sent while nobody asks."""
        pieces: Pieces = []
        for name in self.names():
            active, now = self._active[name], self._clock()
            if name in CHATTER and now >= active.chatters_at:
                says, pause = CHATTER[name]
                active.chatters_at = now + pause
                pieces += says(dice)
        return pieces

    def _count(self, name: str) -> None:
        active = self._active[name]
        if active.answers_left is not None:
            active.answers_left -= 1
            if active.answers_left <= 0:
                del self._active[name]


def _changed(piece: Piece, change: Callable[[bytes], bytes]) -> Piece:
    """The piece with other bytes; an echo, and crumbs that another fault left, stay as they are."""
    if piece.typed or len(piece.data) <= 2:
        return piece
    return Piece(wait=piece.wait, data=change(piece.data), in_one=piece.in_one)


def _noise(dice: Random, length: int) -> bytes:
    return dice.randbytes(length)


def _from_next_address(data: bytes) -> bytes:
    try:
        frame = Frame.parse(data)
    except FrameError:
        return data
    return replace(frame, address=frame.address + 1 & 0xFF).to_bytes()
