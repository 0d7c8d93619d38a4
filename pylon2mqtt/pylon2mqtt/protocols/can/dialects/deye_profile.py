"""Deye in the profile of another maker (Victron, Pylontech): that maker's frames, and those of its own modules."""

from dataclasses import replace

from pylon2mqtt.model import Bank
from pylon2mqtt.protocols.can.dbc import Values
from pylon2mqtt.protocols.can.dialect import CanDialect, ValuesByAddress, bank_values, module_values
from pylon2mqtt.protocols.can.received import Received
from pylon2mqtt.protocols.can.values import CORE, PYLONTECHS_MARKER, low_voltage_bank, maker, without_alarms

from .deye_modules import NAME, installed, modules, modules_speak, reversed_current

_BATTERY, _TAIL = 0x35F, b"DY"
# A signal of 35A alone.
_OF_PAIRS = "protection_other"
# So near are the bank's current and the sum of its modules', in A.
_AGREES = 2.0


def _signature(received: Received, keys: frozenset[int]) -> bool:
    named = _BATTERY in keys and received.longest(_BATTERY)[6:] == _TAIL
    return bool(keys & CORE) and (named or modules_speak(keys) or bool(NAME.match(maker(received, keys) or "")))


def _bank(values: ValuesByAddress) -> Bank:
    own, of_modules = bank_values(values), modules(module_values(values))
    if own.get("marker") != PYLONTECHS_MARKER:
        # Deye's tables, left over from its own profile, or not a Deye's: which of both is not known.
        own = without_alarms(own, 0x359) | {"module_count": None}
    of_battery = sum(module.current for module in of_modules if module.current is not None)
    reported = {"current": _current(own, of_battery), "full_capacity": installed(own)}
    return replace(low_voltage_bank({**own, **reported}), modules=of_modules)


def _current(own: Values, of_modules: float) -> float | None:
    """As the profile sends it; where no name and no 35A shows which profile it is, its modules decide on the sign."""
    current: float | None = own.get("current")
    name = own.get("manufacturer")
    if name and NAME.match(name):
        return reversed_current(current)
    if not current or name or _OF_PAIRS in own:
        return current
    return next((one for one in (current, reversed_current(current)) if _near(one, of_modules)), None)


def _near(current: float | None, other: float) -> bool:
    return current is not None and abs(other) > _AGREES / 4 and abs(current - other) <= max(_AGREES, 0.1 * abs(other))


DEYE_PROFILE = CanDialect(
    title="a Deye in the profile of another maker",
    files=("lv.dbc", "deye_modules.dbc"),
    signature=_signature,
    bank=_bank,
    settle_s=6.0,
)
