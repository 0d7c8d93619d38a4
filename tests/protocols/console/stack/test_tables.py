"""The text console's tables: every layout of ``pwr`` and ``bat``, and ``soh``."""

from dataclasses import replace
from itertools import pairwise

import pytest
from tests.protocols.console.test_answers import (
    ABSENT,
    BAT_LINES,
    HEADER_A,
    PWR_ROW,
    SOH_LINES,
    framed,
    only,
    pwr_lines,
)

from pylon2mqtt.errors import DecodeError, FrameError
from pylon2mqtt.model import Alarm, AlarmKind, Bank, Module, Severity, State
from pylon2mqtt.model.derived import bank_figures
from pylon2mqtt.protocols.console.answers import decode_answer, read_answer

HEADER_B = HEADER_A + " MosTempr M.T.St  "
HEADER_C = (
    "Power Volt   Curr   Tempr  Tlow   Tlow.Id  Thigh  Thigh.Id Vlow   Vlow.Id  Vhigh  Vhigh.Id Base.St  Volt.St  "
    "Curr.St  Temp.St  Coulomb  Time                 B.V.St   B.T.St  MosTempr M.T.St   SysAlarm.St"
)
HEADER_D = HEADER_C.removesuffix("SysAlarm.St")
HEADER_E = HEADER_A + " Barcode              DevType             "
MOS = "23400    Normal  "
WORDS = ("Charge", *5 * ("Normal",))
ROW_C = (
    "1     49077  -33210 24100  23300  7        25200  0        3270   11       3275   4        Dischg   Normal   "
    "Normal   Normal   41%      2032-02-03 04:05:06  Normal   Normal  26700    Normal   Normal"
)
ROW_D = ROW_C.removesuffix("   Normal")
ROW_E = PWR_ROW.format(slot=1) + " LB77665544332211     E-BOX-48100R-C      "


def pwr(*lines: str) -> Bank:
    return decode_answer("pwr", framed("pwr", lines))


def one(header: str, row: str) -> Module:
    (module,) = pwr(header, row).modules
    return module


def changed(old: str, new: str, row: str = ROW_C) -> str:
    assert old in row
    return row.replace(old, new, 1)


