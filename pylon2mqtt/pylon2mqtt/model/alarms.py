"""The alarms of a bank and its modules: one of each kind, severity and source."""

from collections.abc import Iterable
from dataclasses import replace

from .battery import Alarm, Bank, Module, Readings
from .units import AlarmKind, AlarmSource, Severity


def problems(*parts: Readings, active: Iterable[Alarm]) -> dict[AlarmKind, bool] | None:
    """Which kinds of alarm are active, of those that the parts can report; None where they do not say which."""
    known = {kind for part in parts for kind in part.alarm_kinds or ()}
    kinds = {alarm.kind for alarm in active}
    return {kind: kind in kinds for kind in AlarmKind if kind in known} or None


def active_alarms(bank: Bank) -> list[tuple[int | None, Alarm]]:
    """Every alarm of the bank (under None) and of its modules, each with its module's number."""
    alarms: list[tuple[int | None, Alarm]] = [(None, alarm) for alarm in combined(bank.alarms or ())]
    for module in bank.modules:
        alarms += [(module.number, alarm) for alarm in module_alarms(module) or ()]
    return alarms


def module_alarms(module: Module) -> tuple[Alarm, ...] | None:
    """The alarms of a module and its cells, one of each kind and severity; None where it reports none at all."""
    of_cells = [alarm for cell in module.cells or () for alarm in cell.alarms or ()]
    if module.alarms is None and not of_cells:
        return None
    return combined((*(module.alarms or ()), *of_cells))


def module_problem(module: Module) -> bool | None:
    """Whether an alarm of the module or of its cells is active; None where it reports none at all."""
    parts = (module.alarms, *(cell.alarms for cell in module.cells or ()))
    known = [alarms for alarms in parts if alarms is not None]
    return any(known) if known else None


def bank_problem(bank: Bank) -> bool | None:
    """True if anything is wrong anywhere; False only if every module has reported its alarms."""
    if active_alarms(bank):
        return True
    parts: list[Readings] = list(bank.modules) or [bank]
    unknown = bank.silent or any(part.alarms is None for part in parts)
    return None if unknown else False


def combined(alarms: Iterable[Alarm]) -> tuple[Alarm, ...]:
    """Make one alarm of all that are of one kind, severity and source: with the cells, codes and texts of all."""
    same: dict[tuple[AlarmKind, Severity, AlarmSource], list[Alarm]] = {}
    for alarm in alarms:
        same.setdefault((alarm.kind, alarm.severity, alarm.by), []).append(alarm)
    return tuple(
        replace(
            some[0],
            cells=tuple(sorted({cell for alarm in some for cell in alarm.cells})),
            code=_listed(alarm.code for alarm in some),
            text=_listed(alarm.text for alarm in some),
        )
        for some in same.values()
    )


def _listed(words: Iterable[str | None]) -> str | None:
    """The different words, in their order."""
    return ", ".join(dict.fromkeys(word for word in words if word)) or None
