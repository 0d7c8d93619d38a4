"""A virtual bank on an RS485 line: which question gets which answer.

Written from RS485-protocol-pylon-low-voltage V3.3 (2018-08-21), 2.5.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

from pylon2mqtt.errors import ConfigError
from pylon2mqtt.model.units import AlarmKind
from pylon2mqtt.protocols.binary.frame import Frame
from pylon2mqtt.simulator.battery import VirtualBank
from pylon2mqtt.simulator.module import VirtualModule
from pylon2mqtt.simulator.orders import OrderRow, number_in

from . import rs485_info as info
from .battery import ALL, BAD_CID2, BAD_FORMAT, BAD_INFO, NORMAL, BinaryBattery, Command, Reply
from .inverter import Inverter

if TYPE_CHECKING:
    from pylon2mqtt.simulator.registry import Simulator

_ONE_GROUP = 12
_IN_A_GROUP = 8
_GROUPS = 7

Group = list[VirtualModule]


def _inverter(simulator: "Simulator", words: list[str]) -> str:
    if words[0] == "off":
        simulator.inverter = None
        return "No inverter asks."
    every_s = number_in(words[0], 0, 3600)
    battery = cast(Rs485Battery, simulator.battery)
    simulator.inverter = Inverter(battery.answer, battery.addresses, every_s, simulator.clock())
    return f"An inverter asks every {every_s:g} s."


class Rs485Battery(BinaryBattery):
    """Answers requests for a bank.

    Up to 12 modules stand in one group, the master at address 0x02; more stand in groups of 8 from 0x12, 0x22 ….
    A vanished module is silent at its address and left out where the master reports all. Raises ConfigError for more
    modules than there are addresses.
    """

    alarm_kinds: frozenset[AlarmKind] = frozenset(info.SIGNS)
    writes = frozenset({0x94, 0x95, 0x64, 0x99})
    orders: Mapping[str, OrderRow] = {"inverter": ("inverter SECONDS|off", 1, 1, _inverter)}

    def __init__(self, bank: VirtualBank) -> None:
        super().__init__(bank)
        self._groups = _groups(bank.modules)
        self._at = {master + n: module for master, group in self._groups.items() for n, module in enumerate(group)}
        self._address = {module.number: address for address, module in self._at.items()}
        self._commands = self._table()
        self._flags: dict[int, tuple[frozenset[object], int]] = {}

    @property
    def addresses(self) -> list[int]:
        """Where its modules are."""
        return sorted(self._at)

    def _module(self, address: int) -> VirtualModule | None:
        return self._at.get(address)

    def _reply(self, module: VirtualModule, asked: Frame) -> Reply:
        command = self._commands.get(asked.cid2)
        return (BAD_CID2, b"") if command is None else command(module, asked)

    def _table(self) -> dict[int, Command]:
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

    def _analog(self, module: VirtualModule, asked: Frame) -> Reply:
        in_24_bits = info.wide(self._group(module))
        return self._of_one_or_all(module, asked, lambda one: info.analog(one, in_24_bits=in_24_bits))

    def _alarm(self, module: VirtualModule, asked: Frame) -> Reply:
        reported = self._of_one_or_all(module, asked, info.alarm)
        if reported and reported[0] == NORMAL:
            everyone = self._group(module) if asked.info == ALL else [module]
            self._flags |= {one.number: _state(one) for one in everyone}
        return reported

    def _of_one_or_all(self, module: VirtualModule, asked: Frame, part: Callable[[VirtualModule], bytes]) -> Reply:
        group = self._group(module)
        if asked.info == ALL and module is group[0]:
            if not module.model.answers_ff:
                return None
            present = [one for one in group if one.present]
            return NORMAL, self._flag(module) + bytes([len(present)]) + b"".join(map(part, present))
        return _of_itself(asked, lambda: self._flag(module) + bytes([asked.address]) + part(module))

    def _of_one(self, part: Callable[[VirtualModule], bytes]) -> Command:
        return lambda module, asked: _of_itself(asked, lambda: bytes([asked.address]) + part(module))

    def _system(self, whole: Callable[[Group], bytes]) -> Command:
        """60 to 63: of the whole group, from its master, where its model knows them."""

        def command(module: VirtualModule, asked: Frame) -> Reply:
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
        known_alarms, known_switches = self._flags.get(module.number, (None, None))
        return bytes([(alarms != known_alarms) | (switches != known_switches) << 4])


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


def _without_info(part: Callable[[VirtualModule], bytes]) -> Command:
    """A command that is asked without INFO; two bytes of it are let pass, as real ones do."""

    def command(module: VirtualModule, asked: Frame) -> Reply:
        return (BAD_FORMAT, b"") if len(asked.info) not in {0, 2} else (NORMAL, part(module))

    return command


def _of_itself(asked: Frame, part: Callable[[], bytes]) -> Reply:
    """A command whose INFO repeats the address; it may stand there twice, as real ones accept it."""
    if len(asked.info) not in {1, 2}:
        return BAD_FORMAT, b""
    return (NORMAL, part()) if set(asked.info) == {asked.address} else (BAD_INFO, b"")