class TestLayouts:
    def test_a_says_all_that_its_columns_say(self) -> None:
        module = one(HEADER_A, PWR_ROW.format(slot=1))
        assert module == Module(
            number=1,
            voltage=51.312,
            current=4.21,
            temperature=22.0,
            cell_temperature_min=19.0,
            cell_temperature_max=20.0,
            cell_voltage_min=3.419,
            cell_voltage_max=3.423,
            soc=64.0,
            state=State.CHARGING,
            alarms=(),
            words=dict(zip(("Base.St", "Volt.St", "Curr.St", "Temp.St", "B.V.St", "B.T.St"), WORDS, strict=True)),
        )

    def test_b_has_the_temperature_of_the_switches(self) -> None:
        assert one(HEADER_B, PWR_ROW.format(slot=1) + MOS).mos_temperature == 23.4

    def test_pitfall_1_c_has_the_cells_numbers_from_1(self) -> None:
        module = one(HEADER_C, ROW_C)
        assert (module.current, module.cell_voltage_min, module.cell_voltage_max) == (-33.21, 3.27, 3.275)
        assert (module.cell_temperature_min_cell, module.cell_temperature_max_cell) == (8, 1)
        assert (module.cell_voltage_min_cell, module.cell_voltage_max_cell) == (12, 5)
        assert (module.soc, module.mos_temperature, module.alarms) == (41.0, 26.7, ())

    def test_pitfall_1_d_is_c_without_the_system_alarm(self) -> None:
        whole = one(HEADER_C, ROW_C)
        words = {name: word for name, word in (whole.words or {}).items() if name != "SysAlarm.St"}
        assert one(HEADER_D, ROW_D) == replace(whole, words=words)

    def test_e_has_barcode_and_model(self) -> None:
        module = one(HEADER_E, ROW_E)
        assert (module.barcode, module.model) == ("LB77665544332211", "E-BOX-48100R-C")

    @pytest.mark.parametrize(
        ("header", "row", "absent"),
        [
            (HEADER_A, PWR_ROW.format(slot=1), ABSENT),
            (HEADER_B, PWR_ROW.format(slot=1) + MOS, ABSENT),
            (HEADER_C, ROW_C, ABSENT),
            (HEADER_E, ROW_E, ABSENT + "        -                    -"),
        ],
    )
    def test_pitfall_2_absent_rows_keep_any_layout(self, header: str, row: str, absent: str) -> None:
        assert [m.number for m in pwr(header, row, f"2     {absent}", f"3     {absent}").modules] == [1]

    def test_pitfall_3_a_module_without_a_sensor_is_a_module(self) -> None:
        without = one(HEADER_B, PWR_ROW.format(slot=1) + " -        -       ")
        assert (without.voltage, without.mos_temperature, without.alarms) == (51.312, None, ())

    def test_missing_columns_are_not_reported(self) -> None:
        module = one("Power Volt   Curr   Base.St  Coulomb", "1     51312  4210   Charge   64%")
        assert (module.voltage, module.soc, module.temperature) == (51.312, 64.0, None)

    def test_the_order_of_the_columns_is_the_headers(self) -> None:
        module = one("Power Curr   Volt   Base.St  Vhigh  Vlow", "1     -5     51312  Idle     3423   3419")
        assert (module.voltage, module.current, module.cell_voltage_min) == (51.312, -0.005, 3.419)

    @pytest.mark.parametrize(
        ("name", "cell"),
        [("H.Relay", "ON"), ("CycleCnt", "17"), ("LastFull", "2031-05-01 10:00:00"), ("Note", ""), ("SOH", "99%")],
    )
    @pytest.mark.parametrize("before", ["Tempr", "Base.St", "Time", None])
    def test_new_columns_are_told_and_do_no_harm(self, name: str, cell: str, before: str | None) -> None:
        names, row = HEADER_A.split(), PWR_ROW.format(slot=1).split()
        date = names.index("Time")
        row[date : date + 2] = [" ".join(row[date : date + 2])]
        at = len(names) if before is None else names.index(before)
        lines = ["  ".join([*part[:at], new, *part[at:]]) for part, new in ((names, name), (row, cell))]
        told = read_answer("pwr", framed("pwr", [*lines, f"2     {ABSENT} 0"]))
        assert told.unknown == (name,)
        assert told.bank.modules[0] == one(HEADER_A, PWR_ROW.format(slot=1))

    def test_known_columns_are_not_told(self) -> None:
        for header, row in ((HEADER_A, PWR_ROW.format(slot=1)), (HEADER_C, ROW_C), (HEADER_E, ROW_E)):
            assert read_answer("pwr", framed("pwr", [header, row])).unknown == ()


class TestSlots:
    def test_pitfall_34_gaps_do_not_end_the_table(self) -> None:
        rows = [PWR_ROW.format(slot=i) if i in (1, 2, 5, 16) else f"{i:<6}{ABSENT}" for i in range(1, 17)]
        assert [m.number for m in pwr(HEADER_A, *rows).modules] == [1, 2, 5, 16]

    def test_pitfall_33_sixteen_modules(self) -> None:
        rows = [PWR_ROW.format(slot=i) for i in range(1, 17)]
        bank = pwr(HEADER_A, *rows)
        assert len(bank.modules) == 16
        assert bank_figures(bank).current == pytest.approx(16 * 4.21)

    def test_pitfall_14_the_stacks_current_is_the_sum(self) -> None:
        assert bank_figures(pwr(*pwr_lines())).current == 8.42

    def test_only_present_modules_may_be_printed(self) -> None:
        rows = [changed("1     ", f"{i:<6}", ROW_D) for i in (1, 3, 4)]
        assert [m.number for m in pwr(HEADER_D, *rows).modules] == [1, 3, 4]

    @pytest.mark.parametrize("numbers", [(2, 1), (1, 1), (0, 1), (1, 17), (1, 2, 4, "3 -")])
    def test_numbers_out_of_order_are_refused(self, numbers: tuple[object, ...]) -> None:
        rows = [f"3     {ABSENT}" if n == "3 -" else PWR_ROW.format(slot=n) for n in numbers]
        if numbers == (1, 2, 4, "3 -"):
            assert [m.number for m in pwr(HEADER_A, *rows).modules] == [1, 2, 4]
            return
        with pytest.raises(FrameError):
            pwr(HEADER_A, *rows)

    def test_a_missing_row_is_seen_where_empty_slots_are_printed(self) -> None:
        with pytest.raises(FrameError, match="rows are missing"):
            pwr(HEADER_A, PWR_ROW.format(slot=1), PWR_ROW.format(slot=3), f"4     {ABSENT}")

    @pytest.mark.parametrize(
        "row", [f"2     {ABSENT} 5", f"2     {ABSENT} Absent", f"x     {ABSENT}", f"2     {ABSENT} 3     {ABSENT}"]
    )
    def test_pitfall_27_a_damaged_empty_slot_is_refused(self, row: str) -> None:
        with pytest.raises(FrameError, match="damaged row"):
            pwr(HEADER_A, PWR_ROW.format(slot=1), row)

    def test_a_module_that_measures_nothing_is_left_out(self) -> None:
        asleep = f"2     {ABSENT}".replace("Absent", "Sleep ")
        assert [m.number for m in pwr(HEADER_A, PWR_ROW.format(slot=1), asleep).modules] == [1]


