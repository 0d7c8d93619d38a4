"""What the frames say, maker by maker: the tables of the documents, and what no table says."""

import pytest
from tests.can_logs import US5000, decoded

from pylon2mqtt.errors import DecodeError, FrameError
from pylon2mqtt.model import AlarmKind, Bank, Severity, State
from pylon2mqtt.protocols.can.dialects import known
from pylon2mqtt.protocols.can.values import voltage

LIMITS = "351#1402C012C012C201"
SOC = "355#58005E00"


def raised(bank: Bank) -> set[tuple[str, str]]:
    return {(alarm.kind.value, alarm.severity.value) for alarm in bank.alarms or ()}


class TestLowVoltage:
    def test_a_us5000(self) -> None:
        bank = decoded(US5000)
        assert (bank.voltage, bank.current, bank.temperature, bank.soc, bank.soh) == (49.86, -27.0, 36.3, 88, 94)
        assert (bank.charge_voltage_limit, bank.discharge_voltage_limit) == (53.2, 45.0)
        assert (bank.charge_current_limit, bank.discharge_current_limit) == (480.0, 480.0)
        assert (bank.module_count, bank.manufacturer, bank.alarms) == (6, "PYLON", ())
        assert (bank.charge_enabled, bank.force_charge_1, bank.full_charge_requested) == (True, False, False)

    @pytest.mark.parametrize(
        ("frame", "field", "value"),
        [
            ("351#14025002C805", "discharge_voltage_limit", None),  # six bytes
            ("351#1402C012C0120000", "discharge_voltage_limit", None),  # 0 means not given
            ("351#14020000C0120000", "charge_current_limit", 0.0),  # 0 means do not charge
            ("351#440264009CFF3F02", "discharge_current_limit", 10.0),  # sent negative
            ("351#FFFF00800080FFFF", "charge_voltage_limit", None),  # SMA: not available
            ("351#FFFF00800080FFFF", "charge_current_limit", None),
            ("355#FFFF6400", "soc", None),
            ("355#6500FFFF", "soc", None),  # 101 %
            ("355#5600640098210000", "soc", 86.0),  # hundredths that agree
            ("355#3C00640084170000", "soc", 60.2),
            ("355#58005E0009000F00", "soc", 88),  # a real US5000: the next bytes are something else
            ("355#21006400E40C0000", "soc", 33.0),  # Luxpower: millivolts that happen to agree
            ("355#58005E00FFFFFFFF", "soc", 88),
            ("356#7A13F2FE6B01", "current", -27.0),
            ("356#7A1300806B01", "current", None),
            ("356#7A13000070FE", "temperature", -40.0),
            ("356#7A1300006FFE", "temperature", None),  # below what a battery survives
            ("35E#50594C4F4E020300", "manufacturer", "PYLON"),  # binary behind the name
            ("35E#50594C4F00000000", "manufacturer", "PYLO"),
            ("35E#5245432D42", "manufacturer", "REC-B"),
            ("35E#0000000000000000", "manufacturer", None),
            ("35F#00000D0500000000", "firmware", "13.5"),
            ("372#0200000000000000", "module_count", 2),
            ("373#CA0CCF0C1B011C01", "cell_voltage_max", 3.279),
            ("373#CA0CCF0C1B011C01", "cell_temperature_min", 10),
            ("373#CF0CCA0C1B011C01", "cell_voltage_max", None),  # the lowest above the highest
            ("373#01000000", "cell_voltage_min", None),  # Discover's four bytes
            ("378#400800002B070000", "energy_charged", 211.2),
            ("379#C800", "full_capacity", 200),
        ],
    )
    def test_single_fields(self, frame: str, field: str, value: object) -> None:
        enough = LIMITS if frame.startswith("355") else SOC
        assert getattr(decoded(f"{enough} {frame}"), field) == value

    @pytest.mark.parametrize(
        ("voltage", "limits", "told"),
        [
            ("356#7A1300000000", LIMITS, 49.86),
            ("356#0A0200000000", "351#2E02040B040BB001", 52.2),  # Discover: 0.1 V, limit 55.8 V
            ("356#0A0200000000", "", 52.2),
            ("356#320A00000000", "351#1F01BC02E803E700", 26.1),  # 24 V
            ("356#A00F00000000", "351#94110000000000", 400.0),  # a high-voltage pack with 450 V limit
            ("356#C40900000000", LIMITS, 25.0),  # discharged far too deep: just then it has to be seen
            ("356#640000000000", LIMITS, None),  # 1 V or 10 V: neither can be
            ("356#491300000000", "", 49.37),  # without a limit: 493.7 V is no low voltage
            ("356#B81400000000", "373#F10CF50C27012801", 53.04),  # the cells: 16 in series
            ("356#C41300000000", "373#B80B800C27012801", 50.6),  # of 3.0 to 3.2 V each
            ("356#A00F00000000", "373#CC0CCE0C27012801", 400.0),  # 122 in series, 12.2 cannot be
            ("356#340800000000", "373#F10CF50C27012801", 210.0),  # 6.3 in series cannot be, 63 can
            ("356#102700000000", "", None),  # 100 V or 1000 V
        ],
    )
    def test_the_voltages_scale_follows_from_its_limit(self, voltage: str, limits: str, told: float | None) -> None:
        assert decoded(f"{SOC} {limits} {voltage}").voltage == told

    def test_a_name_or_numbers(self) -> None:
        assert decoded("370#5265766F76204261 371#7474657279202020").model == "Revov Battery"
        numbers = decoded("373#CA0CCF0C1B011C01 370#76006C00CF0CCA0C 371#0401020206020402")
        assert numbers.model is None
        assert (numbers.cell_temperature_min, numbers.cell_temperature_max) == (10.8, 11.8)
        disagrees = decoded("373#CA0CCF0C2B012C01 370#76006C00CF0CCA0C")
        assert (disagrees.cell_temperature_min, disagrees.cell_temperature_max) == (26, 27)

    @pytest.mark.parametrize(
        ("frames", "left"),
        [
            ("355#43006400 35F#4C69011769000000 379#9C00", 105.0),  # BYD: what is left
            ("355#32006400 35F#0000020664000000 379#6400", None),  # what is installed
            ("355#32006400 35F#0000020664000000", None),  # nobody knows
        ],
    )
    def test_a_capacity_is_what_is_left_only_if_it_agrees(self, frames: str, left: float | None) -> None:
        assert decoded(frames).remaining_capacity == left

    @pytest.mark.parametrize(
        ("frames", "full", "left"),
        [
            ("35E#444953434F564552 354#2C01BA0000000000 355#3E006400", 300, 186),  # Discover
            ("35E#5049474D 354#2C01BA0000000000 355#3E006400", None, None),  # with anybody else it is something else
            ("35E#444953434F564552 354#04C0001F03000000 355#3E006400", None, 7936),  # more than a battery holds
            ("35E#444953434F564552 354#2C01BA0000000000 355#0A006400", None, None),  # 62 % left at 10 %
            ("35E#44594E4553532D4C 70D#640005001E013002 35F#2BA4EB0E82010000 355#45006400", 560, 386.0),  # Dyness
            ("35E#44594E4553532D4C 35F#2BA4EB0E82010000 355#45006400", None, 386.0),
            ("35E#50594C4F4E 70D#640005001E013002 355#45006400", None, None),
            ("35F#0000010138000000 379#3800000000000000 355#38006400", None, None),  # 379 repeats 35F
            ("35F#0000010138000000 379#3800000000000000 355#64006400", 56, 56.0),  # and full, both are the same
        ],
    )
    def test_capacities_agree_with_the_state_of_charge(
        self, frames: str, full: float | None, left: float | None
    ) -> None:
        bank = decoded(f"{LIMITS} {frames}")
        assert (bank.full_capacity, bank.remaining_capacity) == (full, left)

    @pytest.mark.parametrize(
        ("cells", "lowest"),
        [
            ("373#CA0CCF0C1B011C01", 10),  # kelvins, 11.3 °C in 356
            ("373#CA0CCF0CFA00FC00", None),  # 250 and 252: tenths of a degree
        ],
    )
    def test_extreme_temperatures_agree_with_the_mean(self, cells: str, lowest: float | None) -> None:
        bank = decoded(f"{LIMITS} 356#791400007100 {cells}")
        assert (bank.temperature, bank.cell_temperature_min, bank.cell_voltage_min) == (11.3, lowest, 3.274)

    def test_zeros_in_place_of_everything_say_nothing(self) -> None:
        """An emulator whose own battery is away."""
        with pytest.raises(DecodeError, match="no voltage"):
            decoded("351#0000000000000000 355#00000000 356#000000000000 359#00000000000000")
        bank = decoded(f"{LIMITS} 355#00000000 356#000000000000")
        assert (bank.voltage, bank.current, bank.temperature, bank.soc, bank.soh) == (None, None, None, None, None)

    def test_a_true_zero_is_a_value(self) -> None:
        bank = decoded(f"{LIMITS} 355#00006400 356#7A1300000000")
        assert (bank.current, bank.temperature, bank.soc, bank.soh) == (0.0, 0.0, 0, 100)

    def test_zeros_for_unknown_cells_are_no_temperature(self) -> None:
        bank = decoded("35E#44593030311CFC08 361#0000000000000000")
        assert (bank.cell_voltage_max, bank.cell_temperature_max) == (None, None)
        assert decoded("35E#44593030311CFC08 361#070D050D00000000").cell_temperature_max == 0.0

    def test_a_serial_number_of_two_frames(self) -> None:
        assert decoded("380#4142434431323334 381#3536000000000000").barcode == "ABCD123456"

    def test_byd_writes_its_firmware_as_digits(self) -> None:
        assert decoded("35E#4259440000000000 35F#4C69011769000000").firmware == "1.17"

    def test_mgs_energies_have_another_unit(self) -> None:
        bank = decoded("35E#4D47000000000000 378#400800002B070000")
        assert (bank.energy_charged, bank.energy_discharged) == (None, None)


