"""A virtual bank: modules in parallel or in series, the current that flows through them, and who makes it flow.

The length of a step depends on nothing but the bank itself, so the same seed and the same time give the same values,
in whatever portions the time passes. Nothing here knows a protocol.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from math import cos, pi, sin
from random import Random
from typing import NamedTuple

from pylon2mqtt.model.units import Amperes, Celsius, KilowattHours, Percent, Seconds, Volts, Watts

from .cell import VirtualCell
from .household import Household
from .models import BatteryModel
from .module import VirtualModule

Demand = Callable[[Seconds, float], Watts]
"""The power offered (positive) or asked for, by the time since the first midnight and the SoC in percent."""

FIRST_MIDNIGHT = datetime(2026, 3, 14)
"""When a bank's time begins, by its own clock."""

STEP_S: Seconds = 5.0
"""One step of the physics; the only length unless a bank is made with a greater ``longest_step_s``."""

# The current changes when it does so by this part of the capacity an hour; for so long after it steps stay short.
_CHANGE_C = 0.02
_LIVELY_S = 60.0
# So long before a change that is known the steps are short already.
_BEFORE_S = 2 * STEP_S
_HOTTEST_DAY = 205


class VirtualBank:
    """Modules in parallel, in series where they are a rack's, with a clock and somebody who uses them.

    ``demand`` may be exchanged at any time; ``time`` is the simulated time in seconds since the first midnight.
    ``longest_step_s``: how long a step may become while nothing changes.
    """

    def __init__(
        self,
        models: Sequence[BatteryModel],
        *,
        seed: int = 1,
        soc: Percent = 60.0,
        hour: float = 10.0,
        first_midnight: datetime = FIRST_MIDNIGHT,
        longest_step_s: Seconds = STEP_S,
    ) -> None:
        dice = Random(seed)  # noqa: S311 - a household is no secret
        self.modules = [_assemble(number, model, dice, soc) for number, model in enumerate(models, 1)]
        self.first_midnight = first_midnight
        household = Household(self.energy, dice.getrandbits(32), first_midnight.date())
        self.demand: Demand = household
        self.next_change: Callable[[Seconds], Seconds] = household.next_change
        self.longest_step_s = longest_step_s
        self.time: Seconds = hour * 3600
        self.charged_wh = 0.0
        self.discharged_wh = 0.0
        self._forced: dict[int, Amperes] = {}
        self._due: Seconds = 0.0
        self._lively_until: Seconds = 0.0
        self._step(STEP_S)

    @property
    def now(self) -> datetime:
        """The date and time of its clock, which has no zone."""
        return self.first_midnight + timedelta(seconds=int(self.time))

    @property
    def in_series(self) -> bool:
        """Whether one current flows through all modules."""
        return self.modules[0].model.series

    @property
    def voltage(self) -> Volts:
        """The voltage at the bank's terminals."""
        voltages = [module.voltage() for module in self.modules]
        return sum(voltages) if self.in_series else max(voltages)

    @property
    def energy(self) -> KilowattHours:
        """What the whole bank holds by its plate, in kWh."""
        return sum(module.model.capacity * module.model.cells * 3.2 for module in self.modules) / 1000

    @property
    def soc(self) -> Percent:
        """State of charge over all modules, as their BMSs count it."""
        whole = sum(module.full_capacity for module in self.modules)
        return 100 * sum(module.remaining for module in self.modules) / whole

    @property
    def current(self) -> Amperes:
        """The current at the bank's terminals."""
        return self.modules[0].current if self.in_series else sum(module.current for module in self.modules)

    def set_soc(self, percent: Percent) -> None:
        """Put every module at this state of charge."""
        for module in self.modules:
            module.set_soc(percent)

    def force(self, module: VirtualModule, current: Amperes | None) -> None:
        """Let this current flow through one module, whatever its BMS admits; None: its share again."""
        self._forced.pop(module.number, None)
        if current is not None:
            self._forced[module.number] = module.current = current

    def advance(self, seconds: Seconds) -> None:
        """Let so much simulated time pass."""
        self._due += seconds
        while self._due >= (length := self.next_step_s()):
            self._due -= length
            self._step(length)

    def next_step_s(self) -> Seconds:
        """How long the next step is: short around each change, else as long as a step may become."""
        if self.time < self._lively_until or any(module.nears_its_end for module in self.modules):
            return STEP_S
        until_change = self.next_change(self.time) - self.time - _BEFORE_S
        return max(STEP_S, min(self.longest_step_s, until_change))

    def _step(self, seconds: Seconds) -> None:
        self.time += seconds
        before, ambient = self.current, self._ambient()
        currents = self._share(self._wanted(), seconds)
        energy_wh = sum(
            module.flow(self._forced.get(module.number, current), ambient, seconds)
            for module, current in zip(self.modules, currents, strict=True)
        )
        self.charged_wh += max(energy_wh, 0.0)
        self.discharged_wh += max(-energy_wh, 0.0)
        if abs(self.current - before) > _CHANGE_C * self._capacity():
            self._lively_until = self.time + _LIVELY_S

    def _ambient(self) -> Celsius:
        """The cellar: warmer in summer and in the afternoon."""
        day = self.time / 86400 + self.first_midnight.timetuple().tm_yday
        return 20.0 + 5.0 * cos(2 * pi * (day - _HOTTEST_DAY) / 365.25) + 3.0 * sin(2 * pi * (day - 0.4))

    def _capacity(self) -> float:
        """By which a current is measured, in Ah."""
        capacities = [module.model.capacity for module in self.modules]
        return capacities[0] if self.in_series else sum(capacities)

    def _wanted(self) -> Amperes:
        """The current that the inverter sets: what is demanded, within the limits that the bank reports."""
        current = self.demand(self.time, self.soc) / self.voltage
        of_all: Callable[[Iterable[Amperes]], Amperes] = min if self.in_series else sum
        charge = of_all(module.charge_current_limit for module in self.modules)
        discharge = of_all(module.discharge_current_limit for module in self.modules)
        return max(-discharge, min(charge, current))

    def _share(self, current: Amperes, seconds: Seconds) -> list[Amperes]:
        """Each module's part of a current; who does not admit its part is switched off.

        It is less than ``current`` where the inverter would exceed the voltage at which the charge ends.
        """
        sources = [_VoltageSource(module, *module.source(seconds, charging=current > 0)) for module in self.modules]
        return _in_series(sources, current) if self.in_series else _in_parallel(sources, current)