class TestValues:
    @pytest.mark.parametrize(("glued", "current"), [("-10000021000", -100.0), ("-123456-2000", -123.456)])
    def test_a_glued_current_is_split_at_its_width(self, glued: str, current: float) -> None:
        module = one(HEADER_C, changed("-33210 24100", glued))
        assert (module.current, module.temperature) == (current, float(glued[7:]) / 1000)
        assert module.cell_temperature_min == 23.3

    def test_pitfall_27_a_lost_blank_does_not_glue(self) -> None:
        with pytest.raises(FrameError, match="damaged row"):
            one(HEADER_C, changed("-33210 24100", "-3321024100"))

    @pytest.mark.parametrize(
        ("command", "lines", "numbers"),
        [
            ("pwr", [HEADER_A, PWR_ROW.format(slot=1), PWR_ROW.format(slot=2)], 55),
            ("bat 2", BAT_LINES, 36),
            ("soh 2", SOH_LINES, 33),
        ],
    )
    def test_pitfall_27_a_lost_digit_moves_what_stands_behind_it(
        self, command: str, lines: list[str], numbers: int
    ) -> None:
        *others, last = lines
        for at in range(1, numbers):
            with pytest.raises(FrameError):
                decode_answer(command, framed(command, [*others, last[:at] + last[at + 1 :]]))
            with pytest.raises(FrameError):
                decode_answer(command, framed(command, [*others, f"{last[:at]}0{last[at:]}"]))

    def test_where_a_terminal_took_the_columns_away_they_say_nothing(self) -> None:
        rows = [PWR_ROW.format(slot=1), changed("4210 ", "-15  ", PWR_ROW.format(slot=2))]
        assert pwr(HEADER_A, *(" ".join(row.split()) for row in rows)) == pwr(HEADER_A, *rows)

    def test_a_number_that_fills_its_column_moves_nothing(self) -> None:
        rows = [ROW_C, changed("-33210 24100", "-10000021000", ROW_C).replace("1  ", "2  ", 1)]
        assert [module.current for module in pwr(HEADER_C, *rows).modules] == [-33.21, -100.0]

    def test_one_blank_is_enough(self) -> None:
        assert one(HEADER_C, changed("-33210 24100", "-99999 24100")).current == -99.999

    @pytest.mark.parametrize("text", ["-12345624100", "999999924100", "24100"])
    def test_a_row_that_lost_a_number_is_not_split(self, text: str) -> None:
        row = changed("-33210 24100", text).replace(" 23300 ", " ", 1) if text != "24100" else changed("-33210 ", "")
        with pytest.raises(FrameError):
            one(HEADER_C, row)

    @pytest.mark.parametrize(
        ("word", "current"), [("Charge", -0.61), ("Idle", -0.108), ("SysError", -1.524), ("Dischg", 0.5)]
    )
    def test_pitfall_13_the_sign_is_the_currents_own(self, word: str, current: float) -> None:
        row = changed("Dischg", word, changed("-33210", f"{current * 1000:.0f}"))
        assert one(HEADER_C, row).current == current

    @pytest.mark.parametrize(("printed", "soc"), [("5%", 5), ("100%", 100), ("107%", 100)])
    def test_pitfall_16_more_than_full_is_full(self, printed: str, soc: int) -> None:
        assert one(HEADER_C, changed("41%", printed)).soc == soc

    def test_pitfall_17_a_jump_of_the_soc_is_the_bms_own(self) -> None:
        assert one(HEADER_C, changed("41%", "100%")).soc == 100.0

    @pytest.mark.parametrize(("ma", "amperes"), [("0", 0.0), ("-7", -0.007), ("-99", -0.099), ("100000", 100.0)])
    def test_pitfall_18_small_and_large_numbers(self, ma: str, amperes: float) -> None:
        assert one(HEADER_A, changed("4210  ", f"{ma:<6}", PWR_ROW.format(slot=1))).current == amperes

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("51312", "5131"),
            ("51312", "513123"),
            ("3419", "341"),
            ("3423", "34234"),
            ("3423", "3418"),
            ("51312", "52312"),
            ("20000", "2000"),
            ("64%", "641%"),
            ("4210", "4210000"),
            ("4210", "42x10"),
            ("51312", "-"),
            ("4210 ", "-    "),
            ("Charge", "-     "),
            ("Charge", "Chrge "),
            ("Normal", "Nornal"),
            ("Normal", "Norm@l"),
            ("2031-05-06 07:08:09", "2031-05-06 07:08:0"),
            ("2031-05-06 07:08:09", "2031-05-0607:08:09"),
            ("  4210", ""),
            ("Normal  ", ""),
            ("3423", "3423 3424"),
        ],
    )
    def test_pitfall_27_what_cannot_be_true_is_refused(self, old: str, new: str) -> None:
        row = changed(old, new, PWR_ROW.format(slot=1))
        with pytest.raises(FrameError, match="ask again"):
            pwr(HEADER_A, row, PWR_ROW.format(slot=2))

    @pytest.mark.parametrize("damaged", ["Thgh", "Voltt Volt", "Base.S", "Coulmb", "Vhi\x96h", "Tlow Tlow"])
    def test_pitfall_27_a_damaged_header_is_refused(self, damaged: str) -> None:
        whole = {"Thgh": "Thigh", "Base.S": "Base.St", "Coulmb": "Coulomb"}.get(damaged, "Vhigh")
        with pytest.raises(FrameError):
            one(changed(whole, damaged, HEADER_A), PWR_ROW.format(slot=1))

    def test_pitfall_27_a_name_that_stands_there_twice_is_refused(self) -> None:
        with pytest.raises(FrameError, match="damaged header"):
            one(changed("Vhigh", "Vlow ", HEADER_A), PWR_ROW.format(slot=1))

    @pytest.mark.parametrize("first", ["Address Stack Module", "Address Power", "Group Power", "Stack"])
    def test_pitfall_41_the_table_of_an_lv_hub_is_refused_clearly(self, first: str) -> None:
        header = changed("Power", first, HEADER_A)
        row = "1     1     " + PWR_ROW.format(slot=1)
        with pytest.raises(DecodeError, match="LV-Hub") as caught:
            pwr(header, row)
        assert caught.value.raw == framed("pwr", [header, row])

    @pytest.mark.parametrize("first", ["Powr", "wer", "or", "P\x96wer", "Pmwes", "", "Power"])
    def test_pitfall_41_a_damaged_header_is_none(self, first: str) -> None:
        with pytest.raises(FrameError):
            pwr(changed("Power", first, HEADER_A), "x")

    def test_a_header_may_be_repeated(self) -> None:
        rows = [PWR_ROW.format(slot=i) for i in (1, 2)]
        assert pwr(HEADER_A, rows[0], HEADER_A, rows[1]) == pwr(HEADER_A, *rows)

    def test_without_a_header_nothing_is_believed(self) -> None:
        with pytest.raises(FrameError, match="no header"):
            pwr(PWR_ROW.format(slot=1))

    def test_a_dead_cell_may_be_at_any_voltage_if_the_bms_says_so(self) -> None:
        row = changed("Normal   Normal  26700", "Low      Normal  26700", changed("3270 ", "612  "))
        assert one(HEADER_C, row).cell_voltage_min == 0.612
        with pytest.raises(FrameError):
            one(HEADER_C, changed("3270 ", "612  "))


