"""What becomes of ``pwrsys`` in the model: what a stack says of itself as a whole, and how many modules it counts."""

import re
from collections.abc import Iterable

from pylon2mqtt.model import Alarm, AlarmKind, Bank, Severity, State
from pylon2mqtt.protocols.console.decoded import Decoded
from pylon2mqtt.protocols.console.dictionary import dictionary
from pylon2mqtt.protocols.console.plausible import plausible
from pylon2mqtt.protocols.console.spelling import one_off
from pylon2mqtt.protocols.console.text import Answer
from pylon2mqtt.protocols.console.values import celsius, percent, whole

_SYSTEM_STATES = {
    "idle": State.IDLE,
    "charging": State.CHARGING,
    "discharging": State.DISCHARGING,
    "sleep": State.SLEEPING,
    "sleeping": State.SLEEPING,
}
# 16 modules of 500 A.
_MOST_SYSTEM_A = 8000.0
_SYSTEM_SENSORS = ("Highest temperature", "Average temperature", "Lowest temperature")
_LIMITS = ("chg voltage", "dsg voltage", "chg current", "dsg current")
_SYSTEM = frozenset((
    "Total Num", "Present Num", "Sleep Num", "System Volt", "System Curr", "System RC", "System FCC", "System SOC",
    "System SOH", "Highest voltage", "Average voltage", "Lowest voltage", "Highest temperature", "Average temperature",
    "Lowest temperature", *(f"{whose}ecommend {limit}" for whose in ("R", "system R") for limit in _LIMITS),
))  # fmt: skip


def system(answer: Answer, _number: int | None = None) -> Decoded:
    """Return what ``pwrsys`` says of the whole bank, and how many modules it counts.

    The counts are ``total``, ``present`` and ``sleeping``: where fewer are present than there are, a cable or a DIP
    switch is wrong. The currents of ``Recommend`` are one module's; the stack's stand in ``system Recommend``, which
    older firmwares do not have. Its voltages are the same for all. Where the lowest or the highest temperature cannot
    be true, the average means nothing either.
    """
    reported = dictionary(answer.lines, _SYSTEM, required="System Volt")
    state, alarms = _system_state(answer.lines, reported.doubts)
    degrees, broken = celsius({key: reported.amount(key, mC=0.001) for key in _SYSTEM_SENSORS})
    counted = {"total": "Total Num", "present": "Present Num", "sleeping": "Sleep Num"}
    counts = {name: count for name, key in counted.items() if (count := reported.value(key, whole)) is not None}
    bank = Bank(
        voltage=reported.amount("System Volt", mV=0.001),
        current=reported.amount("System Curr", mA=0.001),
        temperature=None if broken else degrees["Average temperature"],
        soc=reported.value("System SOC", percent),
        soh=reported.amount("System SOH", **{"%": 1.0}) or None,
        remaining_capacity=reported.amount("System RC", mAH=0.001),
        full_capacity=reported.amount("System FCC", mAH=0.001) or None,
        module_count=counts.get("present"),
        cell_voltage_max=reported.amount("Highest voltage", mV=0.001),
        cell_voltage_min=reported.amount("Lowest voltage", mV=0.001),
        cell_temperature_max=degrees["Highest temperature"],
        cell_temperature_min=degrees["Lowest temperature"],
        charge_voltage_limit=reported.amount("Recommend chg voltage", mV=0.001),
        discharge_voltage_limit=reported.amount("Recommend dsg voltage", mV=0.001),
        charge_current_limit=_magnitude(reported.amount("system Recommend chg current", mA=0.001)),
        discharge_current_limit=_magnitude(reported.amount("system Recommend dsg current", mA=0.001)),
        state=state,
        alarms=(*alarms, *broken) or None,
    )
    bank = plausible(bank, "the bank", reported.doubts, normal=False, cells_normal=False, most_a=_MOST_SYSTEM_A)
    return Decoded(bank=bank, counts=counts, unknown=reported.unknown, doubts=tuple(reported.doubts))


def _system_state(lines: Iterable[str], doubts: list[str]) -> tuple[State | None, tuple[Alarm, ...]]:
    """The line `System is idle`; it may say so at -197 mA."""
    found = next((m for line in lines if (m := re.fullmatch(r"System is (\w+)", line, re.ASCII))), None)
    if found is None or found[1] in _SYSTEM_STATES:
        return (_SYSTEM_STATES[found[1]] if found else None), ()
    doubts += [f"the word {found[1]!r}"] if one_off(found[1], _SYSTEM_STATES) else []
    return None, (Alarm(kind=AlarmKind.OTHER, severity=Severity.WARNING, text=found[0]),)


def _magnitude(current: float | None) -> float | None:
    return None if current is None else abs(current)
