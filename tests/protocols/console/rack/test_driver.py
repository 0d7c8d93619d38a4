"""The driver of racks against virtual ones in fake time."""

import logging
import re
from itertools import count

import pytest
from tests.fakes import ConsoleBench, console_bench

from pylon2mqtt.errors import DeviceError, FrameError, RestingError, TransportTimeoutError
from pylon2mqtt.model import AlarmKind, Topology
from pylon2mqtt.protocols.console.commands import SYSINFO, TBAR
from pylon2mqtt.protocols.console.driver import Console
from pylon2mqtt.protocols.console.prompt import WAKE_FRAME, Prompt
from pylon2mqtt.protocols.console.rack.driver import RESTS_FOR_S
from pylon2mqtt.protocols.console.session import Session

RACKS = [("SC0500", 5), ("SC0500-B52.28", 2), ("SC0500-B52.36", 3), ("CMU-B50", 3), ("Force-H2", 4)]
ALLOWED = re.compile(r"pwr|unit|bat|info|stat|soh|sysinfo|data event( \d+)?|bmuinfo \d{1,2}|log")


def driver(rig: ConsoleBench, cells: str = "full", **options: object) -> Console:
    return Console(name="House", clock=rig.time.clock, stagger_s=0, cells=cells, **options)  # type: ignore[arg-type]


class TestReading:
    @pytest.mark.parametrize(("model", "modules"), RACKS)
    def test_it_reads_what_the_rack_is(self, model: str, modules: int) -> None:
        rig = console_bench(model, modules)
        bank = driver(rig).read(rig.line)
        assert (bank.topology, bank.silent, bank.module_count) == (Topology.SERIES, (), modules)
        assert bank.voltage == pytest.approx(rig.bank.voltage, abs=0.01)
        assert bank.current == pytest.approx(rig.bank.current, abs=0.001)
        assert bank.charge_voltage_limit == pytest.approx(rig.bank.modules[0].model.charge_voltage_limit * modules)
        for module, real in zip(bank.modules, rig.bank.modules, strict=True):
            assert module.barcode == real.barcode
            assert module.voltage == pytest.approx(real.voltage(), abs=0.001)
            cells = [cell.voltage for cell in module.cells or ()]
            assert cells == [pytest.approx(volts, abs=0.001) for volts in real.cell_voltages()]

    def test_pitfall_42_each_alarm_is_at_its_own_module_and_cell(self) -> None:
        rig = console_bench("SC0500", 5)
        rig.bank.modules[3].alarms = {(AlarmKind.CELL_UNDERVOLTAGE, 7)}
        bank = driver(rig).read(rig.line)
        told = {
            m.number: [number for c in m.cells or () for a in c.alarms or () for number in a.cells]
            for m in bank.modules
        }
        assert told == {1: [], 2: [], 3: [], 4: [7], 5: []}

    def test_the_energy_is_told_where_the_firmware_counts_it(self) -> None:
        rig = console_bench("Force-H2", 4)
        bank = driver(rig).read(rig.line)
        assert bank.remaining_energy == pytest.approx(rig.bank.energy * rig.bank.soc / 100, rel=0.02)
        assert sum(module.remaining_energy or 0 for module in bank.modules) == pytest.approx(bank.remaining_energy)
        rig = console_bench("CMU-B50", 3)
        assert driver(rig).read(rig.line).remaining_energy is None

    def test_the_family_is_said_once(self, caplog: pytest.LogCaptureFixture) -> None:
        rig = console_bench("SC0500", 2)
        reader = driver(rig)
        with caplog.at_level(logging.INFO):
            for _ in range(3):
                reader.read(rig.line)
        assert len([r for r in caplog.records if "high-voltage" in r.getMessage()]) == 1

    def test_a_single_bmu_is_one_module(self) -> None:
        rig = console_bench("SC0500", 1)
        bmu = {
            b"pwr": ["Volt   Tempr  Tlow   Thigh  Vlow   Vhigh  Base.St  Volt.St  Temp.St ",
                     "50100  29000  20000  23000  3331   3350   Idle     High     Normal  "],
            b"info": ["Device name         : bmu", "Main Soft version   : B52.2.0", "Barcode : P2100000000001"],
        }  # fmt: skip

        def spoil(sent: bytes, told: bytes) -> bytes:
            if not sent.strip():
                return told
            lines = bmu.get(sent.strip())
            body = ["Command completed successfully"] if lines else [f"Unknown command '{sent.decode().split()[0]}'"]
            return "\r\n\r".join([sent.decode(), "@", *(lines or []), *body, "$$", "pylon>"]).encode()

        rig.line.spoil = spoil
        bank = driver(rig).read(rig.line)
        (module,) = bank.modules
        assert (module.voltage, module.barcode, module.model) == (50.1, "P2100000000001", "bmu")
        assert ([a.kind for a in module.alarms or ()], bank.alarms) == ([AlarmKind.OVERVOLTAGE], ())
        assert bank.topology is Topology.PARALLEL


