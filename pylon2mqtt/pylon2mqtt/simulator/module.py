"""One virtual module: its cells, its BMS, what it measures, admits and complains of. Nothing here knows a protocol.

What the BMS counts (`remaining`, `soc`, `soh`) is not what the cells hold: `truth` has that.
"""

from dataclasses import dataclass, field

from pylon2mqtt.model.units import AlarmKind, AmpereHours, Amperes, Celsius, Percent, Seconds, Volts

from .cell import VirtualCell, relaxed_after
from .models import BatteryModel
from .protection import STOPS_CHARGE, STOPS_DISCHARGE

# The cells become older in steps of so much.
_AGES_EVERY_S = 3600.0
_MONTH_S = 365.25 / 12 * 86400
# The cells' mass warms and cools within an hour, the switches within some minutes.
_CELLS_WARM_IN_S = 3600.0
_SWITCHES_WARM_IN_S = 420.0
# After so long without 97 % the BMS asks for a full charge (V3.3, command 92).
_FULL_CHARGE_AFTER_S = 30 * 86400.0

# The BMS ends the discharge at this voltage of the lowest cell. So much below the end of the charge it admits less.
_EMPTY_CELL = 2.95
_TAPER_V = 0.1
# What it still counts when it ends the discharge, as a share of the full capacity.
_LEFT_WHEN_EMPTY = 0.02
# Less than this is 0 to the BMS: it neither reports nor counts it.
_UNMEASURED_A = 0.3
# A cell over this, and so much over the lowest one, is bled: the balancing of a passive BMS.
_BALANCE_FROM, _BALANCE_ABOVE, _BALANCE_A = 3.40, 0.01, 0.15
# From the outermost cell to the module's terminals: fuse, switches, plugs.
_CONTACTS_OHM = 0.008


@dataclass(slots=True, kw_only=True)
class Flows:
    """What flowed through a module's cells since it was made, in Wh: in, out, and lost in them."""

    charged_wh: float = 0.0
    discharged_wh: float = 0.0
    lost_wh: float = 0.0


