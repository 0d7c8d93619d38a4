"""Pylontech's INFO: every bit at its position, every bound, and what two answers say together."""

import struct

import pytest

from pylon2mqtt.errors import DecodeError
from pylon2mqtt.model import Alarm, AlarmKind, Bank, Module, Severity, State
from pylon2mqtt.protocols.binary.dialects.pylontech import decode_info, module_number
from pylon2mqtt.protocols.binary.dialects.pylontech_info import PylontechCommand
from pylon2mqtt.protocols.binary.frame import Frame


def analog_info(cells: list[int], temperatures: list[int], current: int = 0, **other: int) -> bytes:
    voltage = other.get("voltage", sum(cells))
    info = struct.pack(f">B{len(cells)}h", len(cells), *cells)
    info += struct.pack(f">B{len(temperatures)}H", len(temperatures), *temperatures)
    remaining, full = other.get("remaining", 37_000), other.get("full", 74_000)
    info += struct.pack(">hHHBHH", current, voltage & 0xFFFF, 0xFFFF, other.get("items", 4), 0xFFFF, 55)
    return info + remaining.to_bytes(3, "big") + full.to_bytes(3, "big")


def module(command: PylontechCommand, body: bytes, address: int = 2) -> Module:
    info = bytes((0, address)) + body
    return decode_info(command, Frame(address=address, cid2=0, info=info)).modules[0]


def bank(command: PylontechCommand, info: bytes, address: int = 2) -> Bank:
    return decode_info(command, Frame(address=address, cid2=0, info=info))


CELLS = [3300] * 15
WARM = [2731 + 250] * 5


