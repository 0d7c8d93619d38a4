"""What the master remembers: the log of what it did, and the events that it recorded with all its cells."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from pylon2mqtt.simulator.module import VirtualModule

from .reading import (
    base_state,
    cell_percent,
    cell_state,
    cells_mv,
    charge_state,
    column_state,
    group_of,
    group_temperatures,
    milli,
    names,
    register,
)
from .stack import VirtualStack
from .text import LISTING, RAW, TABLE, ConsoleAnswer, table

_KEPT = 32
_ON_A_PAGE = 3
# How long a virtual past is between two of its entries.
_APART = timedelta(minutes=47)
_SAYS = {"Charge": "Charging began.", "Dischg": "Discharging began.", "Idle": "No current flows.", "SysError": "Fault."}
_RULE = "-" * 47


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of the log."""

    time: datetime
    code: int
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    """One recorded event: the body of ``data event``, without its number, and its row in ``datalist event``."""

    time: datetime
    record: str
    row: str


class LogBook:
    """Watches the master and writes down what changes; ``watch`` is to be called before each answer."""

    def __init__(self, stack: VirtualStack) -> None:
        self._stack = stack
        self._master = stack.master
        self._state = base_state(self._master)
        self._signs = _signs(self._master)
        now = stack.time(self._master)
        states = ("Charge", "Dischg")
        self._entries = deque(
            (
                Entry(time=now - (age + 1) * _APART, code=0x2C00 + age, says=_SAYS[states[age % 2]])
                for age in reversed(range(_KEPT))
            ),
            maxlen=_KEPT,
        )
        self._events = deque([_event(stack, self._master)], maxlen=_KEPT)

    def watch(self) -> None:
        """Note what has changed since the last look."""
        state, signs = base_state(self._master), _signs(self._master)
        now = self._stack.time(self._master)
        if state != self._state:
            self._state = state
            self._entries.append(Entry(time=now, code=0, says=_SAYS[state]))
        if signs != self._signs:
            self._signs = signs
            self._entries.append(Entry(time=now, code=0x3000 | register(self._master, "bat") & 0xFFF, says="Alarm."))
            self._events.append(_event(self._stack, self._master))

    def log(self) -> ConsoleAnswer:
        """``log``: all entries, the newest first, with the highest index, three on a page."""
        newest_first = [_lines(index, entry) for index, entry in reversed(list(enumerate(self._entries)))]
        pages = [newest_first[at : at + _ON_A_PAGE] for at in range(0, len(newest_first), _ON_A_PAGE)]
        whole = [_page(entries, stops=number < len(pages) - 1) for number, entries in enumerate(pages)]
        return ConsoleAnswer(pages=tuple(whole))

    def event(self, number: int | None) -> ConsoleAnswer | None:
        """``data event N``: 0 is the oldest, no number the newest; None: there is no such event."""
        at = len(self._events) - 1 if number is None else number
        if at >= len(self._events):
            return None
        start = f"{_RULE}{LISTING}{'Item Index':<16}: {at}{TABLE}"
        return ConsoleAnswer(pages=(start + self._events[at].record,), at=TABLE)

    def events(self) -> ConsoleAnswer:
        """``datalist event``: a row each, the oldest first."""
        header = "Item  Time               Vo(mV) Tempr   Tlow    Thigh   Vlowest  Vhighest Volt.St   Temp.St "
        header += "Events     BatEvents "
        return table([header, *(f"{number:<6}{event.row}" for number, event in enumerate(self._events))])


def _signs(module: VirtualModule) -> tuple[int, ...]:
    return tuple(register(module, name) for name in ("bat", "power", "fault"))


def _lines(index: int, entry: Entry) -> list[str]:
    reported = {
        "Index": f"{index:<6}",
        "Time": f"{entry.time:%y-%m-%d %H:%M:%S}",
        "ModID": "BMM",
        "Code": f"{entry.code:x}",
        "Info": f"{entry.says} ",
    }
    return [f" {key:<8}: {text}" for key, text in reported.items()]


def _page(entries: list[list[str]], *, stops: bool) -> str:
    """Entries with a blank line behind each; before the pager stops, line ends lose their CR."""
    ends = [LISTING] * len(entries)
    blanks = [LISTING] * len(entries)
    if stops:
        ends[-1], blanks[-2], blanks[-1] = RAW, RAW, ""
    return "".join(
        "".join(line + end for line in lines) + blank for lines, end, blank in zip(entries, ends, blanks, strict=True)
    )


def _event(stack: VirtualStack, module: VirtualModule) -> RecordedEvent:
    now = stack.time(module)
    return RecordedEvent(time=now, record=_record(module, now), row=_row(module, now))


def _row(module: VirtualModule, now: datetime) -> str:
    groups, cells = group_temperatures(module), cells_mv(module)
    said = [names(register(module, name), name) for name in ("power", "bat")]
    return (
        f"{now:%y-%m-%d %H:%M:%S}  {milli(module.voltage()):<7}{groups[0]:<8}{min(groups):<8}{max(groups):<8}"
        f"{min(cells):<9}{max(cells):<9}{column_state(module, 'Volt.St'):<10}{column_state(module, 'Temp.St'):<8}"
        f"{said[0]:<11}{said[1]:<10}"
    )


def _record(module: VirtualModule, now: datetime) -> str:
    numbers = [
        ("Voltage", milli(module.voltage()), "mV"),
        ("Current", milli(module.current), "mA"),
        ("Temperature", group_temperatures(module)[0], "mC"),
        ("Percent", round(module.soc), "%"),
        ("Total Coulomb", milli(module.model.capacity), "mAH"),
        ("Max Voltage", milli(module.model.parameters.module_high), "mV"),
    ]
    states = [
        ("Base State", base_state(module)),
        ("Volt. State", column_state(module, "Volt.St")),
        ("Curr. State", column_state(module, "Curr.St")),
        ("Tempr. State", column_state(module, "Temp.St")),
        ("Coul. Status", charge_state(module)),
    ]
    lines = [
        f"{'Time':<16}: {now:%y-%m-%d %H:%M:%S}",
        *(f"{key:<16}: {value:<12}{unit}" for key, value, unit in numbers),
    ]
    lines += [f"{key:<16}: {word:<12}" for key, word in states] + _event_lines(module)
    return TABLE.join([*lines, _RULE, "", *_cell_lines(module)]) + LISTING


def _event_lines(module: VirtualModule) -> list[str]:
    reported = []
    for key, name in (("Power Events", "power"), ("Bat Events", "bat"), ("System Fault", "fault")):
        bits = register(module, name)
        reported.append(f"{key:<16}: 0x{bits:<8X} {names(bits, name)}")
    return reported


def _cell_lines(module: VirtualModule) -> list[str]:
    header = "Battery  Volt     Curr     Tempr    Base State   Volt. State  Curr. State  Temp. State  Coulomb     "
    groups, lines = group_temperatures(module), [header]
    for cell, mv in enumerate(cells_mv(module)):
        words = [base_state(module), *(cell_state(module, cell, what) for what in ("voltage", "current"))]
        words.append(cell_state(module, cell, "charge_temperature", "discharge_temperature"))
        numbers = f"{cell:<9}{mv:<9}{milli(module.current):<9}{groups[group_of(cell)]:<9}"
        percent = cell_percent(module, cell)
        lines.append(numbers + "".join(f"{word:<13}" for word in words) + f"{percent}%")
    return lines
