"""What the virtual console says key by key, against the bank behind it; and how alarms show."""

import re

import pytest
from tests.simulator.console.console_host import Desk, lines_of

from pylon2mqtt.model import AlarmKind


@pytest.mark.parametrize("model", ["US2000", "US5000", "US3000D", "Pytes-4850P", "Pytes-V5"])
def test_pwr_of_one_module(model):
    desk = Desk(model, 2, hour=20.0)
    module = desk.bank.modules[1]
    told = desk.pairs("pwr 2")
    assert told["Voltage"].split() == [str(round(1000 * module.voltage())), "mV"]
    assert told["Current"].split() == [str(round(1000 * module.current)), "mA"]
    assert told["Coulomb"].split() == [str(round(module.soc)), "%"]
    assert told["Basic Status"] == "Dischg"
    assert told["Coul. Status"] == "Normal"
    factor, unit = (3600, "mAS") if model == "Pytes-V5" else (1, "mAH")
    assert told["Total Coulomb"].split() == [str(round(1000 * module.model.capacity) * factor), unit]
    lines = desk.lines("pwr 2")
    assert lines[1] == " Power  2"
    assert lines[0] == lines[-1] == " ----------------------------"


def test_value_fields_are_12_wide_and_20_on_a_pytes_v5():
    assert re.search(r"^ Voltage         : \d{5}       mV\r", Desk("US5000", 1).type("pwr 1\r"), re.MULTILINE)
    assert re.search(r"^ Voltage         : \d{5}               mV\r", Desk("Pytes-V5", 1).type("pwr 1\r"), re.MULTILINE)


def test_seconds_of_charge_discharge_or_neither():
    desk = Desk("US3000C", 1)
    for amperes, key in ((1.0, "Charge Sec."), (-1.0, "Discharge Sec."), (0.0, None)):
        desk.bank.force(desk.bank.modules[0], amperes)
        told = desk.pairs("pwr 1")
        assert {name for name in told if name.endswith("Sec.")} == ({key} if key else set())


def test_charge_times_are_no_cycles():
    desk = Desk("US5000", 2, seed=4)
    first, second = desk.bank.modules
    told = int(desk.pairs("pwr 1")["Charge Times"])
    assert told > 10 * first.cycles
    assert int(desk.pairs("stat 1")["Charge Times"]) == told
    assert desk.pairs("pwr 2")["Charge Times"] == "0"
    assert desk.pairs("stat 2")["CYCLE Times"] == str(second.cycles)


@pytest.mark.parametrize(
    ("model", "slot", "device", "main_soft"),
    [
        ("US2000", 2, "US2KBPL", "B66.6"),
        ("US5000,US2000C,US2000", 1, "US5000", "B69.16.0.0"),
        ("US5000,US2000C,US2000", 2, "US2000C", "B69.13.0.0"),
        ("US5000,US2000C,US2000", 3, "US2KBPL", "B66.6"),
        ("US5000-B69.26", 1, "US5000", "B69.26.0.0"),
        ("US3000C-B69.25", 1, "US3000C", "B69.25.0.0"),
        ("Pytes-V5", 1, "E-BOX-48100V-D", "SPBMS16SRP2304V1.10.7.1C"),
    ],
)
def test_info_is_of_the_module_in_the_slot(model, slot, device, main_soft):
    desk = Desk(model)
    module = desk.bank.modules[slot - 1]
    told = desk.pairs(f"info {slot}")
    assert told["Device address"] == str(slot)
    assert told["Device name"] == device
    assert told["Main Soft version"] == main_soft
    assert told["Barcode"] == module.barcode
    assert told["Cell Number"] == str(len(module.cells))
    assert told["Max Dischg Curr"] == f"-{module.model.parameters.discharge_current * 1000:g}mA".replace(
        "1e+05", "100000"
    )
    assert ("Board" in told) == (device in {"US5000", "US2000C", "US3000C"})
    assert told["Console Port rate"] == "115200"


def test_info_of_the_newest_and_of_pytes():
    desk = Desk("US3000D", 1)
    assert desk.pairs("info")["Board version"] == ""
    assert desk.type("info\r").startswith("info\n\r@\r\n\r\r\n\rDevice address      : 1\r\n\r")
    told = Desk("Pytes-V5", 1).pairs("info")
    assert told["Iterate version"] == told["Main Soft version"] + ".T5"
    assert {"Board ID", "Board SRAM Size"} <= told.keys()
    assert told["Specification"] == "51.2V/100AH"
    assert "EPONPort rate" not in told
    assert Desk("Pytes-4850P", 1).pairs("info")["Manufacturer"] == "PYTES"


