"""The RS485 driver against a virtual bank in fake time."""

import logging
import random
from dataclasses import replace

import pytest
from tests.fakes import Bench, bench

from pylon2mqtt.errors import FrameError, ProtocolError, TransportError, TransportTimeoutError
from pylon2mqtt.model import AlarmKind
from pylon2mqtt.protocols.binary.dialects import PYLONTECH_RS485
from pylon2mqtt.protocols.binary.dialects.pylontech_info import PylontechCommand
from pylon2mqtt.protocols.binary.dialogue import LONGEST_PAUSE_S, PAUSE_S
from pylon2mqtt.protocols.binary.frame import Frame
from pylon2mqtt.protocols.binary.rs485 import Rs485

ALLOWED = {0x42, 0x44, 0x47, 0x4F, 0x51, 0x60, 0x61, 0x62, 0x63, 0x92, 0x93, 0x96}


def driver(rig: Bench, stagger_s: float = 0) -> Rs485:
    return Rs485(name="House", clock=rig.time.clock, stagger_s=stagger_s)


def readdressed(raw: bytes, address: int) -> bytes:
    return replace(Frame.parse(raw), address=address).to_bytes()


def frame(address: int, cid2: int, info: bytes = b"") -> bytes:
    return Frame(address=address, cid2=cid2, info=info).to_bytes()


def test_it_reads_what_the_battery_is() -> None:
    rig = bench("US5000,US3000C,US2000", 3)
    bank = driver(rig).read(rig.line)
    assert bank.name == "House"
    assert [m.number for m in bank.modules] == [1, 2, 3]
    assert bank.silent == ()
    for module, real in zip(bank.modules, rig.bank.modules, strict=True):
        assert module.barcode == real.barcode
        assert module.voltage == pytest.approx(real.voltage(), abs=0.06)
        assert module.current == pytest.approx(real.current, abs=0.05)
        assert module.remaining_capacity == pytest.approx(real.remaining, abs=0.01)
        assert module.full_capacity == pytest.approx(real.model.capacity, abs=0.01)
        assert module.cycles == real.cycles
        assert [c.voltage for c in module.cells or ()] == [
            pytest.approx(volts, abs=0.002) for volts in real.cell_voltages()
        ]
        assert module.charge_current_limit == pytest.approx(real.charge_current_limit, abs=0.1)
        assert module.firmware
        assert module.parameters is not None
        assert len(module.parameters) == 12
    assert [m.mos_temperature is not None for m in bank.modules] == [True, False, False]


def test_only_reading_commands_can_be_sent_and_are_sent() -> None:
    assert PYLONTECH_RS485.commands == ALLOWED
    rig = bench("US5000", 5)
    reader = driver(rig)
    for _ in range(20):
        reader.read(rig.line)
        rig.time.now_s += 900
    assert {command for _, command in rig.asked} <= ALLOWED
    assert not rig.battery.writes_seen


def test_no_module_can_be_asked_for_a_writing_command() -> None:
    for forbidden in (0x94, 0x95, 0x64, 0x99, 0x82, 0x91):
        with pytest.raises(ValueError, match="not a valid command"):
            PYLONTECH_RS485.question(forbidden, 2)


def test_info_of_requests_is_as_the_document_says() -> None:
    assert PYLONTECH_RS485.question(PylontechCommand.ANALOG, 3).to_bytes() == b"~20034642E00203FD31\r"
    assert PYLONTECH_RS485.question(PylontechCommand.PARAMETERS, 2).to_bytes() == b"~200246470000FDA7\r"
    assert PYLONTECH_RS485.question(PylontechCommand.ANALOG, 2, all_modules=True).info == b"\xff"


