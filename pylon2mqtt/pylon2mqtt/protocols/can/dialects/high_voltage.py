"""High voltage: racks that answer an inverter's question in 29-bit frames; Force H, SC0500, PowerCube."""

from typing import Any

from pylon2mqtt.errors import FrameError
from pylon2mqtt.model import Bank, Module, State
from pylon2mqtt.protocols.can.dbc import EXTENDED, Values
from pylon2mqtt.protocols.can.dialect import CanDialect, ValuesByAddress, module_values
from pylon2mqtt.protocols.can.received import Received
from pylon2mqtt.protocols.can.values import joined_text, module_fields, within_limit, without_contradictions

_BASES = frozenset({*range(0x4210, 0x42A0, 0x10), *range(0x7310, 0x7350, 0x10)})
_STATES = {0: State.SLEEPING, 1: State.CHARGING, 2: State.DISCHARGING, 3: State.IDLE}
_FORBIDS = 0xAA

# No rack carries more. Without the offset of 3000 A every current up to this is outside of it.
_MOST_AMPERES = 1000.0
# Two bytes the wrong way round rarely give a voltage within this.
_LEAST_VOLTS, _MOST_VOLTS = 20.0, 1500.0
_NO_CURRENT = 3000.0


def _signature(_received: Received, keys: frozenset[int]) -> bool:
    return any(key & ~EXTENDED & ~0xF in _BASES for key in keys if key & EXTENDED)


def _bank(values: ValuesByAddress) -> Bank:
    """Racks as the modules of one bank; older ones count their addresses from 0.

    Raises FrameError where what one of them says cannot be: an emulator may be set to another inverter's form.
    """
    racks = module_values(values)
    first = 1 if 0 in racks else 0
    for address, rack in racks.items():
        _refuse_other_forms(address, rack)
    return Bank(modules=tuple(_rack(address, address + first, rack) for address, rack in racks.items()))


def _rack(address: int, number: int, values: Values) -> Module:
    fields = _possible(module_fields(values)) | {
        "state": _STATES.get(values.get("mode", -1)),
        "charge_enabled": _allowed(values.get("charge_forbidden")),
        "discharge_enabled": _allowed(values.get("discharge_forbidden")),
        "manufacturer": joined_text(values, "manufacturer_1", "manufacturer_2"),
    }
    if values.get("software_major") is not None and values.get("software_minor") is not None:
        fields["firmware"] = f"{values['software_major']}.{values['software_minor']}"
    return without_contradictions(Module(number=number, address=address, **fields))


def _allowed(forbidden: int | None) -> bool | None:
    """Only AA forbids."""
    return None if forbidden is None else forbidden != _FORBIDS


def _refuse_other_forms(address: int, values: Values) -> None:
    """Refuse a rack whose numbers are written in another form, which shows where they contradict each other."""
    where = f"the rack with address {address}"
    if _has_swapped_bytes(values):
        raise FrameError(
            f"{where} sends its bytes in the other order (big-endian). If this is an emulator, change its option to "
            "invert the byte order of Pylontech's protocol"
        )
    if abs(values.get("current") or 0.0) > _MOST_AMPERES:
        raise FrameError(
            f"{where} sends its current without the offset of 30000. If this is an emulator, switch on its option for "
            "the 30k offset of Pylontech's protocol"
        )


def _has_swapped_bytes(values: Values) -> bool:
    """Whether voltage and limit agree only the other way round, and another value is none in this order."""
    volts, limit, current = (values.get(name) for name in ("voltage", "charge_voltage_limit", "current"))
    another = any(
        name in values and values[name] is None for name in ("temperature", "cell_voltage_max", "cell_temperature_max")
    )
    if volts is None or current is None or not _LEAST_VOLTS <= _turned(volts) <= _MOST_VOLTS:
        return False
    if limit is None:
        return another and abs(_turned(current + _NO_CURRENT) - _NO_CURRENT) < abs(current)
    agree_turned = _turned(limit) <= _MOST_VOLTS and within_limit(_turned(volts), _turned(limit))
    return agree_turned and not within_limit(volts, limit) and (another or abs(current) > _MOST_AMPERES)


def _turned(value: float) -> float:
    """A value in tenths whose two bytes are read the other way round."""
    return int.from_bytes(round(value * 10).to_bytes(2, "little"), "big") / 10


def _possible(fields: dict[str, Any]) -> dict[str, Any]:
    """Without what no rack has."""
    most = {
        "voltage": _MOST_VOLTS,
        "charge_voltage_limit": _MOST_VOLTS,
        "discharge_voltage_limit": _MOST_VOLTS,
        "charge_current_limit": _MOST_AMPERES,
        "discharge_current_limit": _MOST_AMPERES,
    }
    return {name: value for name, value in fields.items() if name not in most or value <= most[name]}


HIGH_VOLTAGE = CanDialect(title="high voltage", files=("hv.dbc",), signature=_signature, bank=_bank)
