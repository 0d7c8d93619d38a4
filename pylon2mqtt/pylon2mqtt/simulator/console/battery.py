"""A virtual bank at an RS232 console: lines in, text out, with a prompt, a pager, a debug mode and a slow awakening."""

import re
from collections import deque
from collections.abc import Mapping

from pylon2mqtt.model.units import AlarmKind
from pylon2mqtt.protocols.frame import Frame

from ..battery import VirtualBank
from ..faults import Fault
from ..orders import OrderRow
from .commands import Session, execute, would_change
from .faults import CONSOLE_FAULTS
from .log import LogBook
from .orders import orders_of
from .reading import SIGNS
from .stack import Stack
from .text import PAGER, RAW, WIPED, Told

WAKE = Frame(address=0x01, cid1=0x46, cid2=0x82, info=bytes.fromhex("8520")).to_bytes()
"""What makes a console that booted at 1200 Bd speak at 115200."""

_LINES = re.compile(rb"[^\r\n]*[\r\n]|[^\r\n]+")
_ENTER = b"\r\n"
# More than a test asks in one run; a soak test shall not fill the memory.
_REMEMBERED = 100_000
# Longer than any command; what is typed beyond is lost.
_LONGEST_LINE = 128


class ConsoleBattery:
    """Answers what is typed at the master's console of a bank. ``requests`` are whole lines with their Enter.

    CR and LF are an Enter each, so CRLF is two. Raises ConfigError for a model without a known console, and for more
    modules than its console has slots.
    """

    alarm_kinds: frozenset[AlarmKind] = frozenset(SIGNS)
    faults: Mapping[str, Fault] = CONSOLE_FAULTS
    echoes = True

    def __init__(self, bank: VirtualBank) -> None:
        self.stack = Stack(bank)
        self._book = LogBook(self.stack)
        self._session = Session(stack=self.stack, book=self._book)
        self._seen: deque[bytes] = deque(maxlen=_REMEMBERED)
        self._typed = bytearray()
        self._told = Told(pages=())
        self._pages: deque[str] = deque()
        self._awake = self.stack.firmware.boots_at is None
        self.writes_seen: list[bytes] = []

    @property
    def orders(self) -> Mapping[str, OrderRow]:
        """What may be ordered from a console only."""
        return orders_of(self)

    @property
    def requests(self) -> list[bytes]:
        """Every line that was entered, and every key that the pager took."""
        return list(self._seen)

    @property
    def baudrate(self) -> int | None:
        """1200 until it is awake, where it boots so; then the simulator's."""
        return None if self._awake else self.stack.firmware.boots_at

    @property
    def prompt(self) -> str:
        """The prompt of the mode it is in."""
        return self.stack.firmware.prompt + ("_debug>" if self._session.debug else ">")

    def wake(self) -> None:
        """Speak at 115200 from now on."""
        self._awake = True

    def power_cut(self) -> None:
        """Boot again: everything but the log book is forgotten."""
        self._typed.clear()
        self._pages.clear()
        self._session.debug = False
        self._awake = self.stack.firmware.boots_at is None

    def split(self, buffer: bytearray) -> list[bytes]:
        """Take everything out of ``buffer``: lines with their Enter, and last what is typed of the next one."""
        lines: list[bytes] = _LINES.findall(bytes(buffer))
        buffer.clear()
        return lines

    def answer(self, request: bytes) -> bytes:
        """What comes back for a line with its Enter, or for a part of one: first of all its echo."""
        self._book.watch()
        if self._awake and self._pages:
            return self._turn_page(request)
        echo = request.rstrip(_ENTER)
        self._typed += echo[: _LONGEST_LINE - len(self._typed)]
        if echo == request:
            return echo if self._awake else b""
        line = bytes(self._typed)
        self._typed.clear()
        self._seen.append(line + request[-1:])
        if not self._awake:
            self._awake = line + b"\r" == WAKE
            return b""
        return echo + self._run(line)

    def _run(self, line: bytes) -> bytes:
        words = line.decode("ascii", "replace").split()
        if not words:
            return (RAW + self.prompt).encode()
        if would_change(words):
            self.writes_seen.append(line)
        self._told = execute(self._session, words)
        self._pages.extend(self._told.pages)
        return f"{RAW}@{self._told.at}".encode() + self._next_page()

    def _next_page(self) -> bytes:
        page = self._pages.popleft()
        return (page + (PAGER if self._pages else self._told.ending(self.prompt))).encode("ascii", "replace")

    def _turn_page(self, request: bytes) -> bytes:
        """CR goes on; any other key ends the list and is swallowed, and what is typed behind it is a command."""
        key, behind = request[:1], request[1:]
        self._seen.append(key)
        if key == b"\r":
            shown = WIPED.encode() + self._next_page()
        else:
            self._pages.clear()
            shown = (WIPED + self._told.ending(self.prompt)).encode()
        return shown + (self.answer(behind) if behind else b"")
