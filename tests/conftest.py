"""The fixtures that tests of several folders need; each stops what it started."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from tests.brokers import Listener, Mosquitto, Outputs
from tests.simulator.sim_host import running

from pylon2mqtt.simulator.registry import Simulator

# Nothing here is a timed test, and the machines are busy.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def _mosquitto_is_here() -> None:
    if not shutil.which("mosquitto") and os.environ.get("CI_REQUIRE_BROKER") != "1":
        pytest.skip("mosquitto is not on the PATH")


@pytest.fixture
def mosquitto(tmp_path: Path, _mosquitto_is_here: None) -> Iterator[Callable[..., Mosquitto]]:
    """Return how to make a broker; all are stopped at the end."""
    made: list[Mosquitto] = []

    def make(*lines: str) -> Mosquitto:
        folder = tmp_path / f"broker{len(made)}"
        folder.mkdir()
        made.append(Mosquitto(folder, *lines))
        return made[-1]

    yield make
    for broker in made:
        broker.stop()


@pytest.fixture
def listen() -> Iterator[Callable[..., Listener]]:
    made: list[Listener] = []

    def make(port: int, **login: str) -> Listener:
        made.append(Listener(port, **login))
        return made[-1]

    yield make
    for listener in made:
        listener.close()


@pytest.fixture
def mqtt() -> Iterator[Outputs]:
    outputs = Outputs()
    yield outputs
    outputs.close_all()


@pytest.fixture
def battery(tmp_path: Path) -> Iterator[Simulator]:
    """Let two virtual US3000C serve on RS485, at a terminal where no answer takes time."""
    with running(f"pty:{tmp_path}/battery", modules=2, fast=True) as simulator:
        yield simulator
