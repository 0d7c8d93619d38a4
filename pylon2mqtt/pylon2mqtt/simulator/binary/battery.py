"""What every virtual battery does that speaks a dialect of the binary frame.

It cuts requests out of bytes, looks for damage, answers, and remembers who wanted to change it.
Written from RS485-protocol-pylon-low-voltage V3.3 (2018-08-21), 2.5; with the bridge's decoder it shares the frame's
definition and nothing else.
"""

from collections import deque
from collections.abc import Callable, Mapping

from pylon2mqtt.errors import FrameError
from pylon2mqtt.protocols.binary.frame import BATTERY, Frame, checksum
from pylon2mqtt.simulator.battery import VirtualBank
from pylon2mqtt.simulator.faults import FAULTS, Fault
from pylon2mqtt.simulator.module import VirtualModule
from pylon2mqtt.simulator.orders import OrderRow

# RTN, V3.3 2.5.2.
NORMAL, BAD_CHKSUM, BAD_LCHKSUM, BAD_CID2, BAD_FORMAT, BAD_INFO, BAD_ADR = 0x00, 0x02, 0x03, 0x04, 0x05, 0x06, 0x90

ALL = b"\xff"
"""INFO of 42 and 44 that asks for every module."""

Reply = tuple[int, bytes] | None
"""RTN and INFO of an answer; None: no answer at all."""
Command = Callable[[VirtualModule, Frame], Reply]

# More than a test asks in one run; a soak test shall not fill the memory.
_REMEMBERED = 100_000
_LONGEST_REQUEST = 4200


class BinaryBattery:
    """A virtual bank on a line. ``requests`` and ``writes_seen`` are what came in, from ``~`` to CR, oldest first.

    A dialect has the addresses that it answers (`_module`) and the answers (`_reply`).
    """

    version = 0x20
    cid1 = BATTERY
    writes: frozenset[int] = frozenset()
    """What changes or switches off a battery: refused, and remembered."""
    faults: Mapping[str, Fault] = FAULTS
    orders: Mapping[str, OrderRow] = {}
    echoes = False
    line_rate: int | None = None

    def __init__(self, bank: VirtualBank) -> None:
        self.modules = bank.modules
        self.writes_seen: list[bytes] = []
        self._seen: deque[bytes] = deque(maxlen=_REMEMBERED)

    @property
    def baudrate(self) -> int | None:
        """The rate at which it sends and receives now."""
        return self.line_rate

    @property
    def requests(self) -> list[bytes]:
        """Every request that came in whole, also those to others."""
        return list(self._seen)

    def split(self, buffer: bytearray) -> list[bytes]:
        """Take the whole requests out of ``buffer``, and what is noise; the begun one stays."""
        *whole, rest = bytes(buffer).split(b"\r")
        buffer[:] = rest[-_LONGEST_REQUEST:]
        return [line[line.rindex(b"~") :] + b"\r" for line in whole if b"~" in line]

    def answer(self, request: bytes) -> bytes:
        """The answer to one request, from ``~`` to CR; empty where the battery keeps silent."""
        self._seen.append(request)
        address = _hex(request[3:5])
        module = None if address is None else self._module(address)
        if address is None or module is None or not module.present:
            return b""
        if refusal := _damage(request):
            return self._frame(address, refusal, b"")
        asked = Frame.parse(request)
        if asked.cid1 != self.cid1:
            return b""
        if asked.cid2 in self.writes:
            self.writes_seen.append(request)
        reported = self._reply(module, asked)
        return b"" if reported is None else self._frame(address, *reported)

    def _frame(self, asked_address: int, rtn: int, info: bytes) -> bytes:
        address = self._own_address(asked_address)
        return Frame(version=self.version, address=address, cid1=self.cid1, cid2=rtn, info=info).to_bytes()

    def _own_address(self, asked_address: int) -> int:
        return asked_address

    def _module(self, address: int) -> VirtualModule | None:
        """The module that answers at this address, if any."""
        raise NotImplementedError

    def _reply(self, module: VirtualModule, asked: Frame) -> Reply:
        """What is answered to a sound question."""
        raise NotImplementedError


def _damage(request: bytes) -> int:
    """The RTN for a request that is damaged: CHKSUM first, then LCHKSUM, then the rest."""
    body = request[1:-1]
    if _hex(body[-4:]) != checksum(body[:-4]):
        return BAD_CHKSUM
    length = [_hex(body[place : place + 1]) for place in range(8, 12)]
    if None in length or sum(nibble or 0 for nibble in length) & 0xF:
        return BAD_LCHKSUM
    try:
        Frame.parse(request)
    except FrameError:
        return BAD_FORMAT
    return NORMAL


def _hex(text: bytes) -> int | None:
    try:
        return int.from_bytes(bytes.fromhex(text.decode("ascii").rjust(4, "0")))
    except ValueError:
        return None
