"""The virtual CAN battery, heard by the bridge's own driver: what its bank has is what is told, in every language."""

from collections.abc import Iterator
from typing import Any

import can
import pytest
from tests.can_logs import one
from tests.simulator.can.can_host import can_running, clock_of
from tests.waiting import LONGEST_S, until

from pylon2mqtt.errors import ConfigError, TransportError
from pylon2mqtt.model import Bank
from pylon2mqtt.protocols.can.driver import Can
from pylon2mqtt.simulator.can.dialects import DIALECTS
from pylon2mqtt.simulator.can.high_voltage import IN_SERIES
from pylon2mqtt.simulator.can.simulator import CanSimulator
from pylon2mqtt.transports.base import CanTransport, is_can
from pylon2mqtt.transports.registry import transport

LANGUAGES = [*DIALECTS, "high-voltage"]


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


@pytest.fixture
def line(name: str) -> Iterator[CanTransport]:
    made = transport(f"virtual:{name}")
    assert is_can(made)
    made.open()
    yield made
    made.close()


def read(line: CanTransport, simulator: CanSimulator) -> Bank:
    return Can(name="B", clock=clock_of(simulator)).read(line)


def let_pass(simulator: CanSimulator, line: CanTransport, seconds: float = 6) -> None:
    """Let so many of the battery's seconds pass, and forget what was on the bus until then."""
    later = simulator.clock() + seconds
    until(lambda: simulator.clock() > later)
    while one(line, 0) is not None:
        pass


@pytest.mark.parametrize("dialect", LANGUAGES)
def test_every_language_tells_what_the_bank_has(dialect: str, name: str, line: CanTransport) -> None:
    with can_running(f"can:virtual:{name}", dialect, model="US5000", modules=2) as simulator:
        bank = read(line, simulator)
    truth, modules = simulator.bank, simulator.bank.modules
    if dialect == "high-voltage":
        for told, module in zip(bank.modules, modules, strict=True):
            assert told.voltage == pytest.approx(IN_SERIES * module.voltage(), abs=0.5)
            assert told.current == pytest.approx(module.current, abs=0.2)
            assert told.cell_voltage_max == pytest.approx(max(module.cell_voltages()), abs=0.002)
            assert told.discharge_current_limit == module.discharge_current_limit
        return
    assert bank.voltage == pytest.approx(modules[0].voltage(), abs=0.1)
    assert bank.current == pytest.approx(truth.current, abs=0.2)
    assert bank.soc == pytest.approx(truth.soc, abs=0.6)
    assert bank.charge_current_limit == sum(module.charge_current_limit for module in modules)
    if dialect in ("deye", "deye-victron"):
        assert [m.barcode for m in bank.modules] == [module.barcode for module in modules]
        assert bank.modules[1].current == pytest.approx(modules[1].current, abs=0.1)


@pytest.mark.parametrize("dialect", ["pylontech", "victron", "dyness", "deye", "deye-victron", "pytes", "high-voltage"])
def test_alarms_and_warnings_arrive(dialect: str, name: str, line: CanTransport) -> None:
    with can_running(f"can:virtual:{name}", dialect, model="US5000", modules=1) as simulator:
        assert read(line, simulator).alarms in ((), None)
        simulator.order("alarm 1 cell_overvoltage")
        let_pass(simulator, line, 4)
        bank = read(line, simulator)
    told = {alarm.kind for alarm in (*(bank.alarms or ()), *(a for m in bank.modules for a in m.alarms or ()))}
    assert told <= {"overvoltage", "cell_overvoltage"}
    assert told


def test_the_inverter_can_be_switched_off(name: str, line: CanTransport) -> None:
    with can_running(f"can:virtual:{name}") as simulator:
        assert simulator.order("inverter off") == "The inverter is off."
        let_pass(simulator, line)
        heard = [one(line, LONGEST_S) for _ in range(12)]
    assert not [frame for frame in heard if frame and frame.id == 0x305]
    with pytest.raises(ConfigError):
        simulator.order("inverter perhaps")


def test_racks_are_silent_until_they_are_asked(name: str, line: CanTransport) -> None:
    with can_running(f"can:virtual:{name}", "high-voltage", modules=1) as simulator:
        simulator.order("inverter off")
        let_pass(simulator, line)
        assert one(line, 0.2) is None
        with can.Bus(interface="virtual", channel=name) as inverter:
            inverter.send(can.Message(arbitration_id=0x4200, data=bytes(8)))
            inverter.send(can.Message(arbitration_id=0x8200, data=b"\xaa" + bytes(7)))
        heard = [one(line, LONGEST_S) for _ in range(3)]
    assert [frame.id for frame in heard if frame and frame.id != 0x8200][:2] == [0x4200, 0x4211]


@pytest.mark.parametrize("fault", ["cut-frames", "not-available", "look-alikes", "strangers", "bus-errors"])
def test_faults_can_be_ordered(fault: str, name: str, line: CanTransport) -> None:
    with can_running(f"can:virtual:{name}", modules=1) as simulator:
        simulator.order(f"fault {fault}")
        let_pass(simulator, line)
        heard = [frame for frame in (one(line, LONGEST_S) for _ in range(30)) if frame and frame.id != 0x305]
    seen = {
        "cut-frames": any(frame.id == 0x351 and len(frame.data) == 4 for frame in heard),
        "not-available": any(frame.id == 0x356 and frame.data == b"\xff" * 6 for frame in heard),
        "look-alikes": any(frame.id == 0x351 and frame.extended for frame in heard),
        "strangers": any(0x700 <= frame.id < 0x7F0 for frame in heard),
        "bus-errors": any(frame.error for frame in heard),
    }
    assert [what for what, was_seen in seen.items() if was_seen] == [fault]


@pytest.mark.parametrize(
    ("listen", "options"),
    [("vcan0", {}), ("can:slcan:/dev/x", {}), ("can:virtual:x", {"dialect": "sanskrit"}), ("pty:/tmp/x", {})],
)
def test_what_cannot_be_is_refused(listen: str, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        CanSimulator(listen, **options)


def test_a_bus_that_is_not_there_is_told() -> None:
    with pytest.raises(TransportError, match="cannot be had"):
        CanSimulator("can:can77").open()
