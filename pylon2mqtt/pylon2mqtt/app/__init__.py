"""The app: it builds the lines and outputs, gives each a thread, watches them and stops them.

One thread reads each line, one serves each output; snapshots cross by mailboxes and nothing else is shared. The top of
each thread is the only place with a broad ``except``: traceback, close, back off, begin again. A thread that dies all
the same ends the process. docs/decisions/001-threads.md.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pylon2mqtt import supervisor
from pylon2mqtt.config import LONGEST_POLL_S, SHORTEST_POLL_S, Battery, Settings
from pylon2mqtt.model import Snapshot
from pylon2mqtt.outputs.base import Output, Surroundings
from pylon2mqtt.outputs.registry import build
from pylon2mqtt.protocols.base import BatteryProtocol
from pylon2mqtt.protocols.registry import chosen_driver
from pylon2mqtt.transports.base import Line
from pylon2mqtt.transports.registry import transport

from .heartbeat import Heartbeat
from .line_reader import LineReader
from .output_runner import OutputRunner
from .sources import line_and_driver

_LOG = logging.getLogger(__name__)

# How often the main thread looks whether the others live.
_WATCH_S = 0.5
# What a bank may be told.
_COMMANDS = "rescan and poll_interval"
# All threads together get so long to end; then the process ends without them.
_STOP_S = 1.7


class App:
    """Everything that runs: made from settings; ``outputs`` are served besides those that the settings switch on.

    ``heartbeat`` is a file whose age shows that all threads take their turns, whatever the battery and broker do.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        outputs: Iterable[Output] = (),
        make_driver: Callable[..., BatteryProtocol] = chosen_driver,
        make_line: Callable[..., Line] = transport,
        heartbeat: Path | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._stop = threading.Event()
        self._make_driver = make_driver
        self._make_line = make_line
        self._heartbeat = Heartbeat(heartbeat) if heartbeat else None
        chosen = [*self._chosen(settings, environment), *outputs]
        self._runners = [OutputRunner(output, stop=self._stop) for output in chosen]
        self._readers = {battery.name: self._reader(battery, settings) for battery in settings.batteries}
        self._settings = settings

    def run(self) -> int:
        """Run until `stop`; return the exit status: 0 when stopped, 1 when a thread died."""
        for battery in self._settings.batteries:
            _LOG.info("battery %s: %s on %s", battery.name, battery.protocol, battery.line)
        workers: list[LineReader | OutputRunner] = [*self._readers.values(), *self._runners]
        threads = [threading.Thread(target=w.run, name=w.name, daemon=True) for w in workers]
        for thread in threads:
            thread.start()
        died = self._watch(workers, threads)
        self.stop()
        for worker in workers:
            worker.cancel()
        join_all(threads, _STOP_S)
        if died:
            _LOG.critical("the thread of %s died: ending, to be started again", ", ".join(died))
        return 1 if died else 0

    def _watch(self, workers: Sequence[LineReader | OutputRunner], threads: Sequence[threading.Thread]) -> list[str]:
        """Wait until it is time to stop or a thread dies; return the names of the dead."""
        while not self._stop.wait(_WATCH_S):
            died = [thread.name for thread in threads if not thread.is_alive()]
            if died:
                return died
            if self._heartbeat:
                self._heartbeat.beat(workers)
        return []

    def stop(self) -> None:
        """Let `run` return; from any thread or a signal handler."""
        self._stop.set()

    def command(self, bank: str, what: str, payload: str = "") -> bool:
        """Do what an output was asked for, and return whether that was possible.

        ``rescan`` looks for a bank's modules anew; ``poll_interval`` reads it every so many seconds from now on.
        """
        reader = self._readers.get(bank)
        if reader is not None and what == "rescan":
            reader.rescan()
            return True
        if reader is not None and what == "poll_interval":
            return self._set_poll_interval(reader, payload)
        _LOG.warning("the command %r for %r is not known: there is %s, for a battery's name", what, bank, _COMMANDS)
        return False

    def _set_poll_interval(self, reader: LineReader, payload: str) -> bool:
        try:
            seconds = float(payload)
        except ValueError:
            seconds = 0.0
        if not SHORTEST_POLL_S <= seconds <= LONGEST_POLL_S:
            _LOG.warning(
                "%s: a reading interval of %r is not possible: it is %d to %d seconds",
                *(reader.name, payload, SHORTEST_POLL_S, LONGEST_POLL_S),
            )
            return False
        reader.set_poll_interval(seconds)
        return True

    def _deliver(self, snapshot: Snapshot) -> None:
        for runner in self._runners:
            runner.mailbox.put(snapshot)

    def _chosen(self, settings: Settings, environment: Mapping[str, str]) -> Iterator[Output]:
        """Build the outputs that the settings switch on."""
        surroundings = Surroundings(
            banks=tuple(battery.name for battery in settings.batteries),
            cells=settings.cells,
            poll_interval_s=settings.poll_interval_s,
            command=self.command,
            find_broker=supervisor.broker(environment),
        )
        for name, options in settings.outputs.items():
            if options.switched_on:
                yield build(name, options, surroundings)

    def _reader(self, battery: Battery, settings: Settings) -> LineReader:
        line, protocol = line_and_driver(
            battery,
            make_driver=self._make_driver,
            make_line=self._make_line,
            name=battery.name,
            cells=settings.cells,
        )
        return LineReader(
            battery,
            line,
            protocol,
            deliver=self._deliver,
            poll_interval_s=settings.poll_interval_s,
            stop=self._stop,
        )


def join_all(threads: Iterable[threading.Thread], within_s: float, clock: Callable[[], float] = time.monotonic) -> None:
    """Wait for the threads to end, for so many seconds all together."""
    deadline = clock() + within_s
    for thread in threads:
        thread.join(max(0.0, deadline - clock()))
