"""What broke other readers of the text console, tried on the driver and on what it hands on.

The numbers are those of the list in docs/protocols/console.md. What a decoder alone has to get right is tested beside
that decoder; ``grep -rn pitfall_ tests`` finds all.
"""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes import ConsoleBench, console_bench

from pylon2mqtt.errors import DecodeError, FrameError
from pylon2mqtt.model import AlarmKind, Bank, Module, State
from pylon2mqtt.model.derived import bank_figures, module_figures
from pylon2mqtt.outputs.mqtt.discovery.entities import ROWS, entities
from pylon2mqtt.protocols.console.driver import Console

ROOT = Path(__file__).parents[3]


def driver(rig: ConsoleBench, cells: str = "full") -> Console:
    return Console(name="House", clock=rig.time.clock, stagger_s=0, cells=cells)


def barcodes(bank: Bank) -> dict[int, str | None]:
    return {module.number: module.barcode for module in bank.modules}


def asked(rig: ConsoleBench, reader: Console, cycles: int = 1, every_s: float = 60.0) -> Counter[str]:
    """What is asked in so many cycles."""
    commands: Counter[str] = Counter()
    for _ in range(cycles):
        commands.update(rig.during(lambda: reader.read(rig.line)))
        rig.time.now_s += every_s
    return commands


# -------------------- layouts


@pytest.mark.parametrize("model", ["US5000", "US5000-B69.26", "US3000D", "Pytes-V5"])
def test_pitfall_33_answers_of_sixteen_modules_are_read_whole(model: str) -> None:
    rig = console_bench(model, 16)
    lengths: list[int] = []

    def measured(_sent: bytes, told: bytes) -> bytes:
        lengths.append(len(told))
        return told

    rig.line.spoil = measured
    bank = driver(rig).read(rig.line)
    assert [module.number for module in bank.modules] == list(range(1, 17))
    assert max(lengths) > 2000
    assert {len(module.cells or ()) for module in bank.modules} == {len(rig.bank.modules[0].cells)}


def test_pitfall_34_a_gap_and_a_fault_before_it_end_nothing() -> None:
    rig = console_bench("US2000C", 4)
    rig.battery.stack.move(rig.bank.modules[3], 8)
    rig.bank.modules[2].alarms = {(AlarmKind.SYSTEM_FAULT, None)}
    states = {module.number: module.state for module in driver(rig).read(rig.line).modules}
    assert list(states) == [1, 2, 3, 8]
    assert states[3] is State.FAULT


@pytest.mark.parametrize("model", ["US3000C", "US5000-B69.26"])
def test_pitfall_41_an_lv_hub_is_refused_and_a_recording_is_asked_for(model: str) -> None:
    rig = console_bench(model, 2)
    rig.line.spoil = lambda _sent, told: told.replace(b"Power Volt", b"Address Stack Module Volt")
    with pytest.raises(DecodeError, match="LV-Hub") as caught:
        driver(rig).read(rig.line)
    assert b"Address Stack Module" in caught.value.raw


# -------------------- values


def test_pitfall_14_currents_add_up_and_nothing_else_does() -> None:
    rig = console_bench("US5000", 4)
    bank = driver(rig).read(rig.line)
    figures = bank_figures(bank)
    currents = [module.current or 0.0 for module in bank.modules]
    assert figures.current == pytest.approx(sum(currents), abs=0.01)
    assert min(m.voltage or 0.0 for m in bank.modules) <= (figures.voltage or 0.0) <= 55.0


@pytest.mark.parametrize("part", ["voltage", "temperature", "current", "soc"])
def test_pitfall_15_every_quantity_has_its_own_unit(part: str) -> None:
    """Others showed the lowest cell's voltage in °C."""
    unit = {"voltage": "V", "temperature": "°C", "current": "A", "soc": "%"}[part]
    numbers = [e for e in entities(Module, set(ROWS[Module]) - {"current_share"}, "full") if e.platform == "sensor"]
    named = [e for e in numbers if part in e.key.split("_")]
    shown = [e for e in named if not e.key.endswith("_cell")]
    assert {e.unit for e in shown} == {unit}
    assert {e.device_class for e in shown} == {"battery" if part == "soc" else part}
    assert {e.unit for e in named if e not in shown} <= {None}


def test_pitfall_16_more_than_full_is_shown_as_full() -> None:
    rig = console_bench("US3000C", 2)
    rig.bank.set_soc(50)
    rig.line.spoil = lambda _sent, told: told.replace(b"50%", b"107%")
    bank = driver(rig).read(rig.line)
    assert {module.soc for module in bank.modules} == {100.0}
    assert bank_figures(bank).soc == 100.0


