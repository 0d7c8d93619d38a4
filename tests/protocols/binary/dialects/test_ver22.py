"""INFO of the 1363 family: scales, every bit at its position, what firmwares append; that nothing can be written."""

import struct

import pytest

from pylon2mqtt.errors import DecodeError, FrameError
from pylon2mqtt.model import AlarmKind, Module, Severity, State
from pylon2mqtt.protocols import registry
from pylon2mqtt.protocols.binary.dialects import VER22, decoded
from pylon2mqtt.protocols.binary.frame import Frame

K, W, P, F = AlarmKind, Severity.WARNING, Severity.PROTECTION, Severity.FAULT
MAKER, CAPACITIES = 0xB003, 0xB004
CELLS = [3300] * 16
# Behind the switches: protections and alarms of cells 1 to 16, who is bled, the same of cells 17 to 32, and the rest.
REST = bytes(23)


def analog(
    *, cells: list[int] = CELLS, soc: int = 7760, current: int = -822, words: tuple[int, ...] = (0, 0, 0, 0, 3),
    rest: bytes = REST, volts: int | None = None,
) -> bytes:  # fmt: skip
    head = struct.pack(f">BHHB{len(cells)}H", 0, soc, volts or sum(cells) // 10, len(cells), *cells)
    temperatures = struct.pack(">hhhB4h", -52, 215, 300, 4, 201, 202, 203, 204)
    return head + temperatures + struct.pack(">hHHBHHH5H", current, 0, 98, 1, 28_000, 21_728, 71, *words) + rest


def told(command: int, info: bytes) -> Module:
    asked = VER22.question(command, 2)
    return decoded(Frame(version=0x22, cid1=0x4A, address=2, cid2=0, info=info), asked).modules[0]


def alarms(module: Module) -> list[tuple[AlarmKind, Severity, tuple[int, ...]]]:
    return [(alarm.kind, alarm.severity, alarm.cells) for alarm in module.alarms or ()]


def test_scales() -> None:
    module = told(0x42, analog())
    assert (module.number, module.address) == (2, 2)
    assert (module.voltage, module.current, module.soc, module.soh) == (52.8, -8.22, 77.6, 98.0)
    assert (module.remaining_capacity, module.full_capacity, module.cycles) == (217.28, 280.0, 71)
    assert (module.ambient_temperature, module.temperature, module.mos_temperature) == (-5.2, 21.5, 30.0)
    assert module.temperatures == (20.1, 20.2, 20.3, 20.4)
    assert (module.state, module.charge_enabled, module.discharge_enabled) == (State.DISCHARGING, True, True)
    assert [cell.voltage for cell in module.cells or ()] == [3.3] * 16
    assert module.alarms == ()


@pytest.mark.parametrize(("current", "state"), [(1, State.CHARGING), (0, State.IDLE), (-1, State.DISCHARGING)])
def test_the_state_follows_from_the_current(current: int, state: State) -> None:
    assert told(0x42, analog(current=current)).state is state


VOLTAGES = [K.CELL_OVERVOLTAGE, K.CELL_UNDERVOLTAGE, K.MODULE_OVERVOLTAGE, K.MODULE_UNDERVOLTAGE]
TEMPERATURES = [
    *(K.CHARGE_OVERTEMPERATURE, K.CHARGE_UNDERTEMPERATURE, K.DISCHARGE_OVERTEMPERATURE),
    *(K.DISCHARGE_UNDERTEMPERATURE, K.OVERTEMPERATURE, K.UNDERTEMPERATURE, K.MOSFET_OVERTEMPERATURE),
]
BITS = [
    *((0, bit, kind, P) for bit, kind in enumerate(VOLTAGES)),
    *((0, bit, kind, W) for bit, kind in enumerate(VOLTAGES, 4)),
    *((0, 8, K.CELL_IMBALANCE, W), (0, 13, K.SYSTEM_FAULT, F), (0, 14, K.CELL_IMBALANCE, P)),
    *((1, 2, K.CHARGE_OVERCURRENT, P), (1, 3, K.SHORT_CIRCUIT, P), (1, 4, K.DISCHARGE_OVERCURRENT, P)),
    *((1, 5, K.DISCHARGE_OVERCURRENT, P), (1, 6, K.CHARGE_OVERCURRENT, W), (1, 7, K.DISCHARGE_OVERCURRENT, W)),
    *((2, bit, kind, P) for bit, kind in enumerate(TEMPERATURES)),
    *((2, bit, kind, W) for bit, kind in enumerate(TEMPERATURES, 8)),
    *((3, bit, K.SYSTEM_FAULT, F) for bit in range(1, 7)),
    (3, 7, K.LOW_SOC, W),
]


@pytest.mark.parametrize("word", range(4))
def test_every_bit_is_at_its_place_and_the_others_are_no_alarm(word: int) -> None:
    for bit in range(16):
        words = [0, 0, 0, 0, 3]
        words[word] = 1 << bit
        expected = [(kind, severity, ()) for w, b, kind, severity in BITS if (w, b) == (word, bit)]
        assert alarms(told(0x42, analog(words=tuple(words)))) == expected


@pytest.mark.parametrize(("switches", "charge", "discharge"), [(0, False, False), (1, True, False), (2, False, True)])
def test_switches(switches: int, charge: bool, discharge: bool) -> None:
    module = told(0x42, analog(words=(0, 0, 0, 0, switches)))
    assert (module.charge_enabled, module.discharge_enabled) == (charge, discharge)


def test_alarms_of_cells_say_of_which_and_balancing_too() -> None:
    rest = struct.pack(">5H", 0b10, 0b100, 0b1000, 0b10001, 0x8001) + bytes(13)
    module = told(0x42, analog(rest=rest, words=(0b11, 0, 0, 0, 3)))
    assert alarms(module) == [
        (K.CELL_OVERVOLTAGE, P, (2,)),
        (K.CELL_UNDERVOLTAGE, P, (3,)),
        (K.CELL_OVERVOLTAGE, W, (4,)),
        (K.CELL_UNDERVOLTAGE, W, (1, 5)),
    ], "the words of voltages say the same again, without cells"
    assert [cell.number for cell in module.cells or () if cell.balancing] == [1, 16]


@pytest.mark.parametrize("rest", [b"", bytes(9), bytes(23), bytes(40)], ids=["none", "part", "known", "more"])
def test_firmwares_append(rest: bytes) -> None:
    module = told(0x42, analog(rest=rest))
    assert (module.voltage, module.alarms) == (52.8, ())
    assert {cell.balancing for cell in module.cells or ()} == {False if len(rest) >= 10 else None}


@pytest.mark.parametrize(
    "wrong",
    [{"volts": 5380}, {"soc": 10_100}, {"soc": 5_000}, {"cells": [4500] * 12}],
    ids=["sum", "101", "soc", "cells"],
)
def test_what_cannot_be_true_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(DecodeError):
        told(0x42, analog(**wrong))  # type: ignore[arg-type]


@pytest.mark.parametrize("length", range(0, 76, 5))
def test_what_is_cut_is_refused(length: int) -> None:
    with pytest.raises(DecodeError):
        told(0x42, analog()[:length])


def test_47_names_the_pack_and_its_limits() -> None:
    limits = struct.pack(">BHHhhHHHHHHHH", 0, 3650, 2800, 60, -10, 10_000, 5840, 4480, 16, 10_000, 28_000, 60, 0)
    module = told(0x47, limits + b"PACK0000000000000017" + b"BOARD".ljust(20, b"\0"))
    assert (module.barcode, module.rated_capacity) == ("PACK0000000000000017", 280.0)
    assert module.parameters == {
        "cell_high_voltage_limit": 3.65,
        "cell_low_voltage_limit": 2.8,
        "charge_high_temperature_limit": 60.0,
        "charge_low_temperature_limit": -10.0,
        "charge_current_limit": 100.0,
    }
    assert told(0x47, limits + bytes(20) + b"BOARD".ljust(20, b"\0")).barcode == "BOARD"


def test_51_and_b0() -> None:
    module = told(0x51, b"DR48100JC\0" + b"PRODUCT\0\0\0" + b"PROJECT\0\0\0" + bytes((1, 2, 30)))
    assert (module.model, module.firmware) == ("DR48100JC", "01.02.30")
    module = told(MAKER, bytes(6) + b"SERIAL".ljust(30, b"\0") + bytes(60) + bytes((24, 5, 17)) + b"Daren".ljust(20))
    assert (module.manufacturer, module.barcode) == ("Daren", "SERIAL")
    module = told(CAPACITIES, bytes(6) + struct.pack(">HHHIIHH", 5000, 10_000, 10_000, 7000, 6900, 3500, 3400))
    assert (module.rated_capacity, module.counters) == (100.0, {"charged_ah": 7000.0, "discharged_ah": 6900.0})


def test_requests_are_as_the_public_drivers_send_them() -> None:
    assert VER22.question(0x42, 1).to_bytes() == b"~22014A42E00201FD28\r"
    assert VER22.question(0x47, 1).to_bytes() == b"~22014A47E00201FD23\r"
    assert VER22.question(0x51, 1).to_bytes() == b"~22014A510000FDA0\r"
    assert VER22.question(MAKER, 1).to_bytes() == b"~22014AB0600A010103FF00FB6C\r"
    assert VER22.question(CAPACITIES, 1).to_bytes() == b"~22014AB0600A010104FF00FB6B\r"


@pytest.mark.parametrize("command", [0xB0, 0xB001, 0xB002, 0xB005, 0xB0FF, 0xB103])
def test_nothing_else_of_b0_can_be_asked(command: int) -> None:
    with pytest.raises(ValueError, match="not a valid command"):
        VER22.question(command, 1)


@pytest.mark.parametrize(
    "info", [b"\x01\x00\x03\xff\x00", b"\x01\x02\x03\xff\x00", b"\x01\x01\x03\xfe\x00", b"\x01\x01\x03\xff", b""]
)
def test_an_answer_to_what_writes_is_not_decoded(info: bytes) -> None:
    asked = Frame(version=0x22, cid1=0x4A, address=1, cid2=0xB0, info=info).to_bytes()
    answer = Frame(version=0x22, cid1=0x4A, address=1, cid2=0, info=bytes(119)).to_bytes()
    with pytest.raises(FrameError, match="no command that this bridge asks"):
        registry.decode("rs485", answer, asked.decode())


@pytest.mark.parametrize(("command", "at", "length"), [(0x47, 25, 40), (MAKER, 6, 90)])
def test_every_barcode_is_hidden(command: int, at: int, length: int) -> None:
    info = bytes(range(1, at + 1)) + b"S" * length + bytes(23)
    asked = VER22.question(command, 1).to_bytes()
    answer = Frame(version=0x22, cid1=0x4A, address=1, cid2=0, info=info).to_bytes()
    hidden = Frame.parse(registry.scrub("rs485")(asked, answer, lambda _barcode: "X" * 30))
    assert hidden.info == info.replace(b"S", b"X")


def test_it_is_asked_last_of_all_on_a_line_that_nobody_named() -> None:
    ranks = {probe.title: probe.rank for probe in registry._probes()}
    assert ranks[VER22.title] == max(ranks.values())
