"""The dictionaries of high-voltage racks: who they are, what they admit, what they counted."""

from collections.abc import Iterable

import pytest
from tests.protocols.console.test_answers import INFO_LINES, framed

from pylon2mqtt.errors import DeviceError, FrameError
from pylon2mqtt.model import Bank, Module
from pylon2mqtt.protocols.console.answers import decode_answer, read_answer
from pylon2mqtt.protocols.console.driver import scrub

CONTROLLER = [
    "Device address      : 0",
    "Manufacturer        : Pylon",
    "Device name         : CMU_A",
    "Board version       : TISP01V10R02_1",
    "Main Soft version   : B52.36.0",
    "Soft  version       : V5.7",
    "Barcode             :                 ",
    "PCBA Barcode        : H198765432109876543210          ",
    "Module Barcode      : H298765432109876                ",
    "Device Test Time    : 2031-05-06 07:08:09",
    "Specification       : 144V/50AH",
    "Cell Number         : 45",
    "Max Dischg Curr     : -55000mA",
    "Max Charge Curr     : 53000mA",
    "Shut Circuit        : Yes  ",
]


def block(kind: str, number: int, barcode: str) -> list[str]:
    return [f"{kind} {number} Barcode   ", f"Module:   : {barcode:<32}", f"PCBA:     : H1{barcode}000022          "]


BLOCKS = [*block("BMU", 2, "P21C00000000002"), *block("BMU", 1, "P21C00000000001"), *block("BMU", 0, "P21C00000000000")]


def bank(command: str, lines: Iterable[str]) -> Bank:
    return decode_answer(command, framed(command, lines))


class TestInfo:
    def test_who_the_rack_is(self) -> None:
        told = bank("info", [*CONTROLLER, *BLOCKS])
        assert (told.manufacturer, told.model, told.firmware) == ("Pylon", "CMU_A", "B52.36.0 V5.7")
        assert told.parameters == {"charge_current_limit": 53.0, "discharge_current_limit": 55.0}
        assert told.counters == {"cell_count": 45.0, "nominal_voltage_v": 144.0, "nominal_capacity_ah": 50.0}
        assert told.module_count == 3

    def test_an_empty_barcode_is_that_of_its_box(self) -> None:
        assert bank("info", [*CONTROLLER, *BLOCKS]).barcode == "H298765432109876"
        lines = [line.replace("Barcode             :  ", "Barcode             : H2OWN00000001") for line in CONTROLLER]
        assert bank("info", [*lines, *BLOCKS]).barcode == "H2OWN00000001"

    def test_pitfall_42_the_highest_bmu_is_module_1(self) -> None:
        modules = bank("info", [*CONTROLLER, *BLOCKS]).modules
        assert [(m.number, m.barcode) for m in modules] == [
            (1, "P21C00000000002"), (2, "P21C00000000001"), (3, "P21C00000000000")
        ]  # fmt: skip

    def test_units_count_up(self) -> None:
        lines = [*block("Unit", 1, "Y21C00000000007"), *block("Unit", 2, "P21C00000000008")]
        modules = bank("info", [*CONTROLLER, *lines]).modules
        assert [(m.number, m.barcode) for m in modules] == [(1, "Y21C00000000007"), (2, "P21C00000000008")]

    def test_pitfall_42_the_numbers_decide_and_not_the_order_of_the_text(self) -> None:
        lines = [line for n in (0, 1, 2) for line in block("BMU", n, f"P21C0000000000{n}")]
        assert bank("info", [*CONTROLLER, *lines]) == bank("info", [*CONTROLLER, *BLOCKS])

    @pytest.mark.parametrize("numbers", [(3, 1, 0), (2, 1), (2, 2, 0)])
    def test_where_one_is_missing_nobody_is_named(self, numbers: tuple[int, ...]) -> None:
        lines = [line for n in numbers for line in block("BMU", n, f"P21C0000000000{n}")]
        with pytest.raises(FrameError, match="info tells of"):
            bank("info", [*CONTROLLER, *lines])

    def test_units_and_bmus_are_not_mixed(self) -> None:
        with pytest.raises(FrameError, match="info tells of"):
            bank("info", [*CONTROLLER, *block("Unit", 1, "P21C00000000001"), *block("BMU", 0, "P21C00000000000")])

    def test_erased_memory_is_no_barcode(self) -> None:
        lines = [*block("BMU", 1, "????????????????"), *block("BMU", 0, "P21C00000000000")]
        assert [m.barcode for m in bank("info", [*CONTROLLER, *lines]).modules] == [None, "P21C00000000000"]

    def test_two_blocks_that_ran_into_one_are_refused(self) -> None:
        lines = [line.replace("BMU 1 Barcode", "BM 1 Barcode") for line in BLOCKS]
        with pytest.raises(FrameError, match="second"):
            bank("info", [*CONTROLLER, *lines])

    @pytest.mark.parametrize("name", ["CMU", "CMU_A", "Force_H1", "Force_H2"])
    def test_a_controller_is_one_without_modules_too(self, name: str) -> None:
        lines = [line.replace("CMU_A", name).replace("144V", "48V") for line in CONTROLLER]
        assert bank("info", lines).model == name

    @pytest.mark.parametrize("name", ["bmu", "XHB_BMU_NT"])
    def test_a_single_bmu_is_a_module(self, name: str) -> None:
        lines = [line.replace("US2000C", name) for line in INFO_LINES]
        (module,) = bank("info", lines).modules
        assert (module.number, module.model) == (1, name)

    def test_a_recording_hides_every_barcode(self) -> None:
        raw = framed("info", [*CONTROLLER, *BLOCKS])
        hidden = scrub(b"info\r", raw, lambda barcode: f"X{len(barcode)}")
        assert len(hidden) == len(raw)
        assert not [code for code in (b"H298765", b"P21C0000", b"H1P21", b"H19876") if code in hidden]
        assert decode_answer("info", hidden).module_count == 3