def test_pitfall_20_a_cell_without_a_reading_counts_nowhere() -> None:
    rig = console_bench("US5000-B69.26", 2)
    rig.bank.modules[1].alarms = {(AlarmKind.CELL_FAULT, 5)}
    bank = driver(rig).read(rig.line)
    broken = bank.modules[1]
    assert (broken.cell_voltage_max, broken.cell_voltage_max_cell) == (None, None)
    assert [cell.number for cell in broken.cells or () if cell.voltage is None] == [5]
    assert (module_figures(broken).cell_voltage_max or 9.9) < 4.0
    assert (bank_figures(bank).cell_voltage_max or 9.9) < 4.0
    assert (AlarmKind.SENSOR_FAULT, 5) in {(alarm.kind, *alarm.cells) for alarm in broken.alarms or ()}


@pytest.mark.parametrize("model", ["US2000C", "US5000-B69.26", "Pytes-V5"])
def test_a_broken_thermistor_costs_nothing_but_its_value(model: str) -> None:
    rig = console_bench(model, 2)
    rig.bank.modules[1].alarms = {(AlarmKind.SENSOR_FAULT, 6)}
    bank = driver(rig).read(rig.line)
    sound, broken = bank.modules
    assert sound.alarms == ()
    assert (broken.cell_temperature_min, broken.cell_temperature_max is None) == (None, False)
    assert [cell.number for cell in broken.cells or () if cell.temperature is None] == [5, 6, 7, 8]
    assert (module_figures(broken).cell_temperature_min or -99.0) > 0
    texts = [alarm.text for alarm in broken.alarms or () if alarm.kind is AlarmKind.SENSOR_FAULT]
    assert "Tlow out of range" in texts
    assert bank.silent == ()


# -------------------- line and session


def test_pitfall_21_a_clock_of_the_year_2000_stops_nothing() -> None:
    rig = console_bench("US3000C", 2)
    right = driver(rig).read(rig.line)
    rig.line.spoil = lambda _sent, told: told.replace(b"2026-03-14", b"2000-01-03")
    wrong = driver(rig).read(rig.line)
    for ours, theirs in zip(right.modules, wrong.modules, strict=True):
        assert replace(theirs, clock_offset=ours.clock_offset) == ours
        assert (ours.clock_offset or 0) - (theirs.clock_offset or 0) > 26 * 365 * 86400


@pytest.mark.parametrize("row", [b"\n1 ", b"\n3 "])
def test_pitfall_27_a_row_that_is_damaged_once_is_asked_again(row: bytes) -> None:
    rig = console_bench("US3000C", 3)
    reader = driver(rig)
    before = reader.read(rig.line)
    damage = iter([True])
    rig.line.spoil = lambda sent, told: (
        told.replace(row, row + b"\x96") if sent == b"pwr\r" and next(damage, False) else told
    )
    after = reader.read(rig.line)
    assert [module.voltage for module in after.modules] == [module.voltage for module in before.modules]
    assert (barcodes(after), after.silent) == (barcodes(before), ())


@pytest.mark.parametrize(("row", "number"), [(b"\n1 ", 1), (b"\n3 ", 3)])
def test_pitfall_27_a_row_that_stays_odd_costs_its_module_and_no_more(row: bytes, number: int) -> None:
    rig = console_bench("US3000C", 3)
    reader = driver(rig)
    before = reader.read(rig.line)
    rig.line.spoil = lambda sent, told: told.replace(row, row + b"\x96") if sent == b"pwr\r" else told
    odd = reader.read(rig.line)
    assert odd.silent == (number,)
    assert len(odd.modules) == 2
    rig.line.spoil = lambda _sent, told: told
    after = reader.read(rig.line)
    assert barcodes(after) == barcodes(before)
    assert after.silent == ()


def test_pitfall_27_where_the_last_row_is_lost_it_is_asked_again() -> None:
    rig = console_bench("US3000C", 2)
    reader = driver(rig)
    reader.read(rig.line)
    losses = iter([True])

    def spoil(sent: bytes, told: bytes) -> bytes:
        if sent == b"bat 1\r" and next(losses, False):
            return told[: told.index(b"14       ")] + told[told.index(b"Command completed") :]
        return told

    rig.line.spoil = spoil
    assert rig.during(lambda: reader.read(rig.line)).count("bat 1") == 2
    assert next(losses, None) is None


def test_pitfall_30_pytes_and_a_debug_mode_have_other_prompts() -> None:
    for model, login in (("Pytes-4850P", b""), ("Pytes-V5", b""), ("US3000C", b"login debug\r")):
        rig = console_bench(model, 1)
        if login:
            rig.battery.answer(login)
        assert len(driver(rig).read(rig.line).modules) == 1


def test_pitfall_36_after_a_restart_everybody_is_who_he_was() -> None:
    rig = console_bench("US5000,US2000C,US2000", 3)
    before = driver(rig).read(rig.line)
    after = driver(rig).read(rig.line)
    assert None not in barcodes(before).values()
    assert barcodes(after) == barcodes(before)


