"""The tables of high-voltage racks: what each column becomes, and what is refused."""

from collections.abc import Iterable
from dataclasses import fields

import pytest
from tests.fakes import console_bench
from tests.protocols.console.test_answers import framed

from pylon2mqtt.errors import FrameError, ProtocolError
from pylon2mqtt.model import AlarmKind, Bank, Cell, Module, Severity, State, Topology
from pylon2mqtt.protocols.console.answers import decode_answer, read_answer
from pylon2mqtt.protocols.console.decoded import Decoded

HEAD = ["AverageTempr   : 21250       ", "DC Volt        : 288111      ", "Bat Volt       : 288222      "]
PWR = (
    "Volt   Curr   Tempr  BTlow  BThigh BVlow  BVhigh UTlow  UThigh UVlow  UVhigh Base.St  Volt.St  Curr.St  Temp.St  "
    "CoulombAH                CoulombWH              Time                 B.V.St   B.T.St   U.V.St   U.T.St   Err Code"
)
ROW = (
    "288300 -4321  29000  20000  23000  3201   3207   24000  26000  96030  96150  Dischg   Normal   Normal   Normal   "
    " 41%          15170 mAH  44%         4687123 mWH 2031-05-06 07:08:09  Normal   Normal   Normal   Normal   0x0"
)
UNIT = (
    "Index  Volt   Curr   Tempr  AvgTempr BTlow  BThigh BVlow  BVhigh Base.St  Volt.St  Temp.St  "
    "CoulombAH                CoulombWH               Time               "
)
UNIT_ROW = (
    "{index}      96100  -4320  25000  21500  20000  23000  3201   3207    Dischg   Normal   Normal    "
    "41%          15170 mAH  44%            1562 WH 2031-05-06 07:08:09 "
)
BAT_HEAD = [
    "Time: 2031-05-06 07:08:09 ", "A.Tempr: 21480  ", "C.Curr : 18500   mA", "D.Curr : 17000   mA", "B.State: Dischg ",
    "BalVolt: 3370", "Bat  Volt Curr    Tempr   V.State T.State AH(mAH)       WH(mWH)            Bal",
]  # fmt: skip
BAT_ROW = "{cell:<5}{mv:<5}-4321   21000   Normal  Normal   41%    15170  41%        48544   {bal}"


def told(command: str, lines: Iterable[str]) -> Decoded:
    return read_answer(command, framed(command, lines))


def refused(command: str, lines: Iterable[str]) -> Bank:
    return decode_answer(command, framed(command, lines))


def unit(line: str, header: str = UNIT) -> Module:
    (module,) = told("unit", ["AverageTempr: 21250       ", header, line]).bank.modules
    return module


def bat_lines(cells: int = 30) -> list[str]:
    return [*BAT_HEAD, *(BAT_ROW.format(cell=i, mv=3200 + i % 8, bal="NY"[i == 3]) for i in range(cells))]


