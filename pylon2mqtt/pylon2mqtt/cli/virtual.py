"""Virtual batteries: simulate and demo."""

import argparse
import contextlib
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pylon2mqtt.app import App
from pylon2mqtt.config import Battery, Settings
from pylon2mqtt.errors import Pylon2MqttError, TransportError
from pylon2mqtt.outputs.mqtt.options import MqttOptions
from pylon2mqtt.outputs.screen import Screen
from pylon2mqtt.protocols.registry import FRAMES
from pylon2mqtt.simulator.broker import DemoBroker
from pylon2mqtt.simulator.registry import Simulator

from .process import stopping

if TYPE_CHECKING:
    from pylon2mqtt.simulator.can.simulator import CanSimulator


def simulate(chosen: argparse.Namespace) -> int:
    """Serve a virtual bank until SIGTERM or Ctrl-C."""
    bank = _simulator(chosen)
    bank.open()
    stop = threading.Event()
    print(f"A virtual bank is at {bank.url}. {bank.order('help')}", flush=True)
    threading.Thread(target=_take_orders, args=(bank,), daemon=True).start()
    with stopping(stop.set), contextlib.closing(bank):
        bank.serve(stop.is_set)
    return 0


def _simulator(chosen: argparse.Namespace) -> "Simulator | CanSimulator":
    if chosen.protocol == FRAMES:
        # Imported here: python-can is of no use to the others.
        from pylon2mqtt.simulator.can.simulator import CanSimulator  # noqa: PLC0415

        return CanSimulator(chosen.listen, dialect=chosen.dialect, **_bank(chosen))
    return Simulator(chosen.protocol, chosen.listen, **_bank(chosen))


def _take_orders(bank: "Simulator | CanSimulator") -> None:
    for order in sys.stdin:
        try:
            print(bank.order(order), flush=True)
        except Pylon2MqttError as error:
            print(error, file=sys.stderr, flush=True)


def _bank(chosen: argparse.Namespace) -> dict[str, Any]:
    return {"modules": chosen.modules, "model": chosen.model, "speed": chosen.speed, "seed": chosen.seed}


def demo(chosen: argparse.Namespace) -> int:
    """Run a virtual bank, a broker and the bridge, and show the values as they change."""
    stop = threading.Event()
    ready = threading.Event()
    broker = DemoBroker(port=chosen.port)
    with tempfile.TemporaryDirectory() as folder:
        now = datetime.now().astimezone()
        bank = Simulator("rs485", f"pty:{folder}/battery", hour=now.hour + now.minute / 60, **_bank(chosen))
        bank.open()
        with (
            _thread(lambda: broker.serve(stop.is_set, ready.set), stop),
            _thread(lambda: bank.serve(stop.is_set), stop),
        ):
            if not ready.wait(10):
                raise TransportError("the demo's broker did not start: is another one on its port?")
            app = _demo_app(bank.url, broker)
            with stopping(app.stop):
                timer = threading.Timer(chosen.seconds or threading.TIMEOUT_MAX, app.stop)
                timer.daemon = True
                timer.start()
                status = app.run()
        bank.close()
    print("The demo has ended.")
    return status


def _demo_app(line: str, broker: DemoBroker) -> App:
    settings = Settings(
        batteries=(Battery(name="Demo", protocol="rs485", line=line),),
        outputs={"mqtt": MqttOptions(host=broker.host, port=broker.port)},
        poll_interval_s=2.0,
    )
    note = f"MQTT broker: {broker.host}:{broker.port}, topics pylon2mqtt/# and homeassistant/#. Ctrl-C ends the demo."
    return App(settings, outputs=[Screen(note=note)])


@contextlib.contextmanager
def _thread(work: Callable[[], None], stop: threading.Event) -> Iterator[None]:
    """Let ``work`` run beside what is inside; it ends when ``stop`` is set, which is done on the way out."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=2)
