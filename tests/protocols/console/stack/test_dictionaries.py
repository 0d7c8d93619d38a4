"""The text console's dictionaries: ``pwr N``, ``info``, ``stat`` and ``euro``."""

import pytest
from tests.protocols.console.test_answers import (
    EURO_LINES,
    INFO_LINES,
    POWER_LINES,
    STAT_LINES,
    framed,
    only,
)

from pylon2mqtt.errors import FrameError
from pylon2mqtt.model import AlarmKind, Severity, State
from pylon2mqtt.protocols.console.answers import decode_answer, read_answer


def with_line(lines: list[str], key: str, value: str | None) -> list[str]:
    """The lines with one key's value replaced, added, or (None) its line left out."""
    rest = [line for line in lines if line.partition(":")[0].strip() != key]
    return rest if value is None else [*rest, f"{key:<16}: {value}"]


def unknown(command: str, lines: list[str]) -> tuple[str, ...]:
    return read_answer(command, framed(command, lines)).unknown


class TestPower:
    def test_it_says_all_that_its_keys_say(self) -> None:
        module = only("pwr 2", POWER_LINES)
        assert (module.number, module.voltage, module.current, module.temperature) == (2, 51.312, -4.21, 22.0)
        assert (module.soc, module.rated_capacity, module.state) == (64.0, 50.0, State.DISCHARGING)
        assert module.full_capacity is None
        assert module.registers == {"bat_events": 0, "power_events": 0, "sys_events": 0}
        assert (module.words or {})["Current Status"] == "Normal"
        assert module.alarms == ()

    @pytest.mark.parametrize("width", [1, 12, 20, 30])
    def test_pitfall_10_the_width_of_the_value_means_nothing(self, width: int) -> None:
        lines = [line.replace("51312       mV", f"{51312:<{width}}mV") for line in POWER_LINES]
        assert only("pwr 2", lines).voltage == 51.312

    def test_pitfall_10_collapsed_blanks_mean_nothing(self) -> None:
        lines = [" ".join(line.split()) for line in POWER_LINES]
        assert only("pwr 2", lines) == only("pwr 2", POWER_LINES)

    @pytest.mark.parametrize(
        ("value", "ah"),
        [("74000 mAH", 74.0), ("360000000           mAS", 100.0), ("0 mAH", None), ("", None), ("-", None)],
    )
    def test_pitfall_19_the_printed_unit_counts(self, value: str, ah: float | None) -> None:
        assert only("pwr 2", with_line(POWER_LINES, "Total Coulomb", value)).rated_capacity == ah

    def test_pytes_says_its_real_capacity(self) -> None:
        lines = with_line(
            with_line(POWER_LINES, "Total Coulomb", "396000000 mAS"), "Real Coulomb", "105000              mAH"
        )
        assert only("pwr 2", lines).full_capacity == 105.0

    @pytest.mark.parametrize("value", ["360000000 mAX", "5x000 mAH", "50 000 mAH"])
    def test_pitfall_19_a_foreign_unit_is_not_guessed_at(self, value: str) -> None:
        with pytest.raises(FrameError):
            only("pwr 2", with_line(POWER_LINES, "Total Coulomb", value))

    def test_pitfall_11_charge_times_are_no_cycles(self) -> None:
        module = only("pwr 2", with_line(POWER_LINES, "Charge Times", "40123"))
        assert (module.cycles, (module.counters or {})["charge_times"]) == (None, 40123.0)

    def test_counters_are_named_with_their_unit(self) -> None:
        lines = with_line(POWER_LINES, "Charge Sec.", "1764    s")
        lines = with_line(with_line(lines, "Total Power In", "7200 AS"), "SOC Voltage", "51300 mV")
        lines = with_line(with_line(lines, "Heater Status", "OFF"), "CMOS Status", "ON      ")
        assert only("pwr 2", lines).counters == {
            "charge_s": 1764.0,
            "charged_ah": 2.0,
            "soc_voltage_v": 51.3,
            "heater_on": 0.0,
            "charge_mosfet_on": 1.0,
        }

    def test_a_key_may_stand_there_twice(self) -> None:
        lines = with_line(POWER_LINES, "Heater Status", "ON")
        assert only("pwr 2", [*lines, "Heater Status : ON"]).counters == {"heater_on": 1.0}

    @pytest.mark.parametrize(
        ("key", "word", "kind"),
        [
            ("Volt Status", "High", AlarmKind.MODULE_OVERVOLTAGE),
            ("Current Status", "High", AlarmKind.OVERCURRENT),
            ("Tmpr. Status", "Low", AlarmKind.UNDERTEMPERATURE),
            ("Coul. Status", "Low", AlarmKind.LOW_SOC),
            ("Soh. Status", "Weak", AlarmKind.OTHER),
        ],
    )
    def test_states_that_are_not_normal(self, key: str, word: str, kind: AlarmKind) -> None:
        (alarm,) = only("pwr 2", with_line(POWER_LINES, key, word)).alarms or ()
        assert (alarm.kind, alarm.severity) == (kind, Severity.WARNING)
        assert word in (alarm.text or "")

    @pytest.mark.parametrize("nonsense", ["-100000", "4095", "125000"])
    def test_a_broken_sensor_has_no_value_and_an_alarm(self, nonsense: str) -> None:
        module = only("pwr 2", with_line(POWER_LINES, "Temperature", f"{nonsense}      mC"))
        (alarm,) = module.alarms or ()
        assert (module.temperature, module.voltage) == (None, 51.312)
        assert (alarm.kind, alarm.severity) == (AlarmKind.SENSOR_FAULT, Severity.FAULT)
        assert alarm.text == "Temperature out of range"

    def test_full_is_no_alarm(self) -> None:
        assert only("pwr 2", with_line(POWER_LINES, "Coul. Status", "Full")).alarms == ()

    def test_what_is_watched_is_not_what_is_wrong(self) -> None:
        lines = with_line(POWER_LINES, "Protect ENA", "BOV BHV BLV BUV COC DOC SC LCOUL ")
        assert (only("pwr 2", lines).alarms, unknown("pwr 2", lines)) == ((), ())

    def test_pytes_bat_status_names_the_cells_limits(self) -> None:
        assert only("pwr 2", with_line(POWER_LINES, "Bat Status", "VNOR TNOR")).alarms == ()
        (alarm,) = only("pwr 2", with_line(POWER_LINES, "Bat Status", "HV TNOR")).alarms or ()
        assert (alarm.kind, alarm.text) == (AlarmKind.CELL_OVERVOLTAGE, "BHV")

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("Voltage", "5131 mV"),
            ("Voltage", "51312"),
            ("Voltage", None),
            ("Current", "-42\x7f10 mA"),
            ("Current", None),
            ("Coulomb", "640 %"),
            ("Basic Status", None),
            ("Basic Status", "Dishg"),
            ("Bat Events", "0xG"),
            ("System Fault", "?"),
            ("Bat Evnts", "0x0"),
            ("Bat E}ents", "0x0"),
        ],
    )
    def test_pitfall_27_what_is_damaged_is_refused(self, key: str, value: str | None) -> None:
        lines = with_line(POWER_LINES, "Bat Events", None) if key in ("Bat Evnts", "Bat E}ents") else POWER_LINES
        with pytest.raises(FrameError):
            only("pwr 2", with_line(lines, key, value))

    def test_keys_that_nobody_knows_are_told(self) -> None:
        lines = with_line(POWER_LINES, "Fan Status", "ON")
        assert unknown("pwr 2", lines) == ("Fan Status",)
        assert only("pwr 2", lines) == only("pwr 2", POWER_LINES)