@pytest.mark.parametrize("model", ["US2000", "US5000", "US3000C-B69.25", "US3000D", "Pytes-4850P", "Pytes-V5"])
def test_stat_counts_what_the_module_did(model):
    desk = Desk(model, 2, seed=9)
    module = desk.bank.modules[0]
    told = desk.pairs("stat")
    assert desk.lines("stat")[0].split() == ["Device", "address", "1"]
    discharged = round(1000 * module.discharged)
    if model == "US3000D":
        assert told["CYCLE Times"] == str(int(1000 * module.discharged / module.model.capacity))
        assert "Pwr Coulomb" not in told
    else:
        assert told["CYCLE Times"] == str(discharged // round(1000 * module.model.capacity))
        assert int(told["Pwr Coulomb"]) == pytest.approx(module.remaining * 3_600_000, abs=1)
    assert told.get("Dsg Cap", "") == ("" if model == "Pytes-V5" else str(discharged))
    assert told.get("SOH", "") == ("" if model in {"US2000", "Pytes-4850P", "Pytes-V5"} else str(module.soh))
    assert ("I2CERR Times" in told) == (model == "Pytes-V5")
    assert ("COC2 Times" in told) == (model not in {"US2000", "Pytes-4850P", "Pytes-V5"})


@pytest.mark.parametrize("model", ["US3000C-B69.25", "US5000-B69.26"])
def test_newer_stat_counts_seconds_in_classes(model):
    lines = Desk(model, 1).lines("stat")
    classes = [line for line in lines if line[25:27] == ": "]
    assert len(classes) == 21
    assert re.fullmatch(r"ChgCurr 0~0\.2C Secs      : +[1-9]\d+", classes[7])
    assert re.fullmatch(r"Soc 20~60% Secs          : +[1-9]\d+", classes[18])
    assert lines[-22].startswith("LV Cnt ")
    assert not any(line[25:27] == ": " for line in Desk("US5000", 1).lines("stat"))


def test_stat_of_a_slave_does_not_tell_its_health():
    desk = Desk("US5000", 2)
    assert int(desk.pairs("stat 1")["SOH"]) > 90
    assert desk.pairs("stat 2")["SOH"] == "0"
    assert desk.lines("stat 2")[0].split()[-1] == "2"


def test_pwrsys_sums_up_who_is_there():
    desk = Desk("US5000-B69.26,US2000C", 3)
    desk.type("login debug\r")
    desk.bank.modules[2].present = False
    told = {key: value.split()[0] for key, value in desk.pairs("pwrsys").items()}
    first, second = desk.bank.modules[:2]
    cells = [round(1000 * volts) for module in (first, second) for volts in module.cell_voltages()]
    assert told["Total Num"] == "3"
    assert told["Present Num"] == "2"
    assert int(told["System Curr"]) == round(1000 * first.current) + round(1000 * second.current)
    assert told["System FCC"] == "150000"
    assert int(told["System RC"]) == pytest.approx(1000 * (first.remaining + second.remaining), abs=1)
    assert told["System SOC"] == "60"
    assert (told["Highest voltage"], told["Lowest voltage"]) == (str(max(cells)), str(min(cells)))
    assert told["Recommend chg current"] == "25000"
    assert told["system Recommend chg current"] == "50000"
    assert told["system Recommend dsg current"] == "-50000"
    assert " System is charging" in desk.lines("pwrsys")
    assert "system Recommend chg voltage" not in Desk("US2000", 1).type("login debug\rpwrsys\r")


def test_getpwr_is_a_line_each_of_fields_with_hashes():
    desk = Desk("US2000C", 1)
    module = desk.bank.modules[0]
    first, *cells, fault, cycles = desk.lines("getpwr")
    fields = [field.strip() for field in first.split("#")]
    assert fields[:2] == [str(round(1000 * module.voltage())), str(round(1000 * module.current))]
    assert fields[3:] == [str(round(1000 * module.remaining)), "Charge", "Normal", "Normal", "Normal", ""]
    assert [int(cell.split("#")[0]) for cell in cells] == [round(1000 * volts) for volts in module.cell_voltages()]
    assert (fault, cycles) == ("0#", f"{module.cycles}#")


@pytest.mark.parametrize(
    ("model", "lines"),
    [
        ("US2000", ["Ds3231 2026-03-14 10:00:05"]),
        ("US2000C", ["RTC 2026-03-14 10:00:05", "Test result:pass"]),
        ("Pytes-V5", ["PCF8563 2026-03-14 10:00:05"]),
    ],
)
def test_time(model, lines):
    assert Desk(model, 2).lines("time") == lines


def test_each_module_has_a_clock_of_its_own():
    rows = Desk("US3000C", 3).pwr()
    assert [rows[slot]["Time"][-2:] for slot in (1, 2, 3)] == ["05", "03", "01"]


@pytest.mark.parametrize(("model", "capacities"), [("US3000C-B69.25", 2), ("US3000D", 1)])
def test_euro_is_of_the_module_with_the_cable(model, capacities):
    desk = Desk(model, 2)
    told, module = desk.pairs("euro"), desk.bank.modules[0]
    assert len([key for key in told if key.startswith("Remain Cap.")]) == capacities
    assert told["Date of manufacture"] == "----------"
    assert told["Chg. Dsg. Cycle"] == str(module.cycles)
    if capacities == 2:
        whole, unit, part, sub = told["Dsg. Energy Thro."].split()
        assert (unit, sub) == ("Wh", "mWs")
        assert int(whole) + int(part) / 3.6e6 == pytest.approx(module.discharged * 48, abs=1e-5)
        assert told["Dsg. Capac. Thro."].split()[0] == str(int(module.discharged))


def test_ver_is_of_pytes_v5():
    assert Desk("Pytes-V5", 1).pairs("ver")["Active version"] == "Main"


# Kind, cell; column of pwr, word of an alarm and of a warning; register, bits, name of both.
SIGNS = [
    ("cell_overvoltage", 5, "B.V.St", "OV High", "Bat Events", "0x1 BOV", "0x2 BHV"),
    ("cell_undervoltage", 5, "B.V.St", "UV Low", "Bat Events", "0x10 BUV", "0x8 BLV"),
    ("module_overvoltage", None, "Volt.St", "OV High", "Power Events", "0x1 POV", "0x2 PHV"),
    ("module_undervoltage", None, "Volt.St", "UV Low", "Power Events", "0x10 PUV", "0x8 PLV"),
    ("charge_overcurrent", None, "Curr.St", "COC High", "Power Events", "0x100000 COC", "0x0"),
    ("discharge_overcurrent", None, "Curr.St", "DOC High", "Power Events", "0x80000 DOC", "0x0"),
    ("short_circuit", None, "Curr.St", "SC SC", "Power Events", "0x10000 SC", "0x10000 SC"),
    ("overtemperature", None, "Temp.St", "OT High", "Power Events", "0x100 POT", "0x200 PHT"),
    ("undertemperature", None, "Temp.St", "UT Low", "Power Events", "0x1000 PUT", "0x800 PLT"),
    ("charge_overtemperature", 5, "B.T.St", "OT High", "Bat Events", "0x100 BOT", "0x200 BHT"),
    ("discharge_undertemperature", 5, "B.T.St", "UT Low", "Bat Events", "0x1000 BUT", "0x800 BLT"),
    ("mosfet_overtemperature", None, "M.T.St", "OT High", "Power Events", "0x0", "0x0"),
    ("low_soc", None, None, "Low Low", "Power Events", "0x8000", "0x8000"),
    ("sensor_fault", None, "Base.St", "SysError SysError", "System Fault", "0x20", "0x20"),
    ("communication_fault", None, "Base.St", "SysError SysError", "System Fault", "0x200", "0x200"),
    ("relay_fault", None, "Base.St", "SysError SysError", "System Fault", "0x400", "0x400"),
    ("system_fault", None, "Base.St", "SysError SysError", "System Fault", "0x10000000", "0x10000000"),
]


@pytest.mark.parametrize(("kind", "cell", "column", "words", "register", "alarm", "warning"), SIGNS)
def test_alarms_and_warnings_show(kind, cell, column, words, register, alarm, warning):
    desk = Desk("US3000C", 3)
    module = desk.bank.modules[1]
    for stage, bits in enumerate((alarm, warning)):
        module.alarms, module.warnings = set(), set()
        (module.alarms, module.warnings)[stage].add((AlarmKind(kind), cell))
        word = words.split()[stage]
        rows, keys = desk.pwr(), desk.pairs("pwr 2")
        assert " ".join(keys[register].split()) == bits
        assert {keys[name] for name in ("Bat Events", "Power Events", "System Fault") if name != register} == {"0x0"}
        if column is None:
            assert keys["Coul. Status"] == word
        else:
            assert rows[2][column] == word
            changed = {name for name in rows[2] if name.endswith(".St") and rows[2][name] != rows[1][name]}
            assert changed == ({column} if word != "Charge" else set())
        if cell:
            marked = [row[0] for row in desk.bat("bat 2")[1:] if word in row]
            assert marked == [str(cell - 1)]


def test_alarms_add_up_and_the_worse_word_wins():
    desk = Desk("US3000C", 1)
    module = desk.bank.modules[0]
    module.warnings = {(AlarmKind.CELL_OVERVOLTAGE, 1), (AlarmKind.CELL_UNDERVOLTAGE, 2)}
    module.alarms = {(AlarmKind.CELL_OVERVOLTAGE, 3)}
    assert " ".join(desk.pairs("pwr 1")["Bat Events"].split()) == "0xB BOV BHV BLV"
    assert desk.pwr()[1]["B.V.St"] == "OV"
    assert [row[5] for row in desk.bat("bat")[1:5]] == ["High", "Low", "OV", "Normal"]


def test_a_full_battery_says_so():
    desk = Desk("US3000C", 1, soc=100)
    told = desk.pairs("pwr 1")
    assert told["Coul. Status"] == "Full"
    assert told["Power Events"].split() == ["0x2000", "COULFULL"]


def test_a_us3000d_has_status_words_of_which_two_bits_are_normal():
    desk = Desk("US3000D", 2)
    told = {key: value.split() for key, value in desk.pairs("pwr 1").items()}
    assert told["Bat Volt Status"] == ["0x4", "BVNOR"]
    assert told["Pwr Tmpr Status"] == ["0x8", "PTNOR"]
    assert told["System Fault"] == told["Cascade Status"] == ["0x0"]
    assert "Bat Events" not in told
    desk.bank.modules[0].alarms = {(AlarmKind.CELL_OVERVOLTAGE, 1)}
    desk.bank.modules[0].warnings = {(AlarmKind.UNDERTEMPERATURE, None)}
    told = {key: value.split() for key, value in desk.pairs("pwr 1").items()}
    assert told["Bat Volt Status"] == ["0x1", "BOV"]
    assert told["Pwr Tmpr Status"] == ["0x10", "PLT"]
    assert told["Pwr Volt Status"] == ["0x4", "PVNOR"]
    desk.bank.modules[1].alarms = {(AlarmKind.DISCHARGE_OVERTEMPERATURE, 2)}
    row = desk.bat("bat 2")[2]
    assert row[5:9] == ["Normal", "Normal", "OT", "Normal"]


def test_the_system_alarm_has_a_column_of_its_own():
    desk = Desk("US5000-B69.26", 2)
    desk.bank.modules[1].alarms = {(AlarmKind.SYSTEM_FAULT, None)}
    assert [desk.pwr()[slot]["SysAlarm.St"] for slot in (1, 2)] == ["Normal", "Alarm"]


def test_the_log_book_notes_what_changes():
    desk = Desk("US3000C", 1)
    before = lines_of(desk.type("log\r"))[2:]
    desk.type("x")
    desk.bank.advance(600)
    desk.bank.force(desk.bank.modules[0], -5.0)
    entry = lines_of(desk.type("log\r"))[2:]
    assert entry[6:10] == before[1:5]
    assert entry[0] == " Index   : 31    "
    assert entry[1] == " Time    : 26-03-14 10:10:05"
    assert entry[4].startswith(" Info    : ")


def test_recorded_events_keep_the_cells_of_their_time():
    desk = Desk("US3000C", 1)
    module = desk.bank.modules[0]
    assert desk.ask("data event 1")["success"] is None
    module.alarms = {(AlarmKind.CELL_UNDERVOLTAGE, 2)}
    volts = str(round(1000 * module.cell_voltages()[1]))
    desk.type("\r")
    module.alarms = set()
    desk.bank.set_soc(20)
    told = desk.pairs("data event 1")
    assert told["Item Index"] == "1"
    assert told["Bat Events"].split() == ["0x10", "BUV"]
    cell = next(line for line in desk.lines("data event 1") if line.startswith("1        ")).split()
    assert cell[1] == volts
    assert "UV" in cell
    assert desk.pairs("data event")["Item Index"] == "2"
    header, *rows = desk.lines("datalist event")
    assert header.split()[:2] == ["Item", "Time"]
    assert [row.split()[0] for row in rows] == ["0", "1", "2"]
    assert rows[1].split()[-1] == "BUV"
