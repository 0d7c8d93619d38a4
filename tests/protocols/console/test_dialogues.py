"""Whole dialogues with batteries as people have them: slow consoles, mixed stacks, racks of other firmware."""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from tests.fakes import ConsoleBench, ConsoleLine, console_bench

from pylon2mqtt.errors import ProtocolError, TransportTimeoutError
from pylon2mqtt.model import Bank, Module, Topology
from pylon2mqtt.protocols.console.driver import Console


class SlowLine(ConsoleLine):
    """A console that echoes at once, and thinks before it answers: about a slave for four times as long."""

    def __init__(self, rig: ConsoleBench, thinks_s: float, *, echoes: bool) -> None:
        super().__init__(rig.battery, rig.time)
        self._thinks_s, self._echoes = thinks_s, echoes
        self._later: list[tuple[float, bytes]] = []

    def send(self, data: bytes) -> None:
        super().send(data)
        told, self._later = self._pending, []
        if data.strip():
            echo = told.index(b"@") if self._echoes and b"@" in told else 0
            factor = 4 if re.search(rb" [2-9]\r$", data) else 1
            self._later = [(self.time.now_s + factor * self._thinks_s, told[echo:])]
            self._pending = told[:echo]

    def read_until(self, end: bytes, timeout_s: float) -> bytes:
        self._arrive()
        return super().read_until(end, timeout_s)

    def listen(self, seconds: float) -> bytes:
        self.time.now_s += seconds
        self._arrive()
        return super().listen(0)

    def _arrive(self) -> None:
        if self._later and self.time.now_s >= self._later[0][0]:
            self._pending += self._later.pop()[1]


def driver(rig: ConsoleBench) -> Console:
    return Console(name="House", clock=rig.time.clock, stagger_s=0)


def _without_clocks(bank: Bank) -> list[Module]:
    """The modules, but for their clocks: the tests' own clock goes on."""
    return [replace(module, clock_offset=None) for module in bank.modules]


@pytest.mark.parametrize("echoes", [True, False])
@pytest.mark.parametrize("thinks_s", [0.45, 1.0, 1.2])
def test_a_console_that_thinks_shows_every_module_and_value(thinks_s: float, echoes: bool) -> None:
    rig = console_bench("US3000C", 3)
    fast = driver(rig).read(rig.line)
    slow = driver(rig)
    line = SlowLine(rig, thinks_s, echoes=echoes)
    for _ in range(2):
        bank = slow.read(line)
        assert bank.silent == ()
        assert _without_clocks(bank) == _without_clocks(fast)


def test_how_long_a_command_takes_is_learnt() -> None:
    rig = console_bench("US3000C", 1)
    reader = driver(rig)
    reader.read(rig.line)
    rig.line.spoil = lambda sent, told: b"" if sent == b"bat 1\r" else told
    began = rig.time.now_s
    reader.read(rig.line)
    assert rig.time.now_s - began < 2.5  # a console that answered at once is not waited for as a slow one is


def test_a_mixed_stack_is_read_whole() -> None:
    rig = console_bench("US5000,US2000C,US2000,US2000", 4)
    bank = driver(rig).read(rig.line)
    assert [module.rated_capacity for module in bank.modules] == [100.0, 50.0, 50.0, 50.0]
    for module, real in zip(bank.modules, rig.bank.modules, strict=True):
        assert (module.barcode, module.cycles is not None) == (real.barcode, True)
        assert len(module.cells or ()) == 15


@pytest.mark.parametrize("command", ["info", "stat", "pwr", "bat", "soh"])
@pytest.mark.parametrize("fault", ["late", "damaged"])
def test_no_secondary_answer_hides_a_module(command: str, fault: str) -> None:
    rig = console_bench("US3000C", 3)

    def spoil(sent: bytes, told: bytes) -> bytes:
        if sent != f"{command} 2\r".encode():
            return told
        return b"" if fault == "late" else told.replace(b"Command completed successfully", b"")

    rig.line.spoil = spoil
    bank = driver(rig).read(rig.line)
    assert ([module.number for module in bank.modules], bank.silent) == ([1, 2, 3], ())
    assert bank.modules[1].voltage == pytest.approx(rig.bank.modules[1].voltage(), abs=0.06)


def test_who_a_module_is_comes_later_where_info_was_damaged_at_first() -> None:
    rig = console_bench("US3000C", 2)
    rig.line.spoil = lambda sent, told: told.replace(b"$$", b"") if sent == b"info 2\r" else told
    reader = driver(rig)
    assert reader.read(rig.line).modules[1].barcode is None
    rig.line.spoil = lambda _sent, told: told
    rig.time.now_s += 100
    assert reader.read(rig.line).modules[1].barcode == rig.bank.modules[1].barcode


def test_a_bridge_that_wants_cr_lf_gets_it() -> None:
    rig = console_bench("US3000C", 2)
    battery = rig.battery.answer

    class Bridge(ConsoleLine):
        def send(self, data: bytes) -> None:
            super().send(data)
            if not data.endswith(b"\r\n"):
                self._pending = b""

    line = Bridge(rig.battery, rig.time)
    line.has_baudrate = False
    reader = driver(rig)
    assert len(reader.read(line).modules) == 2
    assert {part[-2:] for part in line.sent[6:]} == {b"\r\n"}
    assert battery(b"\r")


