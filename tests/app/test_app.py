"""The app: recording and simulator in, snapshots out; nobody delays, stops or silences anybody else."""

import logging
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.app.app_host import Collector, app_on, app_on_bench, app_running, ended, settings
from tests.fakes import Bench, FakeTime, bench
from tests.simulator.sim_host import running
from tests.waiting import LONGEST_S, until

from pylon2mqtt.app import App, join_all
from pylon2mqtt.app.backoff import STUCK_S
from pylon2mqtt.app.heartbeat import Heartbeat
from pylon2mqtt.app.line_reader import LineReader
from pylon2mqtt.app.output_runner import Mailbox
from pylon2mqtt.config import Battery, Settings, parse
from pylon2mqtt.errors import ConfigError, OutputError, RestingError, TransportTimeoutError
from pylon2mqtt.model import Bank, Event, Module, Snapshot
from pylon2mqtt.outputs.mqtt.options import MqttOptions
from pylon2mqtt.protocols.base import BatteryProtocol
from pylon2mqtt.protocols.diagnosis import Chosen
from pylon2mqtt.simulator.registry import Simulator
from pylon2mqtt.transports.base import ByteTransport


@pytest.fixture
def rig() -> Bench:
    return bench(modules=2)


def test_what_the_battery_says_reaches_the_output(rig: Bench) -> None:
    output = Collector()
    with app_on_bench(rig, output):
        until(lambda: len(output.told) >= 3)
    snapshot = output.told[-1]
    assert snapshot.online
    assert snapshot.bank.name == "B1"
    assert [m.barcode for m in snapshot.bank.modules] == [m.barcode for m in rig.bank.modules]
    assert output.closed


def test_two_batteries_on_two_lines(battery: Simulator) -> None:
    output = Collector()
    with running(modules=1, fast=True, seed=9) as other, app_on(battery.url, other.url, outputs=[output]):
        until(lambda: {s.bank.name for s in output.online} == {"B1", "B2"})


class TestOutages:
    def test_a_battery_that_is_silent_at_start_is_offline_and_found_later(self, tmp_path: Path) -> None:
        output = Collector()
        with running(f"pty:{tmp_path}/late", modules=1, fast=True) as simulator:
            simulator.order("fault silence")
            with app_on(simulator.url, outputs=[output]):
                until(lambda: output.told)
                assert not output.told[0].online
                simulator.order("fault none")
                until(lambda: output.online)

    def test_unplugged_and_plugged_in_again(self, battery: Simulator, caplog: pytest.LogCaptureFixture) -> None:
        output = Collector()
        with caplog.at_level(logging.INFO), app_on(battery.url, outputs=[output], timeout_s=2):
            until(lambda: output.online)
            battery.order("unplug")
            until(lambda: not output.told[-1].online)
            count = len(output.online)
            battery.order("plug")
            until(lambda: len(output.online) > count)
        warnings = [r.message for r in caplog.records if r.levelno == logging.WARNING]
        assert len(warnings) == 1, "once per outage"
        assert "B1 is not read" in warnings[0]
        assert [r for r in caplog.records if "B1 answers again after" in r.message]

    def test_a_tcp_peer_that_goes_and_comes_back(self) -> None:
        output = Collector()
        with running(modules=1, fast=True) as simulator, app_on(simulator.url, outputs=[output]):
            until(lambda: output.online)
            simulator.order("unplug")
            until(lambda: not output.told[-1].online)
            count = len(output.online)
            simulator.order("plug")
            until(lambda: len(output.online) > count)

    def test_garbage_does_not_become_a_value(self, battery: Simulator) -> None:
        output = Collector()
        with app_on(battery.url, outputs=[output]):
            until(lambda: output.online)
            battery.order("fault garbage 5x")
            until(lambda: not battery.faults.names())
            count = len(output.online)
            until(lambda: len(output.online) > count + 3)
        barcodes = {m.barcode for s in output.online for m in s.bank.modules}
        assert barcodes - {None} == {m.barcode for m in battery.bank.modules}
        for snapshot in output.online:
            for module in snapshot.bank.modules:
                assert 48 < (module.voltage or 0) < 54
                assert all(3 < (cell.voltage or 0) < 3.7 for cell in module.cells or ())

    @pytest.mark.parametrize(
        "fault", ["noise", "nuls", "echo", "foreign", "split", "wrong-checksum", "truncation", "bit-error", "late",
                  "unsolicited", "merged", "wrong-address", "swapped-digits"]
    )  # fmt: skip
    def test_no_fault_of_the_line_becomes_a_wrong_value(self, fault: str, battery: Simulator) -> None:
        output = Collector()
        with app_on(battery.url, outputs=[output]):
            until(lambda: output.online)
            battery.order(f"fault {fault} 2x")
            count = len(output.told)
            until(lambda: len(output.told) > count + 2 and output.told[-1].online and not output.told[-1].bank.silent)
        truth = [m.barcode for m in battery.bank.modules]
        for snapshot in output.online:
            barcodes = [m.barcode for m in snapshot.bank.modules]
            assert {*barcodes} - {None} <= {*truth}  # It may be told a little later than the rest.
            assert len(barcodes) + len(snapshot.bank.silent) <= 2
            assert all(48 < (m.voltage or 0) < 54 for m in snapshot.bank.modules)


