"""What goes wrong on the line of a console, on demand; see ``simulator.faults`` for what any line may have."""

import re
from collections.abc import Callable
from dataclasses import replace
from random import Random

from pylon2mqtt.simulator.faults import LINE_FAULTS, Fault, LineExchange, Piece, Pieces

_ROWS = re.compile(rb"(?<=[\r\n])[^\r\n@$]+(?=[\r\n])")
_PROMPT = re.compile(rb"\w+>$")
_LAST_DIGIT = re.compile(rb"\d(?=\D*[\r\n])")
# Bytes that a terminal program, or a bad level, puts between good ones; a block is what a bridge carries at once.
_BETWEEN = 6
_BLOCK = 64


def _echo(change: Callable[[bytes, Random], bytes]) -> Fault:
    """A fault of what comes back while the host types."""
    return lambda exchange, pieces: [
        replace(piece, data=change(piece.data, exchange.dice)) if piece.typed else piece for piece in pieces
    ]


def _body(change: Callable[[bytes, Random], bytes]) -> Fault:
    """A fault of what comes behind the echo."""
    return lambda exchange, pieces: [
        piece if piece.typed or not piece.data else replace(piece, data=change(piece.data, exchange.dice))
        for piece in pieces
    ]


def _garbled(data: bytes, dice: Random) -> bytes:
    """One character is lost, another one is another."""
    damaged = bytearray(data)
    if len(damaged) > 1:
        del damaged[dice.randrange(len(damaged))]
    damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(5)
    return bytes(damaged)


def _no_echo(_exchange: LineExchange, pieces: Pieces) -> Pieces:
    return [piece for piece in pieces if not piece.typed]


def _early_noise(exchange: LineExchange, pieces: Pieces) -> Pieces:
    """A printable and an unprintable byte before the first one, as when a session begins."""
    return [Piece(data=bytes([exchange.dice.randrange(0x30, 0x7B), exchange.dice.randrange(0x80, 0xFF)])), *pieces]


def _sprinkled(choose: Callable[[Random], bytes]) -> Callable[[bytes, Random], bytes]:
    """Some bytes between the good ones."""

    def change(data: bytes, dice: Random) -> bytes:
        for place in sorted((dice.randrange(len(data) + 1) for _ in range(_BETWEEN)), reverse=True):
            data = data[:place] + choose(dice) + data[place:]
        return data

    return change


def _dropped(data: bytes, dice: Random) -> bytes:
    """Single bytes are lost, more of them the longer the answer is."""
    lost = {dice.randrange(len(data)) for _ in range(1 + len(data) // 400)}
    return bytes(byte for place, byte in enumerate(data) if place not in lost)


def _rows(data: bytes) -> list[tuple[int, int]]:
    """Where the rows are that have numbers in them."""
    return [found.span() for found in _ROWS.finditer(data) if any(byte in b"0123456789" for byte in found.group())]


def _swapped_rows(data: bytes, dice: Random) -> bytes:
    """Two rows have changed places."""
    rows = _rows(data)
    if len(rows) < 2:
        return data
    (a, b), (c, d) = sorted(dice.sample(rows, 2))
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def _swapped_blocks(data: bytes, dice: Random) -> bytes:
    """A bridge has put one block before the one that came first."""
    if len(data) < 2 * _BLOCK:
        return data
    at = dice.randrange(0, len(data) - 2 * _BLOCK + 1)
    middle, end = at + _BLOCK, at + 2 * _BLOCK
    return data[:at] + data[middle:end] + data[at:middle] + data[end:]


def _corrupted_row(data: bytes, dice: Random) -> bytes:
    """Some characters of one row have become others, all of them printable."""
    rows = _rows(data)
    if not rows:
        return data
    start, end = dice.choice(rows)
    damaged = bytearray(data)
    for place in dice.sample(range(start, end), min(4, end - start)):
        damaged[place] = dice.choice([byte for byte in range(0x21, 0x7F) if byte != damaged[place]])
    return bytes(damaged)


def _lost_digit(data: bytes, dice: Random) -> bytes:
    """The last digit of one row is lost: what is left may look good."""
    places = [found.start() for found in _LAST_DIGIT.finditer(data)]
    if not places:
        return data
    place = dice.choice(places)
    return data[:place] + data[place + 1 :]


def _damaged_prompt(data: bytes, dice: Random) -> bytes:
    """One letter of the prompt is lost."""
    found = _PROMPT.search(data)
    if found is None:
        return data
    place = dice.randrange(found.start(), found.end() - 1)
    return data[:place] + data[place + 1 :]


CONSOLE_FAULTS: dict[str, Fault] = {
    **LINE_FAULTS,
    "garbled-echo": _echo(_garbled),
    "doubled-echo": _echo(lambda data, _: data + b"\n\r" + data),
    "no-echo": _no_echo,
    "no-at": _body(lambda data, _: data.replace(b"@", b"", 1)),
    "unreadable-at": _body(lambda data, _: data.replace(b"@", b"\xc0", 1)),
    "no-dollars": _body(lambda data, _: data.replace(b"$$\r\n\r", b"\r\n\r")),
    "damaged-prompt": _body(_damaged_prompt),
    "early-noise": _early_noise,
    "iac": _body(_sprinkled(lambda _: b"\xff")),
    "scattered-nuls": _body(_sprinkled(lambda _: b"\0")),
    "non-ascii": _body(_sprinkled(lambda dice: bytes([dice.randrange(0x80, 0xFF)]))),
    "dropped-bytes": _body(_dropped),
    "swapped-rows": _body(_swapped_rows),
    "swapped-blocks": _body(_swapped_blocks),
    "corrupted-row": _body(_corrupted_row),
    "lost-digit": _body(_lost_digit),
}
"""What `fault NAME` can set on a console."""
