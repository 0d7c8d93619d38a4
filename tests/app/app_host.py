"""An app beside a test: it runs in a thread, and an output keeps what it publishes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from tests.fakes import Bench
from tests.waiting import LONGEST_S

from pylon2mqtt.app import App
from pylon2mqtt.config import Battery, Settings
from pylon2mqtt.model import Snapshot
from pylon2mqtt.protocols.binary.dialect import BinaryDialect
from pylon2mqtt.protocols.binary.dialects import PYLONTECH_RS485
from pylon2mqtt.protocols.registry import driver


class Collector:
    """An output that keeps what it was told, and fails or blocks on demand."""

    def __init__(self, name: str = "collector", *, keeps_all: bool = True) -> None:
        self.name = name
        self.keeps_all = keeps_all
        self.offered = 0
        self.told: list[Snapshot] = []
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.closed = False

    def open(self) -> None: ...

    def publish(self, snapshot: Snapshot) -> None:
        self.offered += 1
        self.gate.wait()
        if self.error:
            raise self.error
        self.told.append(snapshot)

    def refresh(self) -> None: ...

    def close(self) -> None:
        self.closed = True

    @property
    def online(self) -> list[Snapshot]:
        return [snapshot for snapshot in self.told if snapshot.online]


def settings(*lines: str, poll_interval_s: float = 0.05) -> Settings:
    batteries = [Battery(name=f"B{n}", protocol="rs485", line=line) for n, line in enumerate(lines, 1)]
    return Settings(batteries=tuple(batteries), poll_interval_s=poll_interval_s)


@contextmanager
def app_running(app: App) -> Iterator[App]:
    """Run the app in a thread; it has to end with 0."""
    status: list[int] = []
    thread = threading.Thread(target=lambda: status.append(app.run()))
    thread.start()
    try:
        yield app
    finally:
        app.stop()
        thread.join(LONGEST_S)
        assert status == [0]


def _impatient(timeout_s: float) -> BinaryDialect:
    return replace(PYLONTECH_RS485, timeout_s={115200: timeout_s, 9600: timeout_s}, begins_s=timeout_s)


@contextmanager
def app_on(*lines: str, outputs: list[Collector], timeout_s: float = 0.2) -> Iterator[App]:
    """Run an app with drivers that wait so long for a missing answer; the simulator needs a millisecond for one."""
    make_driver = partial(driver, dialects=(_impatient(timeout_s),))
    with app_running(App(settings(*lines), outputs=outputs, make_driver=make_driver)) as app:
        yield app


@contextmanager
def app_on_bench(rig: Bench, *outputs: Collector, poll_interval_s: float = 0.05) -> Iterator[App]:
    """Run an app on a line where every answer is in time, and a missing one costs none of ours."""
    app = App(
        settings("fake", poll_interval_s=poll_interval_s),
        outputs=outputs,
        make_driver=partial(driver, clock=rig.time.clock, dialects=(PYLONTECH_RS485,)),
        make_line=lambda _line, **_options: rig.line,
    )
    with app_running(app):
        yield app


def ended(name: str) -> bool:
    """Whether no thread of this name is left."""
    return name not in {thread.name for thread in threading.enumerate()}
