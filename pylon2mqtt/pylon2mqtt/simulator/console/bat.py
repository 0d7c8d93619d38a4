"""The tables of a module's cells: ``bat`` and ``soh``. Cells count from 0."""

from pylon2mqtt.simulator.module import VirtualModule

from .firmware import Bat, Soh
from .reading import NORMAL, base_state, cell_percent, cell_state, cells_mv, group_of, group_temperatures, milli
from .stack import VirtualStack
from .text import ConsoleAnswer, table

_WIDTHS = {"Battery": 9, "Volt": 9, "Curr": 9, "Tempr": 9}
_STATE_WIDTH = 13
_HEADERS = {
    Bat.OLD: "Battery|Volt|Curr|Tempr|Base State|Volt. State|Curr. State|Temp. State|Coulomb     ",
    Bat.NEW: "Battery|Volt|Curr|Tempr|Base State|Volt. State|Curr. State|Temp. State|SOC|Coulomb|BAL         ",
    Bat.SPLIT: "Battery|Volt|Curr|Tempr|Base State|Volt. State|Curr. State|DTemp. State|CTemp. State|SOC|"
    "Coulomb          BAL ",
    Bat.WITHOUT_CURRENT: "Battery|Volt|Tempr|Base State|Volt. State|Curr. State|Temp. State|Coulomb     ",
}
_TEMPERATURE = ("charge_temperature", "discharge_temperature")


def cells(stack: VirtualStack, module: VirtualModule, only: int | None = None) -> ConsoleAnswer:
    """``bat``: a row for each cell, or for one."""
    layout = stack.firmware.bat
    *names, last = _HEADERS[layout].split("|")
    header = "".join(name.ljust(_WIDTHS.get(name, _STATE_WIDTH)) for name in names) + last
    wanted = range(len(module.cells)) if only is None else [only]
    return table([header, *(_row(stack, module, cell) for cell in wanted)])


def _row(stack: VirtualStack, module: VirtualModule, cell: int) -> str:
    layout = stack.firmware.bat
    current = [] if layout is Bat.WITHOUT_CURRENT else [milli(module.current)]
    celsius = group_temperatures(module)[group_of(cell)]
    numbers = [cell, cells_mv(module)[cell], *current, celsius]
    temperatures = (
        [cell_state(module, cell, "discharge_temperature"), cell_state(module, cell, "charge_temperature")]
        if layout is Bat.SPLIT
        else [cell_state(module, cell, *_TEMPERATURE)]
    )
    words = [base_state(module), cell_state(module, cell, "voltage"), cell_state(module, cell, "current")]
    row = "".join(f"{number:<9}" for number in numbers)
    return row + "".join(word.ljust(_STATE_WIDTH) for word in words + temperatures) + _charge(stack, module, cell)


def _charge(stack: VirtualStack, module: VirtualModule, cell: int) -> str:
    charge, percent = milli(module.cell_charges()[cell]), cell_percent(module, cell)
    bled = "Y" if module.balancing[cell] else "N"
    if stack.firmware.bat is Bat.NEW:
        return f"{percent:2}%         {charge:5} mAH      {bled}"
    if stack.firmware.bat is Bat.SPLIT:
        reported = charge if stack.firmware.reports_slaves_charge or not stack.is_slave(module) else 0
        return f"{f'{percent}%':<13}{reported:<13}mAH {bled}"
    return f"{percent:3}%      {charge:5} mAH"


def health(stack: VirtualStack, module: VirtualModule) -> ConsoleAnswer:
    """``soh``: how often each cell was found weak. Of the hexadecimal form no meaning is known: zeros."""
    volts = cells_mv(module)
    title = f"Power   {stack.slot_of(module)}"
    if stack.firmware.soh is Soh.HEX:
        rows = [f"{cell:<11}{mv:<11}{0:08X}" for cell, mv in enumerate(volts)]
        return table([title, "Battery    Voltage    M-H$", *rows])
    rows = [f"{cell:<11}{mv:<11}{0:<11}{NORMAL:<10}" for cell, mv in enumerate(volts)]
    return table([title, "Battery    Voltage    SOHCount   SOHStatus ", *rows])
