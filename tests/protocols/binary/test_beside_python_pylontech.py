"""Beside python-pylontech: both read the same out of generated frames, but for what the document decides otherwise.

The documented differences: bits 5 and 4 of the status of 92 (it calls them 2 and 1, the document 1 and 2); the sign of
a discharge limit (ours is a magnitude); temperatures behind the fifth (the sixth is the MOSFETs' here).
"""

import struct
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pylontech import Pylontech

from pylon2mqtt.model import Bank, Module
from pylon2mqtt.protocols import registry
from pylon2mqtt.protocols.binary.frame import Frame

ADDRESS = 3
cells = st.lists(st.integers(2500, 3650), min_size=13, max_size=16)
temperatures = st.lists(st.integers(2731 - 200, 2731 + 600), min_size=5, max_size=6)
words = st.text(st.characters(min_codepoint=0x30, max_codepoint=0x5A), min_size=1)


@st.composite
def modules(draw: st.DrawFn, *, wide: bool | None = None) -> bytes:
    """The block of one module in 42, as the document draws it, with values that can be true."""
    volts, celsius = draw(cells), draw(temperatures)
    in_24_bits = draw(st.booleans()) if wide is None else wide
    full = draw(st.integers(66_000, 400_000) if in_24_bits else st.integers(40_000, 65_000))
    remaining = draw(st.integers(0, full))
    current, cycles = draw(st.integers(-1000, 1000)), draw(st.integers(0, 6000))
    head = struct.pack(f">B{len(volts)}hB{len(celsius)}Hh", len(volts), *volts, len(celsius), *celsius, current)
    narrow = (0xFFFF, 4, 0xFFFF) if in_24_bits else (remaining, 2, full)
    tail = remaining.to_bytes(3) + full.to_bytes(3) if in_24_bits else b""
    return head + struct.pack(">HHBHH", sum(volts), *narrow, cycles) + tail


def ours(command: int, info: bytes, *, asked: bytes = b"") -> Bank:
    answer = Frame(address=ADDRESS, cid2=0, info=info).to_bytes()
    question = Frame(address=ADDRESS, cid2=command, info=asked or bytes([ADDRESS])).to_bytes()
    return registry.decode("rs485", answer, question.decode())


def theirs(layout: Any, info: bytes, *, skip: int = 0) -> Any:
    """What their layout reads of the INFO that their framing takes out of the bytes on the line."""
    reader = Pylontech.__new__(Pylontech)  # its constructor opens a port
    raw = Frame(address=ADDRESS, cid2=0, info=info).to_bytes()
    frame = reader._decode_frame(reader._decode_hw_frame(raw))
    return layout.parse(frame.info[skip:])


def values(module: Module) -> tuple[Any, ...]:
    return (
        [cell.voltage for cell in module.cells or ()],
        module.temperature,
        module.temperatures,
        module.current,
        module.voltage,
        module.remaining_capacity,
        module.full_capacity,
        module.cycles,
    )


def their_values(module: Any) -> tuple[Any, ...]:
    return (
        list(module.CellVoltages),
        module.AverageBMSTemperature,
        tuple(module.GroupedCellsTemperatures)[:4],
        module.Current,
        module.Voltage,
        module.RemainingCapacity,
        module.TotalCapacity,
        module.CycleNumber,
    )


@settings(max_examples=300, deadline=None)
@given(block=modules())
def test_42(block: bytes) -> None:
    info = bytes([0x11, ADDRESS]) + block
    (module,) = ours(0x42, info).modules
    told = theirs(Pylontech.get_values_single_fmt, info, skip=1)
    assert values(module) == their_values(told)
    assert told.NumberOfModule == module.address


@settings(max_examples=150, deadline=None)
@given(blocks=st.lists(modules(), min_size=1, max_size=8))
def test_42_of_all_modules(blocks: Sequence[bytes]) -> None:
    info = bytes([0x00, len(blocks)]) + b"".join(blocks)
    bank = ours(0x42, info, asked=b"\xff")
    told = theirs(Pylontech.get_values_fmt, info, skip=1)
    assert [values(module) for module in bank.modules] == [their_values(module) for module in told.Module]


