"""The image, built from the app's folder alone and run: it finds its broker by the Supervisor, and ends in order."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from tests.e2e.conftest import TOOLS, HomeAssistant, until
from tests.home import SERVICE, Supervisor
from tests.simulator.sim_host import running
from tests.waiting import LONGEST_S

from pylon2mqtt.simulator.registry import Simulator

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

CONTAINER = TOOLS / "container"
APP = Path(__file__).resolve().parents[2] / "pylon2mqtt"


def tool(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([CONTAINER / name, *arguments], capture_output=True, text=True, timeout=500, check=False)


@pytest.fixture(scope="module")
def image() -> None:
    """Build it."""
    if not (CONTAINER / "build").exists():
        pytest.skip("there is no ../shared/tools/container beside the checkout")
    for step in (tool("setup"), tool("build", str(APP))):
        assert step.returncode == 0, step.stderr[-2000:]


class Container:
    """A container of the image with ``options`` as the Supervisor writes them; its log is in ``log``."""

    def __init__(self, folder: Path, options: object, environment: dict[str, str]) -> None:
        data = folder / "data"
        data.mkdir()
        (data / "options.json").write_text(json.dumps(options))
        variables = [part for name, text in environment.items() for part in ("-e", f"{name}={text}")]
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self._process = self._start([CONTAINER / "run", "-v", f"{data}:/data", *variables], log)

    @staticmethod
    def _start(command: list[str | Path], log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def wait(self, timeout_s: float) -> int:
        return self._process.wait(timeout_s)

    def terminate(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(LONGEST_S)

    def kill(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def battery() -> Iterator[Simulator]:
    with running("tcp:127.0.0.1:0", modules=2) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def home(home_assistant: HomeAssistant) -> Iterator[Supervisor]:
    """Hand out the broker of the real Home Assistant."""
    supervisor = Supervisor()
    supervisor.data = SERVICE | home_assistant.broker
    yield supervisor
    supervisor.close()


@pytest.fixture(scope="module")
def container(
    image: None, home: Supervisor, battery: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Container]:
    address = battery.url.removeprefix("socket://")
    options = {
        "batteries": [{"name": "Attic", "protocol": "auto", "device": "", "address": address}],
        "mqtt": {"host": "", "username": ""},
        "poll_interval": 2,
        "cells": "statistics",
        "log_level": "info",
    }
    started = Container(tmp_path_factory.mktemp("container"), options, home.environment)
    yield started
    started.kill()


def test_it_finds_battery_and_broker_and_home_assistant_shows_them(
    container: Container, home_assistant: HomeAssistant, battery: Simulator
) -> None:
    entity = "sensor.attic_voltage"
    until(lambda: entity in home_assistant.states(entity), timeout_s=60)
    assert float(home_assistant.states(entity)[entity]["state"]) == pytest.approx(
        battery.bank.modules[0].voltage(), abs=0.2
    )
    serials = {device["serial_number"] for device in home_assistant.devices().values()}
    assert {module.barcode for module in battery.bank.modules} <= serials
    assert re.search(r"Attic: .* speaks Pylontech's binary protocol", container.log)
    assert home_assistant.log().strip() == ""


def test_its_heart_beats(container: Container) -> None:
    """What the image's HEALTHCHECK asks for, asked from outside."""
    health = re.search(r"HEALTHCHECK(?:.|\n)*?CMD (\[.*\])", (APP / "Dockerfile").read_text())
    assert health
    test = json.loads(health[1])[2]
    heart = Path("/proc") / str(_bridge_of(container)) / "root/tmp/pylon2mqtt.alive"
    until(heart.exists)
    check = subprocess.run(["sh", "-c", test.replace("/tmp/pylon2mqtt.alive", str(heart))], check=False)
    assert check.returncode == 0


def _bridge_of(container: Container) -> int:
    """The process of the bridge, in the container's session."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
            root = (process / "root").readlink()
        except OSError:
            continue
        if b"pylon2mqtt" in command and b"run" in command and str(root) != "/":
            return int(process.name)
    pytest.fail("the bridge is not running in the container")


def test_sigterm_says_offline_and_ends_with_0(container: Container, home_assistant: HomeAssistant) -> None:
    assert container.terminate() == 0, container.log
    assert home_assistant.mqtt("sub", "-C", "1", "-W", "5", "-t", "pylon2mqtt/status").strip() == "offline"
    until(
        lambda: home_assistant.states("sensor.attic_voltage")["sensor.attic_voltage"]["state"] == "unavailable",
    )
    assert "Traceback" not in container.log


def test_wrong_options_stop_it_with_the_sentence(image: None, tmp_path: Path) -> None:
    options = {"batteries": [{"name": "Attic", "protocol": "auto"}], "poll_interval": 0}
    wrong = Container(tmp_path, options, {})
    try:
        assert wrong.wait(30) == 2
    finally:
        wrong.kill()
    assert "Attic: no adapter is chosen yet." in wrong.log
    assert "poll_interval must be a whole number from 1 to 3600, not 0." in wrong.log


def test_every_pin_has_a_wheel_for_the_real_base() -> None:
    if not (CONTAINER / "wheels").exists():
        pytest.skip("there is no ../shared/tools/container beside the checkout")
    for pins in ("requirements.txt", "requirements-build.txt"):
        found = tool("wheels", str(APP / pins))
        assert found.returncode == 0, found.stdout + found.stderr


def test_it_has_what_can_needs(image: None, tmp_path: Path) -> None:
    """The tables of the frames are in the package; python-can and the look at interfaces work."""
    (tmp_path / "log").write_text("can0 351#1402C012C012C201\ncan0 356#7A13F2FE6B01\n")

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return tool("run", "-v", f"{tmp_path}:/in", "--", "python3", "-m", "pylon2mqtt", *arguments)

    done = command("decode", "can", "/in/log")
    assert json.loads(done.stdout.splitlines()[-1])["voltage"] == 49.86, done.stderr
    assert "there is no interface can77" in command("read", "can", "can77").stderr
