"""The moments in which a module's charge is known by its voltage: at the top, and at the bottom.

Between the ends the voltage of LFP cells says little of their charge, so that only these moments are anchors.
"""

from pylon2mqtt.model import AlarmKind, Module, Severity
from pylon2mqtt.model.alarms import module_alarms
from pylon2mqtt.model.units import Seconds, Volts

from .modules import Observation
from .readings import c_rate, highest_cell, lowest_cell

TOP_V: Volts = 3.45
"""A cell that is charged to this, with little current, is full but for a few percent."""
TOP_C = 0.05
"""The current below which the voltage is that of the charge, in parts of the capacity."""
TOP_HOLD_S: Seconds = 300.0

_BOTTOM_V, _BOTTOM_C = 3.00, 0.3
_EMPTY_V = 2.90
_END_OF_DISCHARGE = {
    AlarmKind.CELL_UNDERVOLTAGE,
    AlarmKind.MODULE_UNDERVOLTAGE,
    AlarmKind.UNDERVOLTAGE,
}


def at_top(module: Module) -> bool:
    """Return whether the highest cell is at 3.45 V or more, with less than 0.05 C."""
    highest, rate = highest_cell(module), c_rate(module)
    return highest is not None and rate is not None and highest >= TOP_V and abs(rate) < TOP_C


def held_at_top(held_s: Seconds | None, seen: Observation) -> Seconds | None:
    """Return for how long the module has been at the top, None while it is not; an anchor from `TOP_HOLD_S` on."""
    if not at_top(seen.module):
        return None
    return 0.0 if held_s is None or seen.interval_s is None else held_s + seen.interval_s


def at_bottom(module: Module) -> bool:
    """Return whether the module is empty: by its lowest cell (3.00 V below 0.3 C, or 2.90 V), or as its BMS says."""
    lowest, rate = lowest_cell(module), c_rate(module)
    if lowest is None or rate is None:
        return False
    calm = lowest <= _BOTTOM_V and abs(rate) < _BOTTOM_C
    ended = any(
        alarm.kind in _END_OF_DISCHARGE and alarm.severity is Severity.PROTECTION
        for alarm in module_alarms(module) or ()
    )
    return calm or lowest <= _EMPTY_V or ended
