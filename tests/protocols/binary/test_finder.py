"""Stacks of PACE, Seplos and EG4: found out by what they say, on RS232 and RS485 alike, in fake time."""

from typing import Any

import pytest
from tests.fakes import PackBench, pack_bench

from pylon2mqtt.errors import DecodeError, TransportTimeoutError
from pylon2mqtt.model import AlarmKind, State
from pylon2mqtt.protocols.base import BatteryProtocol
from pylon2mqtt.protocols.binary.dialect import BinaryDialect
from pylon2mqtt.protocols.binary.dialects import DIALECTS, EG4, PACE, SEPLOS
from pylon2mqtt.protocols.binary.frame import Frame
from pylon2mqtt.protocols.registry import driver as make

BOTH = pytest.mark.parametrize("protocol", ["rs232", "rs485"])
ANY = pytest.mark.parametrize("model", ["PACE", "Jakiper", "EASUN", "Seplos", "EG4"])
WRITES = {0x45, 0x49, 0x4E, 0x94, 0x95, 0x99, 0x9A, 0x9B, 0x9C, 0xA0, 0xA1, 0xA8, 0xB2, 0xB5, *range(0xD0, 0xF0, 2)}


def driver(rig: PackBench, protocol: str = "rs232", **options: Any) -> BatteryProtocol:
    return make(protocol, name="House", clock=rig.time.clock, stagger_s=0, **options)


@BOTH
@ANY
def test_it_reads_what_the_stack_is(protocol: str, model: str) -> None:
    rig = pack_bench(protocol, model, 3)
    bank = driver(rig, protocol).read(rig.line)
    assert [m.number for m in bank.modules] == [1, 2, 3]
    assert bank.silent == ()
    for module, real in zip(bank.modules, rig.bank.modules, strict=True):
        assert module.voltage == pytest.approx(real.voltage(), abs=0.006)
        assert module.current == pytest.approx(real.current, abs=0.006)
        assert module.remaining_capacity == pytest.approx(real.remaining, abs=0.006)
        assert module.full_capacity == pytest.approx(real.model.capacity)
        assert module.cycles == real.cycles
        assert module.mos_temperature == pytest.approx(real.mosfet_temperature, abs=0.06)
        assert module.ambient_temperature == pytest.approx(real.ambient, abs=0.06)
        assert len(module.temperatures or ()) == 4
        assert module.state is (State.CHARGING if real.current > 0 else State.DISCHARGING)
        assert (module.charge_enabled, module.discharge_enabled) == (True, True)
        assert [cell.balancing for cell in module.cells or ()] == real.balancing
        assert [cell.voltage for cell in module.cells or ()] == pytest.approx(real.cell_voltages(), abs=0.0006)
    assert rig.battery.writes_seen == []


@pytest.mark.parametrize(("model", "soc", "soh"), [("PACE", None, None), ("Jakiper", 60, None), ("EASUN", 60, 100)])
def test_what_stands_behind_the_design_capacity(model: str, soc: float | None, soh: float | None) -> None:
    rig = pack_bench("rs232", model, 1)
    module = driver(rig).read(rig.line).modules[0]
    assert module.soc == (None if soc is None else pytest.approx(soc, abs=1))
    assert module.soh == (None if soh is None else pytest.approx(soh, abs=10))


def test_barcodes_and_firmware_of_pace_are_each_packs_own() -> None:
    rig = pack_bench("rs232", "Jakiper", 3)
    bank = driver(rig).read(rig.line)
    assert [m.barcode for m in bank.modules] == [real.barcode for real in rig.bank.modules]
    assert {m.firmware for m in bank.modules} == {"P16S100A-1B470-1.04"}
    assert bank.module_count == 3


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.title)
def test_nothing_that_writes_can_be_asked(dialect: BinaryDialect) -> None:
    assert not dialect.commands & WRITES
    for command in WRITES:
        with pytest.raises(ValueError, match="not a valid command"):
            dialect.question(command, 1)


