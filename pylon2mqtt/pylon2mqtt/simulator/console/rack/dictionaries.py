"""What a rack's controller is and has been through: ``info``, ``bmuinfo``, ``sysinfo``, ``stat`` and ``data event``."""

from pylon2mqtt.simulator.console.reading import (
    cell_percent,
    cell_state,
    cells_mv,
    charge_state,
    milli,
    names,
    register,
)
from pylon2mqtt.simulator.console.text import LISTING, TABLE, ConsoleAnswer, listing, table
from pylon2mqtt.simulator.module import VirtualModule

from .rack import VirtualRack
from .tables import CELL_V, average_mc, cycles, emptiest, extremes, fault, group_mc, limits, state, worst

_RULE = "-" * 47
_TEMPERATURE = ("charge_temperature", "discharge_temperature")
_STEPS = {
    "Vol High 4": "3600       mV", "Vol High 4R": "3400       mV", "Vol High 3": "3550       mV",
    "Vol Low  1": "2900       mV", "Vol Low  1R": "3200       mV", "Vol Low  2": "2800       mV",
    "Temp High 2": "50000     ", "Temp High 2R": "45000     ", "Temp Nor Low 1": "17500     ",
    "Temp Low 1": "10000     ", "Temp Low 3": "-10000    ", "Bal High 5": "150       ", "Bal High 1": "50        ",
    "FChgV": "2850      ", "FChgVR": "3200      ", "FChgS": "4         ", "FChgSR": "10        ",
}  # fmt: skip
_STAT = (
    "EvenData Items|HistData Items|MiscData Items|Charge Cnt.|Discharge Cnt.|Charge Times|Status Cnt.|Idle Times|"
    "COC Times|DOC Times|COCA Times|DOCA Times|SC Times|"
    "Bat OV Times|Bat HV Times|Bat LV Times|Bat UV Times|Bat SLP Times|"
    "Pwr OV Times|Pwr HV Times|Pwr LV Times|Pwr UV Times|Pwr SLP Times|"
    "Bat OT Times|Bat UT Times|Bat HT Times|Bat LT Times|Board OT Times|Board UT Times|Board HT Times|Board LT Times|"
    "Shut Times|Reset Times|RV Times|Input OV Times|SOH Times|BMICERR Times|CYCLE Times|Pwr Percent|Pwr Coulomb(mAS)"
)
_ENERGIES = (
    "His.Chg Cap(WH)|His.Chg Capl(mWH) |His.Dsg Cap(WH)|His.Dsg Capl(mWH) |Day Chg Cap(WH)|Day Chg Capl(mWH) |"
    "Day Dsg Cap(WH)|Day Dsg Capl(mWH) |Min.Chg Cap(WH)|Min.Dsg Cap(WH)"
)


def info(rack: VirtualRack) -> ConsoleAnswer:
    """``info``: the controller, then its modules."""
    firmware, model, units = rack.firmware, rack.model, rack.bank.modules
    count = len(units) * model.cells
    reported = {
        "Device address": "1" if firmware.blocks == "Unit" else "0",
        "Manufacturer": "Pylon",
        "Device name": firmware.device,
        "Board version": firmware.board,
        "Hard  version": "V10R9C5",
        "Main Soft version": firmware.main_soft,
        "Soft  version": firmware.soft,
        "Boot  version": "V1.4",
        "Comm version": "V2.0",
        "Release Date": firmware.released,
        **({"Barcode": " " * 16} if firmware.blocks == "BMU" else {}),
        "PCBA Barcode": f"{_board(rack.barcode):<32}",
        "Module Barcode": f"{rack.barcode:<32}",
        "PowerSupply Barcode": f"{'100001':<18}",
        "Device Test Time": "2025-05-09 16:45:48",
        "Specification": firmware.specification.format(volts=round(count * CELL_V), capacity=f"{model.capacity:g}"),
        "Cell Number": str(count),
        "Max Dischg Curr": f"{-milli(model.parameters.discharge_current)}mA",
        "Max Charge Curr": f"{milli(model.parameters.charge_current)}mA",
        "Shut Circuit": "Yes  ",
        "Relay Feedback": "Yes  ",
    }
    numbers = range(len(units) - 1, -1, -1) if firmware.blocks == "BMU" else range(1, len(units) + 1)
    blocks = [
        line
        for number, unit in zip(numbers, units, strict=True)
        for line in (
            f"{firmware.blocks} {number} Barcode   ",
            f"Module:   : {unit.barcode:<32}",
            f"PCBA:     : {_board(unit.barcode):<32}",
        )
    ]
    return listing([*(f"{key:<20}: {value}" for key, value in reported.items()), *blocks])


def bmuinfo(rack: VirtualRack, number: int) -> ConsoleAnswer | None:
    """``bmuinfo N``: one module's own board, the last module first; None: there is none."""
    if number >= len(rack.bank.modules):
        return None
    unit = rack.bank.modules[-1 - number]
    reported = {
        "Manufacturer": "Pylon",
        "Device name": "BMU",
        "Board version": "LT30SV20R02",
        "PCBA Barcode": _board(unit.barcode),
        "PowerSupply Barcode": f"{'100001':<18}",
        "Device Test Time": "2025-08-15 13:01:51",
        "Specification": f"{unit.model.capacity:g}AH",
        "Cell Number": str(len(unit.cells)),
    }
    return listing([f"{key:<20}: {value}" for key, value in reported.items()])


