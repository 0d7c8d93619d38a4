"""What can be ordered from a running simulator."""

import threading

import pytest
from tests.simulator.sim_host import Timed, analog_parts, ask, info_of, is_sound, plugged_in, request, running
from tests.waiting import LONGEST_S

from pylon2mqtt.errors import ConfigError, TransportError
from pylon2mqtt.simulator.orders import OrderQueue
from pylon2mqtt.simulator.registry import Simulator


@pytest.fixture
def simulator():
    return Simulator("rs485", "tcp:127.0.0.1:0", modules=3)


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ("fault wrong-checksum 30", "The line has wrong-checksum for 30 s."),
        ("fault noise 3x", "The line has noise for the next 3 answers."),
        ("fault silence", "The line has silence until `fault none`."),
        ("fault none", "The line is good again."),
        ("alarm 2 cell_overvoltage 5", "Module 2 has cell_overvoltage at cell 5."),
        ("alarm 1 system_fault", "Module 1 has system_fault."),
        ("clear", "No module has an alarm."),
        ("vanish 3", "Module 3 answers no more."),
        ("return 3", "Module 3 answers again."),
        ("soc 55", "Every module is at 55 %."),
        ("speed 60", "The battery's time runs 60 times as fast as ours."),
        ("leak 2 4 20", "Cell 4 of module 2 discharges itself with 20 mA."),
        ("resist 2 4 1", "Cell 4 of module 2 has 1 mΩ more, and gets 0 mΩ a month."),
        ("fade 1 15 5 0.5", "Cell 15 of module 1 has lost 5 % of its capacity, and loses 0.5 % a month."),
        ("meter 3 1 -4 2", "Cell 1 of module 3 is measured -4 mV too high, and 2 mV more a month."),
        ("health 2 80", "Module 2 has 80 % of its capacity left."),
    ],
)
def test_an_order_answers_with_one_sentence(simulator, order, says):
    assert simulator.order(order) == says


def test_help_names_every_order_and_every_fault(simulator):
    told = simulator.order("help")
    for word in ("fault NAME", "alarm MODULE KIND", "unplug", "plug", "drop", "soc PERCENT", "wrong-checksum"):
        assert word in told
    assert simulator.order("") == told


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ("explode", "there is no order 'explode': choose from fault, alarm, "),
        ("fault", r"the order is written fault NAME \[SECONDS or ANSWERSx\]"),
        ("fault fire", "there is no fault 'fire': choose from silence, "),
        ("fault noise soon", "'soon' is no number from 0 to 1e\\+06"),
        ("alarm 4 cell_fault 1", "'4' is no number from 1 to 3"),
        ("alarm 1 boredom", "there is no alarm 'boredom' in this protocol: choose from cell_fault, "),
        ("alarm 1 cell_fault 16", "'16' is no number from 1 to 15"),
        ("alarm 1 short_circuit", "there is no alarm 'short_circuit' in this protocol"),
        ("soc 101", "'101' is no number from 0 to 100"),
        ("soc nan", "'nan' is no number"),
        ("leak 1 16 20", "'16' is no number from 1 to 15"),
        ("resist 1 2", r"the order is written resist MODULE CELL MILLIOHMS \[A_MONTH\]"),
        ("health 1 120", "'120' is no number from 20 to 100"),
        ("unplug now", "the order is written unplug"),
    ],
)
def test_a_wrong_order_says_what_is_possible(simulator, order, says):
    with pytest.raises(ConfigError, match=says):
        simulator.order(order)


def test_what_is_ordered_of_a_cell_is_what_is_wrong_with_it(simulator):
    cell, module = simulator.bank.modules[1].cells[3], simulator.bank.modules[1]
    resistance, fade = cell.resistance, cell.fade
    for order in ("leak 2 4 20", "resist 2 4 1 0.1", "fade 2 4 5 1", "meter 2 4 3 2"):
        simulator.order(order)
    assert cell.leak == 0.020
    assert (cell.resistance, cell.ageing.resistance) == (pytest.approx(resistance + 0.001), pytest.approx(0.0001))
    assert (cell.fade, cell.ageing.fade) == (pytest.approx(fade + 0.05), pytest.approx(0.01))
    assert (cell.meter, cell.ageing.meter) == (pytest.approx(0.003), pytest.approx(0.002))
    simulator.order("health 2 80")
    assert module.soh == 80


def test_no_order_makes_a_cell_that_cannot_be(simulator):
    for order in ("fade 1 1 50", "fade 1 1 50", "resist 1 1 -50"):
        simulator.order(order)
    cell = simulator.bank.modules[0].cells[0]
    assert cell.capacity == pytest.approx(0.05 * cell.new_capacity)
    assert cell.resistance == pytest.approx(0.00001)
    simulator.bank.advance(3600)
    assert simulator.bank.modules[0].soh == round(5 * cell.new_capacity / 74)


def test_orders_reach_a_running_battery():
    with running(fast=True, modules=3) as simulator, plugged_in(simulator) as port:
        simulator.order("alarm 2 cell_overvoltage 5")
        assert info_of(ask(port, 0x44, "03", 0x03))[7] == 0x02
        simulator.order("clear")
        assert info_of(ask(port, 0x44, "03", 0x03))[7] == 0x00
        simulator.order("vanish 3")
        port.timeout = 0.2
        assert ask(port, 0x42, "04", 0x04) == b""
        port.timeout = LONGEST_S
        simulator.order("return 3")
        assert is_sound(ask(port, 0x42, "04", 0x04))
        simulator.order("soc 25")
        assert analog_parts(info_of(ask(port, 0x42, "02")))[0]["remaining_mah"] == pytest.approx(18500, abs=50)


def test_wrong_orders_to_a_running_battery_are_told_to_who_ordered():
    with running(fast=True) as simulator, plugged_in(simulator) as port:
        with pytest.raises(ConfigError, match="explode"):
            simulator.order("explode")
        assert is_sound(ask(port, 0x42, "02"))


def test_orders_are_carried_out_while_an_answer_is_late():
    """The battery's time stands still between question and answer until the order has been carried out."""
    timed, done = Timed(modules=1), threading.Event()
    timed.simulator.order("fault late")

    def order() -> None:
        assert timed.simulator.order("soc 10") == "Every module is at 10 %."
        done.set()

    ordering = threading.Thread(target=order)

    def sleep(seconds: float) -> None:
        if not ordering.ident:
            ordering.start()
        if done.wait(0.01):
            timed.time.sleep(seconds)

    timed.simulator.sleep = sleep
    answer = timed.ask(request(0x42, "02"))
    ordering.join(LONGEST_S)
    assert done.is_set()
    assert answer[0][0] > 1.2


def test_an_order_to_a_simulator_that_died_is_not_waited_for_for_ever():
    orders = OrderQueue(str, within_s=0.05)
    with orders.taken(), pytest.raises(TransportError, match="has stopped: start it again"):
        orders.place("help")
