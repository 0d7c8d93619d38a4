"""What becomes of a rack's ``getpwr`` in the model: the form is that of a stack's, and the fourth field is energy."""

from pylon2mqtt.model import Bank, Module, Topology
from pylon2mqtt.protocols.console.decoded import Decoded
from pylon2mqtt.protocols.console.events.bits import fault_alarms
from pylon2mqtt.protocols.console.plausible import plausible
from pylon2mqtt.protocols.console.stack.getpwr import check_sum, get_power_rows, got_cell, odd_words
from pylon2mqtt.protocols.console.text import Answer
from pylon2mqtt.protocols.console.values import amount, celsius, state_alarms, state_and_alarms, whole

from .rows import RACK_KINDS, RACK_VOLTS

# Above this voltage, or with more cells than one module has, it is a rack.
_LOW_VOLTAGE_MV, _MOST_CELLS_OF_ONE = 80_000, 32
# How far a rack's own meter may be from its cells'.
_METERS_APART = 0.01


def is_rack_power(answer: Answer) -> bool:
    """Whether an answer to ``getpwr`` is that of a rack: by its voltage, or by more cells than one module has."""
    head, cells, _ = get_power_rows(answer)
    return whole(head[0]) > _LOW_VOLTAGE_MV or len(cells) > _MOST_CELLS_OF_ONE


def rack_power(answer: Answer, _number: int | None = None) -> Decoded:
    """Return the rack of ``getpwr`` with all its cells as those of module 1.

    The fourth field is the energy left in Wh (SC0500), where a low-voltage module tells its mAh. Raises FrameError when
    a row is damaged.
    """
    head, cells, trailer = get_power_rows(answer)
    voltage, current, temperature, energy, base, *states = head
    state, alarms = state_and_alarms(base)
    alarms += state_alarms(zip(("Volt.St", "Curr.St", "Temp.St"), states, strict=True), kinds=RACK_KINDS)
    fault, cycles = (*trailer, None, None)[:2]
    degrees, broken = celsius({"Tempr": whole(temperature) / 1000})
    doubts = odd_words((base, *states), cells)
    reported = tuple(got_cell(i, row, doubts) for i, row in enumerate(cells, 1))
    check_sum(Module(number=1, voltage=whole(voltage) / 1000, cells=reported), _METERS_APART * whole(voltage) / 1000)
    bank = Bank(
        topology=Topology.SERIES,
        voltage=whole(voltage) / 1000,
        current=whole(current) / 1000,
        temperature=degrees["Tempr"],
        remaining_energy=amount(energy, **{"": 0.001}),
        cycles=None if cycles is None else whole(cycles),
        state=state,
        alarms=(*alarms, *broken, *(fault_alarms(fault) if fault else ())),
        modules=(Module(number=1, cells=reported),) if reported else (),
    )
    bank = plausible(bank, "the rack", doubts, normal=states[0] == "Normal", cells_normal=False, volts=RACK_VOLTS)
    return Decoded(bank=bank, doubts=tuple(doubts))
