"""The thread of a line: it reads one battery, again and again, whatever happens."""

import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from pylon2mqtt.config import Battery
from pylon2mqtt.errors import DecodeError, ProtocolError, RestingError, TransportError, TransportTimeoutError
from pylon2mqtt.model import Bank, Snapshot
from pylon2mqtt.model.report import summary
from pylon2mqtt.protocols.base import BatteryProtocol
from pylon2mqtt.transports.base import Line

from .backoff import STUCK_S, BackOff

_LOG = logging.getLogger(__name__)

# A line on which nobody answered so many times is closed and opened: a gateway may hold a dead connection.
_REOPEN_AFTER = 3
# What differs between two tellings of the same cause.
_NUMBERS = re.compile(r"\d+")


class LineReader:
    """Reads one battery over one line, and delivers each reading, or the reason why there is none."""

    def __init__(
        self,
        battery: Battery,
        line: Line,
        protocol: BatteryProtocol,
        *,
        deliver: Callable[[Snapshot], None],
        poll_interval_s: float,
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = battery.name
        self._line = line
        self._protocol = protocol
        self._deliver = deliver
        self._poll_interval_s = poll_interval_s
        self._stop = stop
        self._clock = clock
        self._hurry = threading.Event()
        self._back_off = BackOff()
        self.overdue_at = self._clock() + STUCK_S
        self._open = False
        self._failures = 0
        self._last: Snapshot | None = None
        self._resting = False
        self._reason = ""
        self._deliver_at = 0.0
        self._shown: tuple[object, ...] = ()

    def run(self) -> None:
        """Read until it is time to stop; the top of the thread."""
        while not self._stop.is_set():
            began = self._clock()
            self.overdue_at = began + STUCK_S
            try:
                wait_s = self._turn(began)
            except Exception:  # noqa: BLE001  the top of a thread
                _LOG.exception("%s: an error of pylon2mqtt itself; please report it", self.name)
                self._close()
                wait_s = self._back_off.next()
            self.overdue_at = self._clock() + wait_s + STUCK_S
            if self._hurry.wait(wait_s):
                self._deliver_at = 0.0
            self._hurry.clear()
        self._close()

    def rescan(self) -> None:
        """Look for the modules anew, now; from any thread."""
        _LOG.info("%s: looking for its modules", self.name)
        self._protocol.rescan()
        self._hurry.set()

    def set_poll_interval(self, seconds: float) -> None:
        """Read every so many seconds from now on, and now; from any thread."""
        if seconds != self._poll_interval_s:
            _LOG.info("%s: read every %g seconds from now on", self.name, seconds)
            self._poll_interval_s = seconds
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
            self._failures += 1
            if isinstance(error, RestingError) and self._last and not self._reason:
                self._rests(self._last)
            else:
                self._failed(error)
            if self._failures % _REOPEN_AFTER == 0:
                self._close()
        except TransportError as error:
            self._failures += 1
            self._failed(error)
            self._close()
            return self._back_off.next()
        else:
            self._succeeded(bank)
        if self._protocol.listens:
            return 0.0
        return max(0.0, began + self._poll_interval_s - self._clock())

    def _succeeded(self, bank: Bank) -> None:
        now = self._clock()
        if self._failures:
            _LOG.info("%s answers again after %d failed reads", self.name, self._failures)
            self._deliver_at = now
        self._failures = 0
        self._resting = False
        self._reason = ""
        self._back_off.reset()
        self._show(bank)
        for event in bank.events or ():
            who = f"module {event.module}" if event.module else "the battery"
            _LOG.info("%s: %s recorded at %s: %s", self.name, who, event.at, event.text)
        self._last = Snapshot(bank=bank, taken_at=datetime.now(UTC))
        # A battery that is listened to is read all the time, and published no more often than any other.
        if not self._protocol.listens or now >= self._deliver_at:
            self._deliver_at = now + self._poll_interval_s
            self._deliver(self._last)

    def _rests(self, last: Snapshot) -> None:
        """Tell the last values again, with their own time: the battery is silent, but not lost."""
        if not self._resting:
            _LOG.warning(
                "%s is silent, as a full rack that nobody uses is: its last values stand for a while, then it counts "
                "as lost until it wakes up", self.name
            )  # fmt: skip
        self._resting = True
        self._deliver(replace(last, bank=replace(last.bank, events=None), stale=True))

    def _failed(self, error: Exception) -> None:
        if self._stop.is_set():
            return
        reason = _NUMBERS.sub("", str(error))
        if reason == self._reason:
            _LOG.debug("%s is not read, for the %d. time: %s", self.name, self._failures, error)
            return
        if self._reason:
            _LOG.info("%s is still not read: %s", self.name, error)
        else:
            _LOG.log(logging.DEBUG if self._resting else logging.WARNING, "%s is not read: %s", self.name, error)
        if isinstance(error, DecodeError):
            _LOG.warning("%s: please send a recording (pylon2mqtt record): %r", self.name, error.raw)
        self._reason = reason
        bank = Bank(name=self.name)
        self._deliver(Snapshot(bank=bank, taken_at=datetime.now(UTC), online=False, reason=str(error)))

    def _close(self) -> None:
        self._line.close()
        self._open = False

    def _show(self, bank: Bank) -> None:
        """Log one readable table of the modules when they are other ones than before."""
        rows = tuple((module.number, module.barcode) for module in bank.modules)
        if rows != self._shown:
            self._shown = rows
            _LOG.info("%s: %s", self.name, summary(bank))
