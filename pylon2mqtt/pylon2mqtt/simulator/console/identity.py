"""What a module is and has been through: ``info``, ``stat``, ``euro`` and ``ver``."""

from pylon2mqtt.simulator.module import VirtualModule

from .firmware import Bat, Firmware, device_name, firmware_of
from .reading import milli
from .stack import VirtualStack
from .text import ConsoleAnswer, listing, table

_HEAD = "Device address|Manufacturer|Device name|Board version"
_VERSIONS = "Soft  version|Boot  version|Comm version|Release Date|Barcode"
_TAIL = "Specification|Cell Number|Max Dischg Curr|Max Charge Curr"

_STAT_HEAD = "Data Items|HisData Items|Charge Cnt.|Discharge Cnt.|Charge Times|Status Cnt.|Idle Times"
_STAT_WRONG = (
    "Bat OV Times|Bat HV Times|Bat LV Times|Bat UV Times|Bat SLP Times|"
    "Pwr OV Times|Pwr HV Times|Pwr LV Times|Pwr UV Times|Pwr SLP Times|"
    "COT Times|CUT Times|DOT Times|DUT Times|CHT Times|CLT Times|DHT Times|DLT Times"
)
_STAT_TAIL = "Shut Times|Reset Times|RV Times|Input OV Times|SOH Times|BMICERR Times|CYCLE Times"
_STAT_END = "HT@0.5C Cnt|LT@0.5C Cnt|HT Cnt|LT Cnt|LV Cnt|LifeWarn Times|LifeAlarm Times"
_CLASSES = (
    "Pov Items|Puv Items|Plv Items|Bov Items|Buv Items|Input ov Items|Coc Items|"
    "ChgCurr 0~0.2C Secs|ChgCurr 0.2C~0.5C Secs|ChgCurr 0.5C~0.8C Secs|ChgCurr 0.8C~1C Secs|ChgCurr 1C above Secs|"
    "DsgCurr 0~0.2C Secs|DsgCurr 0.2C~0.5C Secs|DsgCurr 0.5C~0.8C Secs|DsgCurr 0.8C~1C Secs|DsgCurr 1C above Secs|"
    "Soc 0~20% Secs|Soc 20~60% Secs|Soc 60% above Secs|Soc Low Thd1 Sec"
)
_CURRENTS = "COC Times|DOC Times|COCA Times|DOCA Times|SC Times"
_TWO_STAGES = "COC Times|COC2 Times|DOC Times|DOC2 Times|COCA Times|DOCA Times|SC Times"
_US3000D = (
    "Charge Secs.|Discharge Secs.|Charge Times|Discharge Times|Idle Times|COC2 Times|DOC2 Times|COC Times|DOC Times|"
    f"COCA Times|DOCA Times|SC Times|{_STAT_WRONG.replace('DHT Times|DLT', 'DLT Times|DHT')}|RV Times|"
    "Input OV Times|SOH Times|BMICERR Times|CYCLE Times|SOH|"
    "Dsg Cap|HT@0.5C Secs|LT@0.5C Secs|HT Secs|LT Secs|LV Secs|SOC LOW Secs|Shut Times|Reset Times|Power on Times"
)
_RULE = "=" * 59


def info(stack: VirtualStack, module: VirtualModule) -> ConsoleAnswer:
    """``info``: who made it, what it is and which software it runs; an empty key stands for a blank line."""
    own = firmware_of(module.model)
    reported = _info_values(stack, module, own)
    keys = _info_keys(stack.firmware, own)
    return listing([f"{key:<20}: {reported[key]}" if key else "" for key in keys])


def _info_keys(master: Firmware, own: Firmware) -> list[str]:
    is_v5 = master.bat is Bat.WITHOUT_CURRENT
    return [
        *_HEAD.split("|"),
        *(["Board"] if own.board else []),
        "Main Soft version",
        *(["Iterate version"] if is_v5 else []),
        *_VERSIONS.split("|"),
        *(["Board ID", "Board SRAM Size", "Board FLASH Size"] if is_v5 else [""]),
        *_TAIL.split("|"),
        *(["EPONPort rate"] if master.manufacturer == "Pylon" else []),
        "Console Port rate",
    ]