class TestAlarms:
    @pytest.mark.parametrize(
        ("bit", "kind", "severity"),
        [
            (1, "overvoltage", "protection"),
            (2, "undervoltage", "protection"),
            (3, "overtemperature", "protection"),
            (4, "undertemperature", "protection"),
            (7, "discharge_overcurrent", "protection"),
            (8, "charge_overcurrent", "protection"),
            (11, "system_fault", "fault"),
            (17, "overvoltage", "warning"),
            (18, "undervoltage", "warning"),
            (19, "overtemperature", "warning"),
            (20, "undertemperature", "warning"),
            (23, "discharge_overcurrent", "warning"),
            (24, "charge_overcurrent", "warning"),
            (27, "communication_fault", "warning"),
        ],
    )
    def test_each_bit_of_359(self, bit: int, kind: str, severity: str) -> None:
        bank = decoded(f"359#{(1 << bit).to_bytes(4, 'little').hex()}06504E")
        assert raised(bank) == {(kind, severity)}
        assert bank.alarms
        assert (bank.alarms[0].code, bank.module_count) == (f"359.{bit:02X}", 6)

    def test_the_other_bits_of_359_mean_nothing(self) -> None:
        known_bits = {1, 2, 3, 4, 7, 8, 11, 17, 18, 19, 20, 23, 24, 27}
        word = sum(1 << bit for bit in range(32) if bit not in known_bits)
        assert decoded(f"359#{word.to_bytes(4, 'little').hex()}06").alarms == ()

    @pytest.mark.parametrize(
        ("data", "alarms"),
        [
            ("AAAAAAAAAAAAAAAA", set()),
            ("0000000000000000", set()),
            ("FFFFFFFFFFFFFFFF", set()),
            ("A6AAAAAAAAAAAAAA", {("overvoltage", "protection")}),
            ("AAAAAAAAA6AAAAAA", {("overvoltage", "warning")}),
            ("A9AAAAAAAAAAAAAA", {("other", "protection")}),
            ("AAA6AA01AAAAAA02", {("charge_overtemperature", "protection"), ("cell_imbalance", "protection")}),
            ("AA6AAAAAAAAAAAAA", {("discharge_overcurrent", "protection")}),
            ("AAAA56AA", {("charge_overcurrent", "protection"), ("short_circuit", "protection"),
                          ("system_fault", "protection")}),
            ("ABAAFEAFAAFAFF", set()),  # seven bytes of a Discover
        ],
    )  # fmt: skip
    def test_the_pairs_of_35a(self, data: str, alarms: set[tuple[str, str]]) -> None:
        expected = alarms
        if data == "AAAA56AA":  # 56 is 01 01 01 10: charge current is good
            expected = {("relay_fault", "protection"), ("short_circuit", "protection"), ("system_fault", "protection")}
        assert raised(decoded(f"35A#{data}")) == expected

    def test_only_what_a_battery_supports_counts_as_known(self) -> None:
        assert decoded("35A#0000000000000000").alarms is None
        assert decoded("35A#0800000000000000").alarm_kinds == (AlarmKind.OVERVOLTAGE,)
        assert AlarmKind.COMMUNICATION_FAULT in (decoded(US5000).alarm_kinds or ())

    @pytest.mark.parametrize(
        ("data", "flags"),
        [
            ("C000", (True, True, False, False, False)),
            ("E0", (True, True, True, False, False)),
            ("D000000000000000", (True, True, False, True, False)),
            ("C8FF", (True, True, False, False, True)),
            ("40", (False, True, False, False, False)),
            ("87", (True, False, False, False, False)),
        ],
    )
    def test_the_requests_of_35c(self, data: str, flags: tuple[bool, ...]) -> None:
        bank = decoded(f"35C#{data}")
        assert flags == (bank.charge_enabled, bank.discharge_enabled, bank.force_charge_1, bank.force_charge_2,
                         bank.full_charge_requested)  # fmt: skip


