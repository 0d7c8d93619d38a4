"""What becomes of Pylontech's INFO in the model: plain functions from frames to values.

Shared by RS485, where every module has an address, and RS232, where the address is 1 and INFO says which module. Each
answer becomes a bank with only that filled in; `model.joining` puts them together.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from construct import ConstructError

from pylon2mqtt.errors import DecodeError
from pylon2mqtt.model import Alarm, Bank, Module, State
from pylon2mqtt.protocols.binary.dialect import ALL_MODULES, Barcodes
from pylon2mqtt.protocols.binary.frame import Frame
from pylon2mqtt.protocols.binary.values import (
    CELL_STATES,
    HIGHEST_CELL_V,
    LOWEST_CELL_V,
    TEMPERATURE_STATES,
    believed,
    bit_alarms,
    cell_faults,
    cells,
    celsius,
    each_once,
    state_alarms,
    text,
    text_if_any,
    walk,
)

from .pylontech_info import (
    ALARM_MODULE,
    ANALOG_MODULE,
    FIRMWARE,
    MANAGEMENT,
    MANUFACTURER,
    MODULE_STATES,
    PACK_COUNT,
    PARAMETERS,
    SERIAL,
    STATUS1,
    STATUS3_CHARGING,
    STATUS3_DISCHARGING,
    STATUS3_FULL,
    STATUS3_HEATER,
    SYSTEM_ALARM,
    SYSTEM_ANALOG,
    SYSTEM_BASIC,
    SYSTEM_BITS,
    PylontechCommand,
)

_MOST_EXTRA = 8
# Modules of 48 V with less do not exist; of 16 cells, Pylontech's own are larger still.
_LEAST_AH, _LEAST_16_CELLS_AH = 15.0, 36.0
# 61 of a 60 V bank overflows its 16 bits of millivolts; no bank has less than this.
_LEAST_SYSTEM_MV = 10_000

BARCODES: dict[int, Barcodes] = {
    PylontechCommand.SERIAL: Barcodes(1, 16),
    PylontechCommand.SYSTEM_BASIC: Barcodes(33, 16, most=16),
}

RS232_ADDRESS = 0x01
"""ADR of every frame on RS232; on RS485 no module is there."""


def module_number(address: int) -> int:
    """The number of the module at an address of RS485: 2 is module 1; each further group of 0x10 has room for 12."""
    group = address >> 4
    return max(1, (address & 0x0F) - 1 + 12 * max(0, group - 1))


def decode_info(command: PylontechCommand, frame: Frame, *, all_modules: bool = False) -> Bank:
    """Return what an answer to ``command`` says, as a bank with only that filled in.

    ``frame`` is a sound answer with RTN 00. Raises DecodeError when it is not laid out as the document says or when
    its values cannot be true.
    """
    try:
        if command in (PylontechCommand.ANALOG, PylontechCommand.ALARM):
            return Bank(modules=tuple(_modules(command, frame, all_modules)))
        return _DECODERS[command](frame)
    except (ConstructError, struct.error) as error:  # a compiled layout passes the second on
        raise DecodeError(f"INFO of {command:02X} does not fit its layout: {error}", raw=frame.to_bytes()) from error


def decode(answer: Frame, asked: Frame) -> Bank:
    """Return what an answer says to the question ``asked``; raise DecodeError as `decode_info` does."""
    return decode_info(PylontechCommand(asked.cid2), answer, all_modules=asked.info == ALL_MODULES)


def _place(frame: Frame, number: int) -> dict[str, Any]:
    """Where a module is: on RS232 the module that INFO names, else its address."""
    if frame.address == RS232_ADDRESS:
        return {"number": number, "address": number}
    return {"number": module_number(frame.address), "address": frame.address}


# -------------------- 42 and 44, module by module


def _modules(command: PylontechCommand, frame: Frame, all_modules: bool) -> Iterator[Module]:
    if len(frame.info) < 2:
        raise DecodeError("INFO is too short for any module", raw=frame.to_bytes())
    layout, build = (ANALOG_MODULE, _analog) if command is PylontechCommand.ANALOG else (ALARM_MODULE, _alarm)
    count, first = (frame.info[1], 1) if all_modules else (1, frame.info[1])
    blocks = walk(layout, frame, count, extra_bytes=_extra_bytes(command, all_modules))
    place = _place(frame, first)
    for offset, block in enumerate(blocks):
        yield build(block, frame, place["number"] + offset, place["address"] + offset)


def _extra_bytes(command: PylontechCommand, all_modules: bool) -> Sequence[int]:
    """How many bytes may stand behind a module's block: C models and US5000 send one status byte more in 44.

    Behind the values of one module a firmware may send what is its own: its voltages show where the values end.
    """
    if command is PylontechCommand.ALARM:
        return (0, 1)
    return (0,) if all_modules else range(_MOST_EXTRA + 1)


def _analog(block: Any, frame: Frame, number: int, address: int) -> Module:
    if block["user_defined_items"] not in (2, 4):
        items = block["user_defined_items"]
        raise DecodeError(f"{items} user defined items is another dialect", raw=frame.to_bytes())
    remaining_ah, full_ah = _capacities(block)
    temperatures = [*map(celsius, block["temperatures_dk"])]
    groups = temperatures[1:5] + temperatures[6:]
    module = Module(
        number=number,
        address=address,
        at_once=True,
        voltage=block["voltage_mv"] / 1000,
        current=block["current_da"] / 10,
        temperature=temperatures[0] if temperatures else None,
        temperatures=tuple(groups) or None,
        mos_temperature=temperatures[5] if len(temperatures) > 5 else None,
        remaining_capacity=remaining_ah,
        full_capacity=full_ah,
        cycles=block["cycles"],
        cells=cells(block["cells_mv"]),
    )
    return believed(module, frame)


def _capacities(block: Any) -> tuple[float, float]:
    """Remaining and full capacity in Ah.

    Other makers' boards that speak Pylontech's dialect count in 10 mAh: no module of this size has so little.
    """
    capacity = block["above_65_ah"] or block
    full_ah = capacity["full_mah"] / 1000
    least_ah = _LEAST_16_CELLS_AH if len(block["cells_mv"]) == 16 else _LEAST_AH
    counts_10_mah = block["above_65_ah"] is None and len(block["cells_mv"]) > 8 and 0 < full_ah < least_ah
    scale = 100 if counts_10_mah else 1000
    return capacity["remaining_mah"] / scale, capacity["full_mah"] / scale


def _alarm(block: Any, _frame: Frame, number: int, address: int) -> Module:
    return Module(
        number=number,
        address=address,
        state=_state(block.status3),
        fully_charged=bool(block.status3 >> STATUS3_FULL & 1),
        heater_on=bool(block.status3 >> STATUS3_HEATER & 1),
        alarms=tuple(_alarms(block)),
    )


def _state(status3: int) -> State:
    if status3 >> STATUS3_CHARGING & 1:
        return State.CHARGING
    return State.DISCHARGING if status3 >> STATUS3_DISCHARGING & 1 else State.IDLE


def _alarms(block: Any) -> list[Alarm]:
    """Every alarm of one module, each once: the states say which cell, the status bits say it again without."""
    alarms = [
        *state_alarms(block.cells, CELL_STATES, "cell"),
        *state_alarms(block.temperatures, TEMPERATURE_STATES, "temperature"),
    ]
    for field, kinds in MODULE_STATES.items():
        alarms += state_alarms([getattr(block, field)], kinds, field.replace("_", " "))
    told = {(alarm.kind, alarm.cells) for alarm in alarms}
    faults = [f for f in cell_faults(block.status4 | block.status5 << 8) if (f.kind, f.cells) not in told]
    return each_once(alarms, bit_alarms(block.status1, STATUS1, "status1")) + faults


# -------------------- the other commands


def _version(octets: bytes) -> str:
    return ".".join(map(str, octets))


def _one_module(frame: Frame, *, number: int = 1, **told: Any) -> Bank:
    return Bank(modules=(Module(**_place(frame, number), **told),))


def _parameters(frame: Frame) -> Bank:
    p = PARAMETERS.parse(frame.info)
    limits = {
        "cell_high_voltage_limit": p.cell_high_mv / 1000,
        "cell_low_voltage_limit": p.cell_low_mv / 1000,
        "cell_under_voltage_limit": p.cell_under_mv / 1000,
        "charge_high_temperature_limit": celsius(p.charge_high_dk),
        "charge_low_temperature_limit": celsius(p.charge_low_dk),
        "charge_current_limit": abs(p.charge_current_da) / 10,
        "module_high_voltage_limit": p.module_high_mv / 1000,
        "module_low_voltage_limit": p.module_low_mv / 1000,
        "module_under_voltage_limit": p.module_under_mv / 1000,
        "discharge_high_temperature_limit": celsius(p.discharge_high_dk),
        "discharge_low_temperature_limit": celsius(p.discharge_low_dk),
        "discharge_current_limit": abs(p.discharge_current_da) / 10,
    }
    return _one_module(frame, parameters=limits)


def _limits(block: Any) -> dict[str, Any]:
    """The limits of 92 and 63; a charge voltage below the discharge voltage overflowed its 16 bits (60 V banks)."""
    overflow = 0x10000 if block.charge_voltage_mv < block.discharge_voltage_mv else 0
    return {
        "charge_voltage_limit": (block.charge_voltage_mv + overflow) / 1000,
        "discharge_voltage_limit": block.discharge_voltage_mv / 1000,
        "charge_current_limit": abs(block.charge_current_da) / 10,
        "discharge_current_limit": abs(block.discharge_current_da) / 10,
        "charge_enabled": bool(block.status & 0x80),
        "discharge_enabled": bool(block.status & 0x40),
        "force_charge_1": bool(block.status & 0x20),
    }


def _management(frame: Frame) -> Bank:
    """92; RS485 V2.8 prints it without the command value in front, every battery sends it."""
    told = len(frame.info) == 10
    block = MANAGEMENT.parse(frame.info[1:] if told else frame.info)
    return _one_module(
        frame,
        number=frame.info[0] if told else 1,
        **_limits(block),
        force_charge_2=bool(block.status & 0x10),
        full_charge_requested=bool(block.status & 0x08),
    )


def _serial(frame: Frame) -> Bank:
    block = SERIAL.parse(frame.info)
    return _one_module(frame, number=block.command, barcode=text(block.barcode, frame))


def _firmware(frame: Frame) -> Bank:
    block = FIRMWARE.parse(frame.info)
    firmware = f"{_version(block.main_line)} V{_version(block.manufacture)}"
    return _one_module(frame, number=block.command, firmware=firmware)


def _protocol_version(frame: Frame) -> Bank:
    if frame.info:
        raise DecodeError("4F answers with VER alone", raw=frame.to_bytes())
    return Bank(protocol_version=f"{frame.version >> 4}.{frame.version & 0xF}")


def _manufacturer(frame: Frame) -> Bank:
    """51: a slave answers with its master's data, so this is the bank's and no module's."""
    block = MANUFACTURER.parse(frame.info)
    return Bank(
        model=text_if_any(block.device),
        manufacturer=text_if_any(block.manufacturer),
        firmware=_version(block.software),
    )


