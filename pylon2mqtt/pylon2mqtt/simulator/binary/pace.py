"""A virtual stack of PACE packs: which question gets which answer.

Written from PACE-RS232 TY16S (2018-07-05), chapter 4, and from what Jakiper's packs were seen to answer.
"""

from pylon2mqtt.errors import ConfigError
from pylon2mqtt.model.units import AlarmKind
from pylon2mqtt.protocols.binary.frame import Frame
from pylon2mqtt.simulator.battery import VirtualBank
from pylon2mqtt.simulator.module import VirtualModule

from . import pace_info as info
from .battery import ALL, BAD_CID2, BAD_FORMAT, BAD_INFO, NORMAL, BinaryBattery, Reply

_MOST = 15


class PaceBattery(BinaryBattery):
    """Packs at addresses 1 to 15, or one alone at 0. Asked with ADR 0 or FF, the master answers from address 1.

    With ``master_only`` the others cannot be reached: the master alone is on the line, and reports all with INFO FF.
    With ``answers_for_all`` too, but it answers for each pack that INFO names, from its own address; with
    ``at_its_address`` alone only where it is asked at that.
    """

    version = 0x25
    alarm_kinds: frozenset[AlarmKind] = info.ALARM_KINDS
    writes = frozenset({0x99, 0x9A, 0x9B, 0x9C, 0xA1, 0xA8, 0xAE, 0xB2, 0xB5, *range(0xD0, 0xF0, 2)})
    line_rate = 9600

    def __init__(self, bank: VirtualBank) -> None:
        super().__init__(bank)
        if len(self.modules) > _MOST:
            raise ConfigError(f"{len(self.modules)} packs have no address on one line: ask for {_MOST} at most")
        self.master_only = False
        self.answers_for_all = False
        self.at_its_address = False
        self.alone_at_0 = False
        self.counts = True

    def _module(self, address: int) -> VirtualModule | None:
        if address in (0x00, 0xFF):
            return self.modules[0]
        if self.alone_at_0 or (self.master_only and address > 1):
            return None
        if self.answers_for_all and (address > len(self.modules) or (self.at_its_address and address > 1)):
            return None
        return self.modules[address - 1] if address <= len(self.modules) else None

    def _own_address(self, asked_address: int) -> int:
        if self.alone_at_0:
            return 0
        return 1 if asked_address in (0x00, 0xFF) or self.answers_for_all else asked_address

    def _reply(self, module: VirtualModule, asked: Frame) -> Reply:
        if self.answers_for_all and len(asked.info) == 1 and 1 <= asked.info[0] <= len(self.modules):
            module = self.modules[asked.info[0] - 1]
            if not module.present:
                return None
        if asked.cid2 in (0x42, 0x44):
            return self._of_one_or_all(module, asked)
        if asked.cid2 == 0x90 and self.counts:
            return NORMAL, bytes([len([m for m in self.modules if m.present])])
        part = {0xA6: info.capacity, 0xC1: info.firmware, 0xC2: info.barcode}.get(asked.cid2)
        return (BAD_CID2, b"") if part is None else (NORMAL, part(module))

    def _of_one_or_all(self, module: VirtualModule, asked: Frame) -> Reply:
        part = info.analog if asked.cid2 == 0x42 else info.alarm
        if len(asked.info) != 1:
            return BAD_FORMAT, b""
        if asked.info == ALL and module is self.modules[0]:
            present = [one for one in self.modules if one.present]
            return NORMAL, bytes([0x00, len(present)]) + b"".join(map(part, present))
        if asked.info[0] != module.number:
            return BAD_INFO, b""
        return NORMAL, bytes([0x00, module.number]) + part(module)
