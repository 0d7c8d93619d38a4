"""The app: it builds the lines and outputs, gives each a thread, watches them and stops them.

One thread reads each line, one serves each output; snapshots cross by mailboxes and nothing else is shared. The top of
each thread is the only place with a broad ``except``: traceback, close, back off, begin again. A thread that dies all
the same ends the process. docs/decisions/001-threads.md.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from .config import Battery, Settings
from .errors import ConfigError, OutputError, ProtocolError, TransportError, TransportTimeoutError
from .model import Bank, Snapshot
from .model.report import summary
from .outputs.base import Output
from .outputs.registry import output_class
from .protocols.base import BatteryProtocol
from .protocols.registry import driver
from .transports.base import ByteTransport
from .transports.registry import transport

_LOG = logging.getLogger(__name__)

# After trouble a thread waits so long before it begins again: twice as long each time.
_FIRST_BACK_OFF_S, _LONGEST_BACK_OFF_S = 1.0, 60.0
# A line on which nobody answered so many times is closed and opened: a gateway may hold a dead connection.
_REOPEN_AFTER = 3
# How often an output looks after itself (reconnecting, repeating), and the main thread after the others.
_REFRESH_S = 0.5
# All threads together get so long to end; then the process ends without them.
_STOP_S = 1.7
# Snapshots that an output which keeps all may be behind; beyond that the oldest is lost, with a warning.
_MOST_KEPT = 10_000


class Mailbox:
    """Where the snapshots for one output wait: all of them, or the latest of each bank."""

    def __init__(self, *, keeps_all: bool) -> None:
        self._keeps_all = keeps_all
        self._waiting: deque[Snapshot] = deque()
        self._arrived = threading.Condition()

    def put(self, snapshot: Snapshot) -> None:
        """Leave a snapshot; never waits."""
        with self._arrived:
            if not self._keeps_all:
                others = [other for other in self._waiting if other.bank.name != snapshot.bank.name]
                self._waiting = deque(others)
            elif len(self._waiting) == _MOST_KEPT:
                _LOG.warning("an output is %d snapshots behind: the oldest is lost", _MOST_KEPT)
                self._waiting.popleft()
            self._waiting.append(snapshot)
            self._arrived.notify()

    def take(self, timeout_s: float) -> Snapshot | None:
        """Return the oldest snapshot, or None if none comes in time."""
        with self._arrived:
            if not self._waiting:
                self._arrived.wait(timeout_s)
            return self._waiting.popleft() if self._waiting else None

    def wake(self) -> None:
        """End a waiting `take` now."""
        with self._arrived:
            self._arrived.notify()


@dataclass(slots=True)
class _BackOff:
    """How long to wait after trouble."""

    wait_s: float = _FIRST_BACK_OFF_S

    def next(self) -> float:
        wait, self.wait_s = self.wait_s, min(2 * self.wait_s, _LONGEST_BACK_OFF_S)
        return wait

    def reset(self) -> None:
        self.wait_s = _FIRST_BACK_OFF_S


class LineReader:
    """Reads one battery over one line, and tells everybody what it said or that it is silent."""

    def __init__(
        self,
        battery: Battery,
        line: ByteTransport,
        protocol: BatteryProtocol,
        *,
        deliver: Callable[[Snapshot], None],
        poll_interval_s: float,
        stop: threading.Event,
    ) -> None:
        self.name = battery.name
        self._line = line
        self._protocol = protocol
        self._deliver = deliver
        self._poll_interval_s = poll_interval_s
        self._stop = stop
        self._hurry = threading.Event()
        self._back_off = _BackOff()
        self._open = False
        self._failures = 0
        self._shown: tuple[object, ...] = ()

    def run(self) -> None:
        """Read until it is time to stop; the top of the thread."""
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                wait_s = self._turn(began)
            except Exception:  # noqa: BLE001  the top of a thread
                _LOG.exception("%s: an error of pylon2mqtt itself; please report it", self.name)
                self._close()
                wait_s = self._back_off.next()
            self._hurry.wait(wait_s)
            self._hurry.clear()
        self._close()

    def rescan(self) -> None:
        """Look for the modules anew, now; from any thread."""
        _LOG.info("%s: looking for its modules", self.name)
        self._protocol.rescan()
        self._hurry.set()

    def cancel(self) -> None:
        """End every wait; from any thread, when it is time to stop."""
        self._line.cancel()
        self._hurry.set()

    def _turn(self, began: float) -> float:
        """Read once; return how long to wait before the next time."""
        try:
            if not self._open:
                self._line.open()
                self._open = True
            bank = self._protocol.read(self._line)
        except (TransportTimeoutError, ProtocolError) as error:
            self._failed(error)
            if self._failures % _REOPEN_AFTER == 0:
                self._close()
        except TransportError as error:
            self._failed(error)
            self._close()
            return self._back_off.next()
        else:
            self._succeeded(bank)
        return max(0.0, began + self._poll_interval_s - time.monotonic())

    def _succeeded(self, bank: Bank) -> None:
        if self._failures:
            _LOG.info("%s answers again after %d failed reads", self.name, self._failures)
        self._failures = 0
        self._back_off.reset()
        self._show(bank)
        self._deliver(Snapshot(bank=bank, taken_at=datetime.now(UTC)))

    def _failed(self, error: Exception) -> None:
        if self._stop.is_set():
            return
        self._failures += 1
        if self._failures == 1:
            _LOG.warning("%s is not read: %s", self.name, error)
            self._deliver(Snapshot(bank=Bank(name=self.name), taken_at=datetime.now(UTC), online=False))
        else:
            _LOG.debug("%s is not read, for the %d. time: %s", self.name, self._failures, error)

    def _close(self) -> None:
        self._line.close()
        self._open = False

    def _show(self, bank: Bank) -> None:
        """Log one readable table of the modules when they are other ones than before."""
        rows = tuple((m.number, m.barcode, m.firmware, len(m.cells or ())) for m in bank.modules)
        if rows != self._shown:
            self._shown = rows
            _LOG.info("%s: %s", self.name, summary(bank))


class OutputRunner:
    """Serves one output from its own thread: whatever it does, the others and the lines go on."""

    def __init__(self, output: Output, *, stop: threading.Event) -> None:
        self.name = output.name
        self.mailbox = Mailbox(keeps_all=output.keeps_all)
        self._output = output
        self._stop = stop
        self._failures = 0
        self._back_off = _BackOff()

    def run(self) -> None:
        """Publish until it is time to stop; the top of the thread."""
        while not self._stop.is_set():
            try:
                self._serve()
            except Exception:  # noqa: BLE001  the top of a thread
                _LOG.exception("%s: an error of pylon2mqtt itself; please report it", self.name)
                self._stop.wait(self._back_off.next())

    def cancel(self) -> None:
        """End every wait; from any thread, when it is time to stop."""
        self.mailbox.wake()

    def _serve(self) -> None:
        self._output.open()
        try:
            while not self._stop.is_set():
                self._turn()
        finally:
            self._output.close()

    def _turn(self) -> None:
        snapshot = self.mailbox.take(_REFRESH_S)
        try:
            if snapshot is not None:
                self._output.publish(snapshot)
            self._output.refresh()
        except OutputError as error:
            self._failures += 1
            if self._failures == 1:
                _LOG.warning("%s fails: %s", self.name, error)
        else:
            if self._failures and snapshot is not None:
                _LOG.info("%s works again after %d failures", self.name, self._failures)
                self._failures = 0


class App:
    """Everything that runs: made from settings, or from readers' and outputs' parts in tests and the demo."""

    def __init__(
        self,
        settings: Settings,
        *,
        outputs: Iterable[Output] | None = None,
        make_driver: Callable[..., BatteryProtocol] = driver,
    ) -> None:
        self._stop = threading.Event()
        self._make_driver = make_driver
        chosen = [self._mqtt(settings)] if outputs is None else list(outputs)
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
        while not self._stop.wait(_REFRESH_S) and all(thread.is_alive() for thread in threads):
            pass
        died = [thread.name for thread in threads if not thread.is_alive()] if not self._stop.is_set() else []
        self.stop()
        for worker in workers:
            worker.cancel()
        deadline = time.monotonic() + _STOP_S
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if died:
            _LOG.critical("the thread of %s died: ending, to be started again", ", ".join(died))
        return 1 if died else 0

    def stop(self) -> None:
        """Let `run` return; from any thread or a signal handler."""
        self._stop.set()

    def command(self, bank: str, what: str, _payload: str = "") -> None:
        """Do what an output was asked for: ``rescan`` looks for a bank's modules anew."""
        reader = self._readers.get(bank)
        if reader is None or what != "rescan":
            _LOG.warning("the command %r for %r is not known: there is only 'rescan' for a battery's name", what, bank)
            return
        reader.rescan()

    def _deliver(self, snapshot: Snapshot) -> None:
        for runner in self._runners:
            runner.mailbox.put(snapshot)

    def _reader(self, battery: Battery, settings: Settings) -> LineReader:
        return LineReader(
            battery,
            transport(battery.line),
            self._make_driver(battery.protocol, name=battery.name),
            deliver=self._deliver,
            poll_interval_s=settings.poll_interval_s,
            stop=self._stop,
        )

    def _mqtt(self, settings: Settings) -> Output:
        broker = {key: value for key, value in asdict(settings.mqtt).items() if value is not None}
        if "host" not in broker:
            raise ConfigError("mqtt.host is not set: write the name or address of your MQTT broker.")
        broker.setdefault("port", 8883 if settings.mqtt.tls else 1883)
        make: Callable[..., Output] = output_class("mqtt")
        return make(**broker, cells=settings.cells, poll_interval_s=settings.poll_interval_s, on_command=self.command)