@dataclass(slots=True, kw_only=True, eq=False)
class VirtualModule:
    """One box. ``alarms`` are those ordered: kind and cell (None: the whole module).

    ``warnings`` are alike, but the BMS only reports them: they stop nothing. Not every protocol shows them.
    ``counted``: the charge that the BMS counts, in Ah; ``full_capacity``: what it takes for 100 %; ``lowest``,
    ``highest``: its outermost cells as measured; ``discharged``: all charge that ever left it, in Ah.
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
    overcharged: bool = False
    not_full_for: Seconds = 0.0
    discharged: float = 0.0
    cells_rise: Celsius = 0.0
    switches_rise: Celsius = 0.0
    ambient: Celsius = 21.0
    alarms: set[tuple[AlarmKind, int | None]] = field(default_factory=set)
    warnings: set[tuple[AlarmKind, int | None]] = field(default_factory=set)
    flows: Flows = field(default_factory=Flows)
    counted: AmpereHours = 0.0
    full_capacity: AmpereHours = field(init=False)
    lowest: Volts = field(init=False)
    highest: Volts = field(init=False)
    _room: float = 1.0
    _not_aged_for: Seconds = 0.0
    _discharged_at_age: float = field(init=False)

    def __post_init__(self) -> None:
        self._discharged_at_age = self.discharged
        self.learn()
        self._switch(self.cell_voltages())

    @property
    def health(self) -> float:
        """The capacity of its weakest cell by the rated one, at most 1."""
        return min(1.0, min(cell.capacity for cell in self.cells) / self.model.capacity)

    @property
    def remaining(self) -> AmpereHours:
        """What the BMS counts that it still holds."""
        return self.counted

    @property
    def soc(self) -> Percent:
        """State of charge as the BMS counts it."""
        return 100 * self.counted / self.full_capacity

    @property
    def cycles(self) -> int:
        """Full discharges so far."""
        return int(self.discharged / self.model.capacity)

    @property
    def soh(self) -> int:
        """State of health in percent, as the BMS reports it."""
        return round(100 * self.full_capacity / self.model.capacity)

    @property
    def measured_current(self) -> Amperes:
        """The current as the BMS measures it: 0 where it is very small."""
        return self.current if abs(self.current) >= _UNMEASURED_A else 0.0

    @property
    def nears_its_end(self) -> bool:
        """Whether a minute more of this current may make it full or empty."""
        if self.current < 0:
            return self.lowest < _EMPTY_CELL + _TAPER_V
        within = 0.03 if self.current < 0.05 * self.model.capacity else 1.5 * _TAPER_V
        return self.current > 0 and self.highest > self.model.full_cell - within

    def cell_charges(self) -> list[AmpereHours]:
        """What the BMS reports as the cells' charge: their parts of the full capacity."""
        return [self.full_capacity * min(1.0, max(0.0, cell.charge / cell.capacity)) for cell in self.cells]

    @property
    def balancing(self) -> list[bool]:
        """Which cells are bled, the first cell first."""
        return [cell.bleeding > 0 for cell in self.cells]

    @property
    def resistance(self) -> float:
        """Ohms from terminal to terminal."""
        return sum(cell.resistance for cell in self.cells) + _CONTACTS_OHM

    def source(self, seconds: Seconds, *, charging: bool) -> tuple[Volts, float]:
        """The voltage without current, and the ohms, that it will have at its terminals after so long a flow."""
        hours, relaxed = seconds / 3600, relaxed_after(seconds)
        volts = sum(cell.rest_voltage + cell.polarisation * (1 - relaxed) for cell in self.cells)
        return volts, sum(cell.ohms(hours, relaxed, charging=charging) for cell in self.cells) + _CONTACTS_OHM

    def cell_voltages(self) -> list[Volts]:
        """The cells' voltages as the BMS measures them, the first cell first."""
        return [cell.voltage(self.current) + cell.meter for cell in self.cells]

    def voltage(self) -> Volts:
        """The module's voltage by its own meter, which differs a little from the sum of the cells."""
        return sum(cell.voltage(self.current) for cell in self.cells) + self.meter_offset

    def temperatures(self) -> list[Celsius]:
        """As many as the model reports: of the electronics, of four groups of cells, of the switches (MOSFET)."""
        electronics = self.ambient + 3.0 + 0.6 * self.cells_rise + 0.3 * self.switches_rise
        groups = [self.ambient + self.cells_rise + offset for offset in self.temperature_offsets]
        return [electronics, *groups, self.mosfet_temperature][: self.model.temperatures]

    @property
    def mosfet_temperature(self) -> Celsius:
        """The temperature of the switches, which not every model reports."""
        return self.ambient + 1.5 + self.switches_rise

    @property
    def charge_enabled(self) -> bool:
        """Whether the BMS lets charge in: not when full, nor with an alarm that forbids it."""
        ended = self.overcharged if self.model.holds_full else self.full
        return not ended and not any(kind in STOPS_CHARGE for kind, _ in self.alarms)

    @property
    def discharge_enabled(self) -> bool:
        """Whether the BMS lets charge out."""
        return not self.empty and not any(kind in STOPS_DISCHARGE for kind, _ in self.alarms)

    @property
    def charge_current_limit(self) -> Amperes:
        """The current that the BMS admits; it becomes less while the highest cell nears its end."""
        return round(self.model.charge_current_limit * self._room, 1) if self.charge_enabled else 0.0

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

    def set_soc(self, percent: Percent) -> None:
        """Charge or drain every cell alike until the module is at ``percent`` of what its fullest cell admits."""
        missing = min(cell.capacity - cell.charge for cell in self.cells)
        difference = missing - self.full_capacity * (1 - percent / 100)
        for cell in self.cells:
            cell.put(cell.charge + difference)
        self.counted = self.full_capacity * percent / 100
        self.full = percent >= 100
        self.empty = self.overcharged = False
        self._switch([cell.rest_voltage for cell in self.cells])

    def wear_out(self, percent: Percent) -> None:
        """Let the weakest cell have so much of the rated capacity left, and the others alike; the SoC stays."""
        soc = self.soc
        left = percent / 100 * self.model.capacity / min(cell.new_capacity for cell in self.cells)
        for cell in self.cells:
            cell.lose(1 - left - cell.fade)
        self.learn()
        self.set_soc(soc)

    def learn(self) -> None:
        """Let the BMS know how its cells have aged."""
        self.full_capacity = self.model.capacity * self.health

    def flow(self, current: Amperes, ambient: Celsius, seconds: Seconds) -> float:
        """Let ``current`` flow for so long, see what becomes of it, and return the energy that went in, in Wh."""
        self.current, self.ambient = current, ambient
        energy_wh = self._flow_through_cells(seconds / 3600, relaxed_after(seconds))
        self.discharged += max(-current, 0.0) * seconds / 3600
        self.not_full_for = 0.0 if self.soc >= 97 else self.not_full_for + seconds
        self._warm(seconds)
        voltages = self.cell_voltages()
        self._balance(voltages)
        self._switch(voltages)
        self._age(seconds)
        return energy_wh

    def _flow_through_cells(self, hours: float, relaxed: float) -> float:
        """The voltages change while it flows: the energy is that at the mean of before and after."""
        current, cells = self.current, self.cells
        rest = sum(cell.rest_voltage for cell in cells)
        polarised = sum(cell.polarisation for cell in cells)
        drained = sum(cell.leak + cell.bleeding for cell in cells)
        for cell in cells:
            cell.flow(current, hours, relaxed)
        rest = (rest + sum(cell.rest_voltage for cell in cells)) / 2
        over = (polarised + sum(cell.polarisation for cell in cells)) / 2
        over += current * sum(cell.resistance for cell in cells)
        energy_wh = (rest + over) * current * hours
        self.flows.charged_wh += max(energy_wh, 0.0)
        self.flows.discharged_wh += max(-energy_wh, 0.0)
        self.flows.lost_wh += (over * current + drained * rest / len(cells)) * hours
        self.counted = min(max(self.counted + self.measured_current * hours, 0.0), self.full_capacity)
        return energy_wh

    def _warm(self, seconds: Seconds) -> None:
        heat_w = self.current**2 * (self.resistance - _CONTACTS_OHM)
        self.cells_rise += (0.4 * heat_w - self.cells_rise) * seconds / _CELLS_WARM_IN_S
        self.switches_rise += (0.9 * heat_w - self.switches_rise) * seconds / _SWITCHES_WARM_IN_S

    def _balance(self, voltages: list[Volts]) -> None:
        """Bleed the highest cells."""
        bled_from = max(_BALANCE_FROM, min(voltages) + _BALANCE_ABOVE)
        for cell, volts in zip(self.cells, voltages, strict=True):
            cell.bleeding = _BALANCE_A if volts > bled_from else 0.0

    def _switch(self, voltages: list[Volts]) -> None:
        """Full and empty, each held until well away from it, as a BMS does."""
        self.lowest, self.highest = min(voltages), max(voltages)
        over = self.model.full_cell - self.highest
        self.overcharged = over <= 0 or (self.overcharged and over < _TAPER_V)
        # It admits no more again before the highest cell is well below.
        self._room = 1.0 if over > 1.5 * _TAPER_V else min(self._room, max(0.05, over / _TAPER_V))
        if self.overcharged or self._at_the_end(voltages):
            self.full, self.counted = True, self.full_capacity
        elif self.soc <= 97:
            self.full = False
        if self.lowest <= _EMPTY_CELL and not self.empty:
            self.empty, self.counted = True, min(self.counted, _LEFT_WHEN_EMPTY * self.full_capacity)
        elif self.soc >= 8 and self.lowest > _EMPTY_CELL:
            self.empty = False

    def _at_the_end(self, voltages: list[Volts]) -> bool:
        """Whether it takes nearly nothing more at the voltage of the charge's end."""
        end = self.model.charge_voltage_limit - 0.1
        return 0 < self.current < 0.05 * self.model.capacity and sum(voltages) >= end

    def _age(self, seconds: Seconds) -> None:
        self._not_aged_for += seconds
        if self._not_aged_for < _AGES_EVERY_S:
            return
        cycles = (self.discharged - self._discharged_at_age) / self.model.capacity
        for cell in self.cells:
            cell.age(self._not_aged_for / _MONTH_S, cycles)
        self._not_aged_for, self._discharged_at_age = 0.0, self.discharged
        self.learn()
