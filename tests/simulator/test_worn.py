"""A worn module on each wire: what it reports of its capacity is what it has left."""

import struct

import pytest
from tests.simulator.console.console_host import Desk
from tests.simulator.sim_host import Bench, analog_parts

from pylon2mqtt.simulator.battery import VirtualBank
from pylon2mqtt.simulator.binary import pace_info, seplos_info, ver22_info
from pylon2mqtt.simulator.can.dialects import DIALECTS
from pylon2mqtt.simulator.models import stack


def worn(model):
    bank = VirtualBank(stack(model, 1))
    bank.modules[0].wear_out(80)
    return bank


def test_42_and_61_of_rs485():
    bench = Bench("US3000C", 2)
    bench.bank.modules[0].wear_out(80)
    (part,) = analog_parts(bench.info(0x42, "02"))
    assert part["total_mah"] == 59200
    assert part["remaining_mah"] == pytest.approx(0.6 * 59200, abs=20)
    soc, _, _, mean_soh, least_soh = struct.unpack_from(">BHHBB", bench.info(0x61), 4)
    assert (soc, mean_soh, least_soh) == (60, 90, 80)


def test_small_currents_are_0_in_42():
    bench = Bench("US3000C", 1)
    bench.bank.force(bench.bank.modules[0], -0.29)
    assert analog_parts(bench.info(0x42, "02"))[0]["current_da"] == 0
    bench.bank.force(bench.bank.modules[0], -0.31)
    assert analog_parts(bench.info(0x42, "02"))[0]["current_da"] == -3


def test_a6_of_pace_reports_remaining_full_and_design():
    remaining, full, design = struct.unpack(">HHH", pace_info.capacity(worn("PACE").modules[0]))
    assert (full, design) == (8000, 10000)
    assert remaining == pytest.approx(4800, abs=5)


@pytest.mark.parametrize(
    ("model", "info", "numbers"),
    [
        ("PACE", pace_info.analog, struct.pack(">H", 8000)),
        ("Seplos", lambda module: seplos_info.seplos_analog(module, 0), struct.pack(">HHH", 22400, 600, 28000)),
        ("EG4", lambda module: seplos_info.eg4_analog(module, 1), struct.pack(">H", 8000)),
        ("EG4", ver22_info.analog, struct.pack(">H", 8000)),
    ],
)
def test_42_of_other_makers_holds_the_full_capacity(model, info, numbers):
    worn_out, as_new = worn(model).modules[0], VirtualBank(stack(model, 1)).modules[0]
    assert numbers in info(worn_out)
    assert numbers not in info(as_new)


def test_the_console_reports_health_and_full_capacity():
    desk = Desk("US3000C", 1)
    desk.bank.modules[0].wear_out(80)
    reported = desk.pairs("stat")
    assert (reported["SOH"], reported["Pwr Percent"]) == ("80", "60")
    assert int(reported["Pwr Coulomb"]) == pytest.approx(0.6 * 59.2 * 3_600_000, rel=0.001)
    desk.ask("login debug")
    assert desk.pairs("pwrsys")["System FCC"].split() == ["59200", "mAH"]
    desk.bank.set_soc(100)
    percent, charge = desk.bat("bat")[1][-4:-2]
    assert 99 <= int(percent[:-1]) <= 100
    assert int(charge) == pytest.approx(59200 * int(percent[:-1]) / 100, rel=0.006)


def test_a_can_dialect_reports_the_health_and_what_is_left():
    (_, say), *_ = DIALECTS["discover"].bursts
    frames = {frame.id: frame.data for frame in say(worn("US3000C"))}
    assert struct.unpack_from("<HH", frames[0x354]) == (59, 36)
    assert struct.unpack_from("<HH", frames[0x355]) == (60, 80)