class TestBmuinfo:
    LINES = (
        "Manufacturer        : Pylon",
        "Device name         : BMU",
        "Specification       : 37AH",
        "Cell Number : 30",
    )

    def test_a_board_says_how_many_cells_it_has(self) -> None:
        assert bank("bmuinfo 3", self.LINES).modules == (
            Module(
                number=4,
                address=3,
                manufacturer="Pylon",
                model="BMU",
                rated_capacity=37.0,
                counters={"cell_count": 30.0, "nominal_capacity_ah": 37.0},
            ),
        )

    def test_beyond_the_last_it_refuses(self) -> None:
        with pytest.raises(DeviceError):
            decode_answer("bmuinfo 4", framed("bmuinfo 4", [], done="unccessfully"))


SYSINFO = [
    " Chg Sug Volt       : 159750     mV",
    " Chg Cut Volt       : 162000     mV",
    " Dsg Cut Volt       : 130500     mV",
    " Max Chg Curr       : 18500      mA",
    " Max Dsg Curr       : -17000     mA",
    " Bal Chg Req        : Yes       ",
    " Force Chg Req      : NO        ",
    " Vol High 4         : 3600       mV",
    " Vol Low  1R        : 3200       mV",
    " Temp Nor High 1    : 42500     ",
    " Temp Low 3         : -10000    ",
    " Bal High 5         : 150       ",
    " FChgV              : 2850      ",
    " FChgS              : 4         ",
]


class TestSysinfo:
    def test_limits_and_requests(self) -> None:
        told = bank("sysinfo", SYSINFO)
        assert (told.charge_voltage_limit, told.discharge_voltage_limit) == (159.75, 130.5)
        assert (told.charge_current_limit, told.discharge_current_limit) == (18.5, 17.0)
        assert (told.force_charge_1, told.full_charge_requested) == (False, True)

    def test_no_current_is_a_limit_too(self) -> None:
        lines = [line.replace("-17000 ", "0      ") for line in SYSINFO]
        assert bank("sysinfo", lines).discharge_current_limit == 0.0

    def test_its_own_steps_are_parameters(self) -> None:
        assert bank("sysinfo", SYSINFO).parameters == {
            "charge_cutoff_voltage": 162.0,
            "cell_voltage_high_4": 3.6,
            "cell_voltage_low_1r": 3.2,
            "cell_temperature_nor_high_1": 42.5,
            "cell_temperature_low_3": -10.0,
            "force_charge_cell_voltage": 2.85,
        }

    def test_a_key_that_nobody_knows_is_reported(self) -> None:
        told = read_answer("sysinfo", framed("sysinfo", [*SYSINFO, " Heater            : 1"]))
        assert told.unknown == ("Heater",)

    @pytest.mark.parametrize(("good", "bad"), [("159750     mV", "159750"), (": Yes", ": Ys"), ("Chg Sug", "Chg ug")])
    def test_damage_is_refused(self, good: str, bad: str) -> None:
        with pytest.raises(FrameError):
            bank("sysinfo", [line.replace(good, bad) for line in SYSINFO])


STAT = [
    "Device address           0",
    "Data Items          :          331",
    "Unit OV Times       :            2",
    "CYCLE Times         :          210",
    "SOH Percent         :           97",
    "Pwr Coulomb(mAS)    :     90000000",
    "Bat CoulWatt(mWH)   :     80000000",
    "Dsg Cap(mAH)        :     10520000",
    "His. Chg Cap(WH)    :      1580000",
    "His. Chg Capl(mWH)  :       735001",
    "His. Dsg Cap(WH)    :      1514000",
]


class TestStat:
    def test_cycles_health_and_energy_of_a_life(self) -> None:
        told = bank("stat", STAT)
        assert (told.cycles, told.soh, told.energy_charged, told.energy_discharged) == (210, 97.0, 1580.0, 1514.0)
        assert told.counters == {
            "data_items": 331.0,
            "unit_ov_times": 2.0,
            "remaining_charge_ah": 25.0,
            "discharged_ah": 10520.0,
            "cell_energy_wh": 80.0,
        }

    def test_pitfall_19_the_other_label_of_the_same_energy(self) -> None:
        lines = [line.replace("(mWH)   :     8", "(uWH)   :     8") for line in STAT]
        assert (bank("stat", lines).counters or {})["cell_energy_wh"] == 80.0

    def test_pitfall_19_energy_that_does_not_go_with_the_charge_is_not_believed(self) -> None:
        lines = [line.replace("1514000", "    33") for line in STAT]
        told = bank("stat", lines)
        assert (told.energy_charged, told.energy_discharged) == (None, None)
        lines = [line.replace("80000000", "   80000") for line in STAT]
        assert "cell_energy_wh" not in (bank("stat", lines).counters or {})

    def test_no_health_of_0(self) -> None:
        assert bank("stat", [line.replace(" 97", "  0") for line in STAT]).soh is None

    @pytest.mark.parametrize(("good", "bad"), [("210", "2x10"), (" 97", "197"), ("CYCLE Times", "CYCLE Tmes")])
    def test_damage_is_refused(self, good: str, bad: str) -> None:
        with pytest.raises(FrameError):
            bank("stat", [line.replace(good, bad) for line in STAT])