class TestPwr:
    def test_one_row_is_the_whole_rack(self) -> None:
        bank = told("pwr", [*HEAD, PWR, ROW]).bank
        assert bank == Bank(
            topology=Topology.SERIES,
            voltage=288.3,
            current=-4.321,
            temperature=29.0,
            soc=41.0,
            soe=44.0,
            remaining_capacity=15.17,
            remaining_energy=4.687123,
            state=State.DISCHARGING,
            cell_voltage_min=3.201,
            cell_voltage_max=3.207,
            cell_temperature_min=20.0,
            cell_temperature_max=23.0,
            counters={"average_temperature_c": 21.25, "dc_voltage_v": 288.111, "bat_voltage_v": 288.222},
            alarms=(),
        )

    def test_pitfall_7_old_firmware_has_neither_head_nor_energy(self) -> None:
        header = PWR.replace("CoulombWH              ", "")
        bank = told("pwr", [header, ROW.replace("44%         4687123 mWH ", "")]).bank
        assert (bank.soc, bank.remaining_capacity, bank.remaining_energy, bank.counters) == (41.0, 15.17, None, None)

    def test_pitfall_19_the_unit_is_read(self) -> None:
        line = ROW.replace("4687123 mWH", "4687 WH")
        assert told("pwr", [*HEAD, PWR, line]).bank.remaining_energy == 4.687

    @pytest.mark.parametrize("energy", ["4687123 WH", "4687 mWH"])
    def test_pitfall_19_energy_in_a_wrong_unit_is_not_believed(self, energy: str) -> None:
        bank = told("pwr", [*HEAD, PWR, ROW.replace("4687123 mWH", energy)]).bank
        assert (bank.remaining_energy, bank.soe, bank.soc) == (None, None, 41.0)

    def test_the_error_code_is_an_alarm(self) -> None:
        (alarm,) = told("pwr", [*HEAD, PWR, ROW.replace("0x0", "0x2100")]).bank.alarms or ()
        assert (alarm.kind, alarm.severity, alarm.code) == (AlarmKind.SYSTEM_FAULT, Severity.FAULT, "0x2100")

    @pytest.mark.parametrize(
        ("place", "word", "kind"),
        [(0, "High", AlarmKind.OVERVOLTAGE), (3, "Low", AlarmKind.CELL_UNDERVOLTAGE),
         (4, "High", AlarmKind.OVERTEMPERATURE), (5, "Low", AlarmKind.MODULE_UNDERVOLTAGE),
         (6, "Low", AlarmKind.UNDERTEMPERATURE)],
    )  # fmt: skip
    def test_the_words_of_state_are_alarms(self, place: int, word: str, kind: AlarmKind) -> None:
        parts = ROW.split("Normal")
        line = "Normal".join(parts[: place + 1]) + word + "Normal".join(parts[place + 1 :])
        (alarm,) = told("pwr", [*HEAD, PWR, line]).bank.alarms or ()
        assert alarm.kind is kind

    def test_the_racks_clock_stands_beside_it(self) -> None:
        assert str(told("pwr", [*HEAD, PWR, ROW]).clocks[0]) == "2031-05-06 07:08:09"

    @pytest.mark.parametrize(
        ("good", "bad"),
        [("288300", "28830"), ("288300", "2883000"), ("96150", "9615"), ("3201", "3301"), ("-4321", "-4321000"),
         (" 41%", "410%"), ("Dischg", "Dishg"), ("Normal", "Norml"), ("15170 mAH", "15170"),
         ("0x0", "0xZ"), ("-4321", "-")],
    )  # fmt: skip
    def test_what_cannot_be_true_is_refused(self, good: str, bad: str) -> None:
        with pytest.raises(FrameError):
            refused("pwr", [*HEAD, PWR, ROW.replace(good, bad, 1)])

    def test_a_broken_thermistor_is_no_temperature(self) -> None:
        bank = told("pwr", [*HEAD, PWR, ROW.replace("29000", "290000")]).bank
        assert bank.temperature is None
        assert [alarm.kind for alarm in bank.alarms or ()] == [AlarmKind.SENSOR_FAULT]

    @pytest.mark.parametrize("rows", [[], [ROW, ROW]])
    def test_it_has_one_row(self, rows: list[str]) -> None:
        with pytest.raises(FrameError, match="rows of one rack"):
            refused("pwr", [*HEAD, PWR, *rows])

    def test_a_column_that_nobody_knows_is_skipped_and_reported(self) -> None:
        header, line = PWR.replace("BTlow", "Humid  BTlow"), ROW.replace("20000", "55     20000")
        reading = told("pwr", [*HEAD, header, line])
        assert (reading.unknown, reading.bank.cell_temperature_min) == (("Humid",), 20.0)

    def test_a_single_bmu_has_no_current_and_no_units(self) -> None:
        line = "50100  29000  20000  23000  3331   3350   Idle     Normal   Normal  "
        bank = told("pwr", ["Volt   Tempr  Tlow   Thigh  Vlow   Vhigh  Base.St  Volt.St  Temp.St ", line]).bank
        assert (bank.voltage, bank.current, bank.cell_voltage_min, bank.state) == (50.1, None, 3.331, State.IDLE)


class TestUnit:
    def test_a_row_is_a_module(self) -> None:
        assert unit(UNIT_ROW.format(index=1)) == Module(
            number=1,
            voltage=96.1,
            current=-4.32,
            temperature=25.0,
            soc=41.0,
            soe=44.0,
            remaining_capacity=15.17,
            remaining_energy=1.562,
            state=State.DISCHARGING,
            cell_voltage_min=3.201,
            cell_voltage_max=3.207,
            cell_temperature_min=20.0,
            cell_temperature_max=23.0,
            counters={"average_temperature_c": 21.5},
            alarms=(),
            words={"Base.St": "Dischg", "Volt.St": "Normal", "Temp.St": "Normal"},
        )

    def test_pitfall_7_without_average_and_energy(self) -> None:
        header = UNIT.replace("AvgTempr ", "").replace("CoulombWH               ", "")
        line = UNIT_ROW.format(index=1).replace("21500  ", "").replace("44%            1562 WH ", "")
        module = unit(line, header)
        assert (module.cell_temperature_min, module.remaining_capacity, module.remaining_energy) == (20.0, 15.17, None)

    def test_a_row_that_is_missing_in_the_middle_is_no_fewer_modules(self) -> None:
        with pytest.raises(FrameError):
            refused("unit", [UNIT, UNIT_ROW.format(index=1), UNIT_ROW.format(index=3)])

    @pytest.mark.parametrize(("good", "bad"), [("96100", "9610"), ("96100", "97600"), ("96100", "961000")])
    def test_a_voltage_that_its_cells_cannot_make_is_refused(self, good: str, bad: str) -> None:
        with pytest.raises(FrameError):
            refused("unit", [UNIT, UNIT_ROW.format(index=1).replace(good, bad)])

    @pytest.mark.parametrize("cells", [15, 30, 32])
    def test_modules_have_as_many_cells_as_they_have(self, cells: int) -> None:
        line = UNIT_ROW.format(index=1).replace("96100", str(3204 * cells))
        assert unit(line).voltage == pytest.approx(3.204 * cells)


