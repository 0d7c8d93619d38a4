"""The console driver against virtual banks in fake time."""

import itertools
import re

import pytest
from tests.fakes import ConsoleBench, ConsoleLine, console_bench

from pylon2mqtt.errors import FrameError, TransportTimeoutError
from pylon2mqtt.model import AlarmKind
from pylon2mqtt.protocols.console.commands import COMMANDS, LOG, PWR_N, PWRSYS, RECORD
from pylon2mqtt.protocols.console.driver import Console, scrub
from pylon2mqtt.protocols.console.prompt import WAKE_FRAME, Prompt

ALLOWED = re.compile(r"(pwr|bat|info|stat|soh)( \d{1,2})?|pwrsys|euro|log|data event( \d{1,4})?")


def driver(rig: ConsoleBench, cells: str = "full", *, allow_login: bool = False) -> Console:
    return Console(name="House", clock=rig.time.clock, stagger_s=0, cells=cells, allow_login=allow_login)


@pytest.mark.parametrize(
    ("model", "modules"),
    [("US3000C", 3), ("US5000", 4), ("US2000C", 2), ("US5000,US2000C,US2000", 3), ("US2000", 2)],
)
def test_it_reads_what_the_battery_is(model: str, modules: int) -> None:
    rig = console_bench(model, modules)
    bank = driver(rig).read(rig.line)
    assert [m.number for m in bank.modules] == list(range(1, modules + 1))
    assert bank.silent == ()
    for module, real in zip(bank.modules, rig.bank.modules, strict=True):
        assert module.barcode == real.barcode
        assert module.voltage == pytest.approx(real.voltage(), abs=0.06)
        assert module.current == pytest.approx(real.current, abs=0.1)
        assert module.soc == pytest.approx(real.soc, abs=1)
        cells = [cell.voltage for cell in module.cells or ()]
        assert cells == [pytest.approx(volts, abs=0.002) for volts in real.cell_voltages()]


def test_only_reading_commands_are_sent() -> None:
    for model in ("US3000C", "US5000", "US2000"):
        rig = console_bench(model, 2)
        reader = driver(rig)
        for _ in range(30):
            reader.read(rig.line)
            rig.time.now_s += 300
        sent = [command for command in rig.line.commands if command.encode() + b"\r" != WAKE_FRAME]
        assert all(ALLOWED.fullmatch(command) for command in sent), set(sent)
        assert rig.battery.writes_seen == []


def test_no_other_command_can_be_named() -> None:
    reading = {"pwr", "bat", "info", "stat", "soh", "pwrsys", "euro", "data event", "log"}
    of_racks = {"unit", "sysinfo", "bmuinfo", "getpwr"}
    assert {str(command) for command in COMMANDS} == reading | of_racks | {"login debug", "logout", "tbar"}
    assert {str(command) for command in COMMANDS if command.writes} == {"login debug", "tbar"}


class TestSchedule:
    def test_pwr_in_every_cycle_and_each_cell_where_it_is_asked_for(self) -> None:
        rig = console_bench(modules=3)
        reader = driver(rig)
        reader.read(rig.line)
        assert rig.during(lambda: reader.read(rig.line)) == ["pwr", "bat 1", "bat 2", "bat 3"]

    def test_statistics_ask_for_cells_rarely_and_none_never(self) -> None:
        rig = console_bench(modules=2)
        reader = driver(rig, "statistics")
        reader.read(rig.line)
        assert rig.during(lambda: reader.read(rig.line)) == ["pwr"]
        rig = console_bench(modules=2)
        reader = driver(rig, "none")
        assert not [c for c in rig.during(lambda: reader.read(rig.line)) if c.startswith("bat")]

    def test_the_rest_rarely(self) -> None:
        rig = console_bench(modules=2)
        reader = driver(rig)
        counts: dict[str, int] = {}
        for _ in range(360):
            began = rig.time.now_s
            for command in rig.during(lambda: reader.read(rig.line)):
                counts[command] = counts.get(command, 0) + 1
            rig.time.now_s = max(rig.time.now_s, began + 10)
        assert counts["pwr"] == 360
        assert counts["pwr 1"] == pytest.approx(2 * 3600 / PWR_N.every_s, rel=0.2)
        assert counts["stat 2"] <= 16
        assert counts["info 1"] <= 16


class TestLearning:
    def test_what_a_firmware_does_not_know_is_not_asked_again(self) -> None:
        rig = console_bench("US3000C", 2)
        reader = driver(rig)
        first = rig.during(lambda: reader.read(rig.line))
        assert "pwrsys" in first
        rig.time.now_s += 7200
        again = rig.during(lambda: reader.read(rig.line))
        assert "pwrsys" not in again


