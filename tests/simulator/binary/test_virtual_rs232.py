"""A virtual bank on RS232 whose rate really changes, on a terminal; and the dialects beside Pylontech's."""

import pytest
import serial
from tests.simulator.sim_host import Timed, ask, is_sound, plugged_in, request, running

from pylon2mqtt.errors import ConfigError
from pylon2mqtt.protocols.binary.dialects import PYLONTECH_RS232
from pylon2mqtt.protocols.registry import driver
from pylon2mqtt.simulator.registry import Simulator
from pylon2mqtt.transports.serial import SerialTransport

PACK_COUNT, SET_4800 = request(0x90, address=1), request(0x91, "03", address=1)
NO_PACKS, PACKS = b"~200146000000FDB3\r", b"~20014600E00202FD3A\r"


@pytest.mark.parametrize("rate", [115200, 9600, 4800, 2400])
def test_at_any_rate_but_1200_it_is_not_understood(rate: int) -> None:
    with running(protocol="rs232", model="US2000", modules=2, fast=True) as battery:
        with plugged_in(battery, rate) as port:
            assert not is_understood(port, PACK_COUNT)
        with plugged_in(battery, 1200) as port:
            port.write(PACK_COUNT)
            assert port.read_until(b"\r") == PACKS


def is_understood(port: serial.SerialBase, question: bytes) -> bool:
    """Whether a sound answer comes soon; what is expected not to come is not waited for any longer."""
    patient, port.timeout = port.timeout, 0.3
    port.write(question)
    answer = port.read_until(b"\r")
    port.timeout = patient
    return is_sound(answer)


def test_it_answers_at_the_old_rate_and_then_changes() -> None:
    with (
        running(protocol="rs232", model="US2000", modules=2, fast=True) as battery,
        plugged_in(battery, 1200) as port,
    ):
        port.write(SET_4800)
        assert port.read_until(b"\r") == NO_PACKS
        assert not is_understood(port, PACK_COUNT)
        port.baudrate = 4800
        port.write(PACK_COUNT)
        assert port.read_until(b"\r") == PACKS
        assert battery.order("power-cut") == "The battery was off; it speaks at 1200 Bd."
        assert not is_understood(port, PACK_COUNT)
        port.baudrate = 1200
        port.write(PACK_COUNT)
        assert port.read_until(b"\r") == PACKS


def test_an_answer_takes_its_time_at_1200_baud() -> None:
    timed = Timed("rs232", model="US2000", modules=1, answer_delay_s=0, jitter_s=0)
    question = request(0x90, address=1)
    answer = timed.ask(question)
    assert len(b"".join(data for _, data in answer)) == 20
    assert answer[-1][0] == pytest.approx((len(question) + 20) * 10 / 1200, abs=0.001)


def test_other_addresses_unknown_commands_and_writes_are_refused() -> None:
    with running(protocol="rs232", model="US2000", modules=1, fast=True) as battery, plugged_in(battery, 1200) as port:
        assert ask(port, 0x42, "02", address=2)[7:9] == b"90"
        assert ask(port, 0xC1, address=1)[7:9] == b"04"
        assert ask(port, 0x42, "02", address=1)[7:9] == b"06"
        assert ask(port, 0x94, "01" * 9, address=1)[7:9] == b"04"
        assert len(battery.writes_seen) == 1


def test_the_driver_follows_it_over_a_real_terminal() -> None:
    """The whole way: looking for the rate, setting a faster one, a power cut, and once more."""
    with running(protocol="rs232", model="US2000", modules=2, fast=True) as battery:
        line = SerialTransport(battery.url)
        line.open()
        reader = driver("rs232", name="House", stagger_s=0, dialects=(PYLONTECH_RS232,))
        assert len(reader.read(line).modules) == 2
        assert battery.battery.baudrate == 4800
        battery.order("power-cut")
        reader.rescan()
        assert len(reader.read(line).modules) == 2
        assert battery.battery.baudrate == 4800
        assert not battery.writes_seen
        line.close()


@pytest.mark.parametrize(("model", "modules"), [("Jakiper", 16), ("Seplos", 16), ("EG4", 16)])
def test_more_packs_than_addresses_are_refused(model: str, modules: int) -> None:
    with pytest.raises(ConfigError, match="ask for 15 at most"):
        Simulator("rs232", "tcp:127.0.0.1:0", model=model, modules=modules)


def test_what_does_not_go_together_is_refused() -> None:
    with pytest.raises(ConfigError, match="RS232 counts to 8 packs"):
        Simulator("rs232", "tcp:127.0.0.1:0", model="US2000", modules=9)
    with pytest.raises(ConfigError, match="one stack speaks one dialect"):
        Simulator("rs232", "tcp:127.0.0.1:0", model="Jakiper,Seplos")
    with pytest.raises(ConfigError, match="has no text console"):
        Simulator("console", "tcp:127.0.0.1:0", model="Jakiper")


@pytest.mark.parametrize("model", ["Jakiper", "PACE"])
def test_whoever_wants_to_change_a_pace_pack_is_remembered(model: str) -> None:
    with running(protocol="rs232", model=model, modules=1, fast=True) as battery, plugged_in(battery, 9600) as port:
        assert ask(port, 0x9A, "01", address=1)[7:9] == b"04"
        assert len(battery.writes_seen) == 1


def test_an_inverter_asks_on_the_same_line() -> None:
    with running(modules=2, fast=True) as battery, plugged_in(battery) as port:
        battery.order("inverter 0.01")
        heard = port.read(2000)
        assert battery.order("inverter off") == "No inverter asks."
        frames = [piece + b"\r" for piece in heard.split(b"\r")[:-1]]
        assert {raw[7:9] for raw in frames[1:10:2]} | {raw[7:9] for raw in frames[0:10:2]} >= {b"00"}
        assert all(map(is_sound, frames[1:]))