class TestQuestions:
    def test_only_reading_commands_are_sent(self) -> None:
        for model, modules in RACKS:
            rig = console_bench(model, modules)
            reader = driver(rig)
            for _ in range(8):
                reader.read(rig.line)
                rig.time.now_s += 900
            assert all(ALLOWED.fullmatch(command) for command in rig.line.commands), set(rig.line.commands)
            assert rig.battery.writes_seen == []

    def test_each_cycle_asks_for_what_changes(self) -> None:
        rig = console_bench("SC0500", 5)
        reader = driver(rig)
        reader.read(rig.line)
        assert rig.during(lambda: reader.read(rig.line)) == ["pwr", "unit", "bat"]

    def test_cells_as_the_owner_wants_them(self) -> None:
        for level in ("statistics", "none"):
            rig = console_bench("SC0500", 5)
            reader = driver(rig, level)
            first = rig.during(lambda reader=reader, rig=rig: reader.read(rig.line))  # type: ignore[misc]
            assert ("bat" in first) == (level == "statistics")
            assert rig.during(lambda reader=reader, rig=rig: reader.read(rig.line)) == ["pwr", "unit"]  # type: ignore[misc]

    def test_the_rest_is_asked_rarely(self) -> None:
        rig = console_bench("Force-H2", 1)
        reader = driver(rig)
        counts: dict[str, int] = {}
        for _ in range(180):
            began = rig.time.now_s
            for command in rig.during(lambda: reader.read(rig.line)):
                counts[command] = counts.get(command, 0) + 1
            rig.time.now_s = max(rig.time.now_s, began + 20)
        assert counts["pwr"] == counts["unit"] == counts["bat"] == 180
        assert counts["sysinfo"] / 2 == pytest.approx(3600 / SYSINFO.every_s, rel=0.3)
        assert counts["stat"] / 2 <= 8
        assert counts["bmuinfo 0"] <= 2

    def test_a_rack_is_never_sent_the_wake_frame(self) -> None:
        rig = console_bench("SC0500", 2)
        reader = driver(rig)
        reader.read(rig.line)
        rig.battery.sleep()
        for _ in range(4):
            with pytest.raises(TransportTimeoutError):
                reader.read(rig.line)
        assert WAKE_FRAME not in rig.line.sent


