"""Pytes' own language, beside the common frames."""

from pylon2mqtt.model import Bank
from pylon2mqtt.protocols.can.dialect import CanDialect, ValuesByAddress, bank_values
from pylon2mqtt.protocols.can.received import Received
from pylon2mqtt.protocols.can.values import low_voltage_bank

# Two of these are there at least, and one that no other maker's battery sends.
_OWN = frozenset({0x401, 0x402, 0x403, 0x404, 0x405, 0x409, 0x41E})
_ONLY_ITS = frozenset({0x404, 0x405, 0x409, 0x41E})
_FEWEST = 2


def _signature(_received: Received, keys: frozenset[int]) -> bool:
    return len(keys & _OWN) >= _FEWEST and bool(keys & _ONLY_ITS)


def _bank(values: ValuesByAddress) -> Bank:
    own = bank_values(values)
    asks = own.get("asks_for_charge")
    permissions = {
        "charge_enabled": _flag(own.get("may_charge")),
        "discharge_enabled": _flag(own.get("may_discharge")),
        "force_charge_1": None if asks is None else asks != 0,
    }
    return low_voltage_bank({**own, **{name: flag for name, flag in permissions.items() if flag is not None}})


def _flag(value: int | None) -> bool | None:
    return None if value is None else value != 0


PYTES = CanDialect(title="Pytes' own language", files=("lv.dbc", "pytes.dbc"), signature=_signature, bank=_bank)
