"""INFO of Seplos and EG4: every bit at its position, and how they are told from Pylontech's."""

import struct

import pytest

from pylon2mqtt.errors import DecodeError, FrameError
from pylon2mqtt.model import AlarmKind, Module, Severity, State
from pylon2mqtt.protocols import registry
from pylon2mqtt.protocols.binary.dialect import BinaryDialect
from pylon2mqtt.protocols.binary.dialects import EG4, PYLONTECH_RS485, SEPLOS, decoded
from pylon2mqtt.protocols.binary.frame import Frame

K, W, P, F = AlarmKind, Severity.WARNING, Severity.PROTECTION, Severity.FAULT
CELLS = [3300] * 16


def seplos_analog(cells: list[int] = CELLS, *, items: int = 10, soc: int = 776, volts: int | None = None) -> bytes:
    told = [2731 + 220, 2731 + 221, 2731 + 222, 2731 + 223, 2731 + 180, 2731 + 300]
    info = struct.pack(f">BBB{len(cells)}HB6H", 0, 1, len(cells), *cells, 6, *told)
    info += struct.pack(">hHHB", -822, sum(cells) // 10 if volts is None else volts, 21_735, items)
    return info + struct.pack(">HHHHHH", 28_000, soc, 28_000, 22, 1000, 5291) + bytes(8)


def seplos_alarm(events: bytes = bytes(20), cells: bytes = bytes(16), current: int = 0, voltage: int = 0) -> bytes:
    return bytes([0, 0, 16, *cells, 6, *bytes(6), current, voltage, 20]) + events


def eg4_alarm(events: bytes = bytes(13), mosfet: int = 0) -> bytes:
    return bytes([0x10, 1, 16, *bytes(16), 4, *bytes(4), 0, mosfet, 0, 0, 9]) + events


def told(dialect: BinaryDialect, command: int, info: bytes) -> Module:
    asked = dialect.question(command, 1)
    answer = Frame(version=dialect.version, address=1, cid1=dialect.cid1, cid2=0, info=info)
    return decoded(answer, asked).modules[0]


def at(place: int, bit: int, length: int) -> bytes:
    return bytes(1 << bit if n == place else 0 for n in range(length))


def alarms(module: Module) -> list[tuple[AlarmKind, Severity, int | None]]:
    return [(a.kind, a.severity, next(iter(a.cells), None)) for a in module.alarms or ()]


VOLTAGE = [(kind, severity) for kind in (K.CELL_OVERVOLTAGE, K.CELL_UNDERVOLTAGE, K.MODULE_OVERVOLTAGE, K.MODULE_UNDERVOLTAGE) for severity in (W, P)]  # fmt: skip  # noqa: E501
TEMPERATURE = [(kind, severity) for kind in (K.CHARGE_OVERTEMPERATURE, K.CHARGE_UNDERTEMPERATURE, K.DISCHARGE_OVERTEMPERATURE, K.DISCHARGE_UNDERTEMPERATURE) for severity in (W, P)]  # fmt: skip  # noqa: E501
CURRENT = [
    *((K.CHARGE_OVERCURRENT, W), (K.CHARGE_OVERCURRENT, P), (K.DISCHARGE_OVERCURRENT, W), (K.DISCHARGE_OVERCURRENT, P)),
    *((K.OVERCURRENT, P), (K.SHORT_CIRCUIT, P), (K.OVERCURRENT, F), (K.SHORT_CIRCUIT, F)),
]
AMBIENT = [(K.OVERTEMPERATURE, W), (K.OVERTEMPERATURE, P), (K.UNDERTEMPERATURE, W), (K.UNDERTEMPERATURE, P)]


class TestSeplos:
    def test_scales(self) -> None:
        module = told(SEPLOS, 0x42, seplos_analog())
        assert (module.voltage, module.current, module.soc, module.soh) == (52.8, -8.22, 77.6, 100.0)
        assert (module.remaining_capacity, module.full_capacity, module.cycles) == (217.35, 280.0, 22)
        assert module.temperatures == (22.0, 22.1, 22.2, 22.3)
        assert (module.ambient_temperature, module.mos_temperature) == (18.0, 30.0)
        assert (module.number, module.address) == (2, 1)

    @pytest.mark.parametrize("count", [8, 14, 15, 16])
    def test_8_to_16_cells(self, count: int) -> None:
        assert len(told(SEPLOS, 0x42, seplos_analog([3300] * count)).cells or ()) == count

    @pytest.mark.parametrize(
        "other", [{"soc": 1001}, {"volts": 5330}, {"items": 11}, {"cells": [0] * 16, "volts": 5000}]
    )
    def test_what_cannot_be_true_is_refused(self, other: dict[str, int]) -> None:
        with pytest.raises(DecodeError):
            told(SEPLOS, 0x42, seplos_analog(**other))  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("event", "bits"),
        [
            (0, [(K.SENSOR_FAULT, F)] * 3 + [(K.OTHER, F), (K.CELL_IMBALANCE, F)] + [(K.RELAY_FAULT, F)] * 3),
            (1, VOLTAGE),
            (2, TEMPERATURE),
            (3, [*AMBIENT, (K.MOSFET_OVERTEMPERATURE, P), (K.MOSFET_OVERTEMPERATURE, W), None, None]),
            (4, CURRENT),
            (
                5,
                [
                    *((K.OVERVOLTAGE, P), None, (K.LOW_SOC, W), (K.LOW_SOC, P)),
                    *((K.CELL_UNDERVOLTAGE, F), (K.OTHER, P), (K.OTHER, F), None),
                ],
            ),
            (12, [None] * 8),
            (13, [*[(K.SYSTEM_FAULT, F)] * 2, *[(K.OTHER, W)] * 3, None, None, None]),
        ],
    )
    def test_each_bit_of_the_events(self, event: int, bits: list[tuple[AlarmKind, Severity] | None]) -> None:
        for bit, means in enumerate(bits):
            expected = [] if means is None else [(*means, None)]
            assert alarms(told(SEPLOS, 0x44, seplos_alarm(at(event, bit, 20)))) == expected

    def test_states_switches_balance_and_broken_wires(self) -> None:
        module = told(SEPLOS, 0x44, seplos_alarm(bytes([*bytes(6), 0x02, 0x01, 0x80, 0x01, 0x00, 0x01, *bytes(8)])))
        assert (module.charge_enabled, module.discharge_enabled, module.state) == (True, False, State.DISCHARGING)
        assert [c.number for c in module.cells or () if c.balancing] == [1, 16]
        assert alarms(module) == [(K.SENSOR_FAULT, F, 9)]
        cells = told(SEPLOS, 0x44, seplos_alarm(cells=bytes([1, 2, *bytes(14)]), current=2, voltage=1))
        assert alarms(cells) == [
            (K.CELL_UNDERVOLTAGE, W, 1),
            (K.CELL_OVERVOLTAGE, W, 2),
            (K.OVERCURRENT, W, None),
            (K.MODULE_UNDERVOLTAGE, W, None),
        ]

    @pytest.mark.parametrize(
        ("system", "state"),
        [(0x01, State.DISCHARGING), (0x02, State.CHARGING), (0x04, State.CHARGING), (0x10, State.IDLE), (0x20, None)],
    )
    def test_its_state(self, system: int, state: State | None) -> None:
        assert told(SEPLOS, 0x44, seplos_alarm(bytes([*bytes(9), system, *bytes(10)]))).state is state


