"""The clock of a BMS: whether it is right, as the stamps in its list of events are worth no more than it.

Method: the clock is off when it differs from the owner's time by more than 10 minutes, and right again within 5. One
that is off and changes by more than 10 minutes has jumped. Where the clock of this computer jumps, nothing is said.
"""

from collections.abc import Mapping
from datetime import datetime

from pylon2mqtt.model import EventSeverity, HappeningKind
from pylon2mqtt.model.units import Seconds

_OFF_S: Seconds = 600.0
_RIGHT_S: Seconds = 300.0

ClockChange = tuple[HappeningKind, EventSeverity, Mapping[str, float | str | None]]


def clock_change(
    offset_s: Seconds, before_s: Seconds | None, at: datetime
) -> tuple[Seconds | None, ClockChange | None]:
    """Return by how much the clock is off (None: it is right), and what happened.

    ``offset_s``: how far it is ahead now, ``before_s``: how far it was off when that was last a happening; ``at`` is in
    the owner's zone.
    """
    if abs(offset_s) <= (_OFF_S if before_s is None else _RIGHT_S):
        right = (HappeningKind.CLOCK_RIGHT, EventSeverity.INFORMATION, {"offset_s": offset_s})
        return None, None if before_s is None else right
    values: dict[str, float | str | None] = {"offset_s": offset_s, "command": set_command(at)}
    if before_s is None:
        return offset_s, (HappeningKind.CLOCK_OFF, EventSeverity.WARNING, values)
    if abs(offset_s - before_s) > _OFF_S:
        return offset_s, (HappeningKind.CLOCK_JUMPED, EventSeverity.WARNING, values | {"before_s": before_s})
    return before_s, None


def set_command(at: datetime) -> str:
    """Return what the owner may type at the text console to set the clock; this bridge never does."""
    return f"{at:time %y %m %d %H %M %S}"
