"""High voltage: racks that answer an inverter's question in 29-bit frames; Force H, SC0500, PowerCube."""

from pylon2mqtt.model import Bank, Module, State
from pylon2mqtt.protocols.can.dbc import EXTENDED, Values
from pylon2mqtt.protocols.can.dialect import CanDialect, ValuesByAddress, module_values
from pylon2mqtt.protocols.can.received import Received
from pylon2mqtt.protocols.can.values import joined_text, module_fields

_FIRST, _LAST = 0x4210, 0x7350
_STATES = {0: State.SLEEPING, 1: State.CHARGING, 2: State.DISCHARGING, 3: State.IDLE}
_FORBIDS = 0xAA


def _signature(_received: Received, keys: frozenset[int]) -> bool:
    return any(_FIRST <= key & ~EXTENDED < _LAST for key in keys if key & EXTENDED)


def _bank(values: ValuesByAddress) -> Bank:
    """Racks as the modules of one bank; older ones count their addresses from 0."""
    racks = module_values(values)
    first = 1 if 0 in racks else 0
    return Bank(modules=tuple(_rack(address, address + first, rack) for address, rack in racks.items()))


def _rack(address: int, number: int, values: Values) -> Module:
    fields = module_fields(values) | {
        "state": _STATES.get(values.get("mode", -1)),
        "charge_enabled": _allowed(values.get("charge_forbidden")),
        "discharge_enabled": _allowed(values.get("discharge_forbidden")),
        "manufacturer": joined_text(values, "manufacturer_1", "manufacturer_2"),
    }
    if values.get("software_major") is not None and values.get("software_minor") is not None:
        fields["firmware"] = f"{values['software_major']}.{values['software_minor']}"
    return Module(number=number, address=address, **fields)


def _allowed(forbidden: int | None) -> bool | None:
    """Only AA forbids."""
    return None if forbidden is None else forbidden != _FORBIDS


HIGH_VOLTAGE = CanDialect(title="high voltage", files=("hv.dbc",), signature=_signature, bank=_bank)
