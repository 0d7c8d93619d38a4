"""The virtual rack: modules in series, their controller's tables, and how its console is opened and falls asleep."""

import re

import pytest
from tests.simulator.console.console_host import Desk, lines_of

from pylon2mqtt.errors import ConfigError
from pylon2mqtt.simulator.battery import VirtualBank
from pylon2mqtt.simulator.console.rack.rack import FIRMWARE
from pylon2mqtt.simulator.models import MODELS, stack
from pylon2mqtt.simulator.registry import Simulator

RACKS = [name for name, model in MODELS.items() if model.series]
PWR = (
    "Volt Curr Tempr BTlow BThigh BVlow BVhigh UTlow UThigh UVlow UVhigh Base.St Volt.St Curr.St Temp.St CoulombAH "
    "CoulombWH Time B.V.St B.T.St U.V.St U.T.St Err Code"
)


def body(desk, command):
    return lines_of(desk.ask(command)["body"])


def test_each_rack_has_a_controller():
    assert set(RACKS) == set(FIRMWARE)


def test_one_current_flows_through_all_modules_and_their_voltages_add_up():
    bank = VirtualBank(stack("SC0500", 5))
    bank.advance(60)
    assert {module.current for module in bank.modules} == {bank.current}
    assert bank.voltage == pytest.approx(sum(module.voltage() for module in bank.modules))


def test_a_module_that_is_full_stops_them_all():
    bank = VirtualBank(stack("SC0500", 3), hour=12)
    bank.modules[1].full = True
    bank.modules[1].set_soc(100)
    bank.advance(10)
    assert [module.current for module in bank.modules] == [0.0] * 3


def test_energy_is_counted_at_the_racks_voltage():
    bank = VirtualBank(stack("Force-H2", 4), soc=40)
    bank.demand = lambda _time, _soc: 2000.0
    bank.charged_wh = 0.0
    bank.advance(1800)
    assert bank.charged_wh == pytest.approx(1000, rel=0.03)


class TestTables:
    @pytest.mark.parametrize(
        ("model", "left_out"), [("SC0500", ""), ("Force-H2", ""), ("CMU-B50", "CoulombWH ")]
    )  # fmt: skip
    def test_the_header_of_pwr(self, model, left_out):
        header = next(line for line in body(Desk(model, 2), "pwr") if line.startswith("Volt "))
        assert " ".join(header.split()) == PWR.replace(left_out, "")

    @pytest.mark.parametrize(("model", "unit"), [("SC0500", "WH"), ("Force-H2", "mWH")])
    def test_the_unit_of_energy(self, model, unit):
        row = body(Desk(model, 2), "pwr")[-1].split()
        assert row[row.index("mAH") + 3] == unit

    def test_average_temperature_of_a_unit_where_the_firmware_has_it(self):
        assert "AvgTempr" in body(Desk("SC0500", 2), "unit")[1]
        assert "AvgTempr" not in body(Desk("SC0500-B52.28", 2), "unit")[1]

    @pytest.mark.parametrize(("model", "modules", "cells"), [("SC0500", 5, 75), ("Force-H2", 4, 120)])
    def test_all_cells_count_from_0(self, model, modules, cells):
        desk = Desk(model, modules)
        rows = [line.split() for line in body(desk, "bat")[7:]]
        assert [int(row[0]) for row in rows] == list(range(cells))
        volts = [round(1000 * v) for module in desk.bank.modules for v in module.cell_voltages()]
        assert [int(row[1]) for row in rows] == volts
        assert len(body(desk, "soh")) == cells + 1
        assert len(body(desk, "getpwr")) == cells + 3

    def test_the_oldest_controller_prints_the_unit_behind_each_cells_charge(self):
        header, row = body(Desk("CMU-B50", 2), "bat")[6:8]
        assert header == "Bat  Volt Curr    Tempr   V.State T.State AH(mAH)             Bal"
        assert re.fullmatch(r"0    33\d\d -?\d+ +\d{5}   Normal  Normal   60%      30\d\d\d mAH   N", row)
        assert "mAH   N" not in body(Desk("SC0500", 2), "bat")[7]

    def test_stat_prints_the_keys_of_the_real_ones(self):
        desk = Desk("SC0500-B52.36", 3)
        lines = body(desk, "stat")
        assert (len(lines), lines[0]) == (55, "Device address           0")
        keys = [line[: line.rindex(": ")] for line in lines[1:]]
        assert keys[:2] == ["EvenData Items  ", "HistData Items  "]
        assert keys[-10:-6] == ["His.Chg Cap(WH) ", "His.Chg Capl(mWH) ", "His.Dsg Cap(WH) ", "His.Dsg Capl(mWH) "]
        values = {line[: line.rindex(": ")].strip(): int(line.split()[-1]) for line in lines[1:]}
        discharged = max(module.discharged for module in desk.bank.modules)
        assert values["His.Dsg Cap(WH)"] == int(discharged * 3.2 * 45)
        assert values["Dsg Cap(mAH)"] == round(1000 * discharged)
        assert (values["Pwr Percent"], values["SOH Percent"]) == (60, 100)

    def test_each_controller_names_its_energies_in_its_own_way(self):
        told = {model: " ".join(body(Desk(model, 2), "stat")) for model in ("SC0500", "Force-H2", "CMU-B50")}
        assert "Bat CoulWatt(mWH)" in told["SC0500"]
        assert "Bat CoulWatt(uWH)" in told["Force-H2"]
        assert "WH)" not in told["CMU-B50"]

    def test_the_first_block_of_info_is_unit_1(self):
        desk = Desk("SC0500", 3)
        lines = body(desk, "info")
        assert [line.split()[1] for line in lines if line.startswith("BMU")] == ["2", "1", "0"]
        told = [line.split()[-1] for line in lines if line.startswith("Module:")]
        assert told == [module.barcode for module in desk.bank.modules]
        assert [line[:6] for line in body(Desk("Force-H2", 2), "info") if "Unit" in line] == ["Unit 1", "Unit 2"]

    def test_a_module_that_its_controller_does_not_see_is_left_out(self):
        desk = Desk("SC0500", 3)
        desk.bank.modules[1].present = False
        assert [line.split()[0] for line in body(desk, "unit")[2:]] == ["1", "3"]

    def test_beyond_the_last_board(self):
        assert not Desk("Force-H2", 2).ask("bmuinfo 2")["success"]