def test_pitfall_36_one_bad_reading_forgets_nobody() -> None:
    rig = console_bench("US3000C", 3)
    reader = driver(rig)
    before = reader.read(rig.line)
    rig.line.spoil = lambda _sent, told: told.replace(b"$$", b"")
    with pytest.raises(FrameError):
        reader.read(rig.line)
    rig.line.spoil = lambda _sent, told: told
    again = rig.during(lambda: reader.read(rig.line))
    assert not [command for command in again if command.startswith(("info", "stat", "soh"))]
    assert barcodes(reader.read(rig.line)) == barcodes(before)


def test_pitfall_37_modules_that_change_places_keep_their_names() -> None:
    rig = console_bench("US3000C", 3)
    reader = driver(rig)
    before = barcodes(reader.read(rig.line))
    second, third = rig.bank.modules[1:]
    second.present = third.present = False
    assert reader.read(rig.line).silent == (2, 3)
    rig.battery.stack.move(third, 2)
    second.present = third.present = True
    bank = reader.read(rig.line)
    assert barcodes(bank) == {1: before[1], 2: before[3], 3: before[2]}
    assert bank.silent == ()


def test_pitfall_37_where_a_master_does_not_tell_the_slot_has_to_do() -> None:
    rig = console_bench("US3000D", 3)
    bank = driver(rig).read(rig.line)
    assert barcodes(bank) == {1: rig.bank.modules[0].barcode, 2: None, 3: None}


def test_pitfall_38_a_master_that_refuses_a_number_is_no_error() -> None:
    rig = console_bench("US3000D", 3)
    reader = driver(rig)
    bank = reader.read(rig.line)
    assert (len(bank.modules), bank.silent) == (3, ())
    later = asked(rig, reader, cycles=9)
    assert later["stat 2"] == 0
    assert later["info 2"] <= 1  # asked again in its turn, every ten minutes
    assert later["bat 2"] == 9
    assert bank.modules[0].counters


@pytest.mark.parametrize(
    ("model", "refused", "known"),
    [("US3000C-B69.25", "soh 1", "stat 1"), ("Pytes-V5", "stat 2", "soh 2"), ("US3000D", "soh 2", "pwr 2")],
)
def test_pitfall_39_what_a_firmware_does_not_know_is_not_asked_again(model: str, refused: str, known: str) -> None:
    rig = console_bench(model, 2)
    reader = driver(rig)
    first = asked(rig, reader)
    assert first[refused] == 1
    assert first[known]
    later = asked(rig, reader, cycles=3, every_s=4000.0)
    assert later[refused] == 0
    assert later[known] >= 2
    rig.time.now_s += 86_400
    assert asked(rig, reader)[refused] == 1


def test_pitfall_44_what_another_reader_types_into_an_answer_is_refused() -> None:
    rig = console_bench("US3000C", 2)
    reader = driver(rig)
    before = reader.read(rig.line)
    other = iter([rig.battery.answer(b"info 2\r")])
    rig.line.spoil = lambda _sent, told: told[: len(told) // 2] + next(other, b"") + told[len(told) // 2 :]
    after = reader.read(rig.line)
    assert barcodes(after) == barcodes(before)
    assert [module.voltage for module in after.modules] == [module.voltage for module in before.modules]


def test_pitfall_45_enter_is_one_character() -> None:
    rig = console_bench("US2000", 2)
    driver(rig).read(rig.line)
    assert rig.line.sent.count(b"\r\n") == 1  # after silence to CR, before the console is woken up
    sent = [part for part in rig.line.sent if part != b"\r\n"]
    assert all(part.endswith(b"\r") and part.count(b"\r") == 1 and b"\n" not in part for part in sent)


def test_pitfall_45_a_second_prompt_is_not_taken_for_an_answer() -> None:
    rig = console_bench("US3000C", 2)
    rig.line.spoil = lambda _sent, told: b"\n\rpylon>" + told
    assert len(driver(rig).read(rig.line).modules) == 2


@pytest.mark.parametrize("inserted", [b"\0", b"\xff\xf1", b"\xff\xfd\x03"])
def test_pitfall_46_a_telnet_bridge_is_read_through(inserted: bytes) -> None:
    rig = console_bench("US3000C", 2)
    before = driver(rig).read(rig.line)
    rig.line.spoil = lambda _sent, told: told.replace(b"\r", b"\r" + inserted)
    assert driver(rig).read(rig.line).modules == before.modules


@pytest.mark.parametrize("noise", [b"\x80", b"\xc3\x28", b"\xe2\x82"])
def test_pitfall_47_bytes_that_are_no_text_do_not_stop_it(noise: bytes) -> None:
    rig = console_bench("US3000C", 2)
    reader = driver(rig)
    reader.read(rig.line)
    rig.line.spoil = lambda _sent, told: noise + told
    assert len(reader.read(rig.line).modules) == 2


def test_pitfall_48_who_has_a_victron_gx_is_told_about_its_serial_starter() -> None:
    documentation = (ROOT / "pylon2mqtt" / "DOCS.md").read_text(encoding="utf-8")
    (row,) = [line for line in documentation.splitlines() if "serial-starter" in line]
    assert "Venus OS" in row
    assert "`VE_SERVICE`" in row
    assert "`ignore`" in row