class TestEg4:
    @pytest.mark.parametrize(
        ("event", "bits"),
        [
            (0, [None, None, None, None, (K.CELL_IMBALANCE, W), (K.RELAY_FAULT, F), (K.RELAY_FAULT, F), None]),
            (1, VOLTAGE),
            (2, [*AMBIENT, (K.MOSFET_OVERTEMPERATURE, P), (K.SYSTEM_FAULT, F), None, None]),
            (3, TEMPERATURE),
            (4, CURRENT),
            (5, [(K.LOW_SOC, W), *[None] * 7]),
        ],
    )
    def test_each_bit_of_the_events(self, event: int, bits: list[tuple[AlarmKind, Severity] | None]) -> None:
        for bit, means in enumerate(bits):
            expected = [] if means is None else [(*means, None)]
            assert alarms(told(EG4, 0x44, eg4_alarm(at(event, bit, 13)))) == expected

    def test_switches_state_and_balance(self) -> None:
        module = told(EG4, 0x44, eg4_alarm(bytes([*bytes(6), 0x03, 0x02, 0, 0, 0x80, 0x01, 0])))
        assert (module.charge_enabled, module.discharge_enabled, module.state) == (True, True, State.CHARGING)
        assert [c.number for c in module.cells or () if c.balancing] == [1, 16]

    def test_the_state_of_the_mosfets(self) -> None:
        assert alarms(told(EG4, 0x44, eg4_alarm(mosfet=2))) == [(K.MOSFET_OVERTEMPERATURE, W, None)]


class TestTellingThemApart:
    def test_10_user_defined_items_are_seplos(self) -> None:
        assert told(PYLONTECH_RS485, 0x42, seplos_analog()).soc == 77.6

    def test_the_length_of_44_tells_seplos_from_pylontech(self) -> None:
        pylontech = bytes([0, 2, 15, *bytes(15), 5, *bytes(5), *bytes(3), 0, 0x0E, 0x80, 0, 0])
        assert told(PYLONTECH_RS485, 0x44, pylontech).charge_enabled is None
        assert told(PYLONTECH_RS485, 0x44, seplos_alarm()).charge_enabled is False

    @pytest.mark.parametrize(
        ("version", "cid1"), [(0x12, 0x46), (0x22, 0x46), (0x26, 0x46), (0x25, 0x4A), (0x21, 0x46), (0x20, 0x4E)]
    )
    def test_what_is_not_known_is_refused_with_its_bytes(self, version: int, cid1: int) -> None:
        answer = Frame(version=version, address=1, cid1=cid1, cid2=0, info=seplos_analog())
        asked = Frame(version=version, address=1, cid1=cid1, cid2=0x42, info=b"\x01")
        with pytest.raises(DecodeError, match="is not known: send a recording") as caught:
            registry.decode("rs485", answer.to_bytes(), asked.to_bytes().decode())
        assert caught.value.raw == answer.to_bytes()

    def test_a_command_of_another_dialect_is_refused(self) -> None:
        answer = Frame(version=0x25, address=2, cid2=0, info=bytes(10))
        with pytest.raises(DecodeError, match="an answer to 92 with VER 25 and CID1 46 is not known"):
            registry.decode("rs485", answer.to_bytes(), PYLONTECH_RS485.question(0x92, 2).to_bytes().decode())

    def test_what_writes_is_not_decoded(self) -> None:
        for command in (0x94, 0x95, 0x99, 0x9A, 0x45, 0xD0):
            with pytest.raises(FrameError, match="is no command that this bridge asks"):
                registry.decode("rs232", b"~\r", Frame(address=1, cid2=command).to_bytes().decode())