def test_requests_are_as_the_documents_say() -> None:
    assert PACE.question(0x42, 1).to_bytes() == b"~25014642E00201FD30\r"
    assert PACE.question(0x90, 1).to_bytes() == b"~250146900000FDA5\r"
    assert PACE.question(0x42, 0).info == b"\x01"
    assert SEPLOS.question(0x42, 0).to_bytes() == b"~20004642E00200FD37\r"
    assert SEPLOS.question(0x44, 15).to_bytes() == b"~200F4644E0020FFD09\r"
    assert EG4.question(0x42, 1).to_bytes() == b"~20014A420000FDA2\r"


class TestPace:
    def test_packs_that_cannot_be_counted_are_found_one_behind_the_other(self) -> None:
        rig = pack_bench("rs232", "PACE", 4)
        rig.battery.counts = False
        bank = driver(rig).read(rig.line)
        assert len(bank.modules) == 4
        assert bank.module_count is None

    def test_a_pack_alone_may_be_at_address_0(self) -> None:
        rig = pack_bench("rs232", "PACE", 1)
        rig.battery.alone_at_0 = True
        bank = driver(rig).read(rig.line)
        assert [(m.number, m.barcode) for m in bank.modules] == [(1, rig.bank.modules[0].barcode)]

    @BOTH
    def test_where_only_the_master_is_reached_it_tells_of_all(self, protocol: str) -> None:
        rig = pack_bench(protocol, "Jakiper", 3)
        rig.battery.master_only = True
        reader = driver(rig, protocol)
        assert [m.number for m in reader.read(rig.line).modules] == [1, 2, 3]
        asked = rig.during(lambda: reader.read(rig.line))
        assert {frame.address for frame in asked} == {1}
        assert [frame.info for frame in asked if frame.cid2 in (0x42, 0x44)] == [b"\xff", b"\xff"]
        rig.line.spoil = lambda asked, told: b"" if asked[13:15] == b"FF" else told
        bank = reader.read(rig.line)
        assert ([m.number for m in bank.modules], bank.silent) == ([1], (2, 3))
        rig.line.spoil = lambda _asked, told: told
        assert len(reader.read(rig.line).modules) == 3

    def test_after_a_power_cut_the_master_tells_of_all_again(self) -> None:
        rig = pack_bench("rs232", "Jakiper", 3)
        rig.battery.master_only = True
        reader = driver(rig)
        reader.read(rig.line)
        rig.line.spoil = lambda _asked, _told: b""
        for _ in range(4):
            with pytest.raises(TransportTimeoutError):
                reader.read(rig.line)
        rig.line.spoil = lambda asked, told: b"" if asked[13:15] == b"FF" else told
        assert reader.read(rig.line).silent == (2, 3)
        rig.line.spoil = lambda _asked, told: told
        rig.time.now_s += 301
        bank = reader.read(rig.line)
        assert ([m.number for m in bank.modules], bank.silent) == ([1, 2, 3], ())

    @pytest.mark.parametrize("model", ["US2000", "Jakiper"])
    def test_no_sum_is_taken_over_fewer_modules_than_are_counted(self, model: str) -> None:
        rig = pack_bench("rs232", model, 3)
        whole = rig.battery.answer

        def deaf(asked: bytes) -> bytes:
            """The second module is counted, and does not answer."""
            return b"" if asked[13:15] in (b"02", b"FF") else whole(asked)

        rig.line.answer = deaf
        bank = driver(rig).read(rig.line)
        assert ([m.number for m in bank.modules], bank.silent) == ([1, 3], (2,))

    def test_a_master_at_address_0_may_tell_of_others(self) -> None:
        rig = pack_bench("rs232", "Jakiper", 3)
        rig.battery.alone_at_0 = True
        bank = driver(rig).read(rig.line)
        assert [m.number for m in bank.modules] == [1, 2, 3]
        assert bank.silent == ()

    def test_what_is_too_long_for_a_tail_is_refused_with_its_bytes(self) -> None:
        rig = pack_bench("rs232", "PACE", 1)

        def longer(asked: bytes, told: bytes) -> bytes:
            if asked[7:9] != b"42" or not told:
                return told
            frame = Frame.parse(told)
            return Frame(version=0x25, address=1, cid2=0, info=frame.info + bytes(31)).to_bytes()

        rig.line.spoil = longer
        with pytest.raises(DecodeError, match="31 bytes behind the design capacity are not known") as caught:
            driver(rig).read(rig.line)
        assert caught.value.raw.startswith(b"~2501")

    def test_alarms_reach_the_bank(self) -> None:
        rig = pack_bench("rs232", "Jakiper", 2)
        rig.bank.modules[1].alarms = {(AlarmKind.CELL_OVERVOLTAGE, 7), (AlarmKind.MOSFET_OVERTEMPERATURE, None)}
        told = driver(rig).read(rig.line).modules[1].alarms or ()
        assert {(a.kind, a.severity.value, *a.cells) for a in told} == {
            (AlarmKind.CELL_OVERVOLTAGE, "warning", 7),
            (AlarmKind.CELL_OVERVOLTAGE, "protection"),
            (AlarmKind.MOSFET_OVERTEMPERATURE, "warning"),
            (AlarmKind.MOSFET_OVERTEMPERATURE, "protection"),
        }