class TestFinding:
    def test_stops_after_two_silent_addresses(self) -> None:
        rig = bench(modules=3)
        asked = rig.during(lambda: driver(rig).read(rig.line))
        silent = [address for address, command in asked if command == 0x42 and address not in (2, 3, 4)]
        assert silent == [1, 5, 6]

    def test_a_gap_of_one_does_not_end_it(self) -> None:
        rig = bench(modules=4)
        rig.bank.modules[1].present = False
        bank = driver(rig).read(rig.line)
        assert [m.number for m in bank.modules] == [1, 3, 4]

    def test_9600_baud_is_tried_when_115200_is_silent(self) -> None:
        rig = bench(baudrate=9600)
        assert len(driver(rig).read(rig.line).modules) == 3
        assert rig.line.baudrate == 9600

    def test_the_rate_is_remembered_when_the_battery_was_away(self) -> None:
        rig = bench(baudrate=9600)
        reader = driver(rig)
        reader.read(rig.line)
        rig.line.spoil = lambda _request, _answer: b""
        for _ in range(5):
            with pytest.raises(TransportTimeoutError):
                reader.read(rig.line)
        rig.line.spoil = lambda _request, answer: answer
        asked = rig.during(lambda: reader.read(rig.line))
        assert asked[0] == (2, 0x42)
        assert rig.line.baudrate == 9600

    def test_groups_begin_at_0x12(self) -> None:
        rig = bench(modules=16)
        bank = driver(rig).read(rig.line)
        assert len(bank.modules) == 16
        assert [m.address for m in bank.modules] == [*range(0x12, 0x1A), *range(0x22, 0x2A)]
        assert [m.number for m in bank.modules] == [*range(1, 9), *range(13, 21)]

    def test_slaves_are_told_apart_by_93_never_51(self) -> None:
        rig = bench(modules=3)
        asked = rig.during(lambda: driver(rig).read(rig.line))
        assert {address for address, command in asked if command == 0x51} == {2}
        assert len({address for address, command in asked if command == 0x93} & {2, 3, 4}) == 3

    def test_a_missing_module_costs_no_timeout_per_cycle(self) -> None:
        rig = bench(modules=3)
        reader = driver(rig)
        reader.read(rig.line)
        assert not [a for a, _ in rig.during(lambda: reader.read(rig.line)) if a not in (2, 3, 4)]
        rig.bank.modules[2].present = False
        for _ in range(4):
            assert reader.read(rig.line).silent == (3,)
        assert not [a for a, _ in rig.during(lambda: reader.read(rig.line)) if a == 4]

    def test_new_modules_are_found_within_minutes(self) -> None:
        rig = bench(modules=3)
        rig.bank.modules[2].present = False
        reader = driver(rig)
        assert len(reader.read(rig.line).modules) == 2
        rig.bank.modules[2].present = True
        rig.time.now_s += 301
        assert len(reader.read(rig.line).modules) == 3

    def test_rescan_finds_them_now_and_forgets_the_removed(self) -> None:
        rig = bench(modules=3)
        reader = driver(rig)
        reader.read(rig.line)
        rig.bank.modules[2].present = False
        assert reader.read(rig.line).silent == (3,)
        reader.rescan()
        bank = reader.read(rig.line)
        assert (len(bank.modules), bank.silent) == (2, ())

    def test_silence_says_what_to_check(self) -> None:
        rig = bench()
        rig.line.spoil = lambda _request, _answer: b""
        with pytest.raises(TransportTimeoutError, match=r"Pylontech.* at 2, 18 and 1; .*A and B.*DIP switch 1"):
            driver(rig).read(rig.line)
        asked = {int(raw[3:5], 16) for raw in rig.line.sent if raw.startswith(b"~20") and raw[5:9] == b"4642"}
        assert asked >= {1, 2, 3, 0x12, 0x13}

    def test_garbage_is_told_from_silence(self) -> None:
        rig = bench()
        rig.line.spoil = lambda _request, _answer: b"\x00\xf0\xff" * 9
        with pytest.raises(FrameError, match="27 bytes but no frame"):
            driver(rig).read(rig.line)

    def test_only_the_echo_is_told_from_silence(self) -> None:
        rig = bench()
        rig.line.spoil = lambda asked, _answer: asked
        reader = driver(rig)
        with pytest.raises(TransportTimeoutError):
            reader.read(rig.line)

    @pytest.mark.parametrize("else_it_says", [b"", Frame(address=0x12, cid2=0x04).to_bytes()])
    def test_a_bank_that_names_no_modules(self, else_it_says: bytes) -> None:
        """An emulation that knows only 60 to 63, asked at group 1, answers from address 2; JK's is one."""
        rig = bench("US5000", 2)
        system = {0x61: 0x61, 0x62: 0x62, 0x63: 0x63}

        def emulation(raw: bytes) -> bytes:
            asked = Frame.parse(raw)
            if asked.address != 0x12:
                return b""
            if asked.cid2 not in system:
                return else_it_says
            return rig.battery.answer(frame(2, asked.cid2))

        rig.line.answer = emulation
        bank = driver(rig).read(rig.line)
        assert bank.modules == ()
        assert bank.soc is not None
        assert bank.charge_voltage_limit is not None
        rig.line.answer = lambda _raw: b""
        with pytest.raises(TransportTimeoutError):
            driver(rig).read(rig.line)