class TestOutputs:
    def test_a_stuck_output_delays_nobody(self, rig: Bench) -> None:
        stuck, lively = Collector("stuck"), Collector("lively")
        stuck.gate.clear()
        with app_on_bench(rig, stuck, lively):
            until(lambda: len(lively.told) > 5)
            assert not stuck.told
            stuck.gate.set()
            until(lambda: len(stuck.told) > 5)
        times = [s.taken_at for s in lively.told]
        assert stuck.told[:5] == lively.told[:5]
        assert times == sorted(times)

    def test_an_output_that_keeps_the_latest_skips_what_it_missed(self, rig: Bench) -> None:
        slow, lively = Collector("slow", keeps_all=False), Collector("lively")
        slow.gate.clear()
        with app_on_bench(rig, slow, lively):
            until(lambda: len(lively.told) > 5)
            slow.gate.set()
            until(lambda: len(slow.told) > 2)
        assert slow.told[1].taken_at >= lively.told[4].taken_at

    def test_an_output_that_fails_is_told_of_the_next(self, rig: Bench, caplog: pytest.LogCaptureFixture) -> None:
        output = Collector()
        output.error = OutputError("the disk is full: free some")
        with caplog.at_level(logging.INFO), app_on_bench(rig, output):
            until(lambda: output.offered > 3)
            output.error = None
            until(lambda: output.told)
            until(lambda: "works again after" in caplog.text)
        assert len([r for r in caplog.records if "the disk is full" in r.message]) == 1

    def test_a_defect_of_an_output_is_logged_and_survived(self, rig: Bench, caplog: pytest.LogCaptureFixture) -> None:
        output, other = Collector(), Collector("other")
        output.error = KeyError("a defect")
        with app_on_bench(rig, output, other):
            until(lambda: output.offered and len(other.told) > 3)
            output.error = None
            until(lambda: output.told)
        assert [r for r in caplog.records if "please report it" in r.message]


@dataclass
class SlowThread:
    """What is joined in vain: it takes all the time it is given."""

    time: FakeTime

    def join(self, timeout: float) -> None:
        self.time.now_s += timeout


class TestStopping:
    def test_a_blocked_output_does_not_hold_up_the_end(self, rig: Bench) -> None:
        stuck = Collector()
        stuck.gate.clear()
        with app_on_bench(rig, stuck):
            until(lambda: stuck.offered)
        assert not ended(stuck.name)
        stuck.gate.set()

    def test_a_read_in_progress_does_not_hold_up_the_end(self, tmp_path: Path) -> None:
        with running(f"pty:{tmp_path}/mute", modules=1) as simulator:
            simulator.order("fault silence")
            with app_on(simulator.url, outputs=[Collector()], timeout_s=10 * LONGEST_S):
                until(lambda: simulator.requests)
            until(lambda: ended("B1"))

    def test_all_threads_together_get_one_time_to_end(self) -> None:
        time = FakeTime()
        began = time.now_s
        join_all([SlowThread(time) for _ in range(5)], 1.7, clock=lambda: time.now_s)  # type: ignore[misc]
        assert time.now_s - began == pytest.approx(1.7)

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
    def test_a_thread_that_dies_ends_the_app_with_1(self, rig: Bench) -> None:
        app = App(
            settings("fake"),
            outputs=[Collector()],
            make_driver=lambda *_args, **_options: Deadly(),
            make_line=lambda _line, **_options: rig.line,
        )
        assert app.run() == 1


class Deadly:
    """A driver that takes its thread with it, past every ``except Exception``."""

    listens = False

    def read(self, _line: ByteTransport) -> Bank:
        raise SystemExit

    def rescan(self) -> None: ...


@dataclass
class Busy:
    """A worker whose turn may last until then."""

    overdue_at: float