class TestInfo:
    def test_who_it_is(self) -> None:
        module = only("info 2", INFO_LINES)
        assert (module.manufacturer, module.model, module.barcode) == ("Pylon", "US2000C", "K210987C12340567")
        assert module.firmware == "B69.7.1 V1.9"
        assert module.parameters == {"charge_current_limit": 91.0, "discharge_current_limit": 90.0}
        assert module.counters == {"cell_count": 15.0, "nominal_capacity_ah": 50.0}

    @pytest.mark.parametrize("key", ["Board", "Hard version", "Iterate version", "Module AfeType", "Board ID", "New"])
    @pytest.mark.parametrize("at", [0, 4, 7, 12])
    def test_pitfall_9_any_line_anywhere_is_tolerated(self, key: str, at: int) -> None:
        lines = [*INFO_LINES[:at], f"{key:<20}: NF7.E1", *INFO_LINES[at:]]
        assert only("info 2", lines) == only("info 2", INFO_LINES)
        assert unknown("info 2", lines) == (("New",) if key == "New" else ())

    @pytest.mark.parametrize(
        "barcode", ["", "????????????????", "----", "\xff\xff\xff\xff", "\xff\xff\xff\xff ", "??\x96"]
    )
    def test_pitfall_37_without_a_barcode_the_module_has_none(self, barcode: str) -> None:
        data = framed("info 2", with_line(INFO_LINES, "Barcode", "BARCODE"))
        told = decode_answer("info 2", data.replace(b"BARCODE", barcode.encode("latin-1")))
        assert (told.modules[0].barcode, told.modules[0].model) == (None, "US2000C")

    def test_where_the_barcode_is_empty_it_is_the_modules(self) -> None:
        lines = [*with_line(INFO_LINES, "Barcode", ""), "Module Barcode : HP20987C12340567"]
        assert only("info", lines).barcode == "HP20987C12340567"
        assert only("info 2", [*INFO_LINES, "Module Barcode : X"]).barcode == "K210987C12340567"

    def test_signs_capitals_and_dots_of_a_key_mean_nothing(self) -> None:
        lines = with_line(with_line(INFO_LINES, "Barcode", None), "BARCODE.", "K210987C12340567")
        assert only("info 2", [*lines, "Board #2~a% : x"]) == only("info 2", INFO_LINES)
        assert unknown("info 2", [*INFO_LINES, "Board #2~a% : x"]) == ("Board #2~a%",)

    def test_pitfall_28_what_still_looks_valid_is_the_drivers(self) -> None:
        lines = with_line(INFO_LINES, "Console Port rate", "1152")
        assert only("info 2", lines) == only("info 2", INFO_LINES)
        assert only("info 2", with_line(INFO_LINES, "Barcode", "K210987C1234056")) != only("info 2", INFO_LINES)

    @pytest.mark.parametrize("key", ["Barcde", "Manufactur", "Devic name", "Max Chrge Curr"])
    def test_pitfall_27_a_damaged_key_is_refused(self, key: str) -> None:
        whole = {"B": "Barcode", "M": "Manufacturer", "D": "Device name"}[key[0]] if "Max" not in key else ""
        lines = with_line(INFO_LINES, whole or "Max Charge Curr", None)
        with pytest.raises(FrameError):
            only("info 2", with_line(lines, key, "1mA"))

    def test_a_damaged_address_line_is_refused(self) -> None:
        with pytest.raises(FrameError):
            only("info 2", ["Deve addres     : 2", *INFO_LINES[3:]])

    def test_a_slaves_own_console_may_have_any_address(self) -> None:
        assert only("info", INFO_LINES).number == 1

    @pytest.mark.parametrize("specification", ["51.2V/100AH", "48V/74AH", "48V/100Ah"])
    def test_low_voltage_is_below_100_v(self, specification: str) -> None:
        assert only("info 2", with_line(INFO_LINES, "Specification", specification)).model == "US2000C"

    @pytest.mark.parametrize("name", ["bmu", "XHB_BMU_NT"])
    def test_a_single_bmu_is_a_module(self, name: str) -> None:
        assert only("info", with_line(INFO_LINES, "Device name", name)).model == name


