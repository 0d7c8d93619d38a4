"""High-voltage racks: silent until 0x4200 asks them. Each module of the bank stands for a rack of eight in series."""

from pylon2mqtt.model.units import AlarmKind
from pylon2mqtt.simulator.battery import VirtualBank
from pylon2mqtt.simulator.module import VirtualModule
from pylon2mqtt.transports.base import CanFrame

from .dialects import QUESTIONS, Frames, VirtualDialect
from .pack import bits, frame, text

IN_SERIES = 8
# Currents and temperatures have offsets.
_NO_CURRENT, _NO_DEGREES = 30000, 1000
_KINDS = (
    AlarmKind.CELL_UNDERVOLTAGE, AlarmKind.CELL_OVERVOLTAGE, AlarmKind.UNDERVOLTAGE, AlarmKind.OVERVOLTAGE,
    AlarmKind.CHARGE_UNDERTEMPERATURE, AlarmKind.CHARGE_OVERTEMPERATURE, AlarmKind.DISCHARGE_UNDERTEMPERATURE,
    AlarmKind.DISCHARGE_OVERTEMPERATURE, AlarmKind.CHARGE_OVERCURRENT, AlarmKind.DISCHARGE_OVERCURRENT,
    AlarmKind.MODULE_UNDERVOLTAGE, AlarmKind.MODULE_OVERVOLTAGE,
)  # fmt: skip
_PLACES = tuple((place, frozenset({kind})) for place, kind in enumerate(_KINDS))
_FORBIDDEN = 0xAA


def _answers(bank: VirtualBank, question: CanFrame) -> Frames:
    """The answers of all racks to one question."""
    if question.id != QUESTIONS[0].id or not question.extended or not question.data:
        return []
    report = {0: _values, 2: _equipment}.get(question.data[0])
    racks = [(module.number, module) for module in bank.modules if module.present]
    return [reported for address, module in racks for reported in (report(address, module) if report else [])]


def _values(address: int, rack: VirtualModule) -> Frames:
    cells, groups = rack.cell_voltages(), rack.temperatures()[1:5]
    volts, current, model = rack.voltage() * IN_SERIES, _amperes(rack.measured_current), rack.model
    status = 3 if not rack.current else 1 if rack.current > 0 else 2
    protects, warns = (bits((kind for kind, _ in some), _PLACES) for some in (rack.alarms, rack.warnings))
    limits = (_amperes(rack.charge_current_limit), _amperes(-rack.discharge_current_limit))
    forbidden = [0 if allowed else _FORBIDDEN for allowed in (rack.charge_enabled, rack.discharge_enabled)]
    cutoffs = (10 * model.charge_voltage_limit * IN_SERIES, 10 * model.discharge_voltage_limit * IN_SERIES)
    reported: list[tuple[int, str, list[float]]] = [
        (0x4210, "HHHBB", [10 * volts, current, _celsius(rack.temperatures()[0]), rack.soc, rack.soh]),
        (0x4220, "HHHH", [*cutoffs, *limits]),
        (0x4230, "HHHH", [1000 * max(cells), 1000 * min(cells), 3, 6]),
        (0x4240, "HHHH", [_celsius(max(groups)), _celsius(min(groups)), 1, 2]),
        (0x4250, "BHBHH", [status | 8 * rack.force_charge_1, rack.cycles, 0, warns, protects]),
        (0x4280, "BB", [*forbidden]),
        (0x4290, "B", [0]),
    ]
    return [frame(number + address, layout, *values, extended=True) for number, layout, values in reported]


def _equipment(address: int, rack: VirtualModule) -> Frames:
    cells = IN_SERIES * rack.model.cells
    return [
        frame(0x7310 + address, "BBBBBBBB", 1, 0, 2, 1, 1, 2, 0, 0, extended=True),
        frame(0x7320 + address, "HBBHH", cells, IN_SERIES, rack.model.cells, 48, rack.model.capacity, extended=True),
        text(0x7330 + address, "PYLONTEC", extended=True),
        text(0x7340 + address, "H", extended=True),
    ]


def _amperes(amperes: float) -> float:
    return 10 * amperes + _NO_CURRENT


def _celsius(degrees: float) -> float:
    return 10 * degrees + _NO_DEGREES


HIGH_VOLTAGE = VirtualDialect(asked=_answers, inverter=QUESTIONS, alarm_kinds=frozenset(_KINDS))
