"""How alarms show in the answers of the virtual battery, against the specification."""

import struct

import pytest
from tests.simulator.sim_host import Bench

from pylon2mqtt.model import AlarmKind


def test_infoflag_tells_changes_until_44_is_read():
    bench = Bench()
    assert bench.info(0x42, "02")[0] == 0x11
    assert bench.info(0x44, "02")[0] == 0x11
    assert bench.info(0x42, "02")[0] == 0x00
    bench.bank.modules[0].alarms = {(AlarmKind.CELL_IMBALANCE, None)}
    assert bench.info(0x47)[0] == 0x01
    bench.bank.modules[0].alarms = {(AlarmKind.CELL_OVERVOLTAGE, 5)}
    assert bench.info(0x42, "02")[0] == 0x11
    assert bench.info(0x42, "03", 0x03)[0] == 0x11
    bench.info(0x44, "02")
    assert bench.info(0x42, "02")[0] == 0x00


# States: cells 3..17, temperatures 19..23, charge 24, voltage 25, discharge 26, statuses from 27 (offsets in INFO).
@pytest.mark.parametrize(
    ("kind", "cell", "expected"),
    [
        ("cell_overvoltage", 5, {7: 0x02, 28: 0x0C}),
        ("cell_undervoltage", 15, {17: 0x01, 27: 0x02, 28: 0x0A}),
        ("cell_fault", 9, {11: 0xF0, 28: 0x08, 31: 0x01}),
        ("cell_fault", 8, {10: 0xF0, 28: 0x08, 30: 0x80}),
        ("module_overvoltage", None, {25: 0x02, 27: 0x01, 28: 0x0C}),
        ("module_undervoltage", None, {25: 0x01, 27: 0x80, 28: 0x0A}),
        ("charge_overcurrent", None, {24: 0x02, 27: 0x04, 28: 0x0C}),
        ("discharge_overcurrent", None, {26: 0x02, 27: 0x10, 28: 0x0A}),
        ("charge_overtemperature", 1, {20: 0x02, 27: 0x40, 28: 0x0C}),
        ("discharge_overtemperature", 15, {23: 0x02, 27: 0x20, 28: 0x0A}),
        ("charge_undertemperature", 6, {21: 0x01, 28: 0x0C}),
        ("sensor_fault", 9, {22: 0xF0}),
        ("cell_imbalance", None, {}),
    ],
)
def test_alarms_show_in_44(kind, cell, expected):
    bench = Bench()
    quiet = bytearray(bench.info(0x44, "03", 0x03))
    assert quiet[2:27] == bytes([15, *[0] * 15, 5, *[0] * 8])
    assert quiet[27:29] == b"\x00\x0e"
    assert quiet[30:] == b"\x00\x00\x00"
    bench.bank.modules[1].alarms = {(AlarmKind(kind), cell)}
    alarmed = bench.info(0x44, "03", 0x03)
    for place, value in expected.items():
        quiet[place] = value
    assert alarmed[2:] == quiet[2:]
    assert bench.info(0x44, "02")[28] == 0x0E


def test_mosfet_overtemperature_shows_at_its_own_sensor():
    bench = Bench("US5000")
    bench.bank.modules[0].alarms = {(AlarmKind.MOSFET_OVERTEMPERATURE, None)}
    assert bench.info(0x44, "02")[18:25] == bytes([6, 0, 0, 0, 0, 0, 2])


def test_44_of_a_whole_group():
    bench = Bench("US3000", 2)
    bench.bank.modules[1].alarms = {(AlarmKind.CELL_UNDERVOLTAGE, 1)}
    answer = bench.info(0x44, "FF")
    assert len(answer) == 2 + 2 * 30
    assert answer[1] == 2
    assert answer[33] == 0x01


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("module_overvoltage", "80008000"),
        ("cell_undervoltage", "10001000"),
        ("mosfet_overtemperature", "02000200"),
        ("cell_imbalance", "01000000"),
        ("temperature_imbalance", "00800000"),
        ("discharge_overcurrent", "00200020"),
        ("communication_fault", "00100000"),
        ("system_fault", "00000008"),
    ],
)
def test_alarms_show_in_62(kind, told):
    bench = Bench()
    assert bench.info(0x62).hex() == "00000000"
    bench.bank.modules[2].alarms = {(AlarmKind(kind), None)}
    assert bench.info(0x62).hex() == told


def test_an_alarm_stops_what_it_forbids():
    bench = Bench()
    bench.bank.modules[0].alarms = {(AlarmKind.CELL_OVERVOLTAGE, 1)}
    assert struct.unpack(">BHHhhB", bench.info(0x92, "02"))[3:] == (0, -370, 0x40)
    bench.bank.modules[0].alarms = {(AlarmKind.CELL_UNDERVOLTAGE, 1)}
    assert struct.unpack(">BHHhhB", bench.info(0x92, "02"))[3:] == (370, 0, 0x80)
