"""The table of all modules that ``pwr`` prints, and the system that ``pwrsys`` and ``getpwr`` report."""

from dataclasses import dataclass

from pylon2mqtt.simulator.module import VirtualModule

from .firmware import Pwr, device_name, firmware_of
from .reading import (
    base_state,
    cell_state,
    cells_mv,
    celsius_m,
    column_state,
    group_of,
    group_temperatures,
    milli,
    register,
)
from .stack import VirtualStack
from .text import LISTING, TABLE, ConsoleAnswer, table


@dataclass(frozen=True, slots=True)
class Column:
    """A column of ``pwr``, its width in the rows and, where that is another one, in the header."""

    name: str
    width: int
    header_width: int


def _columns(text: str) -> tuple[Column, ...]:
    """Columns out of words like ``B.T.St:8`` or, with the header's own width, ``B.T.St:8/9``."""
    made = []
    for word in text.split():
        name, _, widths = word.partition(":")
        width, _, header_width = widths.partition("/")
        made.append(Column(name, int(width), int(header_width or width)))
    return tuple(made)


_STATES = "Base.St:9 Volt.St:9 Curr.St:9 Temp.St:9 Coulomb:9 Time:21 B.V.St:9"
_A = f"Power:6 Volt:7 Curr:7 Tempr:7 Tlow:7 Thigh:7 Vlow:7 Vhigh:7 {_STATES}"
_D = (
    "Power:6 Volt:7 Curr:7 Tempr:7 Tlow:7 Tlow.Id:9 Thigh:7 Thigh.Id:9 Vlow:7 Vlow.Id:9 Vhigh:7 Vhigh.Id:9 "
    f"{_STATES} B.T.St:8 MosTempr:9"
)
LAYOUTS = {
    Pwr.A: _columns(f"{_A} B.T.St:8"),
    Pwr.B: _columns(f"{_A} B.T.St:8/9 MosTempr:9 M.T.St:8"),
    Pwr.C: _columns(f"{_D} M.T.St:9 SysAlarm.St:8/11"),
    Pwr.D: _columns(f"{_D} M.T.St:8"),
    Pwr.E: _columns(f"{_A} B.T.St:9 Barcode:21 DevType:20"),
}
"""The columns in the order in which they are printed."""

_HAS_DASHES = {Pwr.A: Pwr.A, Pwr.B: Pwr.A, Pwr.C: Pwr.A, Pwr.D: Pwr.A, Pwr.E: Pwr.E}
"""Absent rows keep the layout that they had before others grew columns."""


def modules(stack: VirtualStack) -> ConsoleAnswer:
    """``pwr``: a row for each slot."""
    firmware = stack.firmware
    columns = LAYOUTS[firmware.pwr]
    lines = ["".join(column.name.ljust(column.header_width) for column in columns) + TABLE]
    for slot, module in stack.rows():
        if module is not None:
            # A row of layout E ends as nothing else does.
            lines.append(_row(stack, slot, module) + ("\n\r\n" if firmware.pwr is Pwr.E else TABLE))
        elif firmware.absent_rows:
            lines.append(_absent(slot, firmware.pwr) + TABLE)
    return ConsoleAnswer(pages=("".join(lines).rstrip("\r\n") + LISTING,), at=TABLE)


def _row(stack: VirtualStack, slot: int, module: VirtualModule) -> str:
    reported = _measured(module) | _states(stack, module) | {"Power": str(slot)}
    row = "".join(reported[column.name].ljust(column.width) for column in LAYOUTS[stack.firmware.pwr])
    # A module without the sensor pushes its dashes one to the right.
    return row if firmware_of(module.model).mos_sensor else row.replace(" -        -", "  -        -")


def _absent(slot: int, layout: Pwr) -> str:
    reported = {"Power": str(slot), "Base.St": "Absent"}
    return "".join(reported.get(column.name, "-").ljust(column.width) for column in LAYOUTS[_HAS_DASHES[layout]])


def _measured(module: VirtualModule) -> dict[str, str]:
    cells, groups = cells_mv(module), group_temperatures(module)
    coldest, warmest = groups.index(min(groups)), groups.index(max(groups))
    first = {group_of(cell): cell for cell in reversed(range(len(cells)))}
    has_sensor = firmware_of(module.model).mos_sensor
    return {
        "Volt": str(milli(module.voltage())),
        "Curr": str(milli(module.current)),
        "Tempr": str(celsius_m(module, module.temperatures()[0])),
        "Tlow": str(groups[coldest]),
        "Tlow.Id": str(first[coldest]),
        "Thigh": str(groups[warmest]),
        "Thigh.Id": str(first[warmest]),
        "Vlow": str(min(cells)),
        "Vlow.Id": str(cells.index(min(cells))),
        "Vhigh": str(max(cells)),
        "Vhigh.Id": str(cells.index(max(cells))),
        "Coulomb": f"{round(module.soc)}%",
        "MosTempr": str(celsius_m(module, module.mosfet_temperature)) if has_sensor else "-",
        "M.T.St": column_state(module, "M.T.St") if has_sensor else "-",
    }


