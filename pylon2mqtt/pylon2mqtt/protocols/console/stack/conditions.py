"""One condition, one alarm: a word of ``pwr`` and a bit of ``pwr N`` say the same of one module."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pylon2mqtt.model import Alarm, AlarmKind, Severity
from pylon2mqtt.protocols.console.events.bits import LIMIT, OVERCURRENT

# A state's column or key -> what it is about, in the letters of the names of bits: B.V.St says what BHV and BOV say.
_ABOUT = {
    "Volt.St": "PV",
    "Volt Status": "PV",
    "B.V.St": "BV",
    "Temp.St": "PT",
    "Tmpr Status": "PT",
    "B.T.St": "BT",
    "M.T.St": "MT",
    "Curr.St": "C",
    "Current Status": "C",
    "Coul Status": "Q",
}
_ABOUT_NAMES = {"SysError": "S", "SYSERR": "S", "SC": "C", "COULLOW": "Q", "LCOUL": "Q"}
# What a state leaves open and a bit says.
_CLOSER = {
    AlarmKind.OVERCURRENT: {AlarmKind.CHARGE_OVERCURRENT, AlarmKind.DISCHARGE_OVERCURRENT},
    AlarmKind.OVERTEMPERATURE: {AlarmKind.CHARGE_OVERTEMPERATURE, AlarmKind.DISCHARGE_OVERTEMPERATURE},
    AlarmKind.UNDERTEMPERATURE: {AlarmKind.CHARGE_UNDERTEMPERATURE, AlarmKind.DISCHARGE_UNDERTEMPERATURE},
}
_BAD_TO_WORSE = (Severity.WARNING, Severity.PROTECTION, Severity.FAULT)


def distinct(alarms: Iterable[Alarm]) -> tuple[Alarm, ...]:
    """Return a module's alarms, each condition once: ``B.V.St High`` of ``pwr`` and ``BHV`` of ``pwr N`` are one.

    What a state says goes to the bit that says the same more closely: its kind and code, the worse severity, and both
    texts. Two bits are two conditions. What cannot be told to be the same stays.
    """
    reported = list(dict.fromkeys(alarms))
    codes = {(alarm.kind, alarm.cells, alarm.text) for alarm in reported if alarm.code}
    reported = [alarm for alarm in reported if alarm.code or (alarm.kind, alarm.cells, alarm.text) not in codes]
    kept = [alarm for alarm in reported if not _is_state(alarm)]
    said: list[list[Alarm]] = [[] for _ in kept]
    for state in sorted(filter(_is_state, reported), key=lambda state: state.kind in _CLOSER):
        at = _same(state, kept)
        if at is None:
            kept.append(state)
            said.append([])
        else:
            said[at].append(state)
    return tuple(_together(alarm, states) for alarm, states in zip(kept, said, strict=True))


def _is_state(alarm: Alarm) -> bool:
    """Whether a word of a state raised it, and no bit."""
    return alarm.code is None and ((alarm.text or "").rpartition(" ")[0] in _ABOUT or alarm.text == "SysError")


def _same(state: Alarm, others: Sequence[Alarm]) -> int | None:
    """Where the alarm is that says the same: best one that is as bad."""
    kinds = {state.kind} | _CLOSER.get(state.kind, set())
    found = [i for i, other in enumerate(others) if other.kind in kinds and _about(other) == _about(state)]
    return min(found, key=lambda i: others[i].severity != state.severity, default=None)


def _about(alarm: Alarm) -> str | None:
    """What an alarm is about, by its text; None where that does not tell."""
    text = alarm.text or ""
    if found := LIMIT.fullmatch(text):
        return f"{found[2]}{found[4] or 'V'}"
    if OVERCURRENT.fullmatch(text):
        return "C"
    return _ABOUT_NAMES.get(text) or _ABOUT.get(text.rpartition(" ")[0])


def _together(alarm: Alarm, states: Sequence[Alarm]) -> Alarm:
    reported = [*states, alarm]
    worst = max((one.severity for one in reported), key=_BAD_TO_WORSE.index)
    return replace(alarm, severity=worst, text=", ".join(filter(None, (one.text for one in reported))) or None)
