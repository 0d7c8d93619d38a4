"""The bridge in a process of its own: the command itself, or the same app in a hurry.

``python -m bench.bridge LINE PORT SECONDS`` is the app with drivers that take no pauses between questions, which makes
ten thousand cycles last minutes instead of hours, and with a poll interval of less than a second. Nothing else differs;
this module imports nothing that ``pylon2mqtt run`` does not.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pylon2mqtt.app import App
from pylon2mqtt.config import Battery, Settings
from pylon2mqtt.outputs.mqtt.options import MqttOptions
from pylon2mqtt.protocols.base import BatteryProtocol, Clock
from pylon2mqtt.protocols.registry import driver

NAME = "Battery"
STATE = "pylon2mqtt/battery/state"
_STOP_S = 5.0
_ROOT = Path(__file__).parents[1]


def hurried_driver(protocol: str, *, name: str, **options: Any) -> BatteryProtocol:
    """A driver that asks without pauses."""
    return driver(protocol, name=name, clock=Clock(sleep=lambda _seconds: None), **options)


@contextmanager
def bridge(folder: str, line: str, port: int, *, poll_interval_s: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Run ``pylon2mqtt run`` with an options file in ``folder``."""
    options = Path(folder, "options.json")
    where = {"address" if "://" in line else "device": line}
    battery = {"name": NAME, "protocol": "rs485"} | where
    mqtt = {"host": "127.0.0.1", "port": port}
    chosen = {"batteries": [battery], "mqtt": mqtt, "poll_interval": poll_interval_s, "log_level": "warning"}
    options.write_text(json.dumps(chosen))
    with _running(str(Path(sys.executable).with_name("pylon2mqtt")), "run", "--options", str(options)) as process:
        yield process


@contextmanager
def hurried_bridge(line: str, port: int, *, poll_interval_s: float) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the app in a hurry."""
    with _running(sys.executable, "-m", "bench.bridge", line, str(port), str(poll_interval_s)) as process:
        yield process


@contextmanager
def _running(*command: str) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(command, cwd=_ROOT)
    try:
        yield process
        if process.poll() is not None:
            raise ChildProcessError(f"the bridge ended with {process.returncode}")
    finally:
        process.terminate()
        process.wait(_STOP_S)


def main() -> int:
    line, port, poll_interval_s = sys.argv[1:]
    settings = Settings(
        batteries=(Battery(name=NAME, protocol="rs485", line=line),),
        outputs={"mqtt": MqttOptions(host="127.0.0.1", port=int(port))},
        poll_interval_s=float(poll_interval_s),
    )
    app = App(settings, make_driver=hurried_driver, environment={})
    signal.signal(signal.SIGTERM, lambda *_: app.stop())
    return app.run()


if __name__ == "__main__":
    sys.exit(main())