class TestDeye:
    NAME = "35E#44593030311CFC08"

    def test_its_current_counts_the_other_way_round(self) -> None:
        assert decoded(f"{self.NAME} 356#D2146400E600").current == -10.0
        assert str(decoded(f"{self.NAME} 356#D2140000E600").current) == "0.0"
        assert decoded("356#D2146400E600").current == 10.0

    def test_dyness_is_not_deye(self) -> None:
        assert decoded("35E#44594E4553532D4C 356#D2146400E600").current == 10.0

    @pytest.mark.parametrize(
        ("frames", "current"),
        [
            ("361#070D050DF000E600", -10.0),  # only its own profile has this
            ("364#0100000001", -10.0),
            ("35E#50594C4F4E1CFC08", 10.0),  # Victron's profile names Pylontech
            ("35A#0000000000000000", 10.0),  # and has no 359
            ("", None),  # neither: the modules' current of zero decides nothing
            ("150#15029CFFBA03E803", 10.0),  # they charge with 10 A, and count the other way round in every profile
            ("150#15026400BA03E803", -10.0),
        ],
    )
    def test_the_sign_follows_from_the_profile_or_from_the_modules(self, frames: str, current: float | None) -> None:
        bank = decoded(f"{LIMITS} 110#0000000000000021 150#15020000BA03E803 356#D2146400E600 {frames}")
        assert bank.current == current

    @pytest.mark.parametrize(("name", "current"), [("35E#50594C4F4E1CFC08", 10.0), (NAME, -10.0)])
    def test_a_359_of_pylontechs_shape_is_not_read_by_its_tables(self, name: str, current: float) -> None:
        """In its first table 02 is cell under-voltage, and 01 50 4E are seven warnings and faults."""
        bank = decoded(f"{name} {LIMITS} 356#D2146400E600 110#00 150#15020000BA03E803 359#0200000001504E")
        assert raised(bank) == {("overvoltage", "protection")}
        assert (bank.module_count, bank.current) == (1, current)

    def test_in_another_profile_a_359_without_pn_is_nobodys(self) -> None:
        bank = decoded(f"35E#50594C4F4E1CFC08 {LIMITS} 110#0000000000000021 150#1502 359#0200000001000000")
        assert (bank.alarms, bank.module_count) == (None, None)

    @pytest.mark.parametrize(
        ("frames", "installed"),
        [
            (NAME, 230.0),
            ("35E#50594C4F4E1CFC08 35F#001CF005FC084459", 230.0),
            ("35E#50594C4F4E1CFC08 35F#001CF005FD084459", None),  # they contradict each other
            ("35E#50594C4F4E1C0000", None),
        ],
    )
    def test_its_installed_capacity_stands_behind_its_name(self, frames: str, installed: float | None) -> None:
        bank = decoded(f"{frames} {LIMITS} 110#0000000000000021 150#15020000BA03E803")
        assert (bank.full_capacity, bank.firmware) == (installed, None)

    @pytest.mark.parametrize(
        ("table", "bit", "kind", "severity"),
        [
            (0, 0, "cell_overvoltage", "protection"),
            (0, 1, "cell_undervoltage", "protection"),
            (0, 4, "charge_overcurrent", "protection"),
            (1, 4, "mosfet_overtemperature", "protection"),
            (2, 4, "short_circuit", "protection"),
            (3, 0, "communication_fault", "fault"),
            (4, 0, "cell_overvoltage", "warning"),
            (5, 0, "discharge_overtemperature", "warning"),
            (6, 4, "other", "fault"),
        ],
    )
    def test_its_359_is_seven_tables(self, table: int, bit: int, kind: str, severity: str) -> None:
        bank = decoded(f"{self.NAME} 359#{(1 << 8 * table + bit).to_bytes(8, 'little').hex()}")
        assert raised(bank) == {(kind, severity)}
        assert bank.module_count is None

    def test_its_modules(self) -> None:
        bank = decoded(
            f"{self.NAME} 364#0100000001 110#0000000000000021 150#1502E7FFBA03E803 200#070D050DF000E600 "
            "250#0E0170FED300E600 400#0200000000001200 550#2E18000035020000 600#4142434431323334 650#3536373800000000"
        )
        (module,) = bank.modules
        assert (module.number, module.address, module.barcode) == (1, 0, "ABCD12345678")
        assert (module.voltage, module.current, module.soc, module.soh) == (53.3, 2.5, 95.4, 100.0)
        assert (module.cell_voltage_max, module.cell_voltage_min) == (3.335, 3.333)
        assert (module.cell_temperature_max, module.mos_temperature, module.state) == (24.0, 27.0, State.DISCHARGING)
        assert (bank.energy_charged, bank.energy_discharged, bank.module_count) == (6.19, 0.565, 1)

    def test_no_energy_of_a_part_of_the_modules(self) -> None:
        bank = decoded(f"{self.NAME} 364#0200000002 150#15020000BA03E803 550#2E18000035020000")
        assert (len(bank.modules), bank.energy_charged) == (1, None)


