"""PACE's INFO: every bit at its position, every tail, and what cannot be true."""

import struct
from dataclasses import replace
from typing import Any

import pytest

from pylon2mqtt.errors import DecodeError
from pylon2mqtt.model import Alarm, AlarmKind, Bank, Module, Severity, State
from pylon2mqtt.protocols.binary.dialects import PACE
from pylon2mqtt.protocols.binary.dialects.pace import decode
from pylon2mqtt.protocols.binary.frame import Frame

K, W, P, F = AlarmKind, Severity.WARNING, Severity.PROTECTION, Severity.FAULT
CELLS = [3300] * 16
WARM = [2730 + 250] * 6


def pack(cells: list[int] = CELLS, temperatures: list[int] = WARM, *, tail: bytes = b"", **other: int) -> bytes:
    info = struct.pack(f">B{len(cells)}H", len(cells), *cells)
    info += struct.pack(f">B{len(temperatures)}H", len(temperatures), *temperatures)
    numbers = (other.get("current", 0), other.get("voltage", sum(cells)), other.get("remaining", 5000))
    return info + struct.pack(">hHHBHHH", *numbers, other.get("items", 3), 10_000, 99, 10_000) + tail


def told(command: int, info: bytes, *, all_modules: bool = False) -> Bank:
    asked = PACE.question(command, 1, all_modules=all_modules)
    return decode(Frame(version=0x25, address=1, cid2=0, info=info), asked)


def analog(*blocks: bytes) -> tuple[Module, ...]:
    if len(blocks) == 1:
        return told(0x42, b"\x00\x01" + blocks[0]).modules
    return told(0x42, bytes((0, len(blocks))) + b"".join(blocks), all_modules=True).modules


def states(**other: int | bytes) -> bytes:
    names = ("protect1", "protect2", "system", "control", "fault", "balance1", "balance2", "warn1", "warn2")
    head = bytes([16, *other.get("cells", bytes(16)), 6, *other.get("temperatures", bytes(6))])  # type: ignore[misc]
    head += other.get("module", bytes(3))  # type: ignore[operator]
    return head + bytes(int(other.get(name, 0)) for name in names)


def alarm(**other: int | bytes) -> Module:
    return told(0x44, b"\x00\x01" + states(**other)).modules[0]


def alarms(**other: int | bytes) -> list[tuple[AlarmKind, Severity, int | None]]:
    return [(a.kind, a.severity, next(iter(a.cells), None)) for a in alarm(**other).alarms or ()]


