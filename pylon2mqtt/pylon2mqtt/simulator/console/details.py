"""``pwr N``: everything about one module, key by key, with its events."""

from collections.abc import Iterator

from pylon2mqtt.model.units import AlarmKind
from pylon2mqtt.simulator.module import VirtualModule

from .firmware import Pwr, device_name, firmware_of
from .reading import SIGNS, base_state, charge_state, column_state, milli, names, register
from .reading import celsius_m as reported_celsius
from .stack import VirtualStack
from .text import LISTING, TABLE, ConsoleAnswer

_RULE = " " + "-" * 28
_BAT_PROTECTS = "BOV BHV BLV BUV"
_TEMPERATURE_PROTECTS = "CBOT CBHT CBLT CBUT DBOT DBHT DBLT DBUT POT PHT"
_CURRENT_PROTECTS = "COC COC2 COCA DOCA DOC DOC2 SC"
_PROTECTS = f"{_BAT_PROTECTS} POV PHV PLV PUV {_TEMPERATURE_PROTECTS} {_CURRENT_PROTECTS} LCOUL"
_US3000D_PROTECTS = f"{_BAT_PROTECTS} POV PHV PLV PUV {_TEMPERATURE_PROTECTS} PLT PUT {_CURRENT_PROTECTS}"
_PYTES_BAT, _PYTES_PWR = "OV HV LV UV SLP OT HT LT UT", "OV HV LV UV SLP OT HT LT UT COC COC2 COCA DOCA DOC DOC2 SC"
_PASSING = {"Charge": "Charge Sec.", "Dischg": "Discharge Sec."}

_VOLTAGE_BITS = {"OV": 0x1, "HV": 0x2, "VNOR": 0x4, "LV": 0x8, "UV": 0x10}
_TEMPERATURE_BITS = {"OT": 0x2, "HT": 0x4, "TNOR": 0x8, "LT": 0x10, "UT": 0x20}
_STATUS_WORDS = (
    ("Bat Volt Status", "B", _VOLTAGE_BITS, {AlarmKind.CELL_OVERVOLTAGE, AlarmKind.CELL_UNDERVOLTAGE}),
    (
        "Bat Tmpr Status",
        "B",
        _TEMPERATURE_BITS,
        {
            AlarmKind.CHARGE_OVERTEMPERATURE,
            AlarmKind.CHARGE_UNDERTEMPERATURE,
            AlarmKind.DISCHARGE_OVERTEMPERATURE,
            AlarmKind.DISCHARGE_UNDERTEMPERATURE,
        },
    ),
    ("Pwr Volt Status", "P", _VOLTAGE_BITS, {AlarmKind.MODULE_OVERVOLTAGE, AlarmKind.MODULE_UNDERVOLTAGE}),
    ("Pwr Tmpr Status", "P", _TEMPERATURE_BITS, {AlarmKind.OVERTEMPERATURE, AlarmKind.UNDERTEMPERATURE}),
    ("Mos Tmpr Status", "M", _TEMPERATURE_BITS, {AlarmKind.MOSFET_OVERTEMPERATURE}),
    ("Env Tmpr Status", "E", _TEMPERATURE_BITS, set[AlarmKind]()),
)
"""Key, prefix of the names, bits and the alarms of a US3000D's status words; the lowest and highest bits guessed."""


def module(stack: VirtualStack, one: VirtualModule) -> ConsoleAnswer:
    """``pwr N``."""
    write = _pytes_v5 if stack.firmware.pwr is Pwr.E else _pylontech
    body = "".join([_RULE + TABLE, f" Power  {stack.slot_of(one)}" + TABLE, TABLE, *write(stack, one)])
    return ConsoleAnswer(pages=(body + _RULE + LISTING,), at=TABLE)


def _line(key: str, value: str, end: str = TABLE) -> str:
    return f" {key:<16}: {value}{end}"


def _pylontech(stack: VirtualStack, one: VirtualModule) -> Iterator[str]:
    firmware = stack.firmware
    for key, value, unit in _measured(one, own_meter=firmware.status_words):
        yield _line(key, f"{value:<12}{unit}")
    yield _line("Charge Times", f"{0 if stack.is_slave(one) else one.cycles * 41 + 7:<12}")
    yield _line("Basic Status", f"{base_state(one):<8}")
    if (passing := _PASSING.get(base_state(one))) is not None:
        yield _line(passing, f"{int(stack.bank.time) % 3600:<8}s")
    for key, column in (("Volt Status", "Volt.St"), ("Current Status", "Curr.St"), ("Tmpr. Status", "Temp.St")):
        yield _line(key, f"{column_state(one, column):<8}")
    yield _line("Coul. Status", f"{charge_state(one):<8}")
    yield _line("Soh. Status", f"{'Normal':<8}")
    yield _line("Heater Status", f"{'OFF':<8}")
    if firmware.manufacturer == "PYTES":
        yield _line("Bat Protect ENA", _PYTES_BAT + " ")
        yield _line("Pwr Protect ENA", _PYTES_PWR + " ")
    else:
        yield _line("Protect ENA", (_US3000D_PROTECTS if firmware.status_words else _PROTECTS) + " ")
    yield from _status_words(one) if firmware.status_words else _events(one, "8", " ")