class TestPytes:
    BANK = "400#38022C01EE02C701 401#AE0CA50C04000E00 402#5A005A0000000000 404#1500640001003600 405#421400005A001000"

    def test_its_own_frames(self) -> None:
        bank = decoded(f"{self.BANK} 409#A0860100CC520000 41E#440B0000EB0A0000 40B#0000000000000201")
        assert (bank.voltage, bank.current, bank.soc, bank.soh, bank.cycles) == (51.86, 0.0, 21, 100, 54)
        assert (bank.full_capacity, bank.remaining_capacity) == (100.0, 21.196)
        assert (bank.cell_voltage_min, bank.cell_voltage_max, bank.cell_temperature_max) == (3.237, 3.246, 9.0)
        assert (bank.energy_charged, bank.energy_discharged, bank.module_count) == (288.4, 279.5, 2)

    def test_its_alarms_in_either_word(self) -> None:
        assert raised(decoded(f"{self.BANK} 403#0100000000000000")) == {("overvoltage", "protection")}
        assert raised(decoded(f"{self.BANK} 403#0000000002000000")) == {("overvoltage", "warning")}
        assert raised(decoded(f"{self.BANK} 403#0404000000000000")) == set()  # normal voltage, normal temperature
        assert raised(decoded(f"{self.BANK} 406#0080000000000000")) == {("system_fault", "fault")}

    def test_its_permissions(self) -> None:
        bank = decoded(f"{self.BANK} 408#000101")
        assert (bank.charge_enabled, bank.discharge_enabled, bank.force_charge_1) == (False, True, True)