PARAMETERS = (
    "CellHighVoltageLimit",
    "CellLowVoltageLimit",
    "CellUnderVoltageLimit",
    "ChargeHighTemperatureLimit",
    "ChargeLowTemperatureLimit",
    "ChargeCurrentLimit",
    "ModuleHighVoltageLimit",
    "ModuleLowVoltageLimit",
    "ModuleUnderVoltageLimit",
    "DischargeHighTemperatureLimit",
    "DischargeLowTemperatureLimit",
    "DischargeCurrentLimit",
)


@settings(max_examples=150, deadline=None)
@given(numbers=st.lists(st.integers(1, 0x7FFF), min_size=12, max_size=12))
def test_47(numbers: list[int]) -> None:
    info = b"\x00" + struct.pack(">12h", *numbers)
    told = theirs(Pylontech.system_parameters_fmt, info, skip=1)
    assert list((ours(0x47, info).modules[0].parameters or {}).values()) == [told[name] for name in PARAMETERS]


@settings(max_examples=150, deadline=None)
@given(
    volts=st.tuples(st.integers(50_000, 60_000), st.integers(40_000, 48_000)),
    amperes=st.tuples(st.integers(0, 3000), st.integers(-3000, 0)),
    status=st.integers(0, 0xFF),
)
def test_92(volts: tuple[int, int], amperes: tuple[int, int], status: int) -> None:
    info = bytes([ADDRESS]) + struct.pack(">HHhhB", *volts, *amperes, status)
    (module,) = ours(0x92, info).modules
    told = theirs(Pylontech.management_info_fmt, info, skip=1)
    assert module.charge_voltage_limit == told.ChargeVoltageLimit
    assert module.discharge_voltage_limit == told.DischargeVoltageLimit
    assert module.charge_current_limit == told.ChargeCurrentLimit
    assert module.discharge_current_limit == abs(told.DischargeCurrentLimit)
    assert (module.charge_enabled, module.discharge_enabled) == (told.status.ChargeEnable, told.status.DischargeEnable)
    assert module.full_charge_requested == told.status.FullChargeRequest
    assert (module.force_charge_1, module.force_charge_2) == (
        told.status.ChargeImmediately2,
        told.status.ChargeImmediately1,
    ), "the document has them the other way round"


@settings(max_examples=100, deadline=None)
@given(text=words)
def test_93(text: str) -> None:
    barcode = text[:16].ljust(16, "0")
    info = bytes([ADDRESS]) + barcode.encode()
    told = theirs(Pylontech.module_serial_number_fmt, info)
    assert ours(0x93, info).modules[0].barcode == told.ModuleSerialNumber.decode()


@settings(max_examples=100, deadline=None)
@given(device=words, maker=words, software=st.tuples(st.integers(0, 99), st.integers(0, 99)))
def test_51(device: str, maker: str, software: tuple[int, int]) -> None:
    info = device[:10].encode().ljust(10, b"\0") + bytes(software) + maker[:20].encode().ljust(20, b"-")
    bank = ours(0x51, info)
    told = theirs(Pylontech.manufacturer_info_fmt, info)
    assert bank.model == told.DeviceName.decode().rstrip("\0")
    assert bank.manufacturer == told.ManufacturerName.decode().rstrip("-")
    assert bank.firmware == ".".join(map(str, told.SoftwareVersion))


def test_a_difference_would_show() -> None:
    """The comparison itself: with another scale of ours it fails."""
    info = bytes([0, ADDRESS]) + struct.pack(">B15hB5Hh", 15, *[3300] * 15, 5, *[2981] * 5, 100)
    info += struct.pack(">HHBHH", 49_500, 40_000, 2, 50_000, 7)
    (module,) = ours(0x42, info).modules
    told = theirs(Pylontech.get_values_single_fmt, info, skip=1)
    told.Current *= 10
    with pytest.raises(AssertionError):
        assert values(module) == their_values(told)