class TestRates:
    @pytest.mark.parametrize(("model", "rate"), [("Jakiper", 19200), ("Seplos", 19200), ("EG4", 115200)])
    def test_other_rates_are_tried_too(self, model: str, rate: int) -> None:
        rig = pack_bench("rs232", model, 2)
        rig.battery.line_rate = rate
        assert len(driver(rig).read(rig.line).modules) == 2
        assert rig.line.baudrate == rate

    @ANY
    def test_a_gateway_with_its_own_rate_will_do(self, model: str) -> None:
        rig = pack_bench("rs232", model, 2)
        rig.line.has_baudrate = False
        assert len(driver(rig).read(rig.line).modules) == 2

    def test_what_was_lost_is_looked_for_where_it_was(self) -> None:
        rig = pack_bench("rs232", "Seplos", 2)
        reader = driver(rig)
        reader.read(rig.line)
        rig.line.spoil = lambda _asked, _told: b""
        for _ in range(4):
            with pytest.raises(TransportTimeoutError):
                reader.read(rig.line)
        rig.line.spoil = lambda _asked, told: told
        asked = rig.during(lambda: reader.read(rig.line))
        assert {(frame.version, frame.cid1) for frame in asked} == {(0x20, 0x46)}
        assert {frame.address for frame in asked if frame.cid2 == 0x42} <= {0, 1, 2, 3}

    def test_on_rs485_everything_is_tried_again_when_another_dialect_is_lost(self) -> None:
        rig = pack_bench("rs485", "Jakiper", 2)
        reader = driver(rig, "rs485")
        reader.read(rig.line)
        rig.line.spoil = lambda _asked, _told: b""
        for _ in range(4):
            with pytest.raises(TransportTimeoutError):
                reader.read(rig.line)
        before = len(rig.asked)
        with pytest.raises(TransportTimeoutError):
            reader.read(rig.line)
        assert rig.asked[before] == Frame(version=0x25, address=1, cid2=0x42, info=b"\x01"), "what answered last"
        assert Frame(address=2, cid2=0x42, info=b"\x02") in rig.asked[before:]


class TestLookingAgain:
    @BOTH
    @pytest.mark.parametrize("model", ["Jakiper", "Seplos", "EG4"])
    def test_new_packs_are_found_within_minutes(self, protocol: str, model: str) -> None:
        rig = pack_bench(protocol, model, 3)
        rig.bank.modules[2].present = False
        reader = driver(rig, protocol)
        assert len(reader.read(rig.line).modules) == 2
        rig.bank.modules[2].present = True
        rig.time.now_s += 301
        assert len(reader.read(rig.line).modules) == 3

    @BOTH
    def test_rescan_forgets_the_removed(self, protocol: str) -> None:
        rig = pack_bench(protocol, "Jakiper", 3)
        reader = driver(rig, protocol)
        reader.read(rig.line)
        rig.bank.modules[2].present = False
        assert reader.read(rig.line).silent == (3,)
        reader.rescan()
        bank = reader.read(rig.line)
        assert (len(bank.modules), bank.silent) == (2, ())

    def test_silent_packs_cost_no_time_in_each_cycle(self) -> None:
        rig = pack_bench("rs232", "Jakiper", 3)
        reader = driver(rig)
        reader.read(rig.line)
        rig.bank.modules[1].present = False
        for _ in range(4):
            assert reader.read(rig.line).silent == (2,)
        assert not [f for f in rig.during(lambda: reader.read(rig.line)) if f.address == 2]