class TestHeartbeat:
    def test_it_beats_while_the_battery_is_silent(self, tmp_path: Path) -> None:
        file = tmp_path / "alive"
        with app_running(App(settings(str(tmp_path / "none")), outputs=[Collector()], heartbeat=file)):
            until(file.exists)

    def test_it_beats_every_ten_seconds_while_every_turn_is_short(self, tmp_path: Path) -> None:
        time, file = FakeTime(), tmp_path / "alive"
        heart = Heartbeat(file, clock=lambda: time.now_s)
        beats = []
        for _ in range(60):
            heart.beat([Busy(time.now_s + STUCK_S)])
            if file.exists():
                beats.append(time.now_s)
                file.unlink()
            time.now_s += 1
        assert [later - beats[0] for later in beats] == [0, 10, 20, 30, 40, 50]

    def test_it_stops_when_a_thread_is_stuck(self, tmp_path: Path) -> None:
        time, file = FakeTime(), tmp_path / "alive"
        heart = Heartbeat(file, clock=lambda: time.now_s)
        heart.beat([Busy(time.now_s + STUCK_S), Busy(time.now_s)])
        assert not file.exists()


class Defective:
    """A protocol with a defect of ours in it."""

    def __init__(self) -> None:
        self.reads = 0
        self.rescans = 0
        self.listens = False

    def read(self, line: ByteTransport) -> Bank:
        self.reads += 1
        if self.reads == 1:
            raise KeyError("a defect")
        if self.reads == 2:
            raise TransportTimeoutError("silence")
        return Bank(modules=(Module(number=1),))

    def rescan(self) -> None:
        self.rescans += 1


def reader(protocol: BatteryProtocol, told: list[Snapshot], stop: threading.Event) -> LineReader:
    rig = bench()
    return LineReader(
        Battery(name="B", protocol="rs485", line="fake"),
        rig.line,
        protocol,
        deliver=told.append,
        poll_interval_s=0.05,
        stop=stop,
    )


class Listening:
    """A driver that hears its battery ten times a second, and after so many times no more."""

    listens = True

    def __init__(self, time: FakeTime, times: int, stop: threading.Event) -> None:
        self.time, self.left, self.stop = time, times, stop

    def read(self, _line: ByteTransport) -> Bank:
        self.time.now_s += 0.1
        self.left -= 1
        if not self.left:
            self.stop.set()
        return Bank(modules=(Module(number=1),))

    def rescan(self) -> None: ...


def test_what_is_heard_all_the_time_is_published_at_the_rate_of_the_others() -> None:
    told: list[Snapshot] = []
    stop, time = threading.Event(), FakeTime()
    line = LineReader(
        Battery(name="B", protocol="can", line="fake"),
        bench().line,
        Listening(time, 100, stop),
        deliver=told.append,
        poll_interval_s=0.95,
        stop=stop,
        clock=lambda: time.now_s,
    )
    line.run()
    assert len(told) == 10


def test_a_defect_in_a_driver_is_logged_and_survived(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Snapshot] = []
    stop = threading.Event()
    protocol = Defective()
    line = reader(protocol, told, stop)
    thread = threading.Thread(target=line.run)
    thread.start()
    until(lambda: len(told) > 2)
    line.rescan()
    until(lambda: protocol.rescans)
    stop.set()
    line.cancel()
    thread.join(LONGEST_S)
    assert not thread.is_alive()
    assert "please report it" in caplog.text
    assert "Traceback" in caplog.text
    assert [s.online for s in told[:2]] == [False, True]


class TestCommands:
    def test_rescan_looks_for_new_modules_now(self, rig: Bench) -> None:
        rig.bank.modules[1].present = False
        output = Collector()
        with app_on_bench(rig, output, poll_interval_s=3600) as app:
            until(lambda: output.online)
            assert len(output.told[-1].bank.modules) == 1
            rig.bank.modules[1].present = True
            app.command("B1", "rescan")
            until(lambda: len(output.told) > 1)
        assert len(output.told[1].bank.modules) == 2

    def test_an_unknown_command_is_refused_with_the_known_one(self, caplog: pytest.LogCaptureFixture) -> None:
        app = App(settings("/dev/null"), outputs=[])
        app.command("B1", "shutdown")
        app.command("nobody", "rescan")
        assert caplog.text.count("there is rescan and poll_interval") == 2

    def test_a_new_interval_counts_at_once(self, rig: Bench) -> None:
        output = Collector()
        with app_on_bench(rig, output, poll_interval_s=3600) as app:
            until(lambda: output.online)
            assert app.command("B1", "poll_interval", "1")
            until(lambda: len(output.told) > 2)

    @pytest.mark.parametrize("payload", ["0", "3601", "soon", "nan", "-5", ""])
    def test_an_impossible_interval_is_refused(self, payload: str, caplog: pytest.LogCaptureFixture) -> None:
        app = App(settings("/dev/null"), outputs=[])
        assert not app.command("B1", "poll_interval", payload)
        assert "is not possible: it is 1 to 3600 seconds" in caplog.text