class TestAnalog:
    @pytest.mark.parametrize("count", [8, 15, 16])
    def test_8_15_and_16_cells(self, count: int) -> None:
        told = module(PylontechCommand.ANALOG, analog_info([3300] * count, WARM))
        assert [cell.number for cell in told.cells or ()] == list(range(1, count + 1))
        assert told.voltage == pytest.approx(3.3 * count)

    def test_5_temperatures_are_the_board_and_4_groups(self) -> None:
        told = module(PylontechCommand.ANALOG, analog_info(CELLS, [2981, 2731, 2732, 2733, 2721]))
        assert (told.temperature, told.temperatures, told.mos_temperature) == (25.0, (0.0, 0.1, 0.2, -1.0), None)

    def test_the_6th_temperature_is_the_mosfets(self) -> None:
        told = module(PylontechCommand.ANALOG, analog_info(CELLS, [*WARM, 2731 + 333]))
        assert told.mos_temperature == 33.3
        assert len(told.temperatures or ()) == 4

    @pytest.mark.parametrize(("raw", "amperes"), [(0, 0.0), (23, 2.3), (-32, -3.2), (-1000, -100.0)])
    def test_current_is_signed_and_positive_while_charging(self, raw: int, amperes: float) -> None:
        assert module(PylontechCommand.ANALOG, analog_info(CELLS, WARM, raw)).current == amperes

    def test_capacity_stands_in_16_bits_where_the_items_are_2(self) -> None:
        info = analog_info(CELLS, WARM, items=2)[:-6]
        told = module(
            PylontechCommand.ANALOG, info.replace(b"\xff\xff\x02\xff\xff", struct.pack(">HBH", 25_000, 2, 50_000))
        )
        assert (told.remaining_capacity, told.full_capacity, told.cycles) == (25.0, 50.0, 55)

    @pytest.mark.parametrize(
        ("body", "why"),
        [
            (analog_info([3300] * 14 + [4900], WARM), "cells of"),
            (analog_info([3300] * 14 + [-1], WARM), "cells of"),
            (analog_info([3300] * 14 + [4095], WARM), "cells of"),
            (analog_info(CELLS, WARM, voltage=49_900), "together"),
            (analog_info(CELLS, [2731 - 500] * 5), "temperatures of"),
            (analog_info(CELLS, [2731 + 1300] * 5), "temperatures of"),
            (analog_info(CELLS, WARM, 5001), "current: "),
            (analog_info(CELLS, WARM, remaining=82_000), "remaining capacity: "),
            (analog_info([], WARM), "0 cells"),
            (analog_info(CELLS, WARM, items=9)[:-6], "another dialect"),
        ],
    )
    def test_what_cannot_be_true_is_refused(self, body: bytes, why: str) -> None:
        with pytest.raises(DecodeError, match=why):
            module(PylontechCommand.ANALOG, body)

    def test_a_little_more_than_full_is_true(self) -> None:
        told = module(PylontechCommand.ANALOG, analog_info(CELLS, WARM, remaining=75_480))
        assert told.remaining_capacity == 75.48

    @pytest.mark.parametrize(
        ("cells", "raw", "full"),
        [(16, 9_997, 99.97), (16, 34_418, 344.18), (16, 50_000, 50.0), (15, 40_000, 40.0), (15, 10_000, 100.0)],
    )
    def test_boards_that_count_in_10_mah(self, cells: int, raw: int, full: float) -> None:
        """A module of 16 cells with 10 Ah does not exist; an old US2000 of 15 cells with 40 Ah does."""
        info = analog_info([3300] * cells, WARM)[:-13] + struct.pack(">HBHH", raw // 2, 2, raw, 55)
        told = module(PylontechCommand.ANALOG, info)
        assert told.full_capacity == full
        assert told.remaining_capacity == pytest.approx(full / 2, abs=0.01)

    def test_all_modules_at_once_count_from_the_master(self) -> None:
        body = analog_info(CELLS, WARM)
        told = decode_info(
            PylontechCommand.ANALOG, Frame(address=0x12, cid2=0, info=b"\x00\x02" + body + body), all_modules=True
        )
        assert [(m.number, m.address) for m in told.modules] == [(1, 0x12), (2, 0x13)]

    @pytest.mark.parametrize("count", [0, 1, 3, 255])
    def test_a_count_that_lies_is_refused(self, count: int) -> None:
        body = analog_info(CELLS, WARM)
        frame = Frame(address=2, cid2=0, info=bytes((0, count)) + body + body)
        with pytest.raises(DecodeError):
            decode_info(PylontechCommand.ANALOG, frame, all_modules=True)


def alarm_body(
    cells: bytes = bytes(15),
    temperatures: bytes = bytes(5),
    states: bytes = bytes(3),
    status: bytes = b"\x00\x0e\x00\x00\x00",
) -> bytes:
    return bytes((len(cells),)) + cells + bytes((len(temperatures),)) + temperatures + states + status


def kinds(body: bytes) -> list[tuple[AlarmKind, int | None]]:
    return [(alarm.kind, next(iter(alarm.cells), None)) for alarm in module(PylontechCommand.ALARM, body).alarms or ()]


class TestAlarm:
    def test_nothing_wrong_is_told_as_that(self) -> None:
        told = module(PylontechCommand.ALARM, alarm_body())
        assert (told.alarms, told.state) == ((), State.IDLE)

    def test_an_extra_status_byte_is_accepted(self) -> None:
        assert kinds(alarm_body() + b"\x00") == []

    def test_two_extra_bytes_are_not(self) -> None:
        with pytest.raises(DecodeError):
            kinds(alarm_body() + b"\x00\x00")

    def test_cell_states(self) -> None:
        assert kinds(alarm_body(cells=b"\x01\x02\xf0" + bytes(12))) == [
            (AlarmKind.CELL_UNDERVOLTAGE, 1),
            (AlarmKind.CELL_OVERVOLTAGE, 2),
            (AlarmKind.CELL_FAULT, 3),
        ]

    def test_temperature_states(self) -> None:
        told = module(PylontechCommand.ALARM, alarm_body(temperatures=b"\x01\x02\xf0\x00\x00")).alarms or ()
        assert [(a.kind, a.text) for a in told] == [
            (AlarmKind.UNDERTEMPERATURE, "temperature 1"),
            (AlarmKind.OVERTEMPERATURE, "temperature 2"),
            (AlarmKind.SENSOR_FAULT, "temperature 3"),
        ]

    @pytest.mark.parametrize(
        ("states", "kind"),
        [
            (b"\x02\x00\x00", AlarmKind.CHARGE_OVERCURRENT),
            (b"\x00\x01\x00", AlarmKind.MODULE_UNDERVOLTAGE),
            (b"\x00\x02\x00", AlarmKind.MODULE_OVERVOLTAGE),
            (b"\x00\x00\x02", AlarmKind.DISCHARGE_OVERCURRENT),
            (b"\x00\x00\x01", AlarmKind.DISCHARGE_OVERCURRENT),
            (b"\x00\xf0\x00", AlarmKind.OTHER),
        ],
    )
    def test_module_states(self, states: bytes, kind: AlarmKind) -> None:
        assert kinds(alarm_body(states=states)) == [(kind, None)]

    @pytest.mark.parametrize(
        ("bit", "kind"),
        [
            (7, AlarmKind.MODULE_UNDERVOLTAGE),
            (6, AlarmKind.CHARGE_OVERTEMPERATURE),
            (5, AlarmKind.DISCHARGE_OVERTEMPERATURE),
            (4, AlarmKind.DISCHARGE_OVERCURRENT),
            (2, AlarmKind.CHARGE_OVERCURRENT),
            (1, AlarmKind.CELL_UNDERVOLTAGE),
            (0, AlarmKind.MODULE_OVERVOLTAGE),
        ],
    )
    def test_status1_by_position(self, bit: int, kind: AlarmKind) -> None:
        assert kinds(alarm_body(status=bytes((1 << bit, 0x0E, 0, 0, 0)))) == [(kind, None)]

    @pytest.mark.parametrize("cell", range(1, 17))
    def test_faulty_cells_by_position(self, cell: int) -> None:
        status = b"\x00\x0e\x00" + (1 << (cell - 1)).to_bytes(2, "little")
        assert kinds(alarm_body(status=status)) == [(AlarmKind.CELL_FAULT, cell)]

    def test_each_thing_is_told_once(self) -> None:
        body = alarm_body(cells=b"\x01" + bytes(14), states=b"\x00\x01\x00", status=b"\x82\x0e\x00\x00\x00")
        assert kinds(body) == [(AlarmKind.CELL_UNDERVOLTAGE, 1), (AlarmKind.MODULE_UNDERVOLTAGE, None)]

    @pytest.mark.parametrize(
        ("status3", "state"), [(0x80, State.CHARGING), (0x40, State.DISCHARGING), (0x08, State.IDLE), (0, State.IDLE)]
    )
    def test_state(self, status3: int, state: State) -> None:
        assert module(PylontechCommand.ALARM, alarm_body(status=bytes((0, 14, status3, 0, 0)))).state is state

    def test_two_modules_with_the_extra_byte(self) -> None:
        blocks = alarm_body() + b"\x00" + alarm_body(states=b"\x02\x00\x00") + b"\x00"
        told = decode_info(
            PylontechCommand.ALARM, Frame(address=2, cid2=0, info=b"\x00\x02" + blocks), all_modules=True
        )
        assert [len(m.alarms or ()) for m in told.modules] == [0, 1]


class TestManagement:
    BODY = struct.pack(">HHhhB", 53_250, 45_000, 370, -500, 0)

    def test_limits_are_magnitudes(self) -> None:
        told = bank(PylontechCommand.MANAGEMENT, b"\x03" + self.BODY, 3).modules[0]
        assert (told.charge_voltage_limit, told.discharge_voltage_limit) == (53.25, 45.0)
        assert (told.charge_current_limit, told.discharge_current_limit) == (37.0, 50.0)

    def test_the_form_without_a_command_value(self) -> None:
        assert bank(PylontechCommand.MANAGEMENT, self.BODY).modules[0].charge_voltage_limit == 53.25

    @pytest.mark.parametrize(
        ("bit", "field"),
        [
            (7, "charge_enabled"),
            (6, "discharge_enabled"),
            (5, "force_charge_1"),
            (4, "force_charge_2"),
            (3, "full_charge_requested"),
        ],
    )
    def test_bits_of_92_by_position(self, bit: int, field: str) -> None:
        told = bank(PylontechCommand.MANAGEMENT, b"\x02" + self.BODY[:-1] + bytes((1 << bit,))).modules[0]
        fields = ("charge_enabled", "discharge_enabled", "force_charge_1", "force_charge_2", "full_charge_requested")
        assert [name for name in fields if getattr(told, name)] == [field]

    def test_63_requests_a_full_charge_with_another_bit(self) -> None:
        told = bank(PylontechCommand.SYSTEM_LIMITS, self.BODY[:-1] + b"\x10")
        assert (told.full_charge_requested, told.force_charge_1, told.force_charge_2) == (True, False, None)

    def test_a_60_v_bank_overflows_its_charge_voltage(self) -> None:
        info = struct.pack(">HHhhB", 1_504, 45_440, 380, 1_900, 0xC0)
        assert bank(PylontechCommand.SYSTEM_LIMITS, info).charge_voltage_limit == 67.04

    @pytest.mark.parametrize("length", [0, 8, 11])
    def test_other_lengths_are_refused(self, length: int) -> None:
        with pytest.raises(DecodeError):
            bank(PylontechCommand.MANAGEMENT, bytes(length))


def system(**other: int) -> bytes:
    v = {"voltage": 49_855, "soc": 85, "soh": 99, "high": 3324, "low": 3323, "warm": 2988, "cold": 2985} | other
    head = struct.pack(">HhBHHBB", v["voltage"], 120, v["soc"], 8, 9, v["soh"], 98)
    cells = struct.pack(">HHHH", v["high"], 2, v["low"], 1)
    return head + cells + struct.pack(">HHHHH", 2987, v["warm"], 2, v["cold"], 1) + struct.pack(">10H", *[2984] * 10)


class TestSystem:
    def test_61(self) -> None:
        told = bank(PylontechCommand.SYSTEM_ANALOG, system())
        assert (told.voltage, told.soc, told.soh, told.cycles) == (49.855, 85.0, 99.0, 8)
        assert (told.cell_voltage_max, told.cell_voltage_min) == (3.324, 3.323)
        assert (told.cell_temperature_max, told.cell_temperature_min, told.temperature) == (25.7, 25.4, 25.6)

    def test_its_current_is_not_published_while_its_scale_is_disputed(self) -> None:
        assert bank(PylontechCommand.SYSTEM_ANALOG, system()).current is None

    def test_an_overflown_voltage_is_unknown(self) -> None:
        assert bank(PylontechCommand.SYSTEM_ANALOG, system(voltage=1_504)).voltage is None

    @pytest.mark.parametrize("lie", [{"soc": 101}, {"soh": 200}, {"high": 4900}, {"low": 3400}, {"cold": 3000}])
    def test_what_cannot_be_true_is_refused(self, lie: dict[str, int]) -> None:
        with pytest.raises(DecodeError, match="cannot be true"):
            bank(PylontechCommand.SYSTEM_ANALOG, system(**lie))

    def test_62_tells_warnings_from_protections(self) -> None:
        told = bank(PylontechCommand.SYSTEM_ALARM, b"\x01\x10\x80\x08").alarms or ()
        assert [(a.kind, a.severity) for a in told] == [
            (AlarmKind.CELL_IMBALANCE, Severity.WARNING),
            (AlarmKind.COMMUNICATION_FAULT, Severity.WARNING),
            (AlarmKind.MODULE_OVERVOLTAGE, Severity.PROTECTION),
            (AlarmKind.SYSTEM_FAULT, Severity.PROTECTION),
        ]

    def test_60(self) -> None:
        info = b"UP5000".ljust(10, b"\0") + b"Pylon".ljust(20, b"\0") + b"\x02\x01\x02" + b"PXXXA01101310244"
        told = bank(PylontechCommand.SYSTEM_BASIC, info)
        assert (told.model, told.manufacturer, told.firmware) == ("UP5000", "Pylon", "2.1")
        assert (told.module_count, told.barcode) == (2, "PXXXA01101310244")


class TestIdentity:
    def test_51_is_the_banks(self) -> None:
        info = b"US2000C".ljust(10, b"\0") + b"\x01\x07" + b"Pylon".ljust(20, b"-")
        told = bank(PylontechCommand.MANUFACTURER, info, 3)
        assert (told.model, told.firmware, told.manufacturer, told.modules) == ("US2000C", "1.7", "Pylon", ())

    def test_93_and_96_are_the_modules(self) -> None:
        serial = bank(PylontechCommand.SERIAL, b"\x03" + b"HXXBH02240A01235", 3).modules[0]
        firmware = bank(PylontechCommand.FIRMWARE, b"\x03\x02\x03\x00\x06\x05", 3).modules[0]
        assert (serial.barcode, serial.number, serial.address) == ("HXXBH02240A01235", 2, 3)
        assert firmware.firmware == "0.6.5 V2.3"

    def test_an_empty_barcode_is_none(self) -> None:
        assert bank(PylontechCommand.SERIAL, b"\x02" + bytes(16)).modules[0].barcode is None

    def test_a_barcode_that_is_no_text_is_refused(self) -> None:
        with pytest.raises(DecodeError, match="no text"):
            bank(PylontechCommand.SERIAL, b"\x02" + b"\x01\xff" * 8)

    def test_4f(self) -> None:
        assert bank(PylontechCommand.VERSION, b"").protocol_version == "2.0"

    @pytest.mark.parametrize(
        ("address", "number"), [(2, 1), (13, 12), (0x12, 1), (0x1D, 12), (0x22, 13), (0x2D, 24), (0x32, 25)]
    )
    def test_numbers_count_from_the_master_and_never_meet(self, address: int, number: int) -> None:
        assert module_number(address) == number


def test_47_in_volts_amperes_and_degrees() -> None:
    values = (3650, 3050, 2900, 3341, 2621, 1020, 54_000, 46_000, 44_500, 3341, 2621, -1000)
    told = bank(PylontechCommand.PARAMETERS, b"\x00" + struct.pack(">HHHHHhHHHHHh", *values)).modules[0].parameters
    assert told == {
        "cell_high_voltage_limit": 3.65,
        "cell_low_voltage_limit": 3.05,
        "cell_under_voltage_limit": 2.9,
        "charge_high_temperature_limit": 61.0,
        "charge_low_temperature_limit": -11.0,
        "charge_current_limit": 102.0,
        "module_high_voltage_limit": 54.0,
        "module_low_voltage_limit": 46.0,
        "module_under_voltage_limit": 44.5,
        "discharge_high_temperature_limit": 61.0,
        "discharge_low_temperature_limit": -11.0,
        "discharge_current_limit": 100.0,
    }


def test_an_alarm_carries_the_devices_code() -> None:
    told = module(PylontechCommand.ALARM, alarm_body(cells=b"\x02" + bytes(14))).alarms
    assert told == (
        Alarm(kind=AlarmKind.CELL_OVERVOLTAGE, severity=Severity.PROTECTION, cells=(1,), code="0x02", text="cell 1"),
    )