class TestDebugMode:
    def test_nobody_logs_in_where_the_owner_does_not_allow_it(self) -> None:
        rig = console_bench("US3000C", 2)
        assert "pwrsys" in rig.during(lambda: driver(rig).read(rig.line))
        assert not {"login debug", "logout"} & set(rig.line.commands)

    def test_what_is_known_only_there_is_asked_there(self) -> None:
        rig = console_bench("US3000C", 2)
        reader = driver(rig, allow_login=True)
        bank = reader.read(rig.line)
        asked = rig.line.commands
        at = asked.index("login debug")
        assert asked[at - 1 : at + 4] == ["pwrsys", "login debug", "pwrsys", "pwrsys", "logout"]
        assert bank.charge_voltage_limit == pytest.approx(53.25)
        assert bank.soh is not None
        assert rig.battery.answer(b"\r").endswith(b"pylon>")
        assert "login debug" not in rig.during(lambda: reader.read(rig.line))
        rig.time.now_s += PWRSYS.every_s
        assert "login debug" in rig.during(lambda: reader.read(rig.line))

    def test_what_changes_all_the_time_is_never_a_minute_old(self) -> None:
        rig = console_bench("US3000C", 2)
        bank = driver(rig, allow_login=True).read(rig.line)
        assert bank.module_count == 2
        assert (bank.voltage, bank.current, bank.state, bank.cell_voltage_min) == (None, None, None, None)

    def test_it_leaves_the_debug_mode_of_somebody_else_alone(self) -> None:
        rig = console_bench("US3000C", 2)
        rig.battery.answer(b"login debug\r")
        asked = rig.during(lambda: driver(rig, allow_login=True).read(rig.line))
        assert "pwrsys" in asked
        assert not {"login debug", "logout"} & set(asked)

    def test_pitfall_40_modules_that_the_battery_counts_and_does_not_show(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        rig = console_bench("US3000C", 3)
        rig.line.spoil = lambda sent, told: told if sent.startswith(b"pwrsys") else _without_slots(told, 2, 3)
        reader = driver(rig, allow_login=True)
        for _ in range(3):
            bank = reader.read(rig.line)
            rig.time.now_s += 100
        assert [module.number for module in bank.modules] == [1]
        complaints = [r.message for r in caplog.records if "counts 3 modules, its console shows 1" in r.message]
        assert len(complaints) == 1
        assert "link cables" in complaints[0]


def _without_slots(told: bytes, *slots: int) -> bytes:
    """What a console tells where it does not see these slots."""
    for slot in slots:
        absent = f"{slot:<6}" + "-      " * 7 + "Absent   " + "-  " * 7
        told = re.sub(rb"(?m)^%d {5}\d{5}[^\r\n]*" % slot, absent.encode(), told)
    return told


class TestEvents:
    def test_what_was_there_before_is_not_told(self) -> None:
        rig = console_bench("US3000C", 1)
        assert driver(rig).read(rig.line).events == ()

    def test_a_new_record_is_told_once_and_with_its_alarm(self) -> None:
        rig = console_bench("US3000C", 1)
        reader = driver(rig)
        reader.read(rig.line)
        rig.bank.modules[0].alarms = {(AlarmKind.CELL_OVERVOLTAGE, 5)}
        rig.time.now_s += RECORD.every_s
        events = reader.read(rig.line).events or ()
        assert [(event.module, [alarm.kind for alarm in event.alarms]) for event in events] == [
            (1, [AlarmKind.CELL_OVERVOLTAGE])
        ]
        rig.time.now_s += RECORD.every_s
        assert reader.read(rig.line).events == ()

    def test_no_record_is_missed_in_a_list_that_rolls_over(self) -> None:
        rig = console_bench("US3000C", 1)
        reader = driver(rig, "none")
        for _ in range(40):
            _trouble(rig)
        reader.read(rig.line)
        for _ in range(3):
            _trouble(rig)
        rig.time.now_s += RECORD.every_s
        before = len(rig.line.commands)
        recorded = [event for event in reader.read(rig.line).events or () if event.source is None]
        asked = rig.line.commands[before:]
        assert len(recorded) == 6
        assert [event.at for event in recorded] == sorted(event.at for event in recorded if event.at)
        assert "data event 25" in asked
        assert "data event 24" not in asked

    def test_the_log_tells_what_is_new_in_it(self) -> None:
        rig = console_bench("US3000C", 1)
        reader = driver(rig)
        reader.read(rig.line)
        rig.bank.modules[0].alarms = {(AlarmKind.CELL_OVERVOLTAGE, 5)}
        rig.time.now_s += LOG.every_s
        logged = [event for event in reader.read(rig.line).events or () if event.source]
        assert [(event.source, event.text) for event in logged] == [("BMM", "Alarm.")]

    def test_lists_in_which_nothing_is_new_are_read_once(self) -> None:
        rig = console_bench("US3000C", 1)
        reader = driver(rig)
        first = rig.during(lambda: reader.read(rig.line))
        rig.time.now_s += LOG.every_s
        again = rig.during(lambda: reader.read(rig.line))
        assert [(asked.count("log"), asked.count("data event")) for asked in (first, again)] == [(2, 2), (1, 1)]

    def test_a_record_that_reads_differently_each_time_waits(self) -> None:
        rig = console_bench("US3000C", 1)
        reader = driver(rig)
        reader.read(rig.line)
        rig.bank.modules[0].alarms = {(AlarmKind.CELL_OVERVOLTAGE, 5)}
        rig.time.now_s += RECORD.every_s
        noise = itertools.count(1)
        rig.line.spoil = lambda sent, told: (
            re.sub(rb":\d\d(?=\s+Voltage)", b":%02d" % (next(noise) % 60), told) if sent.startswith(b"data") else told
        )
        assert reader.read(rig.line).events == ()
        rig.line.spoil = lambda _sent, told: told
        rig.time.now_s += RECORD.every_s
        assert [event for event in reader.read(rig.line).events or () if event.alarms]

    def test_a_battery_without_a_list_has_no_events(self) -> None:
        rig = console_bench("US3000D", 1)
        rig.battery.answer(b"\r")
        assert driver(rig).read(rig.line).events is None


def _trouble(rig: ConsoleBench) -> None:
    """An alarm that comes and goes: two records."""
    for cells in ([5], []):
        rig.bank.modules[0].alarms = {(AlarmKind.CELL_OVERVOLTAGE, cell) for cell in cells}
        rig.bank.advance(60)
        rig.battery.answer(b"time\r")


class TestClock:
    def test_pitfall_21_a_modules_clock_is_told_apart_from_our_time(self) -> None:
        rig = console_bench("US3000C", 2)
        module = driver(rig).read(rig.line).modules[0]
        assert module.clock_offset is not None
        assert module.clock_offset % 60 == 0
        shown = rig.battery.stack.time(rig.bank.modules[0])
        assert module.clock_offset == pytest.approx((shown - rig.time.clock.local()).total_seconds(), abs=61)


class TestSlots:
    def test_a_slot_that_empties_is_silent_and_comes_back(self) -> None:
        rig = console_bench(modules=3)
        reader = driver(rig)
        reader.read(rig.line)
        rig.bank.modules[1].present = False
        bank = reader.read(rig.line)
        assert ([m.number for m in bank.modules], bank.silent) == ([1, 3], (2,))
        rig.bank.modules[1].present = True
        assert reader.read(rig.line).silent == ()

    def test_modules_that_change_slots_keep_their_barcodes(self) -> None:
        rig = console_bench(modules=3)
        reader = driver(rig)
        before = {m.number: m.barcode for m in reader.read(rig.line).modules}
        for module in rig.bank.modules[1:]:
            module.present = False
        reader.read(rig.line)
        rig.battery.stack.move(rig.bank.modules[1], 3)
        for module in rig.bank.modules[1:]:
            module.present = True
        after = {m.number: m.barcode for m in reader.read(rig.line).modules}
        assert (after[2], after[3]) == (before[3], before[2])

    def test_gaps_are_no_end(self) -> None:
        rig = console_bench(modules=3)
        rig.battery.stack.move(rig.bank.modules[2], 7)
        assert [m.number for m in driver(rig).read(rig.line).modules] == [1, 2, 7]


class LateLine(ConsoleLine):
    """A line on which something comes at once, such as the prompt of an Enter too many, and the answer 75 ms later."""

    def __init__(self, rig: ConsoleBench, at_once: bytes) -> None:
        super().__init__(rig.battery, rig.time)
        self._at_once = at_once
        self._later: list[tuple[float, bytes]] = []

    def send(self, data: bytes) -> None:
        super().send(data)
        self._later = [(self.time.now_s + 0.075, self._pending)]
        self._pending = self._at_once

    def read_until(self, end: bytes, timeout_s: float) -> bytes:
        try:
            return super().read_until(end, timeout_s)
        finally:
            self._arrive()

    def listen(self, seconds: float) -> bytes:
        self.time.now_s += seconds
        self._arrive()
        return super().listen(0)

    def _arrive(self) -> None:
        if self._later and self.time.now_s >= self._later[0][0]:
            self._pending += self._later.pop()[1]


class TestDialogue:
    def test_pitfall_26_an_old_console_is_woken_up_after_silence_only(self) -> None:
        rig = console_bench("US2000", 2)
        reader = driver(rig)
        assert len(reader.read(rig.line).modules) == 2
        woken = [sent for sent in rig.line.sent if sent == WAKE_FRAME]
        assert len(woken) == 1
        assert rig.line.sent.index(WAKE_FRAME) >= 5
        assert rig.line.baudrate == 115200

    def test_pitfall_26_again_after_a_power_cut(self) -> None:
        rig = console_bench("US2000", 2)
        reader = driver(rig)
        reader.read(rig.line)
        rig.battery.power_cut()
        with pytest.raises((TransportTimeoutError, FrameError)):
            reader.read(rig.line)
        assert len(reader.read(rig.line).modules) == 2

    def test_a_console_that_answers_is_never_sent_the_wake_frame(self) -> None:
        rig = console_bench("US3000C", 2)
        reader = driver(rig)
        for _ in range(5):
            reader.read(rig.line)
        assert WAKE_FRAME not in rig.line.sent

    def test_pitfall_44_another_readers_login_changes_the_prompt(self) -> None:
        rig = console_bench("US3000C", 2)
        reader = driver(rig)
        reader.read(rig.line)
        rig.battery.answer(b"login debug\r")
        assert len(reader.read(rig.line).modules) == 2

    def test_a_damaged_answer_is_asked_again(self) -> None:
        rig = console_bench("US3000C", 2)
        reader = driver(rig)
        reader.read(rig.line)
        damage = iter([True])
        rig.line.spoil = lambda _sent, told: told.replace(b"Normal", b"Nor", 1) if next(damage, False) else told
        assert len(reader.read(rig.line).modules) == 2

    def test_pitfall_28_who_a_module_is_is_believed_after_two_equal_readings(self) -> None:
        rig = console_bench("US3000C", 1)
        real = rig.bank.modules[0].barcode
        lies = iter([b"X9"])

        def spoil(sent: bytes, told: bytes) -> bytes:
            lie = next(lies, None) if sent.startswith(b"info") else None
            return told.replace(real[-2:].encode(), lie) if lie else told

        rig.line.spoil = spoil
        assert driver(rig).read(rig.line).modules[0].barcode == real

    def test_of_two_readings_only_what_they_agree_on_is_told(self) -> None:
        rig = console_bench("US3000C", 1)
        lies = iter([b"6", b""])
        rig.line.spoil = lambda sent, told: (
            re.sub(rb"(Max Voltage *: \d)\d", rb"\g<1>" + next(lies, b"4"), told) if sent == b"pwr 1\r" else told
        )
        module = driver(rig).read(rig.line).modules[0]
        assert "max_voltage_v" not in (module.counters or {})
        assert module.counters
        rig.line.spoil = lambda _sent, told: told
        assert (driver(rig).read(rig.line).modules[0].counters or {})["max_voltage_v"] > 50

    def test_a_prompt_left_over_in_front_of_a_late_answer_is_no_end(self) -> None:
        rig = console_bench("US3000C", 1)
        told = Prompt(rig.time.clock).ask(LateLine(rig, b"\n\rpylon>"), "pwr")
        assert b"49" in told
        assert told.rstrip().endswith(b"pylon>")

    def test_silence_says_what_to_check(self) -> None:
        rig = console_bench("US3000C", 1)
        rig.line.spoil = lambda _sent, _told: b""
        with pytest.raises(TransportTimeoutError, match="console socket"):
            driver(rig).read(rig.line)

    def test_pitfall_32_the_pager_gets_its_enter(self) -> None:
        rig = console_bench("US3000C", 1)
        told = Prompt(rig.time.clock).ask(rig.line, "help")
        assert told.rstrip().endswith(b">")
        assert rig.line.sent.count(b"\r") == 1 + told.count(b"Press [Enter]")

    def test_pitfall_32_a_slow_pager_gets_one_enter(self) -> None:
        rig = console_bench("US3000C", 1)
        line = LateLine(rig, b"")
        told = Prompt(rig.time.clock).ask(line, "log")
        assert line.sent.count(b"\r") == 1 + told.count(b"Press [Enter]") == 11


def test_alarms_of_pwr_and_of_the_cells_are_joined() -> None:
    rig = console_bench("US3000C", 2)
    rig.bank.modules[1].alarms = {(AlarmKind.CELL_OVERVOLTAGE, 5)}
    module = driver(rig).read(rig.line).modules[1]
    kinds = {alarm.kind for alarm in module.alarms or ()}
    kinds |= {alarm.kind for cell in module.cells or () for alarm in cell.alarms or ()}
    assert AlarmKind.CELL_OVERVOLTAGE in kinds
    assert driver(console_bench("US3000C", 2)).read(console_bench("US3000C", 2).line).modules[0].alarms == ()


def test_barcodes_are_hidden_in_recordings() -> None:
    rig = console_bench("US3000C", 1)
    barcode = rig.bank.modules[0].barcode.encode()
    told = rig.battery.answer(b"info 1\r")
    assert barcode in told
    kept = scrub(b"info 1\r", told, lambda _code: "HIDDEN1")
    assert barcode not in kept
    assert len(kept) == len(told)
