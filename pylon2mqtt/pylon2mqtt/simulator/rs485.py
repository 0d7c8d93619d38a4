"""A virtual bank on an RS485 line: which question gets which answer.

Written from RS485-protocol-pylon-low-voltage V3.3 (2018-08-21), 2.5; with the bridge's decoder it shares the frame's
definition and nothing else.
"""

from collections import deque
from collections.abc import Callable, Mapping

from pylon2mqtt.errors import ConfigError, FrameError
from pylon2mqtt.model.units import AlarmKind
from pylon2mqtt.protocols.frame import BATTERY, Frame, checksum

from . import rs485_info as info
from .battery import VirtualBank
from .faults import FAULTS, Fault
from .module import VirtualModule
from .orders import OrderRow

# RTN, V3.3 2.5.2.
NORMAL, BAD_CHKSUM, BAD_LCHKSUM, BAD_CID2, BAD_FORMAT, BAD_INFO = 0x00, 0x02, 0x03, 0x04, 0x05, 0x06
WRITES = frozenset({0x94, 0x95, 0x64, 0x99})
"""What changes or switches off a battery: refused, and remembered."""

_ALL = 0xFF
_ONE_GROUP = 12
_IN_A_GROUP = 8
_GROUPS = 7
# More than a test asks in one run; a soak test shall not fill the memory.
_REMEMBERED = 100_000
_LONGEST_REQUEST = 4200

Group = list[VirtualModule]


class Rs485Battery:
    """Answers requests for a bank. ``requests`` and ``writes_seen`` are what came in, from ``~`` to CR, oldest first.

    Up to 12 modules stand in one group, the master at address 0x02; more stand in groups of 8 from 0x12, 0x22 ….
    A vanished module is silent at its address and left out where the master tells of all. Raises ConfigError for more
    modules than there are addresses.
    """

    alarm_kinds: frozenset[AlarmKind] = frozenset(info.SIGNS)
    faults: Mapping[str, Fault] = FAULTS
    orders: Mapping[str, OrderRow] = {}
    echoes = False
    baudrate = None

    def __init__(self, bank: VirtualBank) -> None:
        self._groups = _groups(bank.modules)
        self._modules = {master + n: module for master, group in self._groups.items() for n, module in enumerate(group)}
        self._address = {module.number: address for address, module in self._modules.items()}
        self._commands = self._table()
        self._seen: deque[bytes] = deque(maxlen=_REMEMBERED)
        self._told: dict[int, tuple[frozenset[object], int]] = {}
        self.writes_seen: list[bytes] = []

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
        module = self._modules.get(address) if address is not None else None
        if address is None or module is None or not module.present:
            return b""
        refusal = _damage(request)
        if refusal:
            return Frame(address=address, cid2=refusal).to_bytes()
        asked = Frame.parse(request)
        if asked.cid1 != BATTERY:
            return b""
        if asked.cid2 in WRITES:
            self.writes_seen.append(request)
        told = self._commands.get(asked.cid2, _unknown)(module, asked)
        if told is None:
            return b""
        return Frame(address=address, cid2=told[0], info=told[1]).to_bytes()

    def _table(self) -> dict[int, "_Command"]:
        return {
            0x42: self._analog,
            0x44: self._alarm,
            0x47: _without_info(lambda module: self._flag(module) + info.parameters(module)),
            0x4F: _without_info(lambda _: b""),
            0x51: _without_info(lambda module: info.manufacturer(self._group(module)[0])),
            0x60: self._system(info.system_basics),
            0x61: self._system(lambda group: info.system_analog(group, lambda m: self._address[m.number] & 0x0F)),
            0x62: self._system(info.system_alarms),
            0x63: self._system(info.system_management),
            0x92: self._of_one(info.management),
            0x93: self._of_one(lambda module: info.text(module.barcode, 16)),
            0x96: self._of_one(info.firmware),
        }

    def _analog(self, module: VirtualModule, asked: Frame) -> "_Told":
        in_24_bits = info.wide(self._group(module))
        return self._of_one_or_all(module, asked, lambda one: info.analog(one, in_24_bits=in_24_bits))

    def _alarm(self, module: VirtualModule, asked: Frame) -> "_Told":
        told = self._of_one_or_all(module, asked, info.alarm)
        if told and told[0] == NORMAL:
            everyone = self._group(module) if asked.info == bytes([_ALL]) else [module]
            self._told |= {one.number: _state(one) for one in everyone}
        return told

    def _of_one_or_all(self, module: VirtualModule, asked: Frame, part: Callable[[VirtualModule], bytes]) -> "_Told":
        group = self._group(module)
        if asked.info == bytes([_ALL]) and module is group[0]:
            if not module.model.answers_ff:
                return None
            present = [one for one in group if one.present]
            return NORMAL, self._flag(module) + bytes([len(present)]) + b"".join(map(part, present))
        return _of_itself(asked, lambda: self._flag(module) + bytes([asked.address]) + part(module))

    def _of_one(self, part: Callable[[VirtualModule], bytes]) -> "_Command":
        return lambda module, asked: _of_itself(asked, lambda: bytes([asked.address]) + part(module))

    def _system(self, whole: Callable[[Group], bytes]) -> "_Command":
        """60 to 63: of the whole group, from its master, where its model knows them."""

        def command(module: VirtualModule, asked: Frame) -> "_Told":
            group = self._group(module)
            if not group[0].model.system_commands:
                return BAD_CID2, b""
            if module is not group[0]:
                return None
            return _without_info(lambda _: whole([one for one in group if one.present]))(module, asked)

        return command

    def _group(self, module: VirtualModule) -> Group:
        return next(group for group in self._groups.values() if module in group)

    def _flag(self, module: VirtualModule) -> bytes:
        """INFOFLAG: bit 0 an alarm changed, bit 4 a switch changed, since 44 was asked last."""
        alarms, switches = _state(module)
        known_alarms, known_switches = self._told.get(module.number, (None, None))
        return bytes([(alarms != known_alarms) | (switches != known_switches) << 4])


