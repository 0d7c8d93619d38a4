"""Whole dialogues with batteries that answer otherwise than most: groups that come later, masters, other makers."""

import logging
from dataclasses import replace
from typing import Any

import pytest
from tests.fakes import Bench, PackBench, bench, pack_bench

from pylon2mqtt.errors import TransportTimeoutError
from pylon2mqtt.model import Bank
from pylon2mqtt.protocols.base import BatteryProtocol
from pylon2mqtt.protocols.binary.frame import Frame
from pylon2mqtt.protocols.registry import driver as make


def driver(rig: Bench | PackBench, protocol: str = "rs485", **options: Any) -> BatteryProtocol:
    return make(protocol, name="House", clock=rig.time.clock, stagger_s=0, **options)


def numbers(bank: Bank) -> list[int]:
    return [module.number for module in bank.modules]


def read_for(rig: Bench | PackBench, reader: BatteryProtocol, seconds: float) -> Bank:
    until = rig.time.now_s + seconds
    while rig.time.now_s < until:
        bank = reader.read(rig.line)
        rig.time.now_s += 10
    return bank


def there(rig: Bench | PackBench, *present: range) -> None:
    for module in rig.bank.modules:
        module.present = any(module.number in some for some in present)


class TestGroups:
    """24 modules behind an LV-hub: three groups of eight, from addresses 0x12, 0x22 and 0x32."""

    FIRST, SECOND, THIRD = range(1, 9), range(9, 17), range(17, 25)

    def rig(self) -> Bench:
        return bench("US3000C", 24)

    def test_a_group_that_comes_later_is_found(self, caplog: pytest.LogCaptureFixture) -> None:
        rig = self.rig()
        there(rig, self.FIRST)
        reader = driver(rig)
        assert len(reader.read(rig.line).modules) == 8
        there(rig, self.FIRST, self.SECOND, self.THIRD)
        with caplog.at_level(logging.INFO):
            bank = read_for(rig, reader, 7 * 300)
        assert numbers(bank) == [*range(1, 9), *range(13, 21), *range(25, 33)]
        assert "13, 14, 15" in caplog.text

    def test_one_behind_a_missing_one_is_found_and_the_log_says_which_is_missing(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        rig = self.rig()
        there(rig, self.FIRST, self.THIRD)
        reader = driver(rig)
        bank = read_for(rig, reader, 7 * 300)
        assert numbers(bank) == [*range(1, 9), *range(25, 33)]
        assert "no group at address 34: it is looked for again" in caplog.text

    def test_where_the_first_is_missing_the_others_are_found(self) -> None:
        rig = self.rig()
        there(rig, self.THIRD)
        reader = driver(rig)
        for _ in range(6):
            try:
                assert numbers(reader.read(rig.line)) == [*range(25, 33)]
            except TransportTimeoutError:
                rig.time.now_s += 10
            else:
                break
        there(rig, self.FIRST, self.THIRD)
        assert numbers(read_for(rig, reader, 7 * 300)) == [*range(1, 9), *range(25, 33)]

    def test_what_all_masters_say_alike_is_said_of_the_bank(self) -> None:
        rig = self.rig()
        bank = read_for(rig, driver(rig), 60)
        assert (bank.manufacturer, bank.model, bank.firmware, bank.protocol_version) == (
            "Pylon",
            "US3000C",
            "1.7",
            "2.0",
        )
        assert bank.soc is None, "61 speaks for one group alone"

    def test_a_missing_group_costs_two_questions_in_five_minutes(self) -> None:
        rig = self.rig()
        there(rig, self.FIRST)
        reader = driver(rig)
        read_for(rig, reader, 1800)
        asked = rig.during(lambda: read_for(rig, reader, 300))
        assert len([address for address, _ in asked if address >= 0x20]) <= 4


class TestAddresses:
    def test_a_module_behind_a_gap_is_found_where_the_owner_names_it(self, caplog: pytest.LogCaptureFixture) -> None:
        rig = bench("US3000C", 6)
        there(rig, range(1, 3), range(5, 6))
        with caplog.at_level(logging.INFO):
            assert numbers(driver(rig).read(rig.line)) == [1, 2]
        assert "nobody answers behind address 3" in caplog.text
        bank = driver(rig, addresses=(6, 9)).read(rig.line)
        assert (numbers(bank), bank.silent) == ([1, 2, 5], ())

    def test_a_stack_may_begin_at_1(self) -> None:
        rig = bench("US3000C", 3)
        whole = rig.battery.answer

        def one_lower(raw: bytes) -> bytes:
            asked = Frame.parse(raw)
            info = bytes(byte + 1 for byte in asked.info)
            told = whole(replace(asked, address=asked.address + 1, info=info).to_bytes())
            if not told:
                return b""
            answer = Frame.parse(told)
            at = 1 if asked.cid2 in (0x42, 0x44) else 0
            named = asked.info and answer.info[: at + 1] != b""
            lower = answer.info[:at] + asked.info + answer.info[at + 1 :] if named else answer.info
            return replace(answer, address=asked.address, info=lower).to_bytes()

        rig.line.answer = one_lower
        bank = driver(rig).read(rig.line)
        assert [(module.number, module.address) for module in bank.modules] == [(1, 1), (2, 2), (3, 3)]
        assert [module.barcode for module in bank.modules] == [real.barcode for real in rig.bank.modules]


class TestPaceMaster:
    @pytest.mark.parametrize("at_its_address", [False, True], ids=["asked at theirs", "asked at its own"])
    def test_it_answers_for_all_from_its_own_address(self, at_its_address: bool) -> None:
        rig = pack_bench("rs232", "Jakiper", 3)
        rig.battery.answers_for_all, rig.battery.at_its_address = True, at_its_address
        reader = driver(rig, "rs232")
        bank = reader.read(rig.line)
        assert (numbers(bank), bank.silent) == ([1, 2, 3], ())
        assert [module.barcode for module in bank.modules] == [real.barcode for real in rig.bank.modules]
        for module, real in zip(bank.modules, rig.bank.modules, strict=True):
            assert module.remaining_capacity == pytest.approx(real.remaining, abs=0.006)
        rig.bank.modules[2].present = False
        assert reader.read(rig.line).silent == (3,)

    def test_a_barcode_that_it_reports_for_all_is_its_own_alone(self) -> None:
        rig = pack_bench("rs232", "Jakiper", 3)
        rig.battery.answers_for_all = True
        own = rig.bank.modules[0].barcode
        for module in rig.bank.modules[1:]:
            module.barcode = own
        bank = driver(rig, "rs232").read(rig.line)
        assert [module.barcode for module in bank.modules] == [own, None, None]

    def test_a_pack_listed_with_zeros_is_away(self) -> None:
        """The master lists all packs: one that is off has zeros, and the others keep their numbers."""
        rig = pack_bench("rs232", "Jakiper", 3)
        rig.battery.master_only = True
        reader = driver(rig, "rs232")
        assert numbers(reader.read(rig.line)) == [1, 2, 3]
        rig.line.spoil = lambda asked, told: _zeroed(told, 2) if asked[7:9] == b"42" and asked[13:15] == b"FF" else told
        bank = reader.read(rig.line)
        assert (numbers(bank), bank.silent) == ([1, 3], (2,))
        assert bank.modules[1].remaining_capacity == pytest.approx(rig.bank.modules[2].remaining, abs=0.006)

    def test_at_0_it_answers_as_its_own_number(self) -> None:
        rig = pack_bench("rs232", "PACE", 1)
        rig.battery.alone_at_0 = True
        rig.line.spoil = lambda asked, told: (
            replace(Frame.parse(told), address=7).to_bytes() if told and asked[3:5] == b"00" else b""
        )
        assert numbers(driver(rig, "rs232").read(rig.line)) == [1]


def _zeroed(told: bytes, number: int) -> bytes:
    """An answer for all packs in which one of three is away: its counts stay, and all its values are zeros."""
    answer = Frame.parse(told)
    length = (len(answer.info) - 2) // 3
    begin = 2 + (number - 1) * length
    pack = bytearray(length)
    pack[0], pack[33] = 16, 6
    return replace(answer, info=answer.info[:begin] + bytes(pack) + answer.info[begin + length :]).to_bytes()


class TestVer22:
    @pytest.mark.parametrize("protocol", ["rs485", "rs232"])
    def test_a_stack_is_read_whole(self, protocol: str) -> None:
        rig = pack_bench(protocol, "Daren", 3)
        reader = driver(rig, protocol)
        reader.read(rig.line)
        bank = reader.read(rig.line)
        assert (numbers(bank), bank.silent) == ([1, 2, 3], ())
        for module, real in zip(bank.modules, rig.bank.modules, strict=True):
            assert module.barcode == real.barcode
            assert module.voltage == pytest.approx(real.voltage(), abs=0.006)
            assert module.current == pytest.approx(real.current, abs=0.006)
            assert module.soc == pytest.approx(real.soc, abs=0.006)
            assert module.remaining_capacity == pytest.approx(real.remaining, abs=0.006)
            assert module.mos_temperature == pytest.approx(real.mosfet_temperature, abs=0.06)
            assert (module.cycles, module.alarms, module.model) == (real.cycles, (), "DR48100JC")
            assert [cell.balancing for cell in module.cells or ()] == real.balancing
            assert (module.manufacturer, module.rated_capacity) == ("Simulated", real.model.capacity)
        assert rig.battery.writes_seen == []

    def test_of_b0_only_two_questions_are_sent_and_both_read(self) -> None:
        rig = pack_bench("rs485", "Daren", 2)
        reader = driver(rig)
        for _ in range(50):
            reader.read(rig.line)
            rig.time.now_s += 900
        blocks = {frame.info[1:] for frame in rig.asked if frame.cid2 == 0xB0}
        assert blocks == {b"\x01\x03\xff\x00", b"\x01\x04\xff\x00"}
