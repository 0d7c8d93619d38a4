"""What may be asked of a text console, how often, and when an answer is believed."""

from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from pylon2mqtt.errors import FrameError

T = TypeVar("T")


class Command(StrEnum):
    """The commands that may be sent, alone or with a number: all but the last three only read.

    ``login debug`` and ``logout`` change what the console knows, and are sent only where the owner allows it. ``tbar``
    is the works' test that writes a barcode: see `console_rack_opening`.
    """

    PWR = "pwr"
    BAT = "bat"
    INFO = "info"
    STAT = "stat"
    SOH = "soh"
    PWRSYS = "pwrsys"
    EURO = "euro"
    UNIT = "unit"
    SYSINFO = "sysinfo"
    BMUINFO = "bmuinfo"
    GETPWR = "getpwr"
    RECORD = "data event"
    LOG = "log"
    LOGIN = "login debug"
    LOGOUT = "logout"
    TBAR = "tbar"


EVERY_S = {
    Command.BAT: 0.0,
    Command.PWR: 60.0,
    Command.PWRSYS: 60.0,
    Command.RECORD: 60.0,
    Command.LOG: 600.0,
    Command.STAT: 600.0,
    Command.SOH: 3600.0,
    Command.EURO: 3600.0,
}
"""How often each question is asked, in seconds; `pwr` of all modules, and what is 0 here, in every cycle. `bat` is
asked as rarely as `BAT_FOR_STATISTICS_S` where nobody wants to see each cell."""

BAT_FOR_STATISTICS_S = 60.0
IDENTIFY_S = 600.0
"""Who a module is, is asked again at least so often: it may be swapped while nobody looks."""

_READINGS = 4


def twice(what: str, ask: Callable[[], T], last: T | None = None) -> T:
    """Return an answer that came the same twice in a row, counting ``last`` from before; else raise FrameError.

    For text that stands still: a dropped byte leaves no trace in it.
    """
    for _ in range(_READINGS):
        before, last = last, ask()
        if last == before:
            return last
    raise FrameError(f"{what} reads differently each time: look at the cable")