class TestDamage:
    def test_cells_that_are_missing_at_the_end_are_no_smaller_rack(self) -> None:
        rig = console_bench("SC0500", 3)
        reader = driver(rig)
        reader.read(rig.line)
        rig.line.spoil = lambda sent, told: re.sub(rb"30   .*?(?=\r\n\rCommand)", b"", told, flags=re.DOTALL)
        assert not [c for m in reader.read(rig.line).modules for c in m.cells or () if c.voltage is not None]

    def test_cells_that_do_not_make_their_modules_voltage_are_not_believed(self) -> None:
        rig = console_bench("SC0500", 2)
        rig.line.spoil = lambda sent, told: (
            re.sub(rb" 33(\d\d) ", rb" 39\1 ", told) if sent.startswith(b"bat") else told
        )
        modules = driver(rig).read(rig.line).modules
        assert not [cell for module in modules for cell in module.cells or () if cell.voltage is not None]

    def test_a_lost_digit_of_the_one_row_is_no_smaller_current(self) -> None:
        rig = console_bench("SC0500", 2)
        ma = str(round(rig.bank.current * 1000)).encode()
        rig.line.spoil = lambda sent, told: told.replace(ma, ma[:-1] + b" ") if sent.startswith(b"pwr") else told
        assert driver(rig).read(rig.line).current == pytest.approx(rig.bank.current, abs=0.001)

    def test_a_limit_is_told_when_two_readings_agree(self) -> None:
        rig = console_bench("SC0500", 2)
        lies = iter([True])

        def spoil(sent: bytes, told: bytes) -> bytes:
            lie = sent.startswith(b"sysinfo") and next(lies, False)
            return told.replace(b"106500 ", b"10650  ") if lie else told

        rig.line.spoil = spoil
        bank = driver(rig).read(rig.line)
        assert (bank.charge_voltage_limit, bank.discharge_voltage_limit) == (None, 90.0)

    @pytest.mark.parametrize("damaged", [0, 1])
    def test_a_full_capacity_is_told_when_two_readings_agree(self, damaged: int) -> None:
        rig = console_bench("Force-H2", 2)
        good = driver(rig).read(rig.line)
        readings = count()

        def spoil(sent: bytes, told: bytes) -> bytes:
            lost = sent.startswith(b"stat") and next(readings) == damaged
            return re.sub(rb"(Pwr Coulomb\(mAS\)\s*: +\d)\d", rb"\1", told) if lost else told

        rig.line.spoil = spoil
        bank = driver(rig).read(rig.line)
        assert next(readings) == 2
        assert good.full_capacity is not None
        assert (bank.full_capacity, bank.cycles) == (None, good.cycles)
        assert (bank.counters or {}).get("remaining_charge_ah") is None

    def test_a_module_that_the_rack_leaves_out_is_silent(self) -> None:
        rig = console_bench("SC0500", 3)
        reader = driver(rig)
        reader.read(rig.line)
        rig.bank.modules[2].present = False
        bank = reader.read(rig.line)
        assert ([m.number for m in bank.modules], bank.silent) == ([1, 2], (3,))
        rig.bank.modules[2].present = True
        assert reader.read(rig.line).silent == ()

    def test_a_stack_in_the_place_of_a_rack_is_not_misread(self) -> None:
        rig, stack = console_bench("SC0500", 2), console_bench("US3000C", 2)
        reader = driver(rig)
        reader.read(rig.line)
        with pytest.raises(FrameError, match="no longer that of a rack"):
            reader.read(stack.line)

    def test_a_rescan_forgets_a_module_that_is_gone(self) -> None:
        rig = console_bench("SC0500", 3)
        reader = driver(rig)
        reader.read(rig.line)
        rig.bank.modules.pop()
        assert reader.read(rig.line).silent == (3,)
        reader.rescan()
        assert reader.read(rig.line).silent == ()

    def test_who_the_modules_are_is_believed_after_two_equal_readings(self) -> None:
        rig = console_bench("SC0500", 2)
        real = rig.bank.modules[0].barcode
        lies = iter([b"X9"])

        def spoil(sent: bytes, told: bytes) -> bytes:
            lie = next(lies, None) if sent.startswith(b"info") else None
            return told.replace(real[-2:].encode(), lie) if lie else told

        rig.line.spoil = spoil
        assert driver(rig).read(rig.line).modules[0].barcode == real

    def test_info_that_stays_damaged_later_changes_nobody(self) -> None:
        rig = console_bench("SC0500", 2)
        reader = driver(rig)
        before = reader.read(rig.line)
        rig.time.now_s += 700
        rig.line.spoil = lambda sent, told: told.replace(b"successfully", b"") if sent.startswith(b"info") else told
        assert [m.barcode for m in reader.read(rig.line).modules] == [m.barcode for m in before.modules]


class TestRest:
    def test_pitfall_43_a_full_rack_that_falls_silent_rests_for_a_while(self) -> None:
        rig = console_bench("SC0500", 2)
        rig.bank.set_soc(97)
        reader = driver(rig)
        reader.read(rig.line)
        rig.battery.sleep()
        with pytest.raises(RestingError):
            reader.read(rig.line)
        rig.time.now_s += RESTS_FOR_S
        with pytest.raises(TransportTimeoutError) as caught:
            reader.read(rig.line)
        assert not isinstance(caught.value, RestingError)
        rig.battery.wake()
        assert len(reader.read(rig.line).modules) == 2

    def test_pitfall_43_in_the_middle_of_an_answer(self) -> None:
        rig = console_bench("SC0500", 2)
        rig.bank.set_soc(97)
        reader = driver(rig)
        reader.read(rig.line)

        def spoil(sent: bytes, told: bytes) -> bytes:
            if not sent.startswith(b"unit"):
                return told
            rig.battery.sleep()
            return told[:300]

        rig.line.spoil = spoil
        with pytest.raises(RestingError):
            reader.read(rig.line)

    def test_one_that_is_not_full_is_lost_at_once(self) -> None:
        rig = console_bench("SC0500", 2)
        rig.bank.set_soc(60)
        reader = driver(rig)
        reader.read(rig.line)
        rig.battery.sleep()
        with pytest.raises(TransportTimeoutError) as caught:
            reader.read(rig.line)
        assert not isinstance(caught.value, RestingError)