class TestStates:
    @pytest.mark.parametrize(
        ("word", "state"),
        [
            ("Charge", State.CHARGING),
            ("Dischg", State.DISCHARGING),
            ("Idle", State.IDLE),
            ("Balance", State.BALANCING),
            ("Sleep", State.SLEEPING),
        ],
    )
    def test_words_of_what_it_does(self, word: str, state: State) -> None:
        module = one(HEADER_C, changed("Dischg", word))
        assert (module.state, module.alarms) == (state, ())

    def test_a_system_error_is_a_fault(self) -> None:
        module = one(HEADER_C, changed("Dischg", "SysError"))
        fault = Alarm(kind=AlarmKind.SYSTEM_FAULT, severity=Severity.FAULT, text="SysError")
        assert (module.state, module.alarms) == (State.FAULT, (fault,))

    @pytest.mark.parametrize(("word", "severity"), [("Protect", Severity.PROTECTION), ("Formatting", Severity.WARNING)])
    def test_an_unknown_word_is_an_alarm_with_that_word(self, word: str, severity: Severity) -> None:
        module = one(HEADER_C, changed("Dischg", word))
        assert module.state is None
        assert module.alarms == (Alarm(kind=AlarmKind.OTHER, severity=severity, text=word),)

    @pytest.mark.parametrize(
        ("column", "word", "kind", "severity"),
        [
            ("Volt.St", "High", AlarmKind.MODULE_OVERVOLTAGE, Severity.WARNING),
            ("Volt.St", "Low", AlarmKind.MODULE_UNDERVOLTAGE, Severity.WARNING),
            ("Curr.St", "High", AlarmKind.OVERCURRENT, Severity.WARNING),
            ("Curr.St", "COC", AlarmKind.CHARGE_OVERCURRENT, Severity.PROTECTION),
            ("Curr.St", "DOC2", AlarmKind.DISCHARGE_OVERCURRENT, Severity.PROTECTION),
            ("Curr.St", "SC", AlarmKind.SHORT_CIRCUIT, Severity.PROTECTION),
            ("Temp.St", "High", AlarmKind.OVERTEMPERATURE, Severity.WARNING),
            ("B.V.St", "Low", AlarmKind.CELL_UNDERVOLTAGE, Severity.WARNING),
            ("B.V.St", "OV", AlarmKind.CELL_OVERVOLTAGE, Severity.PROTECTION),
            ("B.T.St", "Low", AlarmKind.UNDERTEMPERATURE, Severity.WARNING),
            ("M.T.St", "High", AlarmKind.MOSFET_OVERTEMPERATURE, Severity.WARNING),
            ("SysAlarm.St", "Alarm", AlarmKind.OTHER, Severity.WARNING),
            ("B.V.St", "Strange", AlarmKind.OTHER, Severity.WARNING),
        ],
    )
    def test_state_columns(self, column: str, word: str, kind: AlarmKind, severity: Severity) -> None:
        names = HEADER_C.replace("Time ", "Time clock ").split()
        row = ROW_C.split()
        row[names.index(column)] = word
        expected = Alarm(kind=kind, severity=severity, text=f"{column} {word}")
        assert one(HEADER_C, "  ".join(row)).alarms == (expected,)

    def test_pitfall_20_no_reading_is_a_sensor_fault_and_no_voltage(self) -> None:
        module = one(HEADER_C, changed("3275 ", "4095 "))
        fault = Alarm(kind=AlarmKind.SENSOR_FAULT, severity=Severity.FAULT, cells=(5,), text="4095 mV")
        assert (module.cell_voltage_max, module.cell_voltage_max_cell, module.alarms) == (None, None, (fault,))