class _VoltageSource(NamedTuple):
    """A module as the others see it: a voltage behind a resistance."""

    module: VirtualModule
    volts: Volts
    ohms: float


def _in_series(sources: Sequence[_VoltageSource], current: Amperes) -> list[Amperes]:
    end = sum(source.module.model.charge_voltage_limit for source in sources)
    room = max(0.0, end - sum(source.volts for source in sources))
    current = min(current, room / sum(source.ohms for source in sources))
    admitted = current if all(source.module.admits(current) for source in sources) else 0.0
    return [admitted] * len(sources)


def _in_parallel(sources: Sequence[_VoltageSource], current: Amperes) -> list[Amperes]:
    on = list(sources)
    while on:
        bus_v = _bus_voltage(on, current)
        parts = {source.module.number: (bus_v - source.volts) / source.ohms for source in on}
        admitting = [source for source in on if source.module.admits(parts[source.module.number])]
        if len(admitting) == len(on):
            return [parts.get(source.module.number, 0.0) for source in sources]
        on = admitting
    return [0.0] * len(sources)


def _bus_voltage(sources: Sequence[_VoltageSource], current: Amperes) -> Volts:
    """The voltage of modules in parallel; the current does not raise it over that at which the charge ends."""
    siemens = sum(1 / source.ohms for source in sources)
    at_rest = sum(source.volts / source.ohms for source in sources) / siemens
    wanted = at_rest + current / siemens
    end = min(source.module.model.charge_voltage_limit for source in sources)
    return min(wanted, max(end, at_rest)) if current > 0 else wanted


def _assemble(number: int, model: BatteryModel, dice: Random, soc: Percent) -> VirtualModule:
    """One module as it comes from the works and after some years in a cellar: all its cells become full together."""
    cells = [
        VirtualCell(
            new_capacity=(capacity := model.capacity * dice.uniform(1.005, 1.025)),
            charge=capacity + model.capacity * dice.gauss(0, 0.001),
            resistance=dice.uniform(0.00055, 0.00075) * 74 / model.capacity,
            leak=dice.uniform(0.0, 0.0005),
            meter=max(-0.002, min(0.002, dice.gauss(0, 0.0007))),
        )
        for _ in range(model.cells)
    ]
    module = VirtualModule(
        number=number,
        model=model,
        barcode=f"SIM{model.barcode_letters}{dice.randrange(10**8):08}{number:03}",
        cells=cells,
        temperature_offsets=[dice.uniform(-0.8, 0.8) for _ in range(4)],
        meter_offset=dice.uniform(-0.02, 0.02),
        discharged=model.capacity * dice.uniform(20, 400),
    )
    module.set_soc(soc)
    return module