class TestOpening:
    def test_a_closed_console_says_what_the_owner_can_do(self) -> None:
        rig = console_bench("SC0500-locked", 5)
        with pytest.raises(DeviceError, match="allow_login"):
            driver(rig).read(rig.line)
        assert rig.line.commands == ["pwr", "getpwr"]

    def test_with_the_login_alone_it_stays_closed_and_nothing_is_written(self) -> None:
        rig = console_bench("SC0500-locked", 5)
        for options in ({}, {"allow_tbar": True}, {"console_barcode": rig.battery.rack.barcode}):
            with pytest.raises(DeviceError, match="writes"):
                driver(rig, allow_login=True, **options).read(rig.line)
        assert rig.battery.writes_seen == []

    def test_tbar_alone_is_nothing(self) -> None:
        rig = console_bench("SC0500-locked", 5)
        with pytest.raises(DeviceError, match="allow_login"):
            driver(rig, allow_tbar=True, console_barcode=rig.battery.rack.barcode).read(rig.line)
        assert rig.battery.writes_seen == []

    def test_with_everything_allowed_it_is_read(self) -> None:
        rig = console_bench("SC0500-locked", 5)
        barcode = rig.battery.rack.barcode
        reader = driver(rig, allow_login=True, allow_tbar=True, console_barcode=barcode)
        bank = reader.read(rig.line)
        assert [len(module.cells or ()) for module in bank.modules] == [15] * 5
        assert [module.barcode for module in bank.modules] == [module.barcode for module in rig.bank.modules]
        assert bank.remaining_energy == pytest.approx(rig.bank.energy * rig.bank.soc / 100, rel=0.01)
        assert rig.battery.writes_seen == [f"tbar {barcode}".encode()]
        assert rig.during(lambda: reader.read(rig.line)) == ["getpwr"]

    def test_cells_that_do_not_fit_the_rack_are_left_out(self) -> None:
        rig = console_bench("SC0500-locked", 5)
        reader = driver(rig, allow_login=True, allow_tbar=True, console_barcode=rig.battery.rack.barcode)
        rig.line.spoil = lambda _sent, told: told.replace(b"Cell Number         : 75", b"Cell Number         : 60")
        bank = reader.read(rig.line)
        assert bank.voltage == pytest.approx(rig.bank.voltage, abs=0.01)
        assert [module.cells for module in bank.modules] == [None] * 5

    @pytest.mark.parametrize("model", ["SC0500", "Force-H2"])
    def test_tbar_is_never_sent_where_the_console_answers_without_it(self, model: str) -> None:
        rig = console_bench(model, 2)
        reader = driver(rig, allow_login=True, allow_tbar=True, console_barcode=rig.battery.rack.barcode)
        for _ in range(20):
            reader.read(rig.line)
            rig.time.now_s += 4000
        assert rig.battery.writes_seen == []
        assert "login debug" not in rig.line.commands

    def test_tbar_is_not_sent_where_the_login_is_enough(self) -> None:
        rig = console_bench("SC0500-locked", 5)
        rig.battery.rack.opened = True
        driver(rig, allow_login=True, allow_tbar=True, console_barcode="SIMC00000000001").read(rig.line)
        assert rig.battery.writes_seen == []

    def test_a_wrong_barcode_is_not_sent_twice(self) -> None:
        rig = console_bench("SC0500-locked", 5)
        reader = driver(rig, allow_login=True, allow_tbar=True, console_barcode="SIMC00000000001")
        for _ in range(5):
            with pytest.raises(DeviceError):
                reader.read(rig.line)
            rig.time.now_s += 4000
        assert rig.battery.writes_seen == [b"tbar SIMC00000000001"]

    def test_after_a_power_cut_it_is_opened_again(self) -> None:
        rig = console_bench("SC0500-locked", 5)
        reader = driver(rig, allow_login=True, allow_tbar=True, console_barcode=rig.battery.rack.barcode)
        reader.read(rig.line)
        rig.time.now_s += 4000
        rig.battery.power_cut()
        assert len(reader.read(rig.line).modules) == 5

    def test_tbar_is_no_question(self) -> None:
        rig = console_bench("SC0500-locked", 5)
        session = Session("House", Prompt(rig.time.clock))
        for number in (None, 1):
            with pytest.raises(ValueError, match="no question"):
                session.ask(rig.line, TBAR, number)
        assert rig.line.commands == []

    def test_nothing_but_a_barcode_follows_tbar(self) -> None:
        rig = console_bench("SC0500-locked", 5)
        for text in ("", "A1\rshut", "short", "A" * 25, "SIMC 00000000001"):
            with pytest.raises((ValueError, DeviceError, FrameError)):
                driver(rig, allow_login=True, allow_tbar=True, console_barcode=text).read(rig.line)
        assert rig.battery.writes_seen == []
