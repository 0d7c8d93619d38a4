"""The console driver against virtual banks in fake time."""

import re

import pytest
from tests.fakes import ConsoleBench, console_bench

from pylon2mqtt.errors import FrameError, TransportTimeoutError
from pylon2mqtt.model import AlarmKind
from pylon2mqtt.protocols.console import EVERY_S, Command, Console, scrub
from pylon2mqtt.protocols.prompt import WAKE_FRAME, Prompt

ALLOWED = re.compile(r"(pwr|bat|info|stat|soh)( \d{1,2})?|pwrsys|euro")


def driver(rig: ConsoleBench, cells: str = "full") -> Console:
    return Console(name="House", clock=rig.time.clock, stagger_s=0, cells=cells)


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
    assert {str(command) for command in Command} == {"pwr", "bat", "info", "stat", "soh", "pwrsys", "euro"}
    for forbidden in ("shut", "tbar", "time 26 1 1 0 0 0", "config", "login debug"):
        with pytest.raises(ValueError, match="not a valid Command"):
            Command(forbidden)


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
        assert counts["pwr 1"] == pytest.approx(3600 / EVERY_S[Command.PWR], rel=0.2)
        assert counts["stat 2"] <= 8
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

    def test_silence_says_what_to_check(self) -> None:
        rig = console_bench("US3000C", 1)
        rig.line.spoil = lambda _sent, _told: b""
        with pytest.raises(TransportTimeoutError, match="console socket"):
            driver(rig).read(rig.line)

    def test_pitfall_32_the_pager_gets_its_enter(self) -> None:
        rig = console_bench("US3000C", 1)
        told = Prompt(rig.time.clock).ask(rig.line, "help")
        assert told.rstrip().endswith(b">")
        assert rig.line.sent.count(b"\r") >= 2


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
