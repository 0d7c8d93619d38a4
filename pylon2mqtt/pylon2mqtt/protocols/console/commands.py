"""The commands that may be sent to a text console: each is one row here, with everything that is known of it.

To add a command, or a form of its answer: write its reader, then its row; the drivers ask what stands in `OF_MODULE`
and `OF_RACK`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto

from pylon2mqtt.model import Bank
from pylon2mqtt.protocols.console.rack.dictionaries import (
    bmu_identity,
    is_rack_info,
    is_rack_statistics,
    rack_identity,
    rack_limits,
    rack_statistics,
)
from pylon2mqtt.protocols.console.rack.getpwr import is_rack_power, rack_power
from pylon2mqtt.protocols.console.rack.tables import is_rack_cells, is_rack_row, rack_cells, rack_row, unit_table

from .decoded import Decoded, Reader
from .events.bits import recorded
from .stack.dictionaries import identity, power, statistics
from .stack.euro import passport
from .stack.getpwr import get_power
from .stack.pwrsys import system
from .stack.tables import cell_table, power_table, weak_cells
from .text import Answer


class Belief(Enum):
    """When an answer is believed; in a dictionary, and in text that stands still, a lost character leaves no trace."""

    ONCE = auto()
    BY_VALUE = auto()
    """What two readings agree on; the rest is not reported."""
    WHOLE = auto()
    """When it came the same twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleCommand:
    """A command that may be sent: what reads its answer, how often it is asked, when an answer is believed.

    ``every_s`` of 0: in every cycle. ``needed``: without its answer there is no module, or no rack; every other costs
    its own values only. ``numbered``: it takes the number of a module, ``alone``: it may be asked without one.
    ``writes``: it changes something, and is sent only where the owner allows it.
    """

    text: str
    read: Reader
    every_s: float = 0.0
    belief: Belief = Belief.ONCE
    needed: bool = False
    numbered: bool = False
    alone: bool = True
    writes: bool = False

    def __str__(self) -> str:
        return self.text

    def asked(self, number: int | None) -> str:
        """The words that are sent."""
        return self.text if number is None else f"{self.text} {number}"


def _either(is_of_rack: Callable[[Answer], bool], of_rack: Reader, of_stack: Reader) -> Reader:
    """The reader of a command that racks and stacks answer in different forms: the answer shows which."""
    return lambda answer, number: (of_rack if is_of_rack(answer) else of_stack)(answer, number)


def _nothing(_answer: Answer, _number: int | None) -> Decoded:
    return Decoded(bank=Bank())


# -------------------- of a stack or a rack

PWR = ConsoleCommand(text="pwr", read=_either(is_rack_row, rack_row, power_table), needed=True)
BAT = ConsoleCommand(text="bat", read=_either(is_rack_cells, rack_cells, cell_table), numbered=True)
INFO = ConsoleCommand(
    text="info", read=_either(is_rack_info, rack_identity, identity), numbered=True, every_s=600.0, belief=Belief.WHOLE
)
"""Who a module is, is asked again now and then: it may be swapped while nobody looks."""
STAT = ConsoleCommand(
    text="stat", read=_either(is_rack_statistics, rack_statistics, statistics), numbered=True, every_s=600.0,
    belief=Belief.BY_VALUE,
)  # fmt: skip
SOH = ConsoleCommand(text="soh", read=weak_cells, numbered=True, every_s=3600.0)
RECORD = ConsoleCommand(text="data event", read=recorded, numbered=True, every_s=60.0)
LOG = ConsoleCommand(text="log", read=recorded, every_s=600.0)

# -------------------- of a stack

PWR_N = ConsoleCommand(text="pwr", read=power, numbered=True, alone=False, every_s=60.0, belief=Belief.BY_VALUE)
PWRSYS = ConsoleCommand(text="pwrsys", read=system, every_s=60.0, belief=Belief.BY_VALUE)
EURO = ConsoleCommand(text="euro", read=passport, every_s=3600.0, belief=Belief.BY_VALUE)

# -------------------- of a rack

UNIT = ConsoleCommand(text="unit", read=unit_table)
SYSINFO = ConsoleCommand(text="sysinfo", read=rack_limits, every_s=60.0, belief=Belief.BY_VALUE)
BMUINFO = ConsoleCommand(text="bmuinfo", read=bmu_identity, numbered=True, alone=False, every_s=3600.0)
GETPWR = ConsoleCommand(text="getpwr", read=_either(is_rack_power, rack_power, get_power), numbered=True)
RECORD_OF_RACK = replace(RECORD, every_s=600.0)

# -------------------- what writes, or may

LOGIN = ConsoleCommand(text="login debug", read=_nothing, writes=True)
LOGOUT = ConsoleCommand(text="logout", read=_nothing)
TBAR = ConsoleCommand(text="tbar", read=_nothing, writes=True)
"""The works' test that writes a barcode, see `rack.opening`."""

COMMANDS = (
    PWR, BAT, INFO, STAT, SOH, RECORD, LOG, PWR_N, PWRSYS, EURO, UNIT, SYSINFO, BMUINFO, GETPWR, LOGIN, LOGOUT, TBAR,
)  # fmt: skip
"""All that can be sent: there is no way to name another."""

OF_MODULE = (STAT, PWR_N, SOH, BAT)
"""What is asked of each module beside `pwr`; the later one wins where two tell the same."""
OF_MASTER = (EURO,)
"""What the console tells of the module that holds the cable only."""
OF_RACK = (STAT, SYSINFO)
CELLS = (SOH, BAT)
"""What tells of single cells."""

FOR_STATISTICS_S = 60.0
"""How often `bat` is asked where nobody wants to see each cell."""