class TestSilentModules:
    def test_a_module_without_its_values_is_silent(self) -> None:
        rig = bench(modules=3)
        reader = driver(rig)
        reader.read(rig.line)
        rig.line.spoil = lambda asked, answer: b"" if asked.startswith(b"~20034642") else answer
        bank = reader.read(rig.line)
        assert [m.number for m in bank.modules] == [1, 3]
        assert bank.silent == (2,)

    def test_one_that_does_not_report_its_alarms_has_none_that_are_known(self) -> None:
        rig = bench(modules=3)
        reader = driver(rig)
        reader.read(rig.line)
        rig.line.spoil = lambda asked, answer: b"" if asked.startswith(b"~20034644") else answer
        bank = reader.read(rig.line)
        assert [module.alarms for module in bank.modules] == [(), None, ()]
        assert bank.silent == ()

    def test_it_comes_back_with_its_own_identity(self) -> None:
        rig = bench(modules=3)
        reader = driver(rig)
        reader.read(rig.line)
        rig.bank.modules[1].present = False
        reader.read(rig.line)
        rig.bank.modules[1].present = True
        rig.bank.modules[1].barcode = "SIMOTHER00000099"
        bank = reader.read(rig.line)
        assert [m.barcode for m in bank.modules][1] == "SIMOTHER00000099"

    def test_a_serial_number_with_swapped_digits_is_not_believed(self) -> None:
        """The checksum does not see them: a new name in Home Assistant would be made of noise."""
        rig = bench(modules=2)
        reader = driver(rig)
        reader.read(rig.line)
        rig.time.now_s += 601
        spoilt: list[bytes] = []

        def once(asked: bytes, answer: bytes) -> bytes:
            if asked[3:9] != b"034693" or spoilt:
                return answer
            spoilt.append(answer)
            return answer.replace(answer[15:19], answer[17:19] + answer[15:17], 1)

        rig.line.spoil = once
        bank = reader.read(rig.line)
        assert spoilt
        assert ([m.number for m in bank.modules], bank.silent) == ([1], (2,))
        assert reader.read(rig.line).modules[1].barcode == rig.bank.modules[1].barcode

    def test_no_module_is_published_before_it_said_who_it_is(self) -> None:
        rig = bench(modules=2)
        reader = driver(rig)
        reader.read(rig.line)
        rig.bank.modules[1].present = False
        reader.read(rig.line)
        rig.bank.modules[1].present = True
        rig.line.spoil = lambda asked, answer: b"" if asked[7:9] == b"93" else answer
        assert reader.read(rig.line).silent == (2,)

    def test_after_a_day_it_counts_no_more(self) -> None:
        rig = bench(modules=3)
        reader = driver(rig)
        reader.read(rig.line)
        rig.bank.modules[2].present = False
        assert reader.read(rig.line).silent == (3,)
        rig.time.now_s += 86_401
        assert reader.read(rig.line).silent == ()

    def test_a_whole_bank_that_was_away_is_whole_again_at_once(self) -> None:
        rig = bench(modules=8)
        reader = driver(rig)
        reader.read(rig.line)
        rig.line.spoil = lambda _request, _answer: b""
        for _ in range(6):
            with pytest.raises(TransportTimeoutError):
                reader.read(rig.line)
        rig.line.spoil = lambda _request, answer: answer
        bank = reader.read(rig.line)
        assert (len(bank.modules), bank.silent) == (8, ())

    def test_a_slave_that_wakes_later_than_its_master_is_missed_not_forgotten(self) -> None:
        rig = bench(modules=3)
        reader = driver(rig)
        reader.read(rig.line)
        for module in rig.bank.modules:
            module.present = False
        for _ in range(4):
            with pytest.raises(TransportTimeoutError):
                reader.read(rig.line)
        rig.bank.modules[0].present = True
        assert reader.read(rig.line).silent == (2, 3)