def _pack_count(frame: Frame) -> Bank:
    return Bank(module_count=PACK_COUNT.parse(frame.info).packs)


def _system_basic(frame: Frame) -> Bank:
    block = SYSTEM_BASIC.parse(frame.info)
    return Bank(
        model=text_if_any(block.device),
        manufacturer=text_if_any(block.manufacturer),
        firmware=_version(block.software),
        module_count=block.modules,
        barcode=text_if_any(block.serials[:16]),
    )


def _system_analog(frame: Frame) -> Bank:
    block = SYSTEM_ANALOG.parse(frame.info)
    bank = Bank(
        voltage=block.voltage_mv / 1000 if block.voltage_mv >= _LEAST_SYSTEM_MV else None,
        soc=float(block.soc),
        soh=float(block.soh_average),
        cycles=block.cycles_average,
        temperature=celsius(block.cell_average_dk),
        cell_voltage_max=block.cell_max_mv / 1000,
        cell_voltage_min=block.cell_min_mv / 1000,
        cell_temperature_max=celsius(block.cell_max_dk),
        cell_temperature_min=celsius(block.cell_min_dk),
    )
    low, high = LOWEST_CELL_V, HIGHEST_CELL_V
    plausible = block.soc <= 100 and block.soh_average <= 100 and low <= block.cell_min_mv / 1000 < high
    in_order = block.cell_min_mv <= block.cell_max_mv < high * 1000 and block.cell_min_dk <= block.cell_max_dk
    if not (plausible and in_order):
        raise DecodeError("61 with values that cannot be true", raw=frame.to_bytes())
    return bank


def _system_alarm(frame: Frame) -> Bank:
    block = SYSTEM_ALARM.parse(frame.info)
    alarms = [alarm for name, bits in SYSTEM_BITS.items() for alarm in bit_alarms(block[name], bits, name)]
    return Bank(alarms=tuple(alarms))


def _system_limits(frame: Frame) -> Bank:
    block = MANAGEMENT.parse(frame.info)
    return Bank(**_limits(block), full_charge_requested=bool(block.status & 0x10))


_DECODERS: dict[PylontechCommand, Callable[[Frame], Bank]] = {
    PylontechCommand.PARAMETERS: _parameters,
    PylontechCommand.VERSION: _protocol_version,
    PylontechCommand.MANUFACTURER: _manufacturer,
    PylontechCommand.SYSTEM_BASIC: _system_basic,
    PylontechCommand.SYSTEM_ANALOG: _system_analog,
    PylontechCommand.SYSTEM_ALARM: _system_alarm,
    PylontechCommand.SYSTEM_LIMITS: _system_limits,
    PylontechCommand.PACK_COUNT: _pack_count,
    PylontechCommand.MANAGEMENT: _management,
    PylontechCommand.SERIAL: _serial,
    PylontechCommand.FIRMWARE: _firmware,
}
