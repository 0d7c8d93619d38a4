"""The CAN driver: what is fresh, which dialect it is, who is silent, why nothing comes; that it never sends."""

import ast
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.can_logs import US5000, Bus

from pylon2mqtt.errors import FrameError, TransportTimeoutError
from pylon2mqtt.model import State
from pylon2mqtt.protocols.auto import Auto
from pylon2mqtt.protocols.base import BatteryProtocol, Probe
from pylon2mqtt.protocols.can.dialects import known
from pylon2mqtt.protocols.can.driver import Can, scrub
from pylon2mqtt.transports.base import CanTraffic

PACKAGE = Path(__file__).parents[3] / "pylon2mqtt" / "pylon2mqtt"
KEEP_ALIVE = "305#0000000000000000"
RACK = "0000{:04X}#A50930759D042E64"


def every(seconds: float, until: float, begin: float = 0.0) -> list[float]:
    return [begin + seconds * turn for turn in range(int((until - begin) / seconds) + 1)]


def lost(bus: Bus) -> str:
    with pytest.raises(TransportTimeoutError) as caught:
        bus.read_until(1000)
    return str(caught.value)


class TestReading:
    def test_the_first_reading_waits_for_everything(self) -> None:
        """A US5000 speaks every 2 s, and the driver may come in the middle of a burst."""
        half = " ".join(US5000.split()[3:])
        bus = Bus(([0.0], half), (every(2, 60, 2.0), US5000))
        bank = bus.read()
        assert (bank.name, bank.voltage, bank.module_count) == ("B", 49.86, 6)
        assert bus.time.now() < 6

    def test_then_a_turn_is_a_second(self) -> None:
        bus = Bus((every(2, 60), US5000))
        bus.read()
        began = bus.time.now()
        assert bus.read().soc == 88
        assert bus.time.now() - began == pytest.approx(1.0)

    def test_a_silent_bus_is_told_after_five_seconds(self) -> None:
        bus = Bus()
        assert "no frames and no errors" in lost(bus)
        assert bus.time.now() == pytest.approx(5.0)

    def test_what_changes_is_seen_in_the_next_turn(self) -> None:
        bus = Bus((every(1, 60), US5000), (every(1, 60, 20.5), "359#0200000006504E"))
        assert bus.read_until(15).alarms == ()
        bank = bus.read_until(21.9)
        assert [alarm.kind for alarm in bank.alarms or ()] == ["overvoltage"]

    def test_only_what_is_known_is_asked_of_the_kernel_until_the_battery_is_lost(self) -> None:
        bus = Bus((every(1, 10), US5000))
        lost(bus)
        assert bus.selected == [len(known()), None]


class TestFreshness:
    def test_each_value_goes_stale_on_its_own(self) -> None:
        bus = Bus((every(1, 5), "355#58005E00"), (every(1, 100), "351#1402C012C012C201 356#7A13F2FE6B01"))
        assert bus.read_until(33).soc == 88
        bank = bus.read_until(40)
        assert (bank.soc, bank.soh, bank.voltage) == (None, None, 49.86)

    def test_an_inverters_keep_alives_keep_no_battery_alive(self) -> None:
        bus = Bus((every(1, 20), US5000), (every(1, 200), KEEP_ALIVE))
        why = lost(bus)
        assert 50 < bus.time.now() < 53
        assert "the battery fell silent, only the inverter speaks" in why

    def test_who_else_speaks_is_counted_since_the_battery_was_last_received(self) -> None:
        bus = Bus((every(1, 20), US5000), (every(10, 200, 3), KEEP_ALIVE))
        assert "only the inverter speaks (3 frames)" in lost(bus)

    def test_who_it_is_stays_known(self) -> None:
        bus = Bus((every(1, 5), US5000), (every(1, 100), "351#1402C012C012C201 356#7A13F2FE6B01"))
        bank = bus.read_until(60)
        assert (bank.manufacturer, bank.soc) == ("PYLON", None)

    def test_short_frames_give_their_whole_fields_and_keep_the_rest(self) -> None:
        bus = Bus((every(1, 10), US5000), ([11.0], "351#100264 355#5B 356#8413F1 359#000000"))
        bank = bus.read_until(14)
        assert (bank.charge_voltage_limit, bank.charge_current_limit) == (52.8, 480.0)
        assert (bank.soc, bank.voltage, bank.current, bank.module_count) == (88, 50.0 - 0.04, -27.0, 6)

    def test_a_battery_that_is_back_is_read_again(self) -> None:
        bus = Bus((every(1, 10), US5000), (every(1, 200, 100), US5000))
        lost(bus)
        while bus.time.now() < 94:
            with pytest.raises(TransportTimeoutError):
                bus.read()
        assert bus.read().voltage == 49.86
        assert (bus.selected[0], bus.selected[-1]) == (len(known()), len(known())), "the kernel filters again"


