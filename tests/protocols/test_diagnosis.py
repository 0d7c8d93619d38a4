"""Whatever is chosen and whatever is spoken: the battery is read, or the owner hears which option to change."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import pytest
from tests.fakes import FakeLine, FakeTime, bench, console_bench, pack_bench

from pylon2mqtt.errors import DeviceError, FrameError, Pylon2MqttError, TransportError, TransportTimeoutError
from pylon2mqtt.model import Bank
from pylon2mqtt.protocols.base import BatteryProtocol
from pylon2mqtt.protocols.binary.frame import Frame
from pylon2mqtt.protocols.diagnosis import Chosen, diagnose
from pylon2mqtt.protocols.registry import AUTO, PROTOCOLS, _probes, chosen_driver
from pylon2mqtt.transports.base import CanFrame, CanTraffic


@dataclass
class SilentBus:
    """A CAN line on which nothing passes; its adapter is the line below it."""

    adapter: FakeLine
    time: FakeTime
    line = "slcan:fake"
    is_open = True
    frames = 0

    def open(self) -> None:
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def cancel(self) -> None: ...

    def recv(self, timeout_s: float) -> list[CanFrame]:
        assert self.is_open
        self.time.now_s += timeout_s
        return []

    def select(self, wanted: Collection[tuple[int, bool]] | None) -> None: ...

    def traffic(self) -> CanTraffic:
        return CanTraffic(frames=self.frames)


def slcan_adapter() -> Any:
    """An adapter with slcan firmware: it refuses what it does not know by BEL, and says CR to Enter."""
    time = FakeTime()

    @dataclass
    class Rig:
        line: FakeLine
        time: FakeTime

    return Rig(FakeLine(lambda asked: b"\r" if asked == b"\r" else b"\a", time), time)


def nothing() -> Any:
    rig = slcan_adapter()
    rig.line.answer = lambda _asked: b""
    return rig


# What is spoken -> how it is made, the protocols that read it, and the one that the sentence names to all others.
SPOKEN: dict[str, tuple[Callable[[], Any], set[str], str]] = {
    "Pylontech at 115200": (bench, {"rs485", AUTO}, "Choose rs485, or auto"),
    "Pylontech at 9600": (lambda: bench(baudrate=9600), {"rs485", AUTO}, "Choose rs485, or auto"),
    "Pylontech on RS232": (lambda: pack_bench("rs232", "US2000", 2), {"rs232", AUTO}, "Choose rs232, or auto"),
    "PACE": (lambda: pack_bench("rs485", "Jakiper", 2), {"rs485", "rs232", AUTO}, "Choose rs232, or auto"),
    "Seplos": (lambda: pack_bench("rs485", "Seplos", 2), {"rs485", "rs232", AUTO}, "Choose rs232, or auto"),
    "EG4": (lambda: pack_bench("rs485", "EG4", 2), {"rs485", "rs232", AUTO}, "Choose rs232, or auto"),
    "a console": (lambda: console_bench("US3000C", 2), {"console", AUTO}, "Choose console, or auto"),
    "a rack": (lambda: console_bench("SC0500", 2), {"console", AUTO}, "Choose console, or auto"),
    "an slcan adapter": (slcan_adapter, set(), "this is a CAN adapter with slcan firmware: choose the protocol can"),
}


def read(chosen: str, rig: Any) -> Bank:
    line = SilentBus(rig.line, rig.time) if chosen == "can" else rig.line
    options = {"adapter": rig.line} if chosen == "can" else {}
    reader = chosen_driver(chosen, name="House", clock=rig.time.clock, stagger_s=0, **options)
    return reader.read(line)


@pytest.mark.parametrize("spoken", SPOKEN)
@pytest.mark.parametrize("chosen", [AUTO, *PROTOCOLS])
def test_every_protocol_on_every_battery(chosen: str, spoken: str) -> None:
    make, readers, advice = SPOKEN[spoken]
    rig = make()
    if chosen in readers:
        assert read(chosen, rig).modules
        return
    with pytest.raises(Pylon2MqttError) as caught:
        read(chosen, rig)
    if (chosen, spoken) == ("can", "an slcan adapter"):
        advice = "no frames and no errors"  # It is what was chosen: the bus is silent.
    assert advice in str(caught.value)
    assert "hexadecimal" not in str(caught.value)


@pytest.mark.parametrize("chosen", ["rs485", "rs232"])
def test_an_old_console_that_sleeps_is_thought_of(chosen: str) -> None:
    with pytest.raises(
        TransportTimeoutError, match="choose the protocol console, or auto, which wake up an old console"
    ):
        read(chosen, console_bench("US2000", 2))


@pytest.mark.parametrize("chosen", ["rs485", "rs232", "console"])
@pytest.mark.parametrize(
    ("comes_back", "why"),
    [
        (b"\x9f\x93\x8f", "bytes, but neither a prompt nor a frame.*A and B swapped.*CAN socket"),
        (None, "only our own echo"),
    ],
)
def test_what_is_no_language_is_said_with_its_cause(chosen: str, comes_back: bytes | None, why: str) -> None:
    rig = nothing()
    rig.line.spoil = lambda asked, _answer: asked if comes_back is None else comes_back
    with pytest.raises(Pylon2MqttError, match=why):
        read(chosen, rig)


def test_the_driver_goes_on_trying_and_its_line_is_looked_into_now_and_then() -> None:
    rig = nothing()
    reader = chosen_driver("rs485", name="House", clock=rig.time.clock, stagger_s=0)
    enters = []
    for _ in range(20):
        rig.line.sent.clear()
        with pytest.raises(TransportTimeoutError):
            reader.read(rig.line)
        enters.append(b"\r" in rig.line.sent)
        assert any(asked.startswith(b"~2002") for asked in rig.line.sent)
    assert enters[:3] == [True, False, False]
    assert 2 <= sum(enters) <= 4


@pytest.mark.parametrize("protocol", ["rs485", "rs232", "console"])
def test_a_battery_that_comes_after_the_diagnosis_is_read(protocol: str) -> None:
    make, _, _ = SPOKEN[{"rs485": "Pylontech at 9600", "rs232": "PACE", "console": "a console"}[protocol]]
    rig = make()
    reader = chosen_driver(protocol, name="House", clock=rig.time.clock, stagger_s=0)
    rig.line.spoil = lambda _asked, _answer: b""
    with pytest.raises(TransportTimeoutError):
        reader.read(rig.line)
    rig.line.spoil = lambda _asked, answer: answer
    assert reader.read(rig.line).modules


def test_a_battery_that_was_read_once_is_never_asked_in_another_language() -> None:
    rig = bench()
    reader = chosen_driver("rs485", name="House", clock=rig.time.clock, stagger_s=0)
    reader.read(rig.line)
    rig.line.spoil = lambda _asked, _answer: b""
    for _ in range(5):
        with pytest.raises(TransportTimeoutError):
            reader.read(rig.line)
    assert b"\r" not in rig.line.sent


def test_a_console_that_shows_its_prompt_late_is_one() -> None:
    rig = nothing()
    answers = iter([b"", b"pylon>"])
    rig.line.spoil = lambda _asked, _answer: next(answers, b"")
    found = diagnose(rig.line, _probes())
    assert found.probe
    assert found.probe.protocol == "console"


def test_what_the_right_language_says_is_left_as_it_is() -> None:
    rig = console_bench("SC0500-locked", 2)
    with pytest.raises(DeviceError, match="allow_login"):
        read("console", rig)


def test_another_reader_on_the_line_is_named() -> None:
    rig = bench()

    class Busy(FakeLine):
        def listen(self, seconds: float) -> bytes:
            return super().listen(seconds) or Frame(address=2, cid2=0x61).to_bytes()

    line = Busy(lambda _asked: b"", rig.time)
    reader = chosen_driver("rs485", name="House", clock=rig.time.clock, stagger_s=0)
    with pytest.raises(FrameError, match="another reader, such as an inverter, is already asking here"):
        reader.read(line)


def test_a_line_that_is_gone_is_not_looked_into() -> None:
    rig = bench()
    reader = chosen_driver("rs485", name="House", clock=rig.time.clock, stagger_s=0)
    rig.line.gone = True
    with pytest.raises(TransportError, match="fake is gone"):
        reader.read(rig.line)
    assert rig.line.sent == []


def test_a_bus_with_frames_is_left_alone() -> None:
    rig = slcan_adapter()
    bus = SilentBus(rig.line, rig.time)
    bus.frames = 5
    reader = chosen_driver("can", name="House", clock=rig.time.clock, adapter=rig.line)
    with pytest.raises(Pylon2MqttError):
        reader.read(bus)
    assert rig.line.sent == []
    assert bus.is_open


def test_a_bus_is_open_again_after_its_adapter_was_looked_at() -> None:
    rig = console_bench("US3000C", 2)
    bus = SilentBus(rig.line, rig.time)
    reader = chosen_driver("can", name="House", clock=rig.time.clock, adapter=rig.line)
    for _ in range(2):
        with pytest.raises(FrameError, match="Choose console, or auto"):
            reader.read(bus)
        assert bus.is_open
    assert rig.line.sent.count(b"\r") == 1


def test_a_rescan_looks_into_it_again() -> None:
    class Never(BatteryProtocol):
        listens = False
        rescans = 0

        def read(self, line: Any) -> Bank:
            raise TransportTimeoutError("silence")

        def rescan(self) -> None:
            self.rescans += 1

    rig, never = nothing(), Never()
    reader = Chosen("rs485", never, probes=_probes, clock=rig.time.clock)
    looks = []
    for rescan in (False, False, True):
        rig.line.sent.clear()
        if rescan:
            reader.rescan()
        with pytest.raises(TransportTimeoutError):
            reader.read(rig.line)
        looks.append(b"\r" in rig.line.sent)
    assert (looks, never.rescans) == ([True, False, True], 1)
