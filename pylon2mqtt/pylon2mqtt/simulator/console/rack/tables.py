"""The tables of a rack: ``pwr``, ``unit``, ``bat``, ``soh`` and ``getpwr``. Cells count from 0, units from 1."""

from collections.abc import Iterable
from statistics import mean

from pylon2mqtt.simulator.console.reading import (
    NORMAL,
    base_state,
    cell_percent,
    cell_state,
    cells_mv,
    column_state,
    milli,
    register,
)
from pylon2mqtt.simulator.console.text import ConsoleAnswer, table
from pylon2mqtt.simulator.module import VirtualModule

from .rack import VirtualRack

_PWR = (
    "Volt   Curr   Tempr  BTlow  BThigh BVlow  BVhigh UTlow  UThigh UVlow  UVhigh Base.St  Volt.St  Curr.St  Temp.St  "
    "{coulombs}Time                 B.V.St   B.T.St   U.V.St   U.T.St   Err Code"
)
_UNIT = (
    "Index  Volt   Curr   Tempr  {average}BTlow  BThigh BVlow  BVhigh Base.St  Volt.St  Temp.St  "
    "{coulombs}Time               "
)
_BAT = "Bat  Volt Curr    Tempr   V.State T.State AH(mAH)       {behind}Bal"
_TEMPERATURE = ("charge_temperature", "discharge_temperature")
# The controller takes a cell's energy for its charge at this voltage.
CELL_V = 3.2


def pwr(rack: VirtualRack) -> ConsoleAnswer:
    """``pwr``: the rack in one row, with the extremes of its modules and cells."""
    units = rack.units
    boards = [celsius_m(one.temperatures()[0]) for one in units]
    volts = [milli(one.voltage()) for one in units]
    of_units = [min(boards), max(boards), min(volts), max(volts)]
    numbers = [sum(volts), current_ma(rack), max(boards) + 3000, *extremes(units), *of_units]
    words = [state(rack), *(worst(units, column) for column in ("Volt.St", "Curr.St", "Temp.St"))]
    behind = [worst(units, column) for column in ("B.V.St", "B.T.St", "Volt.St", "Temp.St")]
    row = "".join(f"{number:<7}" for number in numbers) + "".join(f"{word:<9}" for word in words)
    row += _coulombs(rack, units) + f"{rack.now:%Y-%m-%d %H:%M:%S}  " + "".join(f"{word:<9}" for word in behind)
    head = _head(units) if rack.firmware.head else []
    return table([*head, _PWR.format(coulombs=_coulomb_header(rack)), f"{row}0x{fault(units):X}"])


def unit(rack: VirtualRack) -> ConsoleAnswer:
    """``unit``: a row for each module that answers."""
    firmware = rack.firmware
    header = _UNIT.format(average="AvgTempr " if firmware.averages else "", coulombs=_coulomb_header(rack))
    rows = [_unit_row(rack, number, one) for number, one in enumerate(rack.bank.modules, 1) if one.present]
    return table([f"AverageTempr: {average_mc(rack.units):<12}", header, *rows])


def _unit_row(rack: VirtualRack, number: int, one: VirtualModule) -> str:
    average = [average_mc([one])] if rack.firmware.averages else []
    board = celsius_m(one.temperatures()[0])
    *numbers, last = [number, milli(one.voltage()), current_ma(rack), board, *average, *extremes([one])]
    words = [base_state(one), column_state(one, "Volt.St"), column_state(one, "Temp.St")]
    row = "".join(f"{value:<7}" for value in numbers) + f"{last:<8}" + "".join(f"{word:<9}" for word in words)
    return row + _coulombs(rack, [one]) + f"{rack.now:%Y-%m-%d %H:%M:%S} "


def bat(rack: VirtualRack) -> ConsoleAnswer:
    """``bat``: what the rack takes and gives, and all its cells one behind the other."""
    units = rack.units
    charge, discharge = limits(units)
    lines = [
        f"Time: {rack.now:%Y-%m-%d %H:%M:%S} ",
        f"A.Tempr: {average_mc(units):<7}",
        f"C.Curr : {milli(charge):<8}mA",
        f"D.Curr : {milli(discharge):<8}mA",
        f"B.State: {state(rack):<7}",
        "BalVolt: 3360",
        _BAT.format(behind="WH(mWH)            " if rack.firmware.energy else "      " * rack.firmware.bat_units),
    ]
    rows = (_cell_row(rack, one, cell) for one in units for cell in range(len(one.cells)))
    return table([*lines, *(f"{number:<5}{row}" for number, row in enumerate(rows))])


def _cell_row(rack: VirtualRack, one: VirtualModule, cell: int) -> str:
    charge, percent = one.cell_charges()[cell], cell_percent(one, cell)
    words = [cell_state(one, cell, "voltage"), cell_state(one, cell, *_TEMPERATURE)]
    numbers = f"{cells_mv(one)[cell]:<5}{current_ma(rack):<8}{group_mc(one, cell):<8}"
    energy = f" {percent:3}%{milli(charge * CELL_V):13}" if rack.firmware.energy else ""
    reported = f"{milli(charge):11} mAH" if rack.firmware.bat_units else f"{milli(charge):9}"
    shares = f"{percent:3}%{reported}{energy}"
    return numbers + "".join(f"{word:<8}" for word in words) + f"{shares}   {'Y' if one.balancing[cell] else 'N'}"


