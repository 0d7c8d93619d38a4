"""What the benchmarks share: the table, the statistics, a broker and somebody who listens to it."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

# Debian puts it where the path of a user does not lead.
_SBIN = "/usr/sbin:/usr/local/sbin"
_BROKER_STARTS_S = 5.0


class NotHereError(Exception):
    """Something that a benchmark needs is not on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of a table; ``ok`` is None where there is no bound."""

    what: str
    value: str
    bound: str = ""
    ok: bool | None = None


def at_most(what: str, value: float, bound: float, unit: str = "") -> Figure:
    """A figure with an upper bound."""
    return Figure(what=what, value=_number(value, unit), bound=f"<= {bound:g} {unit}".rstrip(), ok=value <= bound)


def at_least(what: str, value: float, bound: float, unit: str = "") -> Figure:
    """A figure with a lower bound."""
    return Figure(what=what, value=_number(value, unit), bound=f">= {bound:g} {unit}".rstrip(), ok=value >= bound)


def plain(what: str, value: float, unit: str = "") -> Figure:
    """A figure that only explains another."""
    return Figure(what=what, value=_number(value, unit))


def show(title: str, figures: Sequence[Figure]) -> None:
    """Print one table."""
    widths = [max(len(getattr(figure, column)) for figure in figures) for column in ("what", "value", "bound")]
    print(f"\n{title}")
    for figure in figures:
        verdict = {True: "ok", False: "over", None: ""}[figure.ok]
        columns = (figure.what.ljust(widths[0]), figure.value.rjust(widths[1]), figure.bound.ljust(widths[2]), verdict)
        print(("  " + "   ".join(columns)).rstrip(), flush=True)


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many percent do not exceed."""
    return quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else values[0]


def _number(value: float, unit: str) -> str:
    digits = 0 if value == int(value) else 1 if abs(value) >= 100 else 2 if abs(value) >= 10 else 3
    return f"{value:.{digits}f} {unit}".rstrip()


def until(
    holds: Callable[[], bool], timeout_s: float, what: str, process: "subprocess.Popen[bytes] | None" = None
) -> None:
    """Wait until something holds; raise TimeoutError with what did not happen, or tell that ``process`` died."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        if process is not None and process.poll() is not None:
            raise ChildProcessError(f"the bridge ended with {process.returncode}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout_s:g} s")
        time.sleep(0.02)


# ------------------------------------------------------------------------------------------------------------- broker


@contextmanager
def mosquitto() -> Iterator[int]:
    """Run a mosquitto of our own and yield its port."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path=_SBIN)
    if program is None:
        raise NotHereError("mosquitto is not installed: apt-get install -y mosquitto")
    port = _free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "mosquitto.conf")
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_type error\n")
        broker = subprocess.Popen([program, "-c", str(config)])
        try:
            until(lambda: _listens(port), _BROKER_STARTS_S, "mosquitto listens")
            yield port
        finally:
            broker.terminate()
            broker.wait(_BROKER_STARTS_S)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Subscriber:
    """Notes when messages of one topic filter arrive: ``(time.monotonic(), topic)``."""

    def __init__(self, port: int, topic_filter: str) -> None:
        self.arrivals: list[tuple[float, str]] = []
        self._subscribed = False
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._on_message
        self._client.on_subscribe = self._on_subscribe
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(topic_filter)
        self._client.loop_start()
        until(lambda: self._subscribed, 5, "the subscription")

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.arrivals.append((time.monotonic(), message.topic))

    def _on_subscribe(self, *_: object) -> None:
        self._subscribed = True


@contextmanager
def subscriber(port: int, topic_filter: str) -> Iterator[Subscriber]:
    """Listen to a topic filter from now on."""
    listener = Subscriber(port, topic_filter)
    try:
        yield listener
    finally:
        listener.close()
