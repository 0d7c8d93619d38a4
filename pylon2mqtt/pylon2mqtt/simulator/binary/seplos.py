"""Virtual stacks of Seplos and of EG4 packs: which question gets which answer.

Written from Seplos, BMS communication protocol V2.0 (2019-10-15), and for EG4 from what was captured of it.
"""

from collections.abc import Callable, Mapping

from pylon2mqtt.errors import ConfigError
from pylon2mqtt.model.units import AlarmKind
from pylon2mqtt.protocols.binary.frame import Frame
from pylon2mqtt.simulator.battery import VirtualBank
from pylon2mqtt.simulator.module import VirtualModule

from . import seplos_info as info
from .battery import BAD_CID2, BAD_FORMAT, BAD_INFO, NORMAL, BinaryBattery, Reply

_MOST = 15


class SeplosBattery(BinaryBattery):
    """Packs at addresses 0 to 15; INFO repeats the address."""

    alarm_kinds: frozenset[AlarmKind] = frozenset(info.EVENTS)
    writes = frozenset({0x45, 0x49, 0x4E, 0xA0, 0xA1, 0xA2})
    line_rate = 9600
    first = 0
    parts: Mapping[int, Callable[[VirtualModule, int], bytes]] = {
        0x42: info.seplos_analog,
        0x44: info.seplos_alarm,
        0x51: info.seplos_manufacturer,
    }
    info_names_pack = True

    def __init__(self, bank: VirtualBank) -> None:
        super().__init__(bank)
        if len(self.modules) > _MOST:
            raise ConfigError(f"{len(self.modules)} packs have no address on one line: ask for {_MOST} at most")

    def _module(self, address: int) -> VirtualModule | None:
        place = address - self.first
        return self.modules[place] if 0 <= place < len(self.modules) else None

    def _reply(self, module: VirtualModule, asked: Frame) -> Reply:
        part = self.parts.get(asked.cid2)
        if part is None:
            return BAD_CID2, b""
        if self.info_names_pack and asked.cid2 != 0x51:
            if len(asked.info) != 1:
                return BAD_FORMAT, b""
            if asked.info[0] != asked.address:
                return BAD_INFO, b""
        return NORMAL, part(module, asked.address)


class Eg4Battery(SeplosBattery):
    """Packs at addresses 1 to 16; INFO is empty."""

    cid1 = 0x4A
    writes = frozenset({0x45, 0x4E, 0x95})
    first = 1
    parts: Mapping[int, Callable[[VirtualModule, int], bytes]] = {
        0x42: info.eg4_analog,
        0x44: info.eg4_alarm,
        0x51: info.eg4_manufacturer,
    }
    info_names_pack = False
