"""A virtual stack of the 1363 family (VER 22): which question gets which answer.

Written from frames of the family and from what its public drivers ask; docs/protocols/ver22.md.
"""

from pylon2mqtt.errors import ConfigError
from pylon2mqtt.model.units import AlarmKind
from pylon2mqtt.protocols.binary.frame import Frame
from pylon2mqtt.simulator.battery import VirtualBank
from pylon2mqtt.simulator.module import VirtualModule

from . import ver22_info as info
from .battery import BAD_CID2, BAD_FORMAT, BAD_INFO, NORMAL, BinaryBattery, Reply

_MOST = 15
_READ = 0x01


class Ver22Battery(BinaryBattery):
    """Packs at addresses 1 to 15; INFO repeats the address. B0 reads with 01 in its second byte, else it writes."""

    version = 0x22
    cid1 = 0x4A
    alarm_kinds: frozenset[AlarmKind] = info.ALARM_KINDS
    writes = frozenset({0x45, 0x49, 0x4E, 0xA0, 0xA1})
    line_rate = 9600

    def __init__(self, bank: VirtualBank) -> None:
        super().__init__(bank)
        if len(self.modules) > _MOST:
            raise ConfigError(f"{len(self.modules)} packs have no address on one line: ask for {_MOST} at most")

    def _module(self, address: int) -> VirtualModule | None:
        return self.modules[address - 1] if 1 <= address <= len(self.modules) else None

    def _reply(self, module: VirtualModule, asked: Frame) -> Reply:
        if asked.cid2 == 0x51:
            return (BAD_FORMAT, b"") if asked.info else (NORMAL, info.manufacturer(module))
        if asked.info[:1] != bytes([asked.address]):
            return BAD_INFO, b""
        if asked.cid2 == 0xB0:
            return self._block(module, asked)
        part = {0x42: info.analog, 0x47: info.parameters}.get(asked.cid2)
        return (BAD_CID2, b"") if part is None else (NORMAL, part(module))

    def _block(self, module: VirtualModule, asked: Frame) -> Reply:
        if asked.info[1:2] != bytes([_READ]):
            self.writes_seen.append(asked.to_bytes())
            return BAD_INFO, b""
        part = {b"\x03\xff\x00": info.maker_block, b"\x04\xff\x00": info.capacity_block}.get(asked.info[2:])
        return (BAD_INFO, b"") if part is None else (NORMAL, part(module, asked.info))
