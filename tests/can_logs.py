"""CAN logs for tests, written short: ``351#1402`` is a frame, extended if its identifier has eight digits."""

from collections.abc import Iterable
from weakref import WeakKeyDictionary

from pylon2mqtt.model import Bank
from pylon2mqtt.protocols import registry
from pylon2mqtt.protocols.base import Clock
from pylon2mqtt.protocols.can.driver import Can
from pylon2mqtt.transports.base import CanFrame, CanTransport
from pylon2mqtt.transports.can.logs import frames_in
from pylon2mqtt.transports.can.logs.candump import parse_line
from pylon2mqtt.transports.can.playback import LogTime, Playback

US5000 = "351#1402C012C012C201 355#58005E00 356#7A13F2FE6B01 359#0000000006504E 35C#C000 35E#50594C4F4E202020"


def frames(short: str) -> list[CanFrame]:
    parsed = [parse_line(f"can0 {one}") for one in short.split()]
    assert all(parsed), short
    return [one[1] for one in parsed if one]


def one(line: CanTransport, timeout_s: float) -> CanFrame | None:
    """The next frame; those that came with it wait for the next call."""
    waiting: list[CanFrame] = _WAITING.setdefault(line, [])
    if not waiting:
        waiting += line.recv(timeout_s)
    return waiting.pop(0) if waiting else None


_WAITING: WeakKeyDictionary[CanTransport, list[CanFrame]] = WeakKeyDictionary()


def decoded(short: str) -> Bank:
    return registry.decode_frames(frames_in("\n".join(f"can0 {one}" for one in short.split())))


class Bus:
    """A bus on which frames come at given seconds, a driver that listens to it, and the time of both."""

    def __init__(self, *said: tuple[Iterable[float], str]) -> None:
        self.time = LogTime()
        self.selected: list[int | None] = []
        timed = [(at, frame) for times, short in said for at in times for frame in frames(short)]
        timed.sort(key=lambda one: one[0])
        self.line = Playback("bus", lambda: timed, now=self.time.now, sleep=self.time.sleep)
        self.line.select = lambda wanted: self.selected.append(None if wanted is None else len(wanted))  # type: ignore[method-assign]
        self.line.open()
        self.driver = Can(name="B", clock=Clock(now=self.time.now, sleep=self.time.sleep))

    def read(self) -> Bank:
        return self.driver.read(self.line)

    def read_until(self, seconds: float) -> Bank:
        """Read again and again; return the last bank."""
        bank = self.read()
        while self.time.now() < seconds:
            bank = self.read()
        return bank