class TestHighVoltage:
    def test_offsets(self) -> None:
        (rack,) = decoded("00004211#A50998749203225F").modules
        assert (rack.voltage, rack.current, rack.temperature, rack.soc, rack.soh) == (246.9, -15.2, -8.6, 34, 95)

    def test_limits_are_magnitudes(self) -> None:
        (rack,) = decoded("00004221#8C0AE9074A791671").modules
        assert (rack.charge_voltage_limit, rack.discharge_voltage_limit) == (270.0, 202.5)
        assert (rack.charge_current_limit, rack.discharge_current_limit) == (105.0, 105.0)

    def test_racks_are_modules_by_address(self) -> None:
        bank = decoded("00004211#A50930759D042E64 00004213#A50930759D042E64 00007313#0100020101020000")
        assert [(m.number, m.address, m.firmware) for m in bank.modules] == [(1, 1, None), (3, 3, "1.2")]

    def test_older_racks_count_from_0(self) -> None:
        bank = decoded("00004210#A50930759D042E64 00004211#A50930759D042E64")
        assert [(module.number, module.address) for module in bank.modules] == [(1, 0), (2, 1)]

    def test_limits_beside_another_voltage_are_none(self) -> None:
        (rack,) = decoded("00004210#6A0E30759D042E64 00004220#4002203A4A794A79").modules
        assert (rack.voltage, rack.charge_voltage_limit, rack.discharge_voltage_limit) == (369.0, None, None)
        assert rack.charge_current_limit == 105.0

    def test_zeros_for_unknown_cells(self) -> None:
        (rack,) = decoded("00004210#6A0E30759D042E64 00004230#0000000001000100 00004240#E803E80301000100").modules
        assert (rack.cell_voltage_max, rack.cell_temperature_max, rack.cell_temperature_min) == (None, None, None)

    @pytest.mark.parametrize(
        ("frames", "setting"),
        [
            ("00004210#06104E00BA044C63 00004220#A410980DFA0006FF", "30k offset"),  # +7.8 A
            ("00004210#0610B2FFBA044C63 00004220#A410980DFA0006FF", "30k offset"),  # -7.8 A
            ("00004210#06100000BA044C63", "30k offset"),  # no current
            ("00004210#1006757E04BA4C63 00004220#10A40D98762A7436", "byte order"),
            ("00004210#100675A504BA4C63 00004220#10A40D98762A7436", "byte order"),  # -14.1 A
            ("00004210#1006757E04BA4C63", "byte order"),  # without limits
            ("00004210#1006756204BA4C63", "byte order"),  # +5 A
            ("00004210#1006004E04BA4C63 00004220#10A40D9800FA0106", "byte order"),  # no offset either
        ],
    )
    def test_another_form_is_refused_and_the_setting_named(self, frames: str, setting: str) -> None:
        with pytest.raises(FrameError, match=setting):
            decoded(frames)

    def test_a_current_that_would_be_less_in_the_other_order_is_believed(self) -> None:
        (rack,) = decoded("00004211#0610757ABA044C63").modules
        assert (rack.current, rack.temperature) == (134.9, 21.0)

    def test_a_broken_sensor_alone_is_no_other_form(self) -> None:
        (rack,) = decoded("00004210#0610507500004C63").modules
        assert (rack.voltage, rack.current, rack.temperature) == (410.2, 3.2, None)

    @pytest.mark.parametrize("tenths", [-9999, -5000, -300, -1, 0, 1, 255, 256, 300, 2560, 5000, 9999])
    def test_every_current_of_a_rack_is_believed(self, tenths: int) -> None:
        measured = f"0610{(30000 + tenths).to_bytes(2, 'little').hex()}BA044C63"
        (rack,) = decoded(f"00004211#{measured} 00004221#A410980D2A763674").modules
        assert rack.current == tenths / 10

    @pytest.mark.parametrize(
        ("data", "alarms"),
        [
            ("0302000001000000", {("cell_undervoltage", "warning")}),
            ("0302000000080000", {("module_overvoltage", "warning")}),
            ("0302000000000200", {("cell_overvoltage", "protection")}),
            ("0302002000000000", {("relay_fault", "fault")}),
        ],
    )
    def test_alarms(self, data: str, alarms: set[tuple[str, str]]) -> None:
        (rack,) = decoded(f"00004251#{data}").modules
        assert {(alarm.kind.value, alarm.severity.value) for alarm in rack.alarms or ()} == alarms
        assert (rack.state, rack.cycles) == (State.IDLE, 2)

    def test_requests(self) -> None:
        (rack,) = decoded("00004251#1B02000000000000").modules
        assert (rack.force_charge_1, rack.full_charge_requested) == (True, True)

    def test_only_aa_forbids(self) -> None:
        (rack,) = decoded("00004281#AA01000000000000").modules
        assert (rack.charge_enabled, rack.discharge_enabled) == (False, True)