def sysinfo(rack: VirtualRack) -> ConsoleAnswer:
    """``sysinfo``: what the rack admits and asks for, and where its limits are."""
    model, count = rack.model, len(rack.units)
    charge, discharge = limits(rack.units)
    reported = {
        "Chg Sug Volt": f"{milli(count * model.charge_voltage_limit):<10} mV",
        "Chg Cut Volt": f"{milli(count * model.cells * 3.6):<10} mV",
        "Dsg Cut Volt": f"{milli(count * model.discharge_voltage_limit):<10} mV",
        "Max Chg Curr": f"{milli(charge):<10} mA",
        "Max Dsg Curr": f"{-milli(discharge):<10} mA",
        "Bal Chg Req": f"{_yes(any(one.full_charge_requested for one in rack.units)):<10}",
        "Force Chg Req": f"{_yes(any(one.force_charge_1 for one in rack.units)):<10}",
    }
    return table([f" {key:<19}: {value}" for key, value in (reported | _STEPS).items()])


def stat(rack: VirtualRack) -> ConsoleAnswer:
    """``stat``: counters since the works, most of them zero in a rack that never came to harm."""
    charge, percent = emptiest(rack.bank.modules)
    keys = _STAT.split("|")
    counted = {
        "EvenData Items": 318,
        "HistData Items": 512,
        "Charge Times": cycles(rack) * 41 + 7,
        "Shut Times": 2,
        "Reset Times": 19,
        "CYCLE Times": cycles(rack),
        "Pwr Percent": percent,
        "Pwr Coulomb(mAS)": milli(charge * 3600),
        "Dsg Cap(mAH)": milli(_discharged(rack)),
        "SOH Percent": min(one.soh for one in rack.bank.modules),
    }
    energies = _energies(rack, charge, percent) if rack.firmware.energy else {}
    keys += [key for key in energies if key.startswith(("Pwr", "Bat"))] + ["Dsg Cap(mAH)", "SOH Percent"]
    if energies:
        keys += _ENERGIES.split("|")
    lines = [f"{key:<16}: {(counted | energies).get(key, 0):>8}" for key in keys]
    return table([f"{'Device address':<16}  {0:>8}", *lines])


def _discharged(rack: VirtualRack) -> float:
    """All charge that ever left the rack, in Ah."""
    return max(one.discharged for one in rack.bank.modules)


def _energies(rack: VirtualRack, charge: float, percent: int) -> dict[str, int]:
    """What ``stat`` counts in Wh, whole and thousandths. The energy of one cell, in µWh, has a wrong unit in most."""
    unit = "uWH" if rack.firmware.energy == "mWH" else "mWH"
    discharged = _discharged(rack) * CELL_V * sum(len(one.cells) for one in rack.bank.modules)
    counted = {"Pwr PercentWatt": percent, f"Bat CoulWatt({unit})": round(charge * CELL_V * 1e6)}
    for prefix, energy in (("His.Chg", 1.04 * discharged), ("His.Dsg", discharged)):
        whole, part = divmod(milli(energy), 1000)
        counted |= {f"{prefix} Cap(WH)": whole, f"{prefix} Capl(mWH) ": part}
    return counted


def event(rack: VirtualRack, number: int) -> ConsoleAnswer | None:
    """``data event N``: the state of now, as the only record; None: there is no such record."""
    if number > 0:
        return None
    units = rack.units
    states = (("Volt. State", "Volt.St"), ("Curr. State", "Curr.St"), ("Tempr. State", "Temp.St"))
    first = [
        f"{'Item Index':<16}: {number}",
        f"{'Time':<16}: {rack.now:%y-%m-%d %H:%M:%S}",
        f"{'Voltage':<16}: {sum(milli(one.voltage()) for one in units):<12}mV",
        f"{'Current':<16}: {milli(rack.bank.current):<12}mA",
        f"{'Temperature':<16}: {average_mc(units):<12}mC",
        f"{'Percent':<16}: {round(min(one.soc for one in units)):<12}%",
        f"{'Base State':<16}: {state(rack):<12}",
        *(f"{key:<16}: {worst(units, column):<12}" for key, column in states),
        f"{'Coul. Status':<16}: {charge_state(units[0]):<12}",
        *(f"{key:<16}: {_register(units, name)}" for key, name in (("Power Events", "power"), ("Bat Events", "bat"))),
        f"{'Unit Events':<16}: 0x0        ",
        f"{'System Fault':<16}: 0x{fault(units):X} ",
    ]
    cells = ["Battery  Volt     Tempr    Volt. State  Temp. State  Coulomb     ", *_cells(units)]
    modules = ["Unit     Volt     Tempr    BTLow    BTHigh   BVLow    BVHigh   Volt. State  Temp. State  Coulomb     "]
    modules += [
        "".join(f"{value:<9}" for value in (i, milli(one.voltage()), average_mc([one]), *extremes([one])))
        + f"{worst([one], 'Volt.St'):<13}{worst([one], 'Temp.St'):<13}{round(one.soc)}%"
        for i, one in enumerate(units)
    ]
    body = TABLE.join([*first, _RULE, *cells, _RULE, *modules])
    return ConsoleAnswer(pages=(_RULE + LISTING + body + LISTING,), at=TABLE)


def _cells(units: list[VirtualModule]) -> list[str]:
    rows = [
        f"{mv:<9}{group_mc(one, cell):<9}{cell_state(one, cell, 'voltage'):<13}"
        f"{cell_state(one, cell, *_TEMPERATURE):<13}{cell_percent(one, cell)}%"
        for one in units
        for cell, mv in enumerate(cells_mv(one))
    ]
    return [f"{number:<9}{row}" for number, row in enumerate(rows)]


def _register(units: list[VirtualModule], name: str) -> str:
    bits = 0
    for one in units:
        bits |= register(one, name)
    return f"0x{bits:<8X} {names(bits, name)}"


def _board(barcode: str) -> str:
    """The barcode of the board in what has this barcode."""
    return f"SIMPCB{barcode[3:]}"


def _yes(flag: bool) -> str:
    return "Yes" if flag else "NO"