def _measured(one: VirtualModule, *, own_meter: bool) -> Iterator[tuple[str, int, str]]:
    yield "Voltage", milli(one.voltage()), "mV"
    if own_meter:
        yield "B+B-.Volt", sum(milli(volts) for volts in one.cell_voltages()), "mV"
    yield "Current", milli(one.current), "mA"
    yield "Temperature", reported_celsius(one, one.temperatures()[0]), "mC"
    yield "Coulomb", round(one.soc), "%"
    yield "Total Coulomb", milli(one.model.capacity), "mAH"
    yield "Max Voltage", milli(one.model.parameters.module_high), "mV"


def _events(one: VirtualModule, width: str, end: str) -> Iterator[str]:
    for key, name in (("Bat Events", "bat"), ("Power Events", "power"), ("System Fault", "fault")):
        bits = register(one, name)
        said = names(bits, name)
        yield _line(key, f"0x{bits:<{width}X}{end}{said}")


def _status_words(one: VirtualModule) -> Iterator[str]:
    for key, prefix, bits, kinds in _STATUS_WORDS:
        if key == "Mos Tmpr Status":
            for other in ("Curr", "Base", "Coul"):
                yield _line(f"Pwr {other} Status", f"0x{0:<8X} ")
        yield _line(key, _status_word(one, prefix, bits, kinds))
    yield _line("System Fault", f"0x{register(one, 'fault'):<8X} ")
    yield _line("Cascade Status", f"0x{0:<8X} ")


def _status_word(one: VirtualModule, prefix: str, bits: dict[str, int], kinds: set[AlarmKind]) -> str:
    """What is wrong, or the bit for a normal state."""
    wrong = _named(one.alarms, kinds, ("OV", "UV", "OT", "UT")) | _named(one.warnings, kinds, ("HV", "LV", "HT", "LT"))
    said = [name for name in bits if name in (wrong or {"VNOR", "TNOR"})]
    value = sum(bits[name] for name in said)
    return f"0x{value:<8X} {' '.join(prefix + name for name in said)}"


def _named(listed: set[tuple[AlarmKind, int | None]], kinds: set[AlarmKind], words: tuple[str, ...]) -> set[str]:
    """The suffixes of the alarms listed: over and under voltage, over and under temperature, in this order."""
    found = {kind for kind, _ in listed} & kinds
    return {words[("voltage" not in kind) * 2 + (SIGNS[kind].words[1] == "Low")] for kind in found}


def _pytes_v5(_stack: VirtualStack, one: VirtualModule) -> Iterator[str]:
    measured = [
        ("Voltage", milli(one.voltage()), "mV"),
        ("SOC Voltage", sum(milli(volts) for volts in one.cell_voltages()), "mV"),
        ("Current", milli(one.current), "mA"),
        ("Temperature", reported_celsius(one, one.temperatures()[0]), "mC"),
        ("Coulomb", round(one.soc), "%"),
        ("Total Coulomb", milli(one.model.capacity) * 3600, "mAS"),
        ("Real Coulomb", milli(one.full_capacity), "mAH"),
        ("Total Power In", round(one.discharged * 3600 * 1.04), "AS"),
        ("Total Power Out", round(one.discharged * 3600), "AS"),
    ]
    yield from (_line(key, f"{value:<20}{unit}") for key, value, unit in measured)
    counted = {"Charge Count": 0, "Discharge Count": 0, "Charge Times": one.cycles * 4, "Work Status": 2}
    reported = {key: str(value) for key, value in counted.items()} | {
        "Bat Num": str(len(one.cells)),
        "Barcode": one.barcode,
        "DevType": device_name(one.model),
    }
    yield from (_line(key, f"{text:<16}") for key, text in reported.items())
    yield _line("Firm Version", firmware_of(one.model).main_soft)
    yield _line("Next Device", f"{0:<16}")
    yield from (_line(key, f"{text:<8}") for key, text in _pytes_states(one).items())
    yield _line("Terminal Res.", f"{'ON':<8}", LISTING)
    yield _line("Bat Protect ENA", _PYTES_BAT, LISTING)
    yield _line("Pwr Protect ENA", _PYTES_PWR)
    yield from _events(one, "8", "")


def _pytes_states(one: VirtualModule) -> dict[str, str]:
    return {
        "Basic Status": base_state(one),
        "Volt Status": column_state(one, "Volt.St"),
        "Current Status": column_state(one, "Curr.St"),
        "Tmpr. Status": column_state(one, "Temp.St"),
        "Coul. Status": charge_state(one),
        "Bat Status": "VNOR TNOR",
        "Heater Status": "OFF",
        "CMOS Status": "ON" if one.charge_enabled else "OFF",
        "DMOS Status": "ON" if one.discharge_enabled else "OFF",
        "Input Status": "OFF",
    }
