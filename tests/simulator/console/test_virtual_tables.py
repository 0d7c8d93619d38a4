"""What the tables of the virtual console say, against the bank behind it and the layouts of console.md."""

import re

import pytest
from tests.simulator.console.console_host import A, B, C, D, Desk, E, listed

from pylon2mqtt.model import AlarmKind
from pylon2mqtt.simulator.console.firmware import FIRMWARE

LAYOUT = {
    "US2000": A,
    "US3000": A,
    "US2000C": B,
    "US3000C": B,
    "US3000C-B69.25": B,
    "US5000": B,
    "US5000-B69.26": C,
    "US3000D": D,
    "Pytes-4850P": A,
    "Pytes-V5": E,
}
GENERATION_1 = {"US2000", "US3000", "Pytes-4850P", "Pytes-V5"}


def mc(celsius: float, step: int) -> int:
    return round(celsius * 1000 / step) * step


def test_every_family_is_here():
    assert LAYOUT.keys() == FIRMWARE.keys()


@pytest.mark.parametrize("model", LAYOUT)
def test_pwr_tells_what_the_bank_has(model):
    desk = Desk(model, 3, seed=7, hour=20.0)
    header = desk.lines("pwr")[0].split()
    assert header == LAYOUT[model]
    rows = desk.pwr()
    step = 1000 if model in GENERATION_1 else 100
    for number, module in enumerate(desk.bank.modules, 1):
        row, cells = rows[number], [round(1000 * volts) for volts in module.cell_voltages()]
        board, *groups = (mc(celsius, step) for celsius in module.temperatures()[:5])
        assert row["Base.St"] == "Dischg"
        assert [int(row[name]) for name in ("Volt", "Curr", "Tempr", "Tlow", "Thigh", "Vlow", "Vhigh")] == [
            round(1000 * module.voltage()), round(1000 * module.current), board, min(groups), max(groups),
            min(cells), max(cells),
        ]  # fmt: skip
        assert {row[name] for name in header if name.endswith(".St") and name != "Base.St"} == {"Normal"}
        assert row["Coulomb"] == f"{round(module.soc)}%"
        assert row["Time"].startswith("2026-03-14 ")
        assert row.get("MosTempr", "") == (str(mc(module.mosfet_temperature, 100)) if "MosTempr" in header else "")
        if "Vlow.Id" in header:
            assert cells[int(row["Vlow.Id"])] == min(cells)
            assert cells[int(row["Vhigh.Id"])] == max(cells)
            assert groups[int(row["Tlow.Id"]) // 4] == min(groups)
            assert groups[int(row["Thigh.Id"]) // 4] == max(groups)
        if model == "Pytes-V5":
            assert (row["Barcode"], row["DevType"]) == (module.barcode, "E-BOX-48100V-D")


@pytest.mark.parametrize(
    ("model", "slots"), [("US2000", 8), ("Pytes-4850P", 8), ("US3000C", 16), ("US5000-B69.26", 16), ("Pytes-V5", 16)]
)
def test_absent_slots_have_rows_in_the_old_layout(model, slots):
    desk = Desk(model, 2)
    _, *rows = desk.lines("pwr")
    assert len(rows) == slots
    dashes = 17 if model == "Pytes-V5" else 15
    for slot, row in enumerate(rows[2:], 3):
        assert row.split()[0] == str(slot)
        assert row.split().index("Absent") == 8
        assert row.split().count("-") == dashes - 1
    assert [slot for slot, row in desk.pwr().items() if row["Base.St"] != "Absent"] == [1, 2]


def test_a_us3000d_prints_only_who_is_there():
    desk = Desk("US3000D", 3)
    desk.bank.modules[1].present = False
    assert list(desk.pwr()) == [1, 3]
    assert desk.lines("pwr")[0].split() == D
    assert desk.type("pwr\r").startswith("pwr\n\r@\r\r\n\r\r\nPower ")


def test_a_row_of_a_pytes_v5_ends_as_no_other():
    told = Desk("Pytes-V5", 1).type("pwr\r")
    assert "E-BOX-48100V-D      \n\r\n2     -      " in told


def test_slaves_without_a_sensor_have_dashes_for_it():
    desk = Desk("US5000,US2000C,US2000,US2000")
    told = desk.type("pwr\r")
    rows = desk.pwr()
    assert [rows[slot]["MosTempr"] == "-" for slot in (1, 2, 3, 4)] == [False, False, True, True]
    assert told.count("Normal   Normal   -        -       \r\r\n") == 2
    assert rows[3]["M.T.St"] == "-"
    assert [int(rows[slot]["Thigh"]) % 1000 == 0 for slot in (3, 4)] == [True, True]
    assert "B.V.St   B.T.St   MosTempr M.T.St  \r\r\n" in told


def test_the_newest_layout_aligns_with_nothing():
    header, row, *_ = Desk("US5000-B69.26", 1).lines("pwr")
    assert header.endswith("B.V.St   B.T.St  MosTempr M.T.St   SysAlarm.St")
    assert re.search(r"2026-03-14 10:00:05  Normal   Normal  \d{5}    Normal   Normal  $", row)
    assert re.match(r"1     \d{5}  \d{4,5} {2,3}\d{5}  \d{5}  (?=.{9}\d{5}  )\d+ +\d{5}  (?=.{9}\d{4}   )\d+ ", row)


def test_gaps_and_swapped_slots():
    desk = Desk("US3000C", 3)
    first, second, third = desk.bank.modules
    desk.console.stack.move(third, 7)
    assert [slot for slot, row in desk.pwr().items() if row["Base.St"] != "Absent"] == [1, 2, 7]
    assert desk.pairs("info 7")["Barcode"] == third.barcode
    desk.console.stack.move(first, 7)
    assert [desk.pairs(f"info {slot}")["Barcode"] for slot in (1, 7)] == [third.barcode, first.barcode]
    second.present = False
    assert desk.pwr()[2] == {"Base.St": "Absent"}
    assert desk.ask("bat 2")["success"] is None


def test_100_amperes_stick_to_the_temperature():
    desk = Desk("US5000", 2)
    desk.bank.force(desk.bank.modules[0], -123.456)
    row = desk.lines("pwr")[1].split()
    board = mc(desk.bank.modules[0].temperatures()[0], 100)
    assert row[2] == f"-123456{board}"
    desk.bank.advance(60)
    assert desk.bank.modules[0].current == -123.456
    assert desk.bank.modules[1].current > 0
    desk.bank.force(desk.bank.modules[0], None)
    desk.bank.advance(5)
    assert desk.bank.modules[0].current > 0


def test_states_by_the_current():
    desk = Desk("US3000C", 3)
    for module, amperes in zip(desk.bank.modules, (0.05, 0.4, -0.4), strict=True):
        desk.bank.force(module, amperes)
    assert [desk.pwr()[slot]["Base.St"] for slot in (1, 2, 3)] == ["Idle", "Charge", "Dischg"]


OLD = listed("Battery|Volt|Curr|Tempr|Base State|Volt. State|Curr. State|Temp. State|Coulomb", "|")
NEW = [*OLD[:-1], "SOC", "Coulomb", "BAL"]
# One blank ends DTemp. State and CTemp. State.
SPLIT = [*OLD[:-2], "DTemp. State CTemp. State SOC", "Coulomb", "BAL"]
BAT = {
    "US2000": OLD,
    "US5000": NEW,
    "US3000C-B69.25": NEW,
    "US3000D": SPLIT,
    "Pytes-4850P": OLD,
    "Pytes-V5": [name for name in OLD if name != "Curr"],
}


@pytest.mark.parametrize("model", BAT)
def test_bat_tells_what_the_cells_have(model):
    desk = Desk(model, 2, seed=5, hour=20.0)
    module = desk.bank.modules[1]
    header, *rows = desk.bat("bat 2")
    assert header == BAT[model]
    step = 1000 if model in GENERATION_1 else 100
    assert len(rows) == (16 if model == "Pytes-V5" else 15)
    for number, (row, cell) in enumerate(zip(rows, module.cells, strict=True)):
        current = [] if model == "Pytes-V5" else [str(round(1000 * module.current))]
        assert row[: 3 + len(current)] == [
            str(number), str(round(1000 * (cell.voltage(module.current) + cell.meter))), *current,
            str(mc(module.temperatures()[1 + number // 4], step)),
        ]  # fmt: skip
        words = row[3 + len(current) :]
        assert words[:4] == ["Dischg", "Normal", "Normal", "Normal"]
        charge = 0 if model == "US3000D" else round(1000 * module.full_capacity * cell.charge / cell.capacity)
        percent = next(word for word in row if word.endswith("%"))
        assert percent == f"{round(100 * cell.charge / cell.capacity)}%"
        assert row[row.index(percent) + 1 : row.index(percent) + 3] == [str(charge), "mAH"]
        assert row[-1] == ("N" if model in {"US5000", "US3000C-B69.25", "US3000D"} else "mAH")


def test_a_us3000d_tells_the_charge_of_its_own_cells():
    desk = Desk("US3000D", 2)
    charges = [str(round(1000 * charge)) for charge in desk.bank.modules[0].cell_charges()]
    assert [row[-3] for row in desk.bat("bat")[1:]] == charges
    assert re.search(r"Normal       Normal       6[01]%          4[45]\d\d\d        mAH N$", desk.lines("bat")[1])
    assert desk.type("bat 1\r").startswith("bat 1\n\r@\r\r\n\r\r\nBattery ")


def test_bat_alone_is_the_master_and_with_two_numbers_one_cell():
    desk = Desk("US3000C", 2)
    assert desk.lines("bat") == desk.lines("bat 1")
    assert desk.lines("bat 2 14")[1] == desk.lines("bat 2")[15]
    assert len(desk.lines("bat 2 14")) == 2


def test_percents_of_cells_are_aligned_to_the_right():
    desk = Desk("US3000C", 1)
    low, high = desk.bank.modules[0].cells[3:5]
    low.put(0.0501 * low.capacity)
    high.put(1.01 * high.capacity)
    desk.bank.advance(5)
    rows = desk.lines("bat")
    assert re.search(r"Normal        5%          37\d\d mAH      N$", rows[4])
    assert rows[5].endswith("Normal       100%         74000 mAH      Y")


def test_a_cell_that_cannot_be_measured_shows_4095():
    desk = Desk("US3000C", 2)
    desk.bank.modules[1].alarms = {(AlarmKind.CELL_FAULT, 5)}
    assert [row[1] for row in desk.bat("bat 2")[1:]].count("4095") == 1
    assert desk.bat("bat 2")[5][1] == "4095"
    assert (desk.pwr()[2]["Vhigh"], desk.pwr()[2]["Base.St"]) == ("4095", "SysError")
    assert desk.pairs("pwr 2")["System Fault"] == "0x8"
    assert "4095" not in desk.type("bat 1\r")


def test_a_broken_thermistor_shows_100_degrees_of_frost_for_its_group():
    desk = Desk("US5000-B69.26", 2)
    whole = desk.bat("bat 2")[1:]
    desk.bank.modules[1].alarms = {(AlarmKind.SENSOR_FAULT, 6)}
    broken = desk.bat("bat 2")[1:]
    assert [row[0] for row, before in zip(broken, whole, strict=True) if row[3] != before[3]] == ["4", "5", "6", "7"]
    assert {row[3] for row in broken[4:8]} == {"-100000"}
    assert "-1000004 " in next(line for line in desk.lines("pwr") if line.startswith("2 "))
    assert "-100000" not in desk.type("bat 1\r")


def test_soh_counts_or_prints_eight_digits():
    desk = Desk("US2000", 2)
    title, header, *rows = desk.lines("soh 2")
    assert title == "Power   2"
    assert header.split() == ["Battery", "Voltage", "SOHCount", "SOHStatus"]
    module = desk.bank.modules[1]
    assert [row.split() for row in rows] == [
        [str(number), str(round(1000 * volts)), "0", "Normal"] for number, volts in enumerate(module.cell_voltages())
    ]
    _, header, *rows = Desk("Pytes-V5", 1).lines("soh")
    assert header.endswith("M-H$")
    assert [len(row.split()[2]) for row in rows] == [8] * 16


def test_values_follow_the_bank_as_time_passes():
    desk = Desk("US3000C", 1, soc=40)
    before = desk.pwr()[1]
    desk.bank.advance(3600)
    after = desk.pwr()[1]
    assert int(after["Coulomb"][:-1]) > int(before["Coulomb"][:-1])
    assert after["Time"][11:13] == f"{int(before['Time'][11:13]) + 1:02}"


def test_balancing_cells_are_marked():
    desk = Desk("US5000", 1)
    for cell in desk.bank.modules[0].cells[:3]:
        cell.put(1.01 * cell.capacity)
    desk.bank.advance(5)
    assert [row[-1] for row in desk.bat("bat")[1:]] == ["Y"] * 3 + ["N"] * 12