def soh(rack: VirtualRack) -> ConsoleAnswer:
    """``soh``: how often each cell of the rack was found weak."""
    volts = [mv for one in rack.units for mv in cells_mv(one)]
    rows = [f"{cell:<11}{mv:<11}{0:<11}{NORMAL:<10}" for cell, mv in enumerate(volts)]
    return table(["Battery    Voltage    SOHCount   SOHStatus ", *rows])


def getpwr(rack: VirtualRack) -> ConsoleAnswer:
    """``getpwr``: the rack, its energy in Wh, all its cells, its faults and its cycles."""
    units = rack.units
    board = max(celsius_m(unit.temperatures()[0]) for unit in units)
    words = [state(rack), *(worst(units, column) for column in ("Volt.St", "Curr.St", "Temp.St"))]
    energy = round(sum(energy_wh(one) for one in units))
    first = f"{sum(milli(one.voltage()) for one in units)}#{current_ma(rack):7}#{board:7}#{energy:6}# "
    cells = [
        f"{mv}#{group_mc(one, cell):7}# {cell_state(one, cell, 'voltage')}# {cell_state(one, cell, *_TEMPERATURE)}# "
        for one in units
        for cell, mv in enumerate(cells_mv(one))
    ]
    return table([first + "".join(f"{word}# " for word in words), *cells, f"{fault(units)}# ", f"{cycles(rack)}# "])


# -------------------- what the controller has measured


def extremes(units: Iterable[VirtualModule]) -> list[int]:
    """The lowest and highest temperature and voltage of these modules' cells, in m°C and mV."""
    groups = [group_mc(one, cell) for one in units for cell in range(len(one.cells))]
    volts = [mv for one in units for mv in cells_mv(one)]
    return [min(groups), max(groups), min(volts), max(volts)]


def celsius_m(value: float) -> int:
    """°C in m°C, in whole degrees."""
    return round(value) * 1000


def group_mc(one: VirtualModule, cell: int) -> int:
    """The temperature of a cell's group; there are four in each module."""
    return celsius_m(one.temperatures()[1:5][4 * cell // len(one.cells)])


def average_mc(units: Iterable[VirtualModule]) -> int:
    """The mean of these modules' cells, in m°C."""
    return int(mean(group_mc(one, cell) for one in units for cell in range(len(one.cells))))


def current_ma(rack: VirtualRack) -> int:
    """The one current."""
    return milli(rack.bank.current)


def state(rack: VirtualRack) -> str:
    """What the rack is doing: what its modules do, and at fault where one is."""
    words = {base_state(one) for one in rack.units}
    return "SysError" if "SysError" in words else base_state(rack.units[0])


def worst(units: Iterable[VirtualModule], column: str) -> str:
    """The word of a state column over these modules."""
    return next((word for one in units if (word := column_state(one, column)) != NORMAL), NORMAL)


def fault(units: Iterable[VirtualModule]) -> int:
    """The faults of these modules."""
    bits = 0
    for one in units:
        bits |= register(one, "fault")
    return bits


def limits(units: Iterable[VirtualModule]) -> tuple[float, float]:
    """What may be charged and discharged, in A: the least of what the modules admit."""
    listed = list(units)
    return min(one.charge_current_limit for one in listed), min(one.discharge_current_limit for one in listed)


def energy_wh(one: VirtualModule) -> float:
    """What a module's cells hold."""
    return sum(one.cell_charges()) * CELL_V


def emptiest(units: Iterable[VirtualModule]) -> tuple[float, int]:
    """The charge of the emptiest cell, in Ah, and its percents."""
    charge, full = min((min(one.cell_charges()), one.full_capacity) for one in units)
    return charge, round(100 * charge / full)


def cycles(rack: VirtualRack) -> int:
    """The rack's cycles: those of its oldest module."""
    return max(one.cycles for one in rack.bank.modules)


def _head(units: list[VirtualModule]) -> list[str]:
    """The mean temperature, and the voltage by two more meters, which all differ a little."""
    volts = sum(milli(one.voltage()) for one in units)
    reported = {"AverageTempr": average_mc(units), "DC Volt": volts - 500, "Bat Volt": volts + 300}
    return [f"{key:<15}: {value:<12}" for key, value in reported.items()]


def _coulomb_header(rack: VirtualRack) -> str:
    return "CoulombAH                CoulombWH              " if rack.firmware.energy else "CoulombAH               "


def _coulombs(rack: VirtualRack, units: list[VirtualModule]) -> str:
    """The charge, that of the emptiest cell, and the energy of all cells, each with its share."""
    charge, percent = emptiest(units)
    reported = f"{percent:3}%{milli(charge):15} mAH "
    if (unit_name := rack.firmware.energy) is None:
        return reported
    full = sum(one.full_capacity * len(one.cells) * CELL_V for one in units)
    energy = sum(energy_wh(one) for one in units)
    value = milli(energy) if unit_name == "mWH" else round(energy)
    return reported + f" {round(100 * energy / full):2}%{value:16} {unit_name} "
