"""A virtual bank at an RS232 console: lines in, text out, with a prompt, a pager, a debug mode and a slow awakening."""

import re
from collections import deque
from collections.abc import Callable, Mapping

from pylon2mqtt.errors import ConfigError
from pylon2mqtt.model.units import AlarmKind
from pylon2mqtt.protocols.binary.frame import Frame
from pylon2mqtt.simulator.battery import VirtualBank
from pylon2mqtt.simulator.faults import Fault
from pylon2mqtt.simulator.orders import OrderRow

from .commands import StackSession, execute, would_change
from .faults import CONSOLE_FAULTS
from .log import LogBook
from .orders import orders_of
from .rack import commands as rack_commands
from .rack.rack import VirtualRack
from .reading import SIGNS
from .stack import VirtualStack
from .text import PAGER, RAW, WIPED, ConsoleAnswer

WAKE = Frame(address=0x01, cid1=0x46, cid2=0x82, info=bytes.fromhex("8520")).to_bytes()
"""What makes a console that booted at 1200 Bd speak at 115200."""

_LINES = re.compile(rb"[^\r\n]*[\r\n]|[^\r\n]+")
_ENTER = b"\r\n"
# More than a test asks in one run; a soak test shall not fill the memory.
_REMEMBERED = 100_000
# Longer than any command; what is typed beyond is lost.
_LONGEST_LINE = 128


_Execute = Callable[[list[str]], ConsoleAnswer]
_Mode = StackSession | VirtualRack


def _stack(bank: VirtualBank) -> tuple[_Mode, _Execute, Callable[[], None]]:
    """A low-voltage stack: its session, what executes a line, and what watches the battery before."""
    stack = VirtualStack(bank)
    session = StackSession(stack=stack, book=LogBook(stack))
    return session, lambda words: execute(session, words), session.book.watch


def _rack(bank: VirtualBank) -> tuple[_Mode, _Execute, Callable[[], None]]:
    rack = VirtualRack(bank)
    return rack, lambda words: rack_commands.execute(rack, words), lambda: None


class ConsoleBattery:
    """Answers what is typed at the console of a stack's master or of a rack's controller.

    ``requests`` are whole lines with their Enter. CR and LF are an Enter each, so CRLF is two. Raises ConfigError for a
    model without a known console, and for more modules than its console has slots.
    """

    alarm_kinds: frozenset[AlarmKind] = frozenset(SIGNS)
    faults: Mapping[str, Fault] = CONSOLE_FAULTS
    line_rate = None
    echoes = True

    def __init__(self, bank: VirtualBank) -> None:
        self._mode, self._execute, self._watch = _rack(bank) if bank.in_series else _stack(bank)
        self._seen: deque[bytes] = deque(maxlen=_REMEMBERED)
        self._typed = bytearray()
        self._answer = ConsoleAnswer(pages=())
        self._pages: deque[str] = deque()
        self._awake = self._mode.firmware.boots_at is None
        self.writes_seen: list[bytes] = []

    @property
    def stack(self) -> VirtualStack:
        """The slots of a stack. Raises ConfigError where it is a rack."""
        if not isinstance(self._mode, StackSession):
            raise ConfigError("a rack's modules have no slots")
        return self._mode.stack

    @property
    def rack(self) -> VirtualRack:
        """The rack. Raises ConfigError where it is a stack."""
        if not isinstance(self._mode, VirtualRack):
            raise ConfigError("only a rack can do this")
        return self._mode

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
        return None if self._awake else self._mode.firmware.boots_at

    @property
    def prompt(self) -> str:
        """The prompt of the mode it is in."""
        return self._mode.firmware.prompt + ("_debug>" if self._mode.debug else ">")

    def wake(self) -> None:
        """Speak at 115200 from now on."""
        self._awake = True

    def sleep(self) -> None:
        """Answer no more, like a rack that is full and that nobody uses. Raises ConfigError for a stack."""
        self.rack.log_out()
        self._awake = False
        self._typed.clear()

    def power_cut(self) -> None:
        """Boot again: everything but the log book is forgotten."""
        self._typed.clear()
        self._pages.clear()
        self._mode.log_out()
        self._awake = self._mode.firmware.boots_at is None

    def split(self, buffer: bytearray) -> list[bytes]:
        """Take everything out of ``buffer``: lines with their Enter, and last what is typed of the next one."""
        lines: list[bytes] = _LINES.findall(bytes(buffer))
        buffer.clear()
        return lines

    def answer(self, request: bytes) -> bytes:
        """What comes back for a line with its Enter, or for a part of one: first of all its echo."""
        self._watch()
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
        self._answer = self._execute(words)
        self._pages.extend(self._answer.pages)
        return f"{RAW}@{self._answer.at}".encode() + self._next_page()

    def _next_page(self) -> bytes:
        page = self._pages.popleft()
        return (page + (PAGER if self._pages else self._answer.ending(self.prompt))).encode("ascii", "replace")

    def _turn_page(self, request: bytes) -> bytes:
        """CR goes on; any other key ends the list and is swallowed, and what is typed behind it is a command."""
        key, behind = request[:1], request[1:]
        self._seen.append(key)
        if key == b"\r":
            shown = WIPED.encode() + self._next_page()
        else:
            self._pages.clear()
            shown = (WIPED + self._answer.ending(self.prompt)).encode()
        return shown + (self.answer(behind) if behind else b"")
