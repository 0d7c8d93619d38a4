"""The app on a text console at the true speed of its line: what it must survive."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.app.app_host import Collector, app_running
from tests.simulator.sim_host import running
from tests.waiting import until

from pylon2mqtt.app import App
from pylon2mqtt.config import Battery, Settings
from pylon2mqtt.simulator.registry import Simulator


@pytest.fixture
def battery(tmp_path: Path) -> Iterator[Simulator]:
    with running(f"pty:{tmp_path}/console", "console", modules=2, fast=True) as simulator:
        yield simulator


def console_app(line: str, output: Collector, cells: str = "statistics") -> App:
    battery = Battery(name="B1", protocol="console", line=line)
    return App(Settings(batteries=(battery,), poll_interval_s=0.05, cells=cells), outputs=[output])


def test_unplugged_and_plugged_in_again(battery: Simulator) -> None:
    output = Collector()
    with app_running(console_app(battery.url, output)):
        until(lambda: output.online)
        battery.order("unplug")
        until(lambda: not output.told[-1].online)
        battery.order("plug")
        until(lambda: output.told[-1].online)


def test_a_power_cut_that_leaves_the_console_at_1200_baud(tmp_path: Path) -> None:
    output = Collector()
    with (
        running(f"pty:{tmp_path}/old", "console", model="US2000", modules=1, fast=True) as simulator,
        app_running(console_app(simulator.url, output)),
    ):
        until(lambda: output.online)
        simulator.order("power-cut")
        until(lambda: not output.told[-1].online)
        until(lambda: output.told[-1].online)


@pytest.mark.parametrize(
    "fault",
    ["garbled-echo", "doubled-echo", "no-echo", "no-at", "unreadable-at", "no-dollars", "damaged-prompt", "early-noise",
     "iac", "scattered-nuls", "non-ascii", "dropped-bytes", "swapped-rows", "swapped-blocks", "corrupted-row",
     "truncation", "silence", "lost-digit"],
)  # fmt: skip
def test_no_fault_of_the_line_becomes_a_wrong_value(fault: str, battery: Simulator) -> None:
    output = Collector()
    with app_running(console_app(battery.url, output)):
        until(lambda: output.online)
        battery.order(f"fault {fault} 3x")
        count = len(output.told)
        until(lambda: len(output.told) > count + 3 and output.told[-1].online and not output.told[-1].bank.silent)
    truth = [module.barcode for module in battery.bank.modules]
    for snapshot in output.online:
        assert {m.barcode for m in snapshot.bank.modules} - {None} <= {*truth}  # It may be told later than the rest.
        for module in snapshot.bank.modules:
            assert 48 < (module.voltage or 0) < 54
            assert all(3 < (cell.voltage or 3.3) < 3.7 for cell in module.cells or ())


@pytest.mark.parametrize("fault", ["corrupted-row", "swapped-blocks"])
def test_no_fault_of_the_line_becomes_a_wrong_value_of_a_rack(fault: str, tmp_path: Path) -> None:
    output = Collector()
    with (
        running(f"pty:{tmp_path}/rack", "console", model="SC0500", modules=2, fast=True) as simulator,
        app_running(console_app(simulator.url, output, cells="full")),
    ):
        until(lambda: output.online and all(m.cells for m in output.told[-1].bank.modules))
        simulator.order(f"fault {fault} 20x")
        count = len(output.told)
        until(lambda: len(output.told) > count + 8 and output.told[-1].online)
    for snapshot in output.online:
        assert snapshot.bank.voltage == pytest.approx(simulator.bank.voltage, abs=2)
        assert {m.number for m in snapshot.bank.modules} | set(snapshot.bank.silent) == {1, 2}
        for module in snapshot.bank.modules:
            real = simulator.bank.modules[module.number - 1]
            assert module.barcode == real.barcode
            assert module.voltage == pytest.approx(real.voltage(), abs=1)
            assert all(3.1 < (cell.voltage or 3.3) < 3.5 for cell in module.cells or ())