class TestLearning:
    def test_a_refused_question_is_not_asked_again(self) -> None:
        rig = bench()
        rig.line.spoil = lambda asked, answer: (
            frame(int(asked[3:5], 16), 0x04) if asked[7:9] in (b"96", b"60", b"61") else answer
        )
        reader = driver(rig)
        bank = reader.read(rig.line)
        assert [m.firmware for m in bank.modules] == [None] * 3
        rig.time.now_s += 7200
        assert not [c for _, c in rig.during(lambda: reader.read(rig.line)) if c in (0x96, 0x60, 0x61)]
        rig.time.now_s += 86_400
        assert [c for _, c in rig.during(lambda: reader.read(rig.line)) if c == 0x96]

    def test_serial_numbers_may_be_unknown(self) -> None:
        rig = bench()
        rig.line.spoil = lambda asked, answer: (
            frame(int(asked[3:5], 16), 0x04) if asked[7:9] == b"93" and answer else answer
        )
        bank = driver(rig).read(rig.line)
        assert [(m.number, m.barcode) for m in bank.modules] == [(1, None), (2, None), (3, None)]

    @pytest.mark.parametrize(("model", "together"), [("US2000", True), ("US3000C", False)])
    def test_ff_is_used_where_it_is_answered(self, model: str, together: bool) -> None:
        rig = bench(model, 4)
        reader = driver(rig)
        reader.read(rig.line)
        rig.time.now_s += 31
        reader.read(rig.line)
        asked = rig.during(lambda: reader.read(rig.line))
        assert len([c for _, c in asked if c == 0x42]) == (1 if together else 4)
        assert len(reader.read(rig.line).modules) == 4

    def test_ff_is_not_asked_again_soon_where_it_is_ignored(self) -> None:
        rig = bench("US3000C", 2)
        reader = driver(rig)
        asked = []
        for _ in range(100):
            asked += rig.during(lambda: reader.read(rig.line))
            rig.time.now_s += 60
        ff = [r for r in rig.line.sent if r[7:9] == b"42" and r[13:15] == b"FF"]
        assert len(ff) == 1

    def test_ff_that_counts_fewer_modules_is_not_believed(self) -> None:
        rig = bench("US2000", 3)
        reader = driver(rig)
        reader.read(rig.line)
        rig.time.now_s += 31
        reader.read(rig.line)
        rig.bank.modules[0].present = True
        rig.bank.modules[1].present = False
        bank = reader.read(rig.line)
        assert bank.silent == (2,)
        assert [m.barcode for m in bank.modules] == [rig.bank.modules[0].barcode, rig.bank.modules[2].barcode]


class TestSchedule:
    def test_fast_values_every_cycle_slow_ones_rarely(self) -> None:
        rig = bench()
        reader = driver(rig)
        counts: dict[int, int] = {}
        cycles = 360
        for _ in range(cycles):
            began = rig.time.now_s
            for _, command in rig.during(lambda: reader.read(rig.line)):
                counts[command] = counts.get(command, 0) + 1
            rig.time.now_s = max(rig.time.now_s, began + 10)
        assert counts[0x44] == 3 * cycles
        assert counts[0x92] == pytest.approx(
            3 * cycles * 10 / PYLONTECH_RS485.of_module[PylontechCommand.MANAGEMENT], rel=0.2
        )
        assert counts[0x47] <= 6
        assert counts[0x96] <= 6

    def test_slow_questions_do_not_fall_into_one_cycle(self) -> None:
        rig = bench(modules=8)
        reader = driver(rig, stagger_s=1.0)
        slow = {0x47, 0x92, 0x96}
        per_cycle = []
        for _ in range(60):
            began = rig.time.now_s
            per_cycle.append(len([c for _, c in rig.during(lambda: reader.read(rig.line)) if c in slow]))
            rig.time.now_s = max(rig.time.now_s, began + 10)
        assert sum(per_cycle[:6]) >= 24
        assert max(per_cycle) <= 13

    def test_a_slow_value_that_is_not_renewed_goes(self) -> None:
        rig = bench()
        reader = driver(rig)
        assert reader.read(rig.line).modules[0].charge_voltage_limit is not None
        rig.line.spoil = lambda asked, answer: b"" if asked[7:9] == b"92" else answer
        rig.time.now_s += 61
        assert reader.read(rig.line).modules[0].charge_voltage_limit is not None
        rig.time.now_s += 181
        assert reader.read(rig.line).modules[0].charge_voltage_limit is None