def _states(stack: VirtualStack, module: VirtualModule) -> dict[str, str]:
    columns = ("Volt.St", "Curr.St", "Temp.St", "B.V.St", "B.T.St")
    return {column: column_state(module, column) for column in columns} | {
        "Base.St": base_state(module),
        "Time": f"{stack.time(module):%Y-%m-%d %H:%M:%S}",
        "SysAlarm.St": "Alarm" if register(module, "fault") else "Normal",
        "Barcode": module.barcode,
        "DevType": device_name(module.model),
    }


def system(stack: VirtualStack) -> ConsoleAnswer:
    """``pwrsys``: the stack as a whole."""
    modules = [module for _, module in stack.present]
    current = sum(milli(module.current) for module in modules)
    doing = "idle" if not current else "charging" if current > 0 else "discharging"
    values = [*_counts(stack), *_sums(modules), *_extremes(modules), *_recommended(stack, modules)]
    lines = [f" {name:<25}: {value:<9}{unit}" for name, value, unit in values]
    return table([" Power System Information", " " + "-" * 33, f" System is {doing}", *lines])


_Value = tuple[str, int, str]


def _counts(stack: VirtualStack) -> list[_Value]:
    present = len(stack.present)
    return [("Total Num", len(stack.bank.modules), ""), ("Present Num", present, ""), ("Sleep Num", 0, "")]


def _sums(modules: list[VirtualModule]) -> list[_Value]:
    remaining = sum(milli(module.remaining) for module in modules)
    full = sum(milli(module.full_capacity) for module in modules)
    return [
        ("System Volt", sum(milli(module.voltage()) for module in modules) // len(modules), "mV"),
        ("System Curr", sum(milli(module.current) for module in modules), "mA"),
        ("System RC", remaining, "mAH"),
        ("System FCC", full, "mAH"),
        ("System SOC", round(100 * remaining / full), "%"),
        ("System SOH", min(module.soh for module in modules), "%"),
    ]


def _extremes(modules: list[VirtualModule]) -> list[_Value]:
    cells = [cell for module in modules for cell in cells_mv(module)]
    groups = [celsius for module in modules for celsius in group_temperatures(module)]
    return [
        (f"{word} {what}", value, unit)
        for what, unit, reported in (("voltage", "mV", cells), ("temperature", "mC", groups))
        for word, value in (
            ("Highest", max(reported)),
            ("Average", sum(reported) // len(reported)),
            ("Lowest", min(reported)),
        )
    ]


def _recommended(stack: VirtualStack, modules: list[VirtualModule]) -> list[_Value]:
    """The limits of one module and, on newer firmware, of the system."""
    charge = min(milli(module.charge_current_limit) for module in modules)
    discharge = min(milli(module.discharge_current_limit) for module in modules)
    voltages = [
        ("chg voltage", min(milli(module.model.charge_voltage_limit) for module in modules), "mV"),
        ("dsg voltage", max(milli(module.model.discharge_voltage_limit) for module in modules), "mV"),
    ]
    reported = [("Recommend", 1), *([("system Recommend", len(modules))] if stack.firmware.system_recommends else [])]
    return [
        (f"{word} {what}", value, unit)
        for word, times in reported
        for what, value, unit in [
            *voltages,
            ("chg current", times * charge, "mA"),
            ("dsg current", -times * discharge, "mA"),
        ]
    ]


def raw(_stack: VirtualStack, module: VirtualModule) -> ConsoleAnswer:
    """``getpwr``: a line for the module, one for each cell, one with the fault, one with the cycles."""
    groups = group_temperatures(module)
    head = (
        f"{milli(module.voltage()):5}# {milli(module.current):6}# {celsius_m(module, module.temperatures()[0]):6}# "
        f"{milli(module.remaining):5}# {base_state(module)}# "
        + "".join(f"{column_state(module, column)}# " for column in ("Volt.St", "Curr.St", "Temp.St"))
    )
    cells = [
        f"{mv:4}# {groups[group_of(cell)]:6}# {cell_state(module, cell, 'voltage')}# "
        f"{cell_state(module, cell, 'charge_temperature', 'discharge_temperature')}# "
        for cell, mv in enumerate(cells_mv(module))
    ]
    return table([head, *cells, f"{register(module, 'fault')}#", f"{module.cycles}#"])