class TestDialect:
    DEYE = "35E#44593030311CFC08"

    def test_it_is_said_once(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        Bus((every(1, 60), US5000)).read_until(50)
        assert [r.message for r in caplog.records] == ["B: receives Pylontech's low-voltage language on bus"]

    def test_what_an_owner_may_miss_is_normal(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        Bus((every(1, 60), "351#1402C012C012C201 356#7A13F2FE6B01 35A#AAAAAAAAAAAAAAAA")).read()
        assert "35A in place of 359 and 35C" in caplog.text

    def test_every_frame_can_be_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        Bus((every(1, 60), "351#1402C012C012C201 356#7A13F2FE6B01")).read()
        assert "356#7A13F2FE6B01" in caplog.text

    def test_a_later_proof_corrects(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        bus = Bus((every(1, 60), "351#1402C012C012C201 356#D2146400E600"), (every(1, 60, 20), self.DEYE))
        assert bus.read_until(15).current == 10.0
        assert bus.read_until(30).current == -10.0
        assert caplog.records[-1].message == "B: receives Deye's low-voltage language on bus"

    def test_the_slowest_frames_of_a_deye_are_awaited(self) -> None:
        """Its serial numbers come every 5.3 s; a module has to be known by its own from the start."""
        bus = Bus(
            (every(1.05, 60), f"{self.DEYE} 356#D2146400E600 110#0000000000000021 150#15020000BA03E803"),
            (every(5.3, 60, 5.2), "600#4142434431323334 650#3536373800000000"),
        )
        assert bus.read().modules[0].barcode == "ABCD12345678"

    def test_rescan_forgets_it(self) -> None:
        bus = Bus((every(1, 20), f"{self.DEYE} 351#1402C012C012C201 356#D2146400E600"), (every(1, 99, 21), US5000))
        assert bus.read_until(15).current == -10.0
        bus.read_until(25)
        bus.driver.rescan()
        bank = bus.read()
        assert (bank.manufacturer, bank.current) == ("PYLON", -27.0)


class TestRacks:
    def test_a_silent_rack_is_silent_and_no_sum_is_taken(self) -> None:
        bus = Bus((every(1, 100), RACK.format(0x4211)), (every(1, 20), RACK.format(0x4212)))
        assert [module.number for module in bus.read().modules] == [1, 2]
        bank = bus.read_until(60)
        assert ([module.number for module in bank.modules], bank.silent) == ([1], (2,))

    def test_numbers_stay_when_the_first_of_an_old_stack_is_silent(self) -> None:
        bus = Bus((every(1, 20), RACK.format(0x4210)), (every(1, 100), RACK.format(0x4211)))
        assert [module.number for module in bus.read().modules] == [1, 2]
        bank = bus.read_until(60)
        assert ([module.number for module in bank.modules], bank.silent) == ([2], (1,))

    def test_after_a_day_it_no_longer_counts(self) -> None:
        bus = Bus((every(30, 90_000), RACK.format(0x4211)), (every(1, 20), RACK.format(0x4212)))
        bus.driver._clock.sleep(0)
        bus.read()
        bus.time.sleep(86_500)
        assert bus.read().silent == ()

    def test_equipment_alone_is_no_battery(self) -> None:
        bus = Bus((every(1, 100), "00004200#0200000000000000 00007321#4B00050F2D005600"))
        assert "no voltage, state of charge or limit" in lost(bus)

    def test_another_form_is_refused_in_every_turn_until_it_is_ours(self) -> None:
        bus = Bus((every(1, 20), "00004211#0610B2FFBA044C63"), (every(1, 100, 21), RACK.format(0x4211)))
        for _ in range(3):
            with pytest.raises(FrameError, match="30k offset"):
                bus.read()
        bus.time.sleep(60)
        assert bus.read().modules[0].voltage == 246.9

    def test_its_state(self) -> None:
        bus = Bus((every(1, 100), f"{RACK.format(0x4211)} 00004251#0202000000000000"))
        assert bus.read().modules[0].state is State.DISCHARGING


class TestDiagnosis:
    @pytest.mark.parametrize(
        ("said", "why"),
        [
            (KEEP_ALIVE, "only the inverter speaks (5 frames)"),
            (f"{KEEP_ALIVE} 7AB#00", "only the inverter speaks (5 frames, and 5 frames of 7AB)"),
            ("00004200#0000000000000000", "only the inverter speaks"),
            ("7AB#0011 00012345#00", "10 frames of 7AB, 00012345, none of a battery that is known here"),
            ("20000080#0000000000000000", "5 bus errors but no frames: a wrong bit rate"),
            ("355#R8 351#R", "10 remote frames: somebody asks"),
            ("313#14C8FFF100E56264", "Growatt"),
            ("00000351#C608FA00FA008007", "Sofar"),
            ("101#FAB9356700000000 191#0000010600090400 151#0053554E47524F57", "this is Sungrow's protocol"),
            ("110#0FE60C3500FA00C8 150#2710271001000100 1D0#0F3C003200D20308", "this is BYD's high-voltage protocol"),
            ("110#0FE60C3500FA00C8 150#2710271001000100", "10 frames of 110, 150, none of a battery"),
            ("350#060FC813 351#5763640123001000 352#FA00 355#B004A604 356#740E8C0A00000000", "this is Afore's"),
            ("35E#0000000000000000 500#8F14 501#00 503#BC0E", "this is Samsung's"),
            ("35C#C000", "3 frames of a battery, but no voltage"),
        ],
    )
    def test_what_comes_in_its_place(self, said: str, why: str) -> None:
        assert why in lost(Bus((every(1, 4), said)))

    def test_errors_that_only_the_interface_counts(self) -> None:
        bus = Bus()
        bus.line.traffic = lambda: CanTraffic(frames=0, errors=int(bus.time.now()))  # type: ignore[method-assign]
        assert "5 bus errors but no frames" in lost(bus)

    def test_many_strangers_are_not_all_named(self) -> None:
        why = lost(Bus((every(1, 4), " ".join(f"{0x10000 + number:08X}#00" for number in range(150)))))
        assert "00010000, 00010001, 00010002, 00010003, 00010004, 00010005 …" in why

    def test_it_fell_silent(self) -> None:
        assert "fell silent, and nobody else speaks" in lost(Bus((every(1, 10), US5000)))


class TestNeverSpeaks:
    def test_there_is_nothing_to_send_with(self) -> None:
        assert not [name for name in dir(Can) if "send" in name or "write" in name]
        rooms = (PACKAGE / room / "can" for room in ("transports", "protocols"))
        sends = [path.name for room in rooms for path in room.rglob("*.py") if _sends(path)]
        assert sends == ["ask.py"]

    def test_a_line_that_could_send_is_never_asked_to(self) -> None:
        bus = Bus((every(1, 10), US5000))
        sent: list[object] = []
        bus.line.send = sent.append  # type: ignore[attr-defined]
        lost(bus)
        assert sent == []


def _sends(path: Path) -> bool:
    nodes = ast.walk(ast.parse(path.read_text()))
    return any(isinstance(node, ast.Attribute) and node.attr in ("send", "send_periodic") for node in nodes)


def test_auto_listens_to_a_can_line_and_asks_nothing() -> None:
    bus = Bus((every(1, 60), US5000))
    made: list[str] = []

    def make(protocol: str) -> BatteryProtocol:
        made.append(protocol)
        return bus.driver

    auto = Auto(name="B", probes=_no_probes, make_driver=make)
    assert not auto.listens
    assert auto.read(bus.line).voltage == 49.86
    assert made == ["can"]
    assert auto.listens


def _no_probes() -> list[Probe]:
    raise AssertionError("a CAN bus is not asked")


@pytest.mark.parametrize(
    ("number", "data", "hidden"),
    [
        (b"380", b"ABCD1234", b"A0000001"),
        (b"381", b"56\0\0\0\0\0\0", b"51\0\0\0\0\0\0"),
        (b"650", b"\0" * 8, b"\0" * 8),
        (b"355", b"ABCD1234", b"ABCD1234"),
        (b"00000380", b"ABCD1234", b"ABCD1234"),  # an extended look-alike
        (b"605", b"ABCD1234", b"A0000001"),  # of the sixth module of a Deye
    ],
)
def test_serial_numbers_are_hidden(number: bytes, data: bytes, hidden: bytes) -> None:
    def pseudonym(text: str) -> str:
        return f"{text[:3]}{1:013}"

    told: Callable[[str], str] = pseudonym
    assert scrub(number, data, told) == hidden