class TestDamage:
    def test_one_damaged_answer_is_asked_again(self) -> None:
        rig = bench(modules=1)
        reader = driver(rig)
        reader.read(rig.line)
        damaged = iter([True])
        rig.line.spoil = lambda _asked, answer: answer[:-3] + b"0\r" if next(damaged, False) else answer
        assert len(reader.read(rig.line).modules) == 1

    def test_the_pause_grows_after_damage_and_shrinks_again(self) -> None:
        rig = bench(modules=1)
        reader = driver(rig)
        reader.read(rig.line)
        assert max(rig.time.slept) <= PAUSE_S
        rig.line.spoil = lambda _asked, answer: answer.replace(b"0", b"1", 1)
        for _ in range(4):
            with pytest.raises((TransportError, ProtocolError)):
                reader.read(rig.line)
        assert PAUSE_S < max(rig.time.slept) <= LONGEST_PAUSE_S
        rig.line.spoil = lambda _asked, answer: answer
        for _ in range(10):
            reader.read(rig.line)
        rig.time.slept.clear()
        reader.read(rig.line)
        assert max(rig.time.slept) <= PAUSE_S

    def test_a_minute_of_garbage_passes_without_a_wrong_value(self) -> None:
        rig = bench()
        dice = random.Random(3)
        reader = driver(rig)
        truth = [m.barcode for m in reader.read(rig.line).modules]
        rig.line.spoil = lambda _asked, answer: dice.randbytes(20) + answer[: dice.randrange(30)] + dice.randbytes(200)
        until = rig.time.now_s + 60
        while rig.time.now_s < until:
            with pytest.raises((TransportError, ProtocolError)):
                reader.read(rig.line)
        rig.line.spoil = lambda _asked, answer: answer
        assert [m.barcode for m in reader.read(rig.line).modules] == truth

    def test_echo_noise_and_nuls_are_skipped(self) -> None:
        rig = bench()
        rig.line.spoil = lambda asked, answer: asked + b"\x00\xf0~20\xff" + answer + b"\x00" if answer else asked
        assert len(driver(rig).read(rig.line).modules) == 3

    def test_foreign_answers_are_dropped(self) -> None:
        rig = bench()
        foreign = frame(9, 0, b"\x00" * 4)
        rig.line.spoil = lambda _asked, answer: foreign + answer
        assert len(driver(rig).read(rig.line).modules) == 3

    def test_an_answer_from_the_wrong_address_is_not_taken(self) -> None:
        rig = bench(modules=1)
        reader = driver(rig)
        reader.read(rig.line)
        rig.line.spoil = lambda _asked, answer: readdressed(answer, 5)
        with pytest.raises(TransportTimeoutError):
            reader.read(rig.line)

    def test_implausible_values_make_a_module_silent_and_are_logged_once(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        rig = bench(modules=2)
        reader = driver(rig)
        reader.read(rig.line)

        def lie(asked: bytes, answer: bytes) -> bytes:
            if asked[3:9] != b"034642":
                return answer
            told = Frame.parse(answer)
            return replace(told, info=told.info[:3] + b"\x13\x24" + told.info[5:]).to_bytes()  # a cell of 4.9 V

        rig.line.spoil = lie
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                assert reader.read(rig.line).silent == (2,)
        assert len([r for r in caplog.records if "recording" in r.message]) == 1

    def test_a_lost_line_is_passed_on(self) -> None:
        rig = bench()
        reader = driver(rig)
        reader.read(rig.line)
        rig.line.gone = True
        with pytest.raises(TransportError, match="plug it in"):
            reader.read(rig.line)

    def test_the_master_that_cannot_reach_a_slave_is_silence(self) -> None:
        rig = bench()
        reader = driver(rig)
        reader.read(rig.line)
        rig.line.spoil = lambda asked, answer: frame(4, 0x91) if asked[3:5] == b"04" else answer
        assert reader.read(rig.line).silent == (3,)


def test_alarms_of_the_battery_reach_the_bank() -> None:
    rig = bench()
    rig.bank.modules[1].alarms = {(AlarmKind.CELL_OVERVOLTAGE, 5)}
    bank = driver(rig).read(rig.line)
    assert [a.kind for a in bank.modules[0].alarms or ()] == []
    alarms = bank.modules[1].alarms or ()
    assert (AlarmKind.CELL_OVERVOLTAGE, 5) in [(a.kind, *a.cells) for a in alarms]


def test_an_alarm_of_the_battery_and_one_of_the_bridge_stand_side_by_side() -> None:
    rig = bench(modules=1)
    rig.bank.modules[0].alarms = {(AlarmKind.CELL_OVERVOLTAGE, 5)}

    def unplugged(asked: bytes, answer: bytes) -> bytes:
        """One temperature sensor measures -50 °C."""
        if asked[7:9] != b"42":
            return answer
        told = Frame.parse(answer)
        return replace(told, info=told.info[:36] + b"\x08\xb7" + told.info[38:]).to_bytes()

    rig.line.spoil = unplugged
    (module,) = driver(rig).read(rig.line).modules
    assert {(alarm.kind, alarm.by.value) for alarm in module.alarms or ()} >= {
        (AlarmKind.CELL_OVERVOLTAGE, "bms"),
        (AlarmKind.SENSOR_FAULT, "bridge"),
    }
    assert (module.temperatures or ()).count(None) == 1