class TestOpening:
    def test_a_locked_console_tells_nothing_before_login_and_tbar(self):
        desk = Desk("SC0500-locked", 2)
        assert not desk.ask("pwr")["success"]
        assert not desk.ask("getpwr")["success"]
        assert desk.ask("login debug")["prompt"] == "pylon_debug>"
        assert not desk.ask("getpwr")["success"]
        assert not desk.ask("tbar SIMCWRONG0001")["success"]
        assert desk.ask(f"tbar {desk.console.rack.barcode}")["success"]
        assert desk.ask("getpwr")["success"]
        assert [line[:4] for line in desk.console.writes_seen] == [b"tbar", b"tbar"]

    def test_logout_and_a_power_cut_lock_it_again(self):
        for end in (lambda desk: desk.ask("logout"), lambda desk: desk.console.power_cut()):
            desk = Desk("SC0500-locked", 2)
            desk.ask("login debug")
            desk.ask(f"tbar {desk.console.rack.barcode}")
            end(desk)
            desk.ask("login debug")
            assert not desk.ask("getpwr")["success"]


class TestSleep:
    def test_it_says_nothing_until_it_wakes_up(self):
        desk = Desk("SC0500", 2)
        desk.console.sleep()
        assert desk.type("pwr\r") == ""
        desk.console.wake()
        assert desk.ask("pwr")["success"]

    def test_a_stack_does_not_sleep(self):
        with pytest.raises(ConfigError, match="rack"):
            Desk("US3000C", 2).console.sleep()


@pytest.mark.parametrize(
    ("protocol", "model", "modules", "says"),
    [("rs485", "SC0500", 2, "console"), ("console", "SC0500,US2000", 2, "rack"),
     ("console", "SC0500", 30, "20 modules")],
)  # fmt: skip
def test_what_does_not_go_together_is_said(protocol, model, modules, says):
    with pytest.raises(ConfigError, match=says):
        Simulator(protocol, "pty:/nowhere", model=model, modules=modules)