NONSENSE = ["-100000", "-273150", "-41000", "4095", "121000", "999999999"]


class TestBrokenSensors:
    @pytest.mark.parametrize("nonsense", NONSENSE)
    @pytest.mark.parametrize(
        ("column", "sound", "field", "cell"),
        [
            ("Tempr", "24100 ", "temperature", None),
            ("Tlow", "23300 ", "cell_temperature_min", 8),
            ("Thigh", "25200 ", "cell_temperature_max", 1),
            ("MosTempr", "26700 ", "mos_temperature", None),
        ],
    )
    def test_it_has_no_value_and_an_alarm(
        self, column: str, sound: str, field: str, cell: int | None, nonsense: str
    ) -> None:
        whole, module = one(HEADER_C, ROW_C), one(HEADER_C, changed(sound, f"{nonsense} "))
        fault = Alarm(
            kind=AlarmKind.SENSOR_FAULT,
            severity=Severity.FAULT,
            cells=(cell,) if cell else (),
            text=f"{column} out of range",
        )
        assert (getattr(module, field), module.alarms) == (None, (fault,))
        lost = {field, "alarms"} | ({f"{field}_cell"} if cell else set())
        told = {name: (getattr(module, name), getattr(whole, name)) for name in Module.__dataclass_fields__}
        assert {name for name, (here, there) in told.items() if here != there} == lost

    def test_the_other_modules_are_read(self) -> None:
        broken = changed("19000 ", "-99000", PWR_ROW.format(slot=1))
        first, second = pwr(HEADER_A, broken, PWR_ROW.format(slot=2)).modules
        assert (first.cell_temperature_min, first.cell_temperature_max, first.voltage) == (None, 20.0, 51.312)
        assert (second.cell_temperature_min, second.alarms) == (19.0, ())

    def test_minus_100_degrees_fill_their_column(self) -> None:
        row = changed("22000  19000  20000  ", "-100000-100000-100000", PWR_ROW.format(slot=1))
        module = one(HEADER_A, row)
        assert (module.temperature, module.cell_temperature_min, module.cell_temperature_max) == (None, None, None)
        assert (module.current, module.cell_voltage_min, len(module.alarms or ())) == (4.21, 3.419, 3)
        glued = changed("23300  7        25200  0  ", "-1000007        -1000000  ")
        assert [cell for alarm in one(HEADER_C, glued).alarms or () for cell in alarm.cells] == [8, 1]

    @pytest.mark.parametrize(
        ("old", "new"), [("51312", "5131"), ("3419", "3424"), ("Normal", "Norml"), ("4210", "4210000"), ("64%", "64")]
    )
    def test_where_the_rest_does_not_fit_the_line_is_bad(self, old: str, new: str) -> None:
        row = changed("19000 ", "-99000", PWR_ROW.format(slot=1))
        with pytest.raises(FrameError):
            one(HEADER_A, changed(old, new, row))

    @pytest.mark.parametrize("nonsense", NONSENSE[:-1])
    def test_of_a_cell(self, nonsense: str) -> None:
        lines = [
            line.replace("21300    ", f"{nonsense:<9}") if line.startswith(("4 ", "5 ")) else line for line in BAT_LINES
        ]
        cells = only("bat 2", lines).cells or ()
        assert [cell.number for cell in cells if cell.temperature is None] == [5, 6]
        assert [(a.kind, *a.cells, a.text) for cell in cells for a in cell.alarms or ()] == [
            (AlarmKind.SENSOR_FAULT, 5, "Tempr out of range"),
            (AlarmKind.SENSOR_FAULT, 6, "Tempr out of range"),
        ]
        assert cells[4].voltage == 3.404