class TestBat:
    def test_all_cells_stand_in_one_table(self) -> None:
        bank = told("bat", bat_lines(75)).bank
        (module,) = bank.modules
        cells = module.cells or ()
        assert [cell.number for cell in cells] == list(range(1, 76))
        assert (cells[3].voltage, cells[3].current, cells[3].temperature) == (3.203, -4.321, 21.0)
        assert (cells[3].soc, cells[3].capacity, cells[3].energy) == (41.0, 15.17, 0.048544)
        assert [cell.balancing for cell in cells[:5]] == [False, False, False, True, False]
        assert (bank.charge_current_limit, bank.discharge_current_limit) == (18.5, 17.0)
        assert bank.counters == {"average_temperature_c": 21.48, "balance_voltage_v": 3.37}

    def test_pitfall_7_without_energy(self) -> None:
        lines = [line.replace("WH(mWH)            ", "").replace("41%        48544   ", "  ") for line in bat_lines()]
        (module,) = told("bat", lines).bank.modules
        assert [(cell.capacity, cell.energy) for cell in module.cells or ()] == [(15.17, None)] * 30

    def test_pitfall_20_4095_is_no_voltage(self) -> None:
        (module,) = told("bat", [line.replace("3204", "4095", 1) for line in bat_lines(8)]).bank.modules
        cell = (module.cells or ())[4]
        assert cell.voltage is None
        assert [alarm.kind for alarm in cell.alarms or ()] == [AlarmKind.SENSOR_FAULT]

    def test_pitfall_19_energy_that_does_not_go_with_the_charge_is_not_believed(self) -> None:
        (module,) = told("bat", [line.replace("48544", "   48") for line in bat_lines()]).bank.modules
        assert [cell.energy for cell in module.cells or ()] == [None] * 30

    def test_a_broken_thermistor_is_no_temperature(self) -> None:
        (module,) = told("bat", [line.replace("21000   Norm", "-273000 Norm") for line in bat_lines(2)]).bank.modules
        for cell in module.cells or ():
            assert cell.temperature is None
            assert [(a.kind, *a.cells) for a in cell.alarms or ()] == [(AlarmKind.SENSOR_FAULT, cell.number)]

    def test_a_low_cell_says_which_it_is(self) -> None:
        lines = bat_lines()
        lines[10] = lines[10].replace("Normal", "Low   ", 1)
        (module,) = told("bat", lines).bank.modules
        (alarm,) = [alarm for cell in module.cells or () for alarm in cell.alarms or ()]
        assert (alarm.kind, *alarm.cells) == (AlarmKind.CELL_UNDERVOLTAGE, 4)

    @pytest.mark.parametrize("lost", [7, 20, 35])
    def test_pitfall_27_a_lost_row_is_not_closed_up(self, lost: int) -> None:
        lines = bat_lines()
        with pytest.raises(FrameError):
            refused("bat", lines[:lost] + lines[lost + 1 :])


# A counter, and the field that follows from it: the answer prints both as one number.
FOLLOWS: dict[object, str] = {"nominal_capacity_ah": "rated_capacity", "remaining_charge_ah": "full_capacity"}
COMMANDS = ("pwr", "unit", "bat", "soh", "info", "sysinfo", "stat", "getpwr", "bmuinfo 0")


class TestDamage:
    @pytest.fixture(params=COMMANDS)
    def answer(self, request: pytest.FixtureRequest) -> tuple[str, bytes]:
        rig = console_bench("Force-H2", 2)
        return request.param, rig.battery.answer(request.param.encode() + b"\r")

    def test_cut_at_every_byte_it_is_refused(self, answer: tuple[str, bytes]) -> None:
        command, whole = answer
        for end in range(0, len(whole), 1 if len(whole) < 1500 else 7):
            with pytest.raises(FrameError):
                decode_answer(command, whole[:end])

    def test_a_lost_character_changes_one_value_at_the_most(self, answer: tuple[str, bytes]) -> None:
        command, whole = answer
        good = leaves(decode_answer(command, whole))
        body = whole.index(b"@") + 1
        for at in range(body, len(whole), 1 if len(whole) < 1500 else 11):
            try:
                told = leaves(decode_answer(command, whole[:at] + whole[at + 1 :]))
            except ProtocolError:
                continue
            changed = {path for path, value in told.items() if path in good and value not in (None, good[path])}
            changed -= {(*path[:-2], FOLLOWS[path[-1]], "") for path in changed if path[-1] in FOLLOWS}
            assert len(changed) <= 1, (at, whole[at - 20 : at + 20])


def leaves(bank: Bank) -> dict[tuple[object, ...], object]:
    """Every value of a bank by its place."""
    found: dict[tuple[object, ...], object] = {}
    parts: list[tuple[tuple[int, ...], Bank | Module | Cell]] = [((), bank)]
    parts += [((module.number,), module) for module in bank.modules]
    parts += [((module.number, cell.number), cell) for module in bank.modules for cell in module.cells or ()]
    for place, part in parts:
        for field in fields(part):
            if field.name not in ("modules", "cells"):
                value = getattr(part, field.name)
                table = value if field.name in ("parameters", "counters") and value else {"": value}
                found |= {(*place, field.name, key): item for key, item in table.items()}
    return found
