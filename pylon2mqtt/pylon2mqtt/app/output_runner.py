"""The thread of an output, and the mailbox where its snapshots wait."""

import logging
import threading
import time
from collections import deque
from dataclasses import replace

from pylon2mqtt.errors import OutputError
from pylon2mqtt.model import Snapshot
from pylon2mqtt.outputs.base import Output

from .backoff import STUCK_S, BackOff

_LOG = logging.getLogger(__name__)

# How often an output looks after itself: reconnecting, repeating.
_REFRESH_S = 0.5
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
                snapshot = self._instead_of_older(snapshot)
            elif len(self._waiting) == _MOST_KEPT:
                _LOG.warning("an output is %d snapshots behind: the oldest is lost", _MOST_KEPT)
                self._waiting.popleft()
            self._waiting.append(snapshot)
            self._arrived.notify()

    def _instead_of_older(self, snapshot: Snapshot) -> Snapshot:
        """Take out the older snapshot of the same bank; its events, published once only, go with the newer one."""
        older = [other for other in self._waiting if other.bank.name == snapshot.bank.name]
        for other in older:
            self._waiting.remove(other)
        missed = [event for other in older for event in other.bank.events or ()]
        if not missed:
            return snapshot
        return replace(snapshot, bank=replace(snapshot.bank, events=(*missed, *(snapshot.bank.events or ()))))

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


class OutputRunner:
    """Serves one output from its own thread: whatever it does, the others and the lines go on."""

    def __init__(self, output: Output, *, stop: threading.Event) -> None:
        self.name = output.name
        self.mailbox = Mailbox(keeps_all=output.keeps_all)
        self._output = output
        self._stop = stop
        self.overdue_at = time.monotonic() + STUCK_S
        self._failures = 0
        self._back_off = BackOff()

    def run(self) -> None:
        """Publish until it is time to stop; the top of the thread."""
        while not self._stop.is_set():
            try:
                self._serve()
            except OutputError as error:
                self._failed(error)
            except Exception:  # noqa: BLE001  the top of a thread
                _LOG.exception("%s: an error of pylon2mqtt itself; please report it", self.name)
            if not self._stop.is_set():
                wait_s = self._back_off.next()
                self.overdue_at = time.monotonic() + wait_s + STUCK_S
                self._stop.wait(wait_s)

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
        self.overdue_at = time.monotonic() + STUCK_S
        snapshot = self.mailbox.take(_REFRESH_S)
        try:
            if snapshot is not None:
                self._output.publish(snapshot)
            self._output.refresh()
        except OutputError as error:
            self._failed(error)
            return
        self._back_off.reset()
        if self._failures and snapshot is not None:
            _LOG.info("%s works again after %d failures", self.name, self._failures)
            self._failures = 0

    def _failed(self, error: OutputError) -> None:
        self._failures += 1
        if self._failures == 1:
            _LOG.warning("%s fails: %s", self.name, error)