def _info_values(stack: VirtualStack, module: VirtualModule, own: Firmware) -> dict[str, str]:
    limits = module.model.parameters
    cells = len(module.cells)
    return {
        "Device address": str(stack.slot_of(module)),
        "Manufacturer": own.manufacturer,
        "Device name": device_name(module.model),
        "Board version": own.board_version,
        "Board": own.board or "",
        "Main Soft version": own.main_soft,
        "Iterate version": f"{own.main_soft}.T5",
        "Soft  version": own.soft,
        "Boot  version": own.boot,
        "Comm version": "V2.0",
        "Release Date": own.released,
        "Barcode": module.barcode,
        "Board ID": f"GD32{module.barcode[5:]}",
        "Board SRAM Size": "96KB",
        "Board FLASH Size": "256KB",
        "Specification": f"{'48' if cells == 15 else f'{3.2 * cells:g}'}V/{module.model.capacity:g}AH",
        "Cell Number": str(cells),
        "Max Dischg Curr": f"{-milli(limits.discharge_current)}mA",
        "Max Charge Curr": f"{milli(limits.charge_current)}mA",
        "EPONPort rate": "1200",
        "Console Port rate": "115200",
    }


def stat(stack: VirtualStack, module: VirtualModule) -> ConsoleAnswer:
    """``stat``: counters since the works, most of them zero in a bank that never came to harm."""
    is_v5 = stack.firmware.bat is Bat.WITHOUT_CURRENT
    width = 10 if is_v5 else 8
    counted = _counters(stack, module)
    lines = [f"{key:<16}: {counted.get(key, 0):>{width}}" for key in _stat_keys(stack.firmware)]
    if stack.firmware.classes:
        lines += [f"{key:<25}: {counted.get(key, 0):>{width}}" for key in _CLASSES.split("|")]
    return table([f"{'Device address':<16}  {stack.slot_of(module):>{width}}", *lines])


def _stat_keys(firmware: Firmware) -> list[str]:
    if firmware.milli_cycles:
        return _US3000D.split("|")
    is_v5 = firmware.bat is Bat.WITHOUT_CURRENT
    soh = "SOH|" if firmware.reports_soh else ""
    cap = "" if is_v5 else "|Dsg Cap"
    tail = _STAT_TAIL.replace("BMICERR", "I2CERR") if is_v5 else _STAT_TAIL
    head = _STAT_HEAD.replace("HisData Items", "HisData Items|MiscData Items") if firmware.misc_items else _STAT_HEAD
    currents = _TWO_STAGES if firmware.two_stage_currents else _CURRENTS
    end = _STAT_END.partition("|LifeWarn")[0] if firmware.classes else _STAT_END
    keys = f"{head}|{currents}|{_STAT_WRONG}|{tail}|{soh}Pwr Percent|Pwr Coulomb{cap}|{end}"
    return keys.split("|")


def _counters(stack: VirtualStack, module: VirtualModule) -> dict[str, int]:
    """The counters that are not zero; ``SOH`` of a slave is 0, ``Pwr Coulomb`` is in mAs, ``Dsg Cap`` in mAh."""
    cycles = module.discharged / module.model.capacity
    return {
        "Data Items": module.cycles % 1700,
        "HisData Items": 1794,
        "MiscData Items": module.cycles * 9,
        "Charge Times": module.cycles * 41 + 7,
        "Discharge Times": module.cycles * 43 + 2,
        "Idle Times": module.cycles * 17,
        "Charge Secs.": module.cycles * 7200,
        "Discharge Secs.": module.cycles * 7900,
        "ChgCurr 0~0.2C Secs": module.cycles * 4720,
        "ChgCurr 0.2C~0.5C Secs": module.cycles * 1311,
        "DsgCurr 0~0.2C Secs": module.cycles * 14023,
        "DsgCurr 0.2C~0.5C Secs": module.cycles * 290,
        "Soc 0~20% Secs": module.cycles * 527,
        "Soc 20~60% Secs": module.cycles * 8605,
        "Soc 60% above Secs": module.cycles * 14316,
        "Shut Times": module.number,
        "Reset Times": 10 + module.number,
        "CYCLE Times": int(1000 * cycles) if stack.firmware.milli_cycles else module.cycles,
        "SOH": 0 if stack.is_slave(module) else module.soh,
        "Pwr Percent": round(module.soc),
        "Pwr Coulomb": round(module.remaining * 3600 * 1000),
        "Dsg Cap": milli(module.discharged),
    }