_Told = tuple[int, bytes] | None
"""RTN and INFO of an answer; None: no answer at all."""
_Command = Callable[[VirtualModule, Frame], _Told]


def _groups(modules: list[VirtualModule]) -> dict[int, Group]:
    """The groups by the address of their master, V3.3 2.5.3."""
    if len(modules) <= _ONE_GROUP:
        return {0x02: list(modules)}
    groups = [modules[start : start + _IN_A_GROUP] for start in range(0, len(modules), _IN_A_GROUP)]
    if len(groups) > _GROUPS:
        raise ConfigError(
            f"{len(modules)} modules have no address on one line: ask for {_GROUPS * _IN_A_GROUP} at most"
        )
    return {0x02 + 0x10 * number: group for number, group in enumerate(groups, 1)}


def _state(module: VirtualModule) -> tuple[frozenset[object], int]:
    return frozenset(module.alarms), info.switches(module)


def _without_info(part: Callable[[VirtualModule], bytes]) -> _Command:
    """A command that is asked without INFO; two bytes of it are let pass, as real ones do."""

    def command(module: VirtualModule, asked: Frame) -> _Told:
        return (BAD_FORMAT, b"") if len(asked.info) not in {0, 2} else (NORMAL, part(module))

    return command


def _of_itself(asked: Frame, part: Callable[[], bytes]) -> _Told:
    """A command whose INFO repeats the address; it may stand there twice, as real ones accept it."""
    if len(asked.info) not in {1, 2}:
        return BAD_FORMAT, b""
    return (NORMAL, part()) if set(asked.info) == {asked.address} else (BAD_INFO, b"")


def _unknown(_module: VirtualModule, _asked: Frame) -> _Told:
    return BAD_CID2, b""


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
