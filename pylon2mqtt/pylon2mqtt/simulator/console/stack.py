"""The modules as the master's console sees them: in slots, with gaps, each with a clock of its own."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from pylon2mqtt.errors import ConfigError
from pylon2mqtt.simulator.battery import VirtualBank
from pylon2mqtt.simulator.module import VirtualModule

from .firmware import Firmware, firmware_of

# The modules' clocks lag one behind the other.
_CLOCKS_APART_S = 2


class VirtualStack:
    """A bank in the slots of its master's console. Raises ConfigError for more modules than there are slots."""

    def __init__(self, bank: VirtualBank) -> None:
        self.bank = bank
        self.master = bank.modules[0]
        self.firmware: Firmware = firmware_of(self.master.model)
        if len(bank.modules) > self.firmware.slots:
            raise ConfigError(
                f"the console of the {self.master.model.name} has {self.firmware.slots} slots: ask for fewer modules"
            )
        for module in bank.modules:
            firmware_of(module.model)
        self._slots = {module.number: module for module in bank.modules}

    @property
    def present(self) -> list[tuple[int, VirtualModule]]:
        """The slots that answer."""
        return [(slot, module) for slot, module in self.rows() if module is not None]

    def rows(self) -> Iterator[tuple[int, VirtualModule | None]]:
        """Every slot, and who is there."""
        return ((slot, self.at(slot)) for slot in range(1, self.firmware.slots + 1))

    def at(self, slot: int) -> VirtualModule | None:
        """Who is in a slot and answers."""
        module = self._slots.get(slot)
        return module if module is not None and module.present else None

    def slot_of(self, module: VirtualModule) -> int:
        """Where a module is."""
        return next(slot for slot, one in self._slots.items() if one is module)

    def move(self, module: VirtualModule, slot: int) -> None:
        """Put a module into another slot; who was there takes its old one."""
        old, other = self.slot_of(module), self._slots.get(slot)
        del self._slots[old]
        if other is not None:
            self._slots[old] = other
        self._slots[slot] = module

    def time(self, module: VirtualModule) -> datetime:
        """A module's clock."""
        return self.bank.now - timedelta(seconds=_CLOCKS_APART_S * (module.number - 1))

    def is_slave(self, module: VirtualModule) -> bool:
        """Whether a module is read through the master."""
        return module is not self.master