def euro(stack: VirtualStack) -> ConsoleAnswer:
    """``euro``: the values of the EU's battery passport, of the module alone that holds the cable.

    The keys are those that others read; widths guessed. What was never programmed is dashes or 0.
    """
    module = stack.master
    is_single = stack.firmware.milli_cycles
    dates = [("Date of manufacture", "-" * 10), ("Date of putting into service", "-" * 10), ("Storage", "- days")]
    body = [
        *(f"{key:<30}: {text:>9}" for key, text in dates),
        _RULE,
        *(f"{key:<20}: {text}" for key, text in _health(module, is_single=is_single)),
        _RULE,
        *(f"{key:<20}: {text}" for key, text in _lifetime(module, is_single=is_single)),
    ]
    return table([_RULE, *body])


def _health(module: VirtualModule, *, is_single: bool) -> list[tuple[str, str]]:
    capacity = f"{round(module.full_capacity):9} Ah"
    capacities = (
        [("Remain Cap.", capacity)] if is_single else [("Remain Cap. 1", capacity), ("Remain Cap. 2", capacity)]
    )
    return [
        *capacities,
        ("Remain Power", f"{round(module.discharge_current_limit * module.voltage()):9} W"),
        ("Round Trip Eff.", f"{96:9}"),
        ("Self Dsg Rate", f"{0:9}"),
        ("Resistence", f"{round(1000 * module.resistance):9} mOhm"),
    ]


def _lifetime(module: VirtualModule, *, is_single: bool) -> list[tuple[str, str]]:
    """Throughput: whole Wh or Ah, and what is left over in mWs or mAs."""
    watt_hours = module.discharged * 3.2 * len(module.cells)
    reported = []
    for prefix, share in (("", 2.04),) if is_single else (("Chg. ", 1.04), ("Dsg. ", 1.0)):
        for what, unit, sub, hours in (("Energy", "Wh", "mWs", watt_hours), ("Capac.", "Ah", "mAs", module.discharged)):
            whole, part = divmod(hours * share, 1)
            reported.append((f"{prefix}{what} Thro.", f"{int(whole):9} {unit}   {int(part * 3600 * 1000)} {sub}"))
    return [
        *reported,
        ("Deep Dsg. Count", f"{0:9}"),
        ("Extr. Tempr Total", f"{0:9} Sec."),
        ("Extr. Tempr Chg.", f"{0:9} Sec."),
        ("Chg. Dsg. Cycle", f"{module.cycles:9}"),
        *([] if is_single else [("Chg. Dsg. Cycle2", f"{0:9}")]),
    ]


def ver(stack: VirtualStack) -> ConsoleAnswer:
    """``ver``: the software in both halves of the memory."""
    own = stack.firmware
    # The version of the main half brings a line end of its own.
    halves = [
        ("Main", f"{own.main_soft}.T5\n \r\n", f"20{own.released} 08:00:00"),
        ("Backup", "", "2000-00-00 00:00:00"),
    ]
    lines = []
    for name, version, date in halves:
        size = " Size    : 0"
        version_and_size = [f" Version : {version}{size}"] if version else [" Version : ", size]
        lines += [f" {name} Version:", *version_and_size, f" Date    : {date}", ""]
    return table([*lines, " Active version : Main"])