class TestMailbox:
    def test_it_keeps_the_latest_of_each_bank(self) -> None:
        box = Mailbox(keeps_all=False)
        for name in ("a", "b", "a"):
            box.put(_snapshot(name))
        first, second = box.take(0), box.take(0)
        assert first is not None
        assert second is not None
        assert [first.bank.name, second.bank.name, box.take(0)] == ["b", "a", None]

    def test_the_events_of_what_it_drops_go_with_the_newer_one(self) -> None:
        box = Mailbox(keeps_all=False)
        for number in (1, 2, None, 3):
            box.put(_snapshot("a", *(() if number is None else (Event(number=number),))))
        left = box.take(0)
        assert left is not None
        assert [event.number for event in left.bank.events or ()] == [1, 2, 3]

    def test_it_keeps_all_in_order(self) -> None:
        box = Mailbox(keeps_all=True)
        snapshots = [_snapshot(str(n)) for n in range(5)]
        for snapshot in snapshots:
            box.put(snapshot)
        assert [box.take(0) for _ in snapshots] == snapshots


def _snapshot(name: str, *events: Event) -> Snapshot:
    return Snapshot(bank=Bank(name=name, events=events or None), taken_at=datetime.now(UTC))


def test_a_broker_must_be_named() -> None:
    with pytest.raises(ConfigError, match=r"mqtt\.host is not set"):
        App(replace(settings("/dev/null"), outputs={"mqtt": MqttOptions()}), environment={})


@pytest.mark.parametrize(
    ("records", "names"), [({}, ["MQTT"]), ({"json_file": "/data/latest.json"}, ["MQTT", "JSON file"])]
)
def test_the_outputs_are_those_that_the_options_switch_on(records: dict[str, str], names: list[str]) -> None:
    battery = {"name": "House", "device": "/dev/ttyNOT_THERE"}
    app = App(parse({"batteries": [battery], "mqtt": {"host": "h"}, "records": records}), environment={})
    assert [runner.name for runner in app._runners] == names


def test_a_driver_that_the_owner_chose_says_what_is_spoken_instead() -> None:
    battery = {"name": "House", "device": "/dev/ttyNOT_THERE", "protocol": "console"}
    app = App(replace(parse({"batteries": [battery]}), outputs={}))
    assert isinstance(app._readers["House"]._protocol, Chosen)


def test_names_that_make_the_same_topic_are_refused() -> None:
    batteries = tuple(Battery(name=name, protocol="rs485", line=name) for name in ("Bank 1", "bank-1"))
    with pytest.raises(ConfigError, match="'Bank 1' and 'bank-1' make the same MQTT topic"):
        App(Settings(batteries=batteries, outputs={"mqtt": MqttOptions(host="h")}))


class Tired:
    """A driver that answers, rests for a while, and is lost in the end."""

    def __init__(self) -> None:
        self.listens = False
        self.turns = iter(["answers", "rests", "rests", "rests", "lost", "rests", "answers"])

    def read(self, _line: ByteTransport) -> Bank:
        turn = next(self.turns, "answers")
        if turn == "rests":
            raise RestingError("silence")
        if turn == "lost":
            raise TransportTimeoutError("silence")
        return Bank(name="B", modules=(Module(number=1),), events=(Event(number=1),))

    def rescan(self) -> None: ...


def test_pitfall_43_a_battery_that_rests_keeps_its_last_values_for_a_while(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Snapshot] = []
    stop = threading.Event()
    line = reader(Tired(), told, stop)
    with caplog.at_level(logging.WARNING):
        thread = threading.Thread(target=line.run)
        thread.start()
        until(lambda: len(told) >= 6)
        stop.set()
        line.cancel()
        thread.join(LONGEST_S)
    assert [(s.online, s.stale) for s in told[:6]] == [
        (True, False),
        *[(True, True)] * 3,
        (False, False),
        (True, False),
    ]
    assert {s.taken_at for s in told[1:4]} == {told[0].taken_at}
    assert [s.bank.events for s in told[1:4]] == [None] * 3
    assert len(caplog.records) == 1, "said once"
    assert "rack" in caplog.records[0].getMessage()