class TestStat:
    def test_cycles_health_and_counters(self) -> None:
        module = only("stat 2", STAT_LINES)
        assert (module.cycles, module.soh) == (311, 91.0)
        assert module.counters == {
            "charge_times": 9123.0,
            "bat_ov_times": 3.0,
            "soh_times": 0.0,
            "soc_percent": 61.0,
            "remaining_charge_ah": 30.511,
            "discharged_ah": 15577.0,
        }

    def test_pitfall_11_cycles_are_the_cycle_times(self) -> None:
        assert only("stat 2", with_line(STAT_LINES, "CYCLE Times", None)).cycles is None

    @pytest.mark.parametrize(
        ("percent", "full"), [("61", 50.0), ("39", None), ("0", None), ("107", None), (None, None)]
    )
    def test_what_is_left_and_its_percent_tell_the_full_capacity(self, percent: str | None, full: float | None) -> None:
        assert only("stat 2", with_line(STAT_LINES, "Pwr Percent", percent)).full_capacity == full

    @pytest.mark.parametrize("label", ["ChgCurr 0.2C~0.5C Secs", "Soc 20~60% Secs", "BHT Times"])
    def test_labels_of_newer_firmware_are_counters(self, label: str) -> None:
        lines = with_line(STAT_LINES, label, "7")
        assert unknown("stat 2", lines) == ()
        assert 7.0 in (only("stat 2", lines).counters or {}).values()

    @pytest.mark.parametrize("soh", ["0", None])
    def test_pitfall_12_a_health_of_0_is_not_known(self, soh: str | None) -> None:
        assert only("stat 2", with_line(STAT_LINES, "SOH", soh)).soh is None

    @pytest.mark.parametrize(
        ("cycles", "discharged", "published"),
        [
            ("4547", "306123", None),
            ("4547", None, 4547),
            ("3", "356123", 3),
            ("0", "35612", 0),
            ("1", "31123456", None),
        ],
    )
    def test_cycles_must_fit_what_was_discharged(self, cycles: str, discharged: str | None, published: int) -> None:
        lines = with_line(with_line(STAT_LINES, "CYCLE Times", cycles), "Dsg Cap", discharged)
        assert only("stat 2", lines).cycles == published

    @pytest.mark.parametrize(
        ("label", "name"),
        [
            ("HT@0.5C Cnt", "ht_at_0_5c_cnt"),
            ("Charge Cnt.", "charge_cnt"),
            ("LV Secs", "lv_s"),
            ("LifeWarn Times", "lifewarn_times"),
            ("Charge Secs.", "charge_s"),
        ],
    )
    def test_labels_become_names(self, label: str, name: str) -> None:
        assert (only("stat 2", with_line(STAT_LINES, label, "7")).counters or {})[name] == 7.0

    def test_labels_that_nobody_knows_are_told(self) -> None:
        lines = with_line(STAT_LINES, "Warp Times", "7")
        assert unknown("stat 2", lines) == ("Warp Times",)
        assert only("stat 2", lines) == only("stat 2", STAT_LINES)

    @pytest.mark.parametrize(
        ("label", "value"),
        [
            ("CYCE Times", "311"),
            ("Dsg Cp", "15577000"),
            ("SOH", "9\x961"),
            ("SOH", "910"),
            ("Charge Times", "12}3"),
            ("Charge Times", ""),
        ],
    )
    def test_pitfall_27_noise_is_refused(self, label: str, value: str) -> None:
        whole = {"CYCE Times": "CYCLE Times", "Dsg Cp": "Dsg Cap"}.get(label, label)
        data = framed("stat 2", with_line(with_line(STAT_LINES, whole, None), label, "VALUE"))
        with pytest.raises(FrameError):
            decode_answer("stat 2", data.replace(b"VALUE", value.encode("latin-1")))

    def test_a_console_that_is_asked_without_a_number_tells_of_itself(self) -> None:
        lines = ["Device address           3", *STAT_LINES[1:]]
        assert only("stat", lines).cycles == 311
        with pytest.raises(FrameError, match="module 2 was asked, 3 answered"):
            only("stat 2", lines)

    def test_another_answer_is_no_stat(self) -> None:
        with pytest.raises(FrameError, match="no counters"):
            only("stat 2", INFO_LINES)

    def test_detail_counts_seconds(self) -> None:
        lines = ["Device address           1", "Low SOC1 Secs   :        4", "COC8 Secs       :       73"]
        module = only("stat detail", lines)
        assert (module.number, module.counters) == (1, {"low_soc1_s": 4.0, "coc8_s": 73.0})