CELL_STATES = "Base State   Volt. State  Curr. State  Temp. State  "


def bat(header: str, *rows: str) -> Module:
    return only("bat 2", [header, *rows])


class TestBat:
    def test_cells_count_from_1(self) -> None:
        module = only("bat 2", BAT_LINES)
        cells = module.cells or ()
        assert (module.number, [c.number for c in cells]) == (2, list(range(1, 16)))
        assert [c.voltage for c in cells[:3]] == [3.4, 3.401, 3.402]
        first = cells[0]
        assert (first.current, first.temperature, first.soc, first.capacity) == (4.21, 21.3, 61.0, 30.511)
        assert (first.state, first.balancing, cells[3].balancing, first.alarms) == (State.CHARGING, False, True, ())

    @pytest.mark.parametrize(
        ("header", "tail", "soc", "ah"),
        [
            ("Coulomb     ", " 81%      39123 mAH", 81.0, 39.123),
            ("Coulomb     ", "39123 mAH", None, 39.123),
            ("Coulomb     ", "53%", 53.0, None),
            ("SOC          Coulomb      BAL  ", " 5%          3708 mAH      Y", 5.0, 3.708),
            ("SOC          Coulomb          BAL", "99%          73012        mAH N", 99.0, 73.012),
            ("SOC          Coulomb", "99%          100000mAH", 99.0, 100.0),
            ("SOC          BAL", "104%         N", 100.0, None),
            ("SOC          BAL", "100 %        N", 100.0, None),
        ],
    )
    def test_pitfall_5_tokens_tell_charge_from_percent(self, header: str, tail: str, soc: float, ah: float) -> None:
        row = f"0        3312     -40      17000    Idle         Normal       Normal       Normal       {tail}"
        (cell,) = bat(f"Battery  Volt     Curr     Tempr    {CELL_STATES}{header}", row).cells or ()
        assert (cell.voltage, cell.current, cell.soc, cell.capacity) == (3.312, -0.04, soc, ah)

    def test_pitfall_4_without_a_current_nothing_shifts(self) -> None:
        header = f"Battery  Volt     Tempr    {CELL_STATES}Coulomb     "
        rows = [
            f"{i:<9}3307     19000    Dischg       Normal       Normal       Normal        34%      34{i:03} mAH"
            for i in range(16)
        ]
        cells = bat(header, *rows).cells or ()
        assert (len(cells), cells[15].current, cells[15].temperature, cells[15].capacity) == (16, None, 19.0, 34.015)

    def test_pitfall_6_two_temperature_states(self) -> None:
        header = f"Battery  Volt     Curr     Tempr    {CELL_STATES[:-13]}DTemp. State CTemp. State SOC   Coulomb   BAL"
        row = "0        3455     -108     24600    Idle         Normal       Normal       {} {} 99%   73012   mAH N"
        (cell,) = bat(header, row.format("High", "Normal")).cells or ()
        assert [a.kind for a in cell.alarms or ()] == [AlarmKind.DISCHARGE_OVERTEMPERATURE]
        (cell,) = bat(header, row.format("Normal", "Low")).cells or ()
        assert [(a.kind, *a.cells) for a in cell.alarms or ()] == [(AlarmKind.CHARGE_UNDERTEMPERATURE, 1)]

    def test_pitfall_22_a_slaves_charge_of_0_is_not_known(self) -> None:
        lines = [line.replace("30511", "0    ") for line in BAT_LINES]
        assert {(c.capacity, c.soc) for c in only("bat 2", lines).cells or ()} == {(None, 61.0)}

    def test_pitfall_20_no_reading_is_a_sensor_fault_of_that_cell(self) -> None:
        cells = only("bat 2", [line.replace("3406", "4095") for line in BAT_LINES]).cells or ()
        assert (cells[6].voltage, [(a.kind, *a.cells) for a in cells[6].alarms or ()]) == (
            None,
            [(AlarmKind.SENSOR_FAULT, 7)],
        )
        assert all(c.voltage and not c.alarms for c in cells if c.number != 7)

    def test_a_high_cell_is_that_cells_alarm(self) -> None:
        lines = list(BAT_LINES)
        lines[5] = lines[5].replace("Normal", "High  ", 1)
        cells = only("bat 2", lines).cells or ()
        assert [(a.kind, *a.cells, a.text) for c in cells for a in c.alarms or ()] == [
            (AlarmKind.CELL_OVERVOLTAGE, 5, "Volt. State High")
        ]

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("3402", "340"),
            ("3402", "4900"),
            ("3402", "-"),
            ("61%", "61"),
            ("30511 mAH", "30511 mH"),
            ("30511 mAH", "mAH"),
            ("Normal", "Noral"),
            ("Charge", "Charg"),
            ("2        ", "3        "),
            ("mAH      N", "mAH      X"),
        ],
    )
    def test_pitfall_27_one_damaged_row_spoils_the_table(self, old: str, new: str) -> None:
        lines = list(BAT_LINES)
        lines[3] = changed(old, new, lines[3])
        with pytest.raises(FrameError):
            only("bat 2", lines)

    def test_without_a_header_nothing_is_believed(self) -> None:
        with pytest.raises(FrameError, match="no header"):
            only("bat 2", BAT_LINES[1:])

    def test_a_column_in_another_form_costs_its_values_only(self) -> None:
        lines = [BAT_LINES[0], *(line.replace("4210  ", "4.21 A") for line in BAT_LINES[1:])]
        told = read_answer("bat 2", framed("bat 2", lines))
        assert (told.unknown, told.doubts) == (("Curr (in another form)",), ())
        sound = only("bat 2", BAT_LINES).cells or ()
        assert told.bank.modules[0].cells == tuple(replace(cell, current=None) for cell in sound)

    @pytest.mark.parametrize(("old", "new"), [("30511", "70511"), ("61%  ", "11%  "), ("30511", "3051 ")])
    def test_a_charge_that_does_not_fit_its_percent_is_a_doubt(self, old: str, new: str) -> None:
        lines = [*BAT_LINES[:5], changed(old, new, BAT_LINES[5]), *BAT_LINES[6:]]
        told = read_answer("bat 2", framed("bat 2", lines))
        assert told.doubts == ("cell 5: its charge does not fit its percent",)
        assert [cell.number for cell in told.bank.modules[0].cells or () if cell.capacity is None] == [5]

    def test_cells_at_100_percent_tell_the_full_capacity(self) -> None:
        full = [line.replace("61% ", "100%") for line in BAT_LINES]
        assert only("bat 2", full).full_capacity == 30.511
        assert only("bat 2", BAT_LINES).full_capacity is None
        assert only("bat 2", [*BAT_LINES[:15], full[15].replace("30511", "50018")]).full_capacity == 50.018

    def test_new_columns_do_no_harm(self) -> None:
        lines = [BAT_LINES[0] + " Ohm", *(f"{line}   12" for line in BAT_LINES[1:])]
        told = read_answer("bat 2", framed("bat 2", lines))
        assert told.unknown == ("Ohm",)
        assert told.bank.modules == (only("bat 2", BAT_LINES),)

    def test_more_cells_than_any_module_has_are_refused(self) -> None:
        header = f"Battery  Volt     Curr     Tempr    {CELL_STATES}Coulomb"
        rows = [f"{i} 3300 0 20000 Idle Normal Normal Normal 50%" for i in range(33)]
        with pytest.raises(FrameError, match="of 32 at the most"):
            bat(header, *rows)