class TestAnalog:
    def test_scales(self) -> None:
        (module,) = analog(pack(current=-225, remaining=4819))
        assert (module.current, module.voltage, module.remaining_capacity) == (-2.25, 52.8, 48.19)
        assert (module.full_capacity, module.cycles, module.soc, module.soh) == (100.0, 99, None, None)
        assert (module.number, module.address, module.state) == (1, 1, State.DISCHARGING)

    def test_four_groups_the_mosfets_and_the_surroundings(self) -> None:
        (module,) = analog(pack(temperatures=[2731, 2732, 2733, 2734, 3030, 2930]))
        assert module.temperatures == (0.1, 0.2, 0.3, 0.4)
        assert (module.mos_temperature, module.ambient_temperature) == (30.0, 20.0)

    def test_eight_temperatures(self) -> None:
        (module,) = analog(pack(temperatures=[*WARM, 2740, 2750]))
        assert module.temperatures == (25.0, 25.0, 25.0, 25.0, 1.0, 2.0)

    @pytest.mark.parametrize(
        ("tail", "soc", "soh"),
        [
            (b"", None, None),
            (b"\x32", 50, None),
            (bytes(8), None, None),
            (b"\x32" + bytes(8) + b"\x61" + bytes(4), 50, 97),
        ],
    )
    def test_the_tails_that_are_known(self, tail: bytes, soc: int | None, soh: int | None) -> None:
        for items in (2, 3, 4, 9):
            (module,) = analog(pack(tail=tail, items=items))
            assert (module.soc, module.soh) == (soc, soh)

    @pytest.mark.parametrize("length", [2, 3, 7, 9, 13, 15, 30])
    @pytest.mark.parametrize("packs", [1, 3])
    def test_a_tail_that_is_not_known_costs_only_itself(self, length: int, packs: int) -> None:
        told = analog(*[pack(tail=bytes(range(7, 7 + length)))] * packs)
        assert told == tuple(replace(module, soc=None) for module in analog(*[pack()] * packs))

    def test_what_may_be_another_pack_is_no_tail(self) -> None:
        with pytest.raises(DecodeError, match="31 bytes behind the design capacity are not known"):
            analog(pack(tail=bytes(31)))

    def test_packs_with_different_tails_and_temperatures_stand_in_one_answer(self) -> None:
        one, two, three = pack(tail=b"\x32"), pack([3400] * 15, [*WARM, 2740, 2740]), pack(tail=b"\x31" + bytes(13))
        told = analog(one, two, three)
        assert [(m.number, m.voltage, m.soc) for m in told] == [(1, 52.8, 50), (2, 51.0, None), (3, 52.8, 49)]

    def test_a_count_that_is_not_true_is_refused(self) -> None:
        for count in (0, 1, 3, 255):
            with pytest.raises(DecodeError):
                told(0x42, bytes((0, count)) + pack() + pack(), all_modules=True)

    def test_cells_with_more_voltage_than_lfp_come_across_4095_mv(self) -> None:
        assert len(analog(pack([4095, *[4090] * 12]))[0].cells or ()) == 13
        with pytest.raises(DecodeError, match=r"4\.095"):
            analog(pack([4095, *[3300] * 15]))

    @pytest.mark.parametrize(
        "other",
        [
            {"voltage": 53_200},
            {"remaining": 11_001},
            {"cells": [4500] * 14},
            {"temperatures": [4000] * 6},
            {"cells": []},
        ],
    )
    def test_what_cannot_be_true_is_refused(self, other: dict[str, Any]) -> None:
        with pytest.raises(DecodeError):
            analog(pack(**other))

    def test_more_than_full_is_refused(self) -> None:
        with pytest.raises(DecodeError):
            analog(pack(tail=b"\x65"))