class TestForeigners:
    @pytest.mark.parametrize(
        ("frames", "says"),
        [
            ("313#14C8FFF100E56264", "Growatt's low-voltage"),
            ("00003010#0EDF140000000000 00004200#00000000000000E3 00008210#AA00000000000000", "Growatt's high-voltage"),
            ("1AC6FFF3#0000000000000000", "Growatt's commercial"),
            ("00000351#C608FA00FA008007 00000356#36081000D0000100", "Sofar"),
            ("00001351#C608FA00FA008007", "Sofar"),
            ("00001872#A410980DFA00FA00 00001873#BC0F060054003C06", "SolaX"),
            ("110#0FE60C3500FA00C8 150#2710271001000100 1D0#0F3C003200D20308 250#0316006600660201", "BYD's high"),
            ("101#FAB9356700000000 191#0000010600090400 151#0053554E47524F57", "Sungrow"),
            ("151#0053554E47524F57", "Sungrow"),
            ("401#0000000000000000 402#0000550000000000 702#0000 704#00 500#01 502#00 503#00", "Sungrow"),
            ("158#AAAAAAAAAAAAAAAA 358#11A00700015E00C8 3D8#132E271000450000", "SMA's high"),
            ("35E#0000000000000000 359#0000000000000000 500#8F14E8FF3F64B011 502#4502 503#BC0E", "Samsung"),
            ("00000321#0000000000000000", "Schneider"),
            ("420#0000000000000000 421#A50930759D042E64", "11 bits"),
            ("350#060FC81370040000 351#5763640123001000 352#FA00FA00A410980D 355#B004A604 356#740E8C0A", "Afore"),
            ("351#024800FA00FA01C2 355#005A006400002328 356#14D2000800E6", "other order"),
            ("123#00 305#0000000000000000", "no battery that is known"),
            ("35A#0000000000000000 123#00 124#00 125#00 126#00", "no battery that is known"),
            ("351#FFFF 355#FFFF 356#0000", "no voltage, state of charge or limit"),
        ],
    )  # fmt: skip
    def test_they_are_named_and_not_decoded(self, frames: str, says: str) -> None:
        with pytest.raises(DecodeError, match=says):
            decoded(frames)

    def test_a_battery_beside_a_foreigner_is_read(self) -> None:
        assert decoded(f"{US5000} 101#FAB9356700000000 191#0000010600090400 151#0053554E47524F57").soc == 88

    def test_extended_look_alikes_are_not_the_battery(self) -> None:
        assert decoded(f"{US5000} 00000351#FFFFFFFFFFFFFFFF 00000355#0100010001000100").soc == 88

    def test_a_later_maker_of_the_same_frame_wins(self) -> None:
        assert decoded("35E#50594C4F4E202020 35E#44593030311CFC08 356#D2146400E600").current == -10.0


def test_the_kernel_can_filter_all_identifiers() -> None:
    assert 100 < len(known()) <= 512


def test_severities_are_the_models() -> None:
    assert set(Severity) == {"warning", "protection", "fault"}


@pytest.mark.parametrize(("sent", "volts"), [(52.3, 52.3), (5.23, 52.3), (10.2, 10.2), (99.9, None), (100.5, None)])
def test_without_limit_and_cells_a_voltage_lies_within_the_bounds_of_the_language(
    sent: float, volts: float | None
) -> None:
    assert voltage({"voltage": sent}) == volts
