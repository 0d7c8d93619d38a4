"""A real Home Assistant with a real broker, from the tools that lie beside the checkout."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests import waiting

TOOLS = Path(__file__).resolve().parents[3] / "shared" / "tools"
HA_LIVE = TOOLS / "ha-live"


class HomeAssistant:
    """Home Assistant and its broker; every method is one of the tool's scripts."""

    def __init__(self) -> None:
        self.broker: dict[str, Any] = {}

    def start(self, *options: str) -> None:
        """Start what does not run; ``--keep`` keeps everything that was stored."""
        lines = self._run("start", *options).splitlines()
        env = dict(line.split("=", 1) for line in lines if "=" in line)
        self.broker = {
            "host": env["MQTT_HOST"],
            "port": int(env["MQTT_PORT"]),
            "username": env["MQTT_USER"],
            "password": env["MQTT_PASSWORD"],
        }

    def stop(self, *names: str) -> None:
        """Stop ``ha``, ``broker`` or both."""
        self._run("stop", *names)

    def restart(self, name: str) -> None:
        self.stop(name)
        self.start("--keep")

    def states(self, prefix: str = "") -> dict[str, dict[str, Any]]:
        """Return the states by entity id."""
        found: dict[str, dict[str, Any]] = json.loads(self._run("states", *filter(None, [prefix])))
        return found

    def value(self, entity: str) -> Any:
        """Return the state of one entity, None where there is no such entity."""
        return self.states(entity).get(entity, {}).get("state")

    def devices(self) -> dict[str, dict[str, Any]]:
        """Return the devices of MQTT by name."""
        return {device["name"]: device for device in json.loads(self._run("devices"))}

    def log(self) -> str:
        """Return the warnings and errors since the start."""
        return self._run("log")

    def call(self, action: str, **data: object) -> None:
        self._run("call", action, json.dumps(data))

    def mqtt(self, *arguments: str) -> str:
        return self._run("mqtt", *arguments)

    def shot(self, page: str, file: Path) -> None:
        """Save a picture of a page: a path, or ``device:NAME``."""
        self._run("shot", page, str(file))

    def _run(self, script: str, *arguments: str) -> str:
        done = subprocess.run([HA_LIVE / script, *arguments], capture_output=True, text=True, timeout=180, check=False)
        if done.returncode:
            pytest.fail(f"{script}: {done.stderr}")
        return done.stdout


def until(
    condition: Callable[[], object], *, turn: Callable[[], object] = lambda: None, timeout_s: float = waiting.LONGEST_S
) -> None:
    """Take turns until the condition holds; Home Assistant is asked twice a second, for each question is a process."""

    def half_a_second() -> None:
        for _ in range(5):
            turn()
            time.sleep(0.1)

    waiting.until(condition, turn=half_a_second, timeout_s=timeout_s)


@contextmanager
def bridge_to(home_assistant: HomeAssistant, folder: Path, options: dict[str, Any]) -> Iterator[Path]:
    """Run the bridge as a process of its own, with these options and the broker; yield the file of its log."""
    chosen = {"mqtt": home_assistant.broker, **options}
    (folder / "options.json").write_text(json.dumps(chosen))
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-P", "-m", "pylon2mqtt", "run", "--options", str(folder / "options.json")]
        process = subprocess.Popen(command, stderr=log)
        yield folder / "log"
        process.terminate()
        assert process.wait(waiting.LONGEST_S) == 0


@pytest.fixture(scope="module")
def home_assistant() -> Iterator[HomeAssistant]:
    """Start Home Assistant and its broker, new for each story, and stop them at its end."""
    if not (HA_LIVE / "start").exists():
        pytest.skip("there is no ../shared/tools/ha-live beside the checkout")
    running = HomeAssistant()
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def bridge(
    home_assistant: HomeAssistant, options: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Run the bridge with the ``options`` of the story; what is yielded is the file of its log."""
    with bridge_to(home_assistant, tmp_path_factory.mktemp("bridge"), options) as log:
        yield log