class TestAlarm:
    @pytest.mark.parametrize(
        ("name", "bit", "kind", "severity"),
        [
            *(("protect1", bit, kind, P) for bit, kind in enumerate(
                (K.CELL_OVERVOLTAGE, K.CELL_UNDERVOLTAGE, K.MODULE_OVERVOLTAGE, K.MODULE_UNDERVOLTAGE,
                 K.CHARGE_OVERCURRENT, K.DISCHARGE_OVERCURRENT, K.SHORT_CIRCUIT, K.OVERVOLTAGE))),
            *(("protect2", bit, kind, P) for bit, kind in enumerate(
                (K.CHARGE_OVERTEMPERATURE, K.DISCHARGE_OVERTEMPERATURE, K.CHARGE_UNDERTEMPERATURE,
                 K.DISCHARGE_UNDERTEMPERATURE, K.MOSFET_OVERTEMPERATURE, K.OVERTEMPERATURE, K.UNDERTEMPERATURE))),
            *(("fault", bit, kind, F) for bit, kind in enumerate(
                (K.RELAY_FAULT, K.RELAY_FAULT, K.SENSOR_FAULT, K.OTHER, K.CELL_FAULT, K.SENSOR_FAULT, K.OTHER,
                 K.OTHER))),
            *(("warn1", bit, kind, W) for bit, kind in enumerate(
                (K.CELL_OVERVOLTAGE, K.CELL_UNDERVOLTAGE, K.MODULE_OVERVOLTAGE, K.MODULE_UNDERVOLTAGE,
                 K.CHARGE_OVERCURRENT, K.DISCHARGE_OVERCURRENT, K.OTHER, K.OTHER))),
            *(("warn2", bit, kind, W) for bit, kind in enumerate(
                (K.CHARGE_OVERTEMPERATURE, K.DISCHARGE_OVERTEMPERATURE, K.CHARGE_UNDERTEMPERATURE,
                 K.DISCHARGE_UNDERTEMPERATURE, K.OVERTEMPERATURE, K.UNDERTEMPERATURE, K.MOSFET_OVERTEMPERATURE,
                 K.LOW_SOC))),
            ("system", 4, K.OTHER, F),
        ],
    )  # fmt: skip
    def test_each_bit(self, name: str, bit: int, kind: AlarmKind, severity: Severity) -> None:
        assert alarms(**{name: 1 << bit}) == [(kind, severity, None)]

    def test_a_full_battery_is_no_alarm(self) -> None:
        assert alarms(protect2=0x80) == []

    def test_switches_and_control_are_no_alarms(self) -> None:
        module = alarm(system=0x06, control=0xFF)
        assert (module.charge_enabled, module.discharge_enabled, module.alarms) == (True, True, ())
        assert (alarm(system=0x04).charge_enabled, alarm(system=0x02).discharge_enabled) == (False, False)

    def test_states_say_which_cell(self) -> None:
        cells = bytes([0, 0x01, 0x02, 0xF0, 0x85, *bytes(11)])
        assert alarms(cells=cells) == [
            (K.CELL_UNDERVOLTAGE, W, 2),
            (K.CELL_OVERVOLTAGE, W, 3),
            (K.CELL_FAULT, F, 4),
            (K.OTHER, W, 5),
        ]

    def test_the_fifth_temperature_is_the_mosfets(self) -> None:
        assert alarms(temperatures=bytes([2, 0, 0, 0, 2, 1])) == [
            (K.OVERTEMPERATURE, W, None),
            (K.MOSFET_OVERTEMPERATURE, W, None),
            (K.UNDERTEMPERATURE, W, None),
        ]

    def test_one_thing_is_told_once(self) -> None:
        """The state of a cell and the bit of the warning say the same; that of the protection says more."""
        told = alarms(cells=bytes([2, *bytes(15)]), warn1=0x01, protect1=0x01)
        assert told == [(K.CELL_OVERVOLTAGE, W, 1), (K.CELL_OVERVOLTAGE, P, None)]

    def test_the_first_byte_of_balance_is_of_cells_1_to_8(self) -> None:
        bled = [c.number for c in alarm(balance1=0x81, balance2=0x02).cells or () if c.balancing]
        assert bled == [1, 8, 10]

    def test_a_byte_more_behind_each_pack(self) -> None:
        info = b"\x00\x02" + states() + b"\x08" + states(warn1=1) + b"\x00"
        first, second = told(0x44, info, all_modules=True).modules
        assert (first.number, first.alarms, second.number) == (1, (), 2)
        assert [a.kind for a in second.alarms or ()] == [K.CELL_OVERVOLTAGE]
        for wrong in (info[:-1], info + b"\x00\x00\x00"):
            with pytest.raises(DecodeError):
                told(0x44, wrong, all_modules=True)

    def test_codes_are_the_devices_own(self) -> None:
        assert alarm(fault=0x10).alarms == (Alarm(kind=K.CELL_FAULT, severity=F, code="0x10", text="fault bit 4"),)


class TestTheOthers:
    def test_capacity(self) -> None:
        asked = Frame(version=0x25, address=2, cid2=0xA6)
        (module,) = decode(Frame(version=0x25, address=2, cid2=0, info=struct.pack(">HHH", 1, 2, 3)), asked).modules
        assert (module.number, module.remaining_capacity, module.full_capacity) == (2, 0.01, 0.02)

    def test_count(self) -> None:
        assert told(0x90, b"\x05").module_count == 5

    @pytest.mark.parametrize("made", [b"", b"Mar 30 2022,18:18:16"])
    def test_barcode_with_its_date_or_without(self, made: bytes) -> None:
        assert told(0xC2, b"1B470102170999D     " + made).modules[0].barcode == "1B470102170999D"

    @pytest.mark.parametrize("command", [0x90, 0xC1, 0xC2])
    @pytest.mark.parametrize("info", [b"", b"\x01\x02", bytes(21), b"\xff" * 20, b"\xff" * 40])
    def test_other_layouts_are_refused(self, command: int, info: bytes) -> None:
        with pytest.raises(DecodeError):
            told(command, info)


@pytest.mark.parametrize("packs", [1, 2, 5])
def test_each_pack_may_end_with_a_byte_more_in_44(packs: int) -> None:
    """Two or more packs with a byte more each: the first layout runs out of bytes, and the second one is tried."""
    block = bytes([16, *bytes(16), 6, *bytes(6), *bytes(3), *bytes(2), 0x06, *bytes(6), 0x31])
    modules = told(0x44, bytes((0, packs)) + block * packs, all_modules=True).modules
    assert [module.number for module in modules] == list(range(1, packs + 1))
    assert {(module.charge_enabled, module.alarms) for module in modules} == {(True, ())}