class TestSoh:
    def test_counts_are_counters_of_their_cells(self) -> None:
        module = only("soh 2", SOH_LINES)
        assert module.counters == {f"cell_{n}_soh_count": 4.0 for n in range(2, 16, 2)}
        assert [c.voltage for c in module.cells or ()][:2] == [3.4, 3.401]

    def test_a_status_that_is_not_normal_is_the_cells_alarm(self) -> None:
        lines = [line.replace("Normal", "Weak") if line.startswith("4 ") else line for line in SOH_LINES]
        alarms = [a for c in only("soh 2", lines).cells or () for a in c.alarms or ()]
        assert [(a.kind, *a.cells, a.text) for a in alarms] == [(AlarmKind.OTHER, 5, "SOHStatus Weak")]

    def test_pytes_has_eight_digits_instead(self) -> None:
        lines = ["Power   1", "Battery    Voltage    M-H$", *(f"{i:<11}3301       0000{i:04X}" for i in range(16))]
        told = read_answer("soh", framed("soh", lines, prompt="PYTES"))
        assert told.unknown == ()
        assert [c.voltage for c in told.bank.modules[0].cells or ()] == [3.301] * 16
        assert told.bank.modules[0].counters == {}


def test_rows_of_one_table_never_borrow_from_another() -> None:
    for first, second in pairwise([HEADER_A, HEADER_C, HEADER_E]):
        with pytest.raises(FrameError):
            pwr(first, ROW_C if first == HEADER_A else ROW_E if second == HEADER_E else ROW_C)
