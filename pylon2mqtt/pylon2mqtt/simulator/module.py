"""One virtual module: its cells, its BMS, what it measures, admits and complains of. Nothing here knows a protocol."""

from dataclasses import dataclass, field

from pylon2mqtt.model.units import AlarmKind, Amperes, Celsius, Seconds, Volts

from .cell import VirtualCell
from .models import BatteryModel

# The cells' mass warms and cools within an hour, the switches within some minutes.
_CELLS_WARM_IN_S = 3600.0
_SWITCHES_WARM_IN_S = 420.0
# After so long without 97 % the BMS asks for a full charge (V3.3, command 92).
_FULL_CHARGE_AFTER_S = 30 * 86400.0

_FULL_CELL, _EMPTY_CELL = 3.55, 2.95
_TAPER_FROM = 3.45
# A cell over this is bled with so much, the balancing of a passive BMS.
_BALANCE_FROM, _BALANCE_A = 3.42, 0.15
# From the outermost cell to the module's terminals: fuse, switches, plugs.
_CONTACTS_OHM = 0.008

_A = AlarmKind
STOPS_CHARGE = frozenset(
    {
        _A.CELL_OVERVOLTAGE,
        _A.MODULE_OVERVOLTAGE,
        _A.CHARGE_OVERCURRENT,
        _A.CHARGE_OVERTEMPERATURE,
        _A.CHARGE_UNDERTEMPERATURE,
        _A.OVERTEMPERATURE,
        _A.UNDERTEMPERATURE,
        _A.MOSFET_OVERTEMPERATURE,
        _A.CELL_FAULT,
        _A.SYSTEM_FAULT,
    }
)
STOPS_DISCHARGE = frozenset(
    {
        _A.CELL_UNDERVOLTAGE,
        _A.MODULE_UNDERVOLTAGE,
        _A.DISCHARGE_OVERCURRENT,
        _A.DISCHARGE_OVERTEMPERATURE,
        _A.DISCHARGE_UNDERTEMPERATURE,
        _A.OVERTEMPERATURE,
        _A.UNDERTEMPERATURE,
        _A.MOSFET_OVERTEMPERATURE,
        _A.CELL_FAULT,
        _A.SYSTEM_FAULT,
    }
)


