"""A virtual bank of older Pylontech modules on RS232: which question gets which answer, at which rate.

Written from PYLON LFP Battery communication protocol RS232 V2.8 (2016-12-16).
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pylon2mqtt.errors import ConfigError
from pylon2mqtt.model.units import AlarmKind
from pylon2mqtt.protocols.binary.frame import Frame
from pylon2mqtt.simulator.battery import VirtualBank
from pylon2mqtt.simulator.module import VirtualModule
from pylon2mqtt.simulator.orders import OrderRow

from . import rs485_info as info
from .battery import ALL, BAD_ADR, BAD_CID2, BAD_FORMAT, BAD_INFO, NORMAL, BinaryBattery, Reply

if TYPE_CHECKING:
    from pylon2mqtt.simulator.registry import Simulator

_ADDRESS = 0x01
_POWER_ON = 1200
_RATES = {0x01: 1200, 0x02: 2400, 0x03: 4800}
_MOST = 8


class Rs232Battery(BinaryBattery):
    """Packs 1 to 8, named in INFO; ADR is always 1, and any other is refused.

    It speaks at 1200 baud until 91 sets another rate: it answers at the old one and then changes; a power cut brings
    1200 back. With ``keeps_rate`` it answers 91 and does not change.
    """

    alarm_kinds: frozenset[AlarmKind] = frozenset(info.SIGNS)
    writes = frozenset({0x82, 0x94, 0x95, 0x99})
    line_rate = _POWER_ON

    def __init__(self, bank: VirtualBank) -> None:
        super().__init__(bank)
        if len(self.modules) > _MOST:
            raise ConfigError(f"RS232 counts to {_MOST} packs: ask for {_MOST} at most, not {len(self.modules)}")
        self.rate = _POWER_ON
        self.keeps_rate = False

    @property
    def baudrate(self) -> int | None:
        """The rate at which it sends and receives now."""
        return self.rate

    @property
    def orders(self) -> Mapping[str, OrderRow]:  # type: ignore[override]
        """Beside the common ones: a power cut."""
        return {"power-cut": ("power-cut", 0, 0, self._power_cut)}

    def power_cut(self) -> None:
        """Forget the rate."""
        self.rate = _POWER_ON

    def _power_cut(self, simulator: "Simulator", _words: list[str]) -> str:
        simulator.break_off()
        self.power_cut()
        return f"The battery was off; it speaks at {self.rate} Bd."

    def _module(self, address: int) -> VirtualModule | None:  # noqa: ARG002  the master refuses other addresses too
        return self.modules[0]

    def _reply(self, module: VirtualModule, asked: Frame) -> Reply:
        if asked.address != _ADDRESS:
            return BAD_ADR, b""
        if asked.cid2 == 0x91:
            return self._set_rate(asked)
        whole = {
            0x47: b"\x00" + info.parameters(module),
            0x4F: b"",
            0x51: info.manufacturer(module),
            0x90: bytes([len(self.modules)]),
        }.get(asked.cid2)
        if whole is not None:
            return (NORMAL, whole) if not asked.info else (BAD_FORMAT, b"")
        return self._of_a_pack(asked)

    def _analog(self, module: VirtualModule) -> bytes:
        return info.analog(module, in_24_bits=info.wide(self.modules))

    def _of_a_pack(self, asked: Frame) -> Reply:
        flagged: _Part | None = {0x42: self._analog, 0x44: info.alarm}.get(asked.cid2)
        plain: _Part | None = {0x92: info.management, 0x93: _serial}.get(asked.cid2)
        part = flagged or plain
        if part is None:
            return BAD_CID2, b""
        if len(asked.info) != 1:
            return BAD_FORMAT, b""
        flag = b"\x00" if flagged else b""
        if asked.info == ALL and flagged:
            present = [one for one in self.modules if one.present]
            return NORMAL, flag + bytes([len(present)]) + b"".join(map(part, present))
        if not 1 <= asked.info[0] <= len(self.modules) or not self.modules[asked.info[0] - 1].present:
            return BAD_INFO, b""
        return NORMAL, flag + asked.info + part(self.modules[asked.info[0] - 1])

    def _set_rate(self, asked: Frame) -> Reply:
        if len(asked.info) != 1 or asked.info[0] not in _RATES:
            return BAD_INFO, b""
        if not self.keeps_rate:
            self.rate = _RATES[asked.info[0]]
        return NORMAL, b""


_Part = Callable[[VirtualModule], bytes]


def _serial(module: VirtualModule) -> bytes:
    return info.text(module.barcode, 16)
