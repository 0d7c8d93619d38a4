"""A full CAN bus: what listening to it costs, and that no frame of the battery is lost.

4,000 frames in a second are what 500 kbit/s can carry; nearly all of them are foreign. On python-can's virtual bus
without any filter, and on SocketCAN without and with the kernel's. Beside it the way of the usual script: every frame
of the battery is decoded and published as a message of its own.
"""

import json
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import can
import cantools.database

import pylon2mqtt.protocols
from pylon2mqtt.protocols.can.driver import Can
from pylon2mqtt.transports.base import CanFrame, CanTransport, is_can
from pylon2mqtt.transports.registry import transport

from .rig import Figure, at_most, plain, show

PER_S = 4000
UNFILTERED_PERCENT, FILTERED_PERCENT = 35.0, 3.0
_BATTERY = tuple(
    can.Message(arbitration_id=number, is_extended_id=False, data=bytes.fromhex(data))
    for number, data in {
        0x351: "1402C012C012C201",
        0x355: "58005E00",
        0x356: "7A13F2FE6B01",
        0x359: "0000000006504E",
        0x35C: "C000",
        0x35E: "50594C4F4E202020",
    }.items()
)
_FOREIGN = tuple(can.Message(arbitration_id=n, is_extended_id=False, data=bytes(8)) for n in range(0x7A0, 0x7B0))
# So many times in a second some foreign frames are sent; the battery speaks as often as its fastest relatives do.
_TURNS = 100
_BATTERY_EVERY = 10
_FOREIGN_A_TURN = (PER_S - len(_BATTERY) * _TURNS // _BATTERY_EVERY) // _TURNS
_DBC = Path(pylon2mqtt.protocols.__file__).with_name("can") / "dialects" / "lv.dbc"


class _Unfiltered:
    """A line that does not pass the driver's selection on; counts what the driver received of the battery."""

    def __init__(self, line: CanTransport, *, filtered: bool) -> None:
        self._line = line
        self._filtered = filtered
        self.battery = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._line, name)

    def select(self, wanted: Any) -> None:
        if self._filtered:
            self._line.select(wanted)

    def recv(self, timeout_s: float) -> list[CanFrame]:
        frames = self._line.recv(timeout_s)
        self.battery += sum(0x351 <= frame.id <= 0x35E for frame in frames)
        return frames


def run(*, quick: bool) -> None:
    """Measure on SocketCAN where there is a vcan0, else on the virtual bus."""
    seconds = 3 if quick else 20
    if Path("/sys/class/net/vcan0").exists():
        show("can: SocketCAN", _table("vcan0", ("socketcan", "vcan0"), seconds, filters=(False, True)))
        return
    show("can: virtual bus", _table("virtual:bench", ("virtual", "bench"), seconds, filters=(False,)))
    print("\ncan: no vcan0 here (ip link add vcan0 type vcan): SocketCAN is left out")


def _table(line: str, bus: tuple[str, str], seconds: float, filters: tuple[bool, ...]) -> list[Figure]:
    figures = []
    for filtered in filters:
        percent, lost, rate = _listen(line, bus, seconds, filtered=filtered)
        bound = FILTERED_PERCENT if filtered else UNFILTERED_PERCENT
        name = "with the kernel's filter" if filtered else "without a filter"
        figures += [
            at_most(f"processor, of one core, {name}", percent, bound, "%"),
            at_most("  frames of the battery lost", lost, 0),
            plain("  frames in a second", rate),
        ]
    percent, published = _the_usual_way(bus, seconds)
    return [*figures, plain("a message for each frame, its listener", percent, "%"), plain("  messages", published)]


def _listen(line: str, bus: tuple[str, str], seconds: float, *, filtered: bool) -> tuple[float, int, float]:
    """The share of a core that listening takes, how many frames of the battery were lost, and frames in a second."""
    made = transport(line)
    if not is_can(made):
        raise TypeError(line)
    made.open()
    counted: Any = _Unfiltered(made, filtered=filtered)
    driver = Can(name="B")
    with _shouting(bus) as sent:
        driver.read(counted)
        traffic, began = made.traffic().frames, time.monotonic()
        used = _share(lambda: driver.read(counted), seconds)
        rate = (made.traffic().frames - traffic) / (time.monotonic() - began)
        total = sent()
        while counted.recv(0.2):
            pass  # what was on its way
    made.close()
    return used, total - counted.battery, rate


def _share(turn: Callable[[], object], seconds: float) -> float:
    """Percent of a core that this thread takes for turns, over so many seconds."""
    began, used = time.monotonic(), time.thread_time()
    while time.monotonic() - began < seconds:
        turn()
    return 100 * (time.thread_time() - used) / (time.monotonic() - began)


def _the_usual_way(bus: tuple[str, str], seconds: float) -> tuple[float, int]:
    """Decode every frame of the battery as it comes, and make a message of it; publishing is not even counted."""
    database: Any = cantools.database.load_file(str(_DBC), strict=False)
    ours = {message.arbitration_id for message in _BATTERY} - {0x35E}
    made: list[str] = []

    with can.Bus(interface=bus[0], channel=bus[1]) as listener, _shouting(bus):

        def turn() -> None:
            message = listener.recv(0.1)
            if message is not None and message.arbitration_id in ours:
                told = database.decode_message(message.arbitration_id, bytes(message.data), allow_truncated=True)
                made.append(json.dumps(told))

        return _share(turn, seconds), len(made)


@contextmanager
def _shouting(bus: tuple[str, str]) -> Iterator[Callable[[], int]]:
    """Fill the bus; yield what ends that and tells how many frames of the battery were sent.

    On SocketCAN that is done by another process: it has the processor to itself as far as there are two.
    """
    if bus[0] == "virtual":
        with _thread(bus) as ended:
            yield ended
        return
    command = [sys.executable, "-m", "bench.can", *bus]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        told: list[int] = []

        def end() -> int:
            if not told:
                told.append(int(process.communicate("end")[0]))
            return told[0]

        try:
            yield end
        finally:
            end()


@contextmanager
def _thread(bus: tuple[str, str]) -> Iterator[Callable[[], int]]:
    stop = threading.Event()
    sent: list[int] = []
    thread = threading.Thread(target=lambda: sent.append(_shout(bus, stop.is_set)), daemon=True)
    thread.start()

    def end() -> int:
        stop.set()
        thread.join()
        return sent[0]

    try:
        yield end
    finally:
        end()


def _shout(bus: tuple[str, str], stop: Callable[[], bool]) -> int:
    """Send until it is time to stop; return how many frames of the battery there were."""
    battery = turn = 0
    with can.Bus(interface=bus[0], channel=bus[1]) as speaker:
        due = time.monotonic()
        while not stop():
            turn += 1
            messages = _BATTERY if turn % _BATTERY_EVERY == 0 else ()
            battery += len(messages)
            for message in (*messages, *(_FOREIGN * 3)[:_FOREIGN_A_TURN]):
                speaker.send(message)
            due += 1 / _TURNS
            time.sleep(max(0.0, due - time.monotonic()))
    return battery


if __name__ == "__main__":
    print(_shout((sys.argv[1], sys.argv[2]), lambda: bool(select.select([sys.stdin], [], [], 0)[0])))