# -------------------- racks of other firmware


def _h7(sent: bytes, told: bytes) -> bytes:
    """A rack as XHB_CMU_H7 is: `unit` counts from 0 with other columns, `info` has no modules, `bmuinfo` is unknown."""
    if sent == b"info\r":
        told = re.sub(rb"BMU \d Barcode.*?(?=\r\n\rCommand)", b"", told, flags=re.DOTALL)
        return told.replace(b"CMU_A", b"XHB_CMU_H7")
    if sent.startswith((b"bmuinfo", b"stat", b"soh")):
        return b"@\r\r\nUnknown command '" + sent.split()[0] + b"' - try 'help'\r\n\r$$\r\n\rpylon>"
    if sent == b"unit\r":
        told = told.replace(b"Tempr  AvgTempr", b"Tmpr   AvgTempr NT.Tmpr").replace(b"Temp.St ", b"Tmpr.St ")
        told = re.sub(
            rb"(?m)^(\d)(      (?:-?\d+ +){3}\d+ )",
            lambda row: str(int(row[1]) - 1).encode() + row[2] + b"21000   ",
            told,
        )
    return told


def test_module_1_of_an_xhb_cmu_h7_is_no_controller() -> None:
    rig = console_bench("SC0500", 3)
    rig.line.spoil = _h7
    bank = driver(rig).read(rig.line)
    assert (bank.topology, bank.model, bank.silent) == (Topology.SERIES, "XHB_CMU_H7", ())
    assert [module.number for module in bank.modules] == [1, 2, 3]
    assert [len(module.cells or ()) for module in bank.modules] == [15, 15, 15]
    for module, real in zip(bank.modules, rig.bank.modules, strict=True):
        assert (module.model, module.barcode) == (None, None)
        assert module.voltage == pytest.approx(real.voltage(), abs=0.01)
        assert module.temperature == pytest.approx(24, abs=5)


def test_a_b50_with_60_cells_and_units_in_its_cells_is_read() -> None:
    rig = console_bench("CMU-B50", 4)
    rig.line.spoil = lambda sent, told: re.sub(rb"(\d%    \d{5})   ", rb"\1 mAH   ", told) if sent == b"bat\r" else told
    bank = driver(rig).read(rig.line)
    assert [len(module.cells or ()) for module in bank.modules] == [15] * 4
    assert all(cell.capacity and cell.capacity > 20 for module in bank.modules for cell in module.cells or ())


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda told: told.replace(b"$$", b""),
        lambda told: told.replace(b"Index ", b"Indx  "),
        lambda told: re.sub(rb"(?m)^2 ", b"9 ", told),
    ],
)
def test_unit_never_hides_what_pwr_and_bat_say(spoilt: Callable[[bytes], bytes]) -> None:
    rig = console_bench("SC0500", 3)
    rig.line.spoil = lambda sent, told: spoilt(told) if sent == b"unit\r" else told
    bank = driver(rig).read(rig.line)
    assert bank.voltage == pytest.approx(rig.bank.voltage, abs=0.01)
    assert [module.number for module in bank.modules] == [1, 2, 3]
    for module, real in zip(bank.modules, rig.bank.modules, strict=True):
        assert module.voltage == pytest.approx(real.voltage(), abs=0.05)  # the sum of its cells
        assert module.barcode == real.barcode


def test_where_only_getpwr_answers_a_modules_voltage_is_the_sum_of_its_cells() -> None:
    rig = console_bench("SC0500-locked", 5)
    reader = Console(
        name="House", clock=rig.time.clock, stagger_s=0,
        allow_login=True, allow_tbar=True, console_barcode=rig.battery.rack.barcode,
    )  # fmt: skip
    bank: Bank = reader.read(rig.line)
    for module, real in zip(bank.modules, rig.bank.modules, strict=True):
        assert module.voltage == pytest.approx(real.voltage(), abs=0.05)


@pytest.mark.parametrize("ending", [b"", b"result:pa", b"\r\n\rpylon_debug>"])
@pytest.mark.parametrize("command", [b"tbar", b"login"])
def test_what_writes_is_sent_once_where_it_did_not_end_well(command: bytes, ending: bytes) -> None:
    rig = console_bench("SC0500-locked", 5)
    rig.line.spoil = lambda sent, told: ending if sent.startswith(command) else told
    reader = Console(
        name="House", clock=rig.time.clock, stagger_s=0,
        allow_login=True, allow_tbar=True, console_barcode=rig.battery.rack.barcode,
    )  # fmt: skip
    for _ in range(4):
        with suppress(ProtocolError, TransportTimeoutError):  # whether the console is open now is its own affair
            reader.read(rig.line)
        rig.time.now_s += 4000
    assert len([sent for sent in rig.line.sent if sent.startswith(command)]) == 1