@dataclass(slots=True, kw_only=True, eq=False)
class VirtualModule:
    """One box. ``alarms`` are those ordered: kind and cell (None: the whole module).

    ``warnings`` are alike, but the BMS only tells of them: they stop nothing. Not every protocol shows them.
    """

    number: int
    model: BatteryModel
    barcode: str
    cells: list[VirtualCell]
    temperature_offsets: list[Celsius]
    meter_offset: Volts
    present: bool = True
    current: Amperes = 0.0
    full: bool = False
    empty: bool = False
    not_full_for: Seconds = 0.0
    discharged: float = 0.0
    cells_rise: Celsius = 0.0
    switches_rise: Celsius = 0.0
    ambient: Celsius = 21.0
    alarms: set[tuple[AlarmKind, int | None]] = field(default_factory=set)
    warnings: set[tuple[AlarmKind, int | None]] = field(default_factory=set)

    @property
    def remaining(self) -> float:
        """What it still holds, in Ah."""
        return sum(cell.charge for cell in self.cells) / len(self.cells)

    @property
    def soc(self) -> float:
        """State of charge in percent."""
        return 100 * self.remaining / self.model.capacity

    @property
    def cycles(self) -> int:
        """Full discharges so far."""
        return int(self.discharged / self.model.capacity)

    @property
    def soh(self) -> int:
        """State of health in percent: one less with every hundred cycles."""
        return max(0, 100 - self.cycles // 100)

    @property
    def balancing(self) -> list[bool]:
        """Which cells are bled, the first cell first."""
        return [cell.rest_voltage > _BALANCE_FROM for cell in self.cells]

    @property
    def resistance(self) -> float:
        """Ohms from terminal to terminal."""
        return sum(cell.resistance for cell in self.cells) + _CONTACTS_OHM

    def rest_voltage(self) -> Volts:
        """The voltage without current."""
        return sum(cell.rest_voltage for cell in self.cells)

    def cell_voltages(self) -> list[Volts]:
        """The cells' voltages, the first cell first."""
        return [cell.voltage(self.current) for cell in self.cells]

    def voltage(self) -> Volts:
        """The module's voltage by its own meter, which differs a little from the sum of the cells."""
        return sum(self.cell_voltages()) + self.meter_offset

    def temperatures(self) -> list[Celsius]:
        """As many as the model tells: the BMS board's, four of groups of cells, the switches' (MOSFET)."""
        board = self.ambient + 3.0 + 0.6 * self.cells_rise + 0.3 * self.switches_rise
        groups = [self.ambient + self.cells_rise + offset for offset in self.temperature_offsets]
        return [board, *groups, self.mosfet_temperature][: self.model.temperatures]

    @property
    def mosfet_temperature(self) -> Celsius:
        """The temperature of the switches, which not every model tells."""
        return self.ambient + 1.5 + self.switches_rise

    @property
    def charge_enabled(self) -> bool:
        """Whether the BMS lets charge in: not when full, nor with an alarm that forbids it."""
        return not self.full and not any(kind in STOPS_CHARGE for kind, _ in self.alarms)

    @property
    def discharge_enabled(self) -> bool:
        """Whether the BMS lets charge out."""
        return not self.empty and not any(kind in STOPS_DISCHARGE for kind, _ in self.alarms)

    @property
    def charge_current_limit(self) -> Amperes:
        """The current that the BMS admits; it tapers while the highest cell nears its end."""
        if not self.charge_enabled:
            return 0.0
        highest = max(self.cell_voltages())
        room = min(1.0, max(0.05, (_FULL_CELL - highest) / (_FULL_CELL - _TAPER_FROM)))
        return round(self.model.charge_current_limit * room, 1)

    @property
    def discharge_current_limit(self) -> Amperes:
        """The current that the BMS gives, as a magnitude."""
        return self.model.discharge_current_limit if self.discharge_enabled else 0.0

    @property
    def force_charge_1(self) -> bool:
        """Charge is needed at once, lest the battery sleeps."""
        return self.soc < self.model.force_charge_soc[0]

    @property
    def force_charge_2(self) -> bool:
        """Charge is wished at once."""
        low, high = self.model.force_charge_soc
        return low <= self.soc < high

    @property
    def full_charge_requested(self) -> bool:
        """It was not charged full for a month."""
        return self.not_full_for > _FULL_CHARGE_AFTER_S

    def admits(self, current: Amperes) -> bool:
        """Whether a current of this direction may flow."""
        return self.charge_enabled if current > 0 else self.discharge_enabled

    def set_soc(self, percent: float) -> None:
        """Charge or drain every cell alike until the module is at ``percent``."""
        difference = self.model.capacity * percent / 100 - self.remaining
        for cell in self.cells:
            cell.put(cell.charge + difference)
        self.full = self.empty = False
        self._switch(at_rest=True)

    def flow(self, current: Amperes, ambient: Celsius, seconds: Seconds) -> None:
        """Let ``current`` flow for so long, and see what becomes of it."""
        self.current, self.ambient = current, ambient
        for cell, bled in zip(self.cells, self.balancing, strict=True):
            cell.flow(current - _BALANCE_A * bled, seconds)
        self.discharged += max(-current, 0.0) * seconds / 3600
        self.not_full_for = 0.0 if self.soc >= 97 else self.not_full_for + seconds
        heat_w = current**2 * self.cells[0].resistance * len(self.cells)
        self.cells_rise += (0.4 * heat_w - self.cells_rise) * seconds / _CELLS_WARM_IN_S
        self.switches_rise += (0.9 * heat_w - self.switches_rise) * seconds / _SWITCHES_WARM_IN_S
        self._switch(at_rest=False)

    def _switch(self, *, at_rest: bool) -> None:
        """Full and empty, each held until well away from it, as a BMS does."""
        voltages = [cell.rest_voltage for cell in self.cells] if at_rest else self.cell_voltages()
        self.full = max(voltages) >= _FULL_CELL or self.soc >= 100 or (self.full and self.soc > 97)
        self.empty = min(voltages) <= _EMPTY_CELL or (self.empty and self.soc < 8)