class TestEuro:
    def counters(self, *lines: str) -> dict[str, float]:
        return dict(only("euro", [*EURO_LINES, *lines]).counters or {})

    def test_what_is_left_over_is_added(self) -> None:
        assert self.counters() == {"measured_capacity_ah": 71.0, "energy_charged_kwh": 9.876015}

    @pytest.mark.parametrize(
        ("line", "name", "value"),
        [
            ("Storage (days) : 12", "storage_days", 12.0),
            ("Remain Cap. 2 (Ah) : 70", "measured_capacity_2_ah", 70.0),
            ("Remain Power : 2345 W", "remaining_power_w", 2345.0),
            ("Round Trip Eff. : 96 %", "round_trip_efficiency_percent", 96.0),
            ("Resistence : 23 mOhm", "resistance_mohm", 23.0),
            ("Resistence (m\xce\xa9) : 23 m\xce\xa9", "resistance_mohm", 23.0),
            ("Dsg. Energy Thro. : 12345 Wh", "energy_discharged_kwh", 12.345),
            ("Energy Thro. : 12345 Wh", "energy_throughput_kwh", 12.345),
            ("Chg. Capac. Thro. : 321 Ah   1800000 mAs", "charged_ah", 321.5),
            ("Deep Dsg. Count : 0", "deep_discharges", 0.0),
            ("Extr. Tempr Total : 0 s", "extreme_temperature_s", 0.0),
            ("Extr. Tempr Total :         0 Sec.", "extreme_temperature_s", 0.0),
            ("Extr. Tempr Total :      7260 Sec.", "extreme_temperature_s", 7260.0),
            ("Extr. Tempr Chg.    :      1234Sec.", "extreme_temperature_charging_s", 1234.0),
            ("Extr. Tempr Chg. (s) : 77", "extreme_temperature_charging_s", 77.0),
            ("Resistance : 23 mOhm", "resistance_mohm", 23.0),
            ("Round Trip Eff. : 96", "round_trip_efficiency_percent", 96.0),
            ("Dsg. Energy Thro. : 14620 Wh   3599999 mWs", "energy_discharged_kwh", 14.621),
            ("Capac. Thro. : 43067 Ah   1800000 mAs", "charge_throughput_ah", 43067.5),
            ("Chg. Dsg. Cycle : 41", "charge_discharge_cycles", 41.0),
        ],
    )
    def test_figures(self, line: str, name: str, value: float) -> None:
        data = framed("euro", [*EURO_LINES, "LINE"], done="successfully!").replace(b"LINE", line.encode("latin-1"))
        (module,) = decode_answer("euro", data).modules
        assert (module.number, (module.counters or {})[name]) == (1, value)

    @pytest.mark.parametrize(
        "line",
        [
            "Remain Cap. 2 : 0 Ah",
            "Remain Power : 0",
            "Self Dsg Rate : 0 %",
            "Resistence : 0 mOhm",
            "Dsg. Energy Thro. : 0 Wh   0 mWs",
            "Storage : - days",
            "Remain Power : ----------",
            "Round Trip Eff. :",
            "Chg. Dsg. Cycle : 0",
            "Deep Dsg. Count : ----------",
            "Dsg. Energy Thro. :        0 Wh   0 mWs",
            "Extr. Tempr Total : - Sec.",
        ],
    )
    def test_what_was_never_programmed_is_unknown(self, line: str) -> None:
        assert self.counters(line) == self.counters()
        assert unknown("euro", [*EURO_LINES, line]) == ()

    def test_where_nothing_was_ever_counted_zeros_say_nothing(self) -> None:
        counts = ["Deep Dsg. Count : 0", "Extr. Tempr Total : 0 Sec.", "Extr. Tempr Chg. : 0 Sec."]
        blank = [*counts, "Remain Cap. :         0 Ah", "Energy Thro. :   0 Wh   0 mWs", "Chg. Dsg. Cycle : 0"]
        assert only("euro", blank).counters == {}
        assert only("euro", [*counts, "Chg. Dsg. Cycle : 1"]).counters == {
            "deep_discharges": 0.0,
            "extreme_temperature_s": 0.0,
            "extreme_temperature_charging_s": 0.0,
            "charge_discharge_cycles": 1.0,
        }

    @pytest.mark.parametrize(
        ("line", "told"),
        [
            ("Remain Power : 2345 furlongs", ("remain power in furlongs",)),
            ("Extr. Tempr Total : 17 min", ("extr tempr total in min",)),
            ("Dsg. Energy Thro. : 14620 Wh   3600000 mWs", ("dsg energy thro in Wh and mWs",)),
            ("Dsg. Energy Thro. : 14620 Wh   0 mAs", ("dsg energy thro in Wh and mAs",)),
            ("Remain Cap. 2 : 70 Ah 71 Ah", ("remain cap 2 in Ah and Ah",)),
            ("Round Trip Eff. : 9600", ()),
            ("Self Dsg Rate : -1 %", ()),
        ],
    )
    def test_a_strange_amount_is_unknown_and_its_unit_is_told(self, line: str, told: tuple[str, ...]) -> None:
        assert self.counters(line) == self.counters()
        assert unknown("euro", [*EURO_LINES, line]) == told

    def test_headings_are_no_keys(self) -> None:
        assert unknown("euro", ["=" * 59, "SOH:", *EURO_LINES, "Life Expectance:"]) == ()

    @pytest.mark.parametrize("blank", ["----------", "---------- --:--:--", "0000-00-00 00:00:00", ""])
    def test_dates_stand_beside_the_bank(self, blank: str) -> None:
        lines = [*EURO_LINES, "Date of manufacture : 2031-04-05", f"Date of putting into service : {blank}"]
        assert read_answer("euro", framed("euro", lines)).dates == {"date_of_manufacture": "2031-04-05"}

    def test_keys_that_nobody_knows_are_told(self) -> None:
        assert unknown("euro", [*EURO_LINES, "CO2 : 12 kg"]) == ("co2",)

    @pytest.mark.parametrize("old", ["71 Ah", "9876 Wh"])
    def test_a_damaged_number_is_refused(self, old: str) -> None:
        data = framed("euro", EURO_LINES).replace(old.encode(), b"\x96" + old[1:].encode())
        with pytest.raises(FrameError):
            decode_answer("euro", data)

    def test_without_any_figure_it_is_refused(self) -> None:
        with pytest.raises(FrameError):
            only("euro", ["Nothing : 1"])
