"""A virtual bank: modules in parallel or in series, the current that flows through them, and who makes it flow.

It moves in steps of the same length, so the same seed and the same time give the same values, in whatever portions
the time passes. Nothing here knows a protocol.
"""

from collections.abc import Callable, Iterable, Sequence
from math import pi, sin
from random import Random

from pylon2mqtt.model.units import Amperes, KilowattHours, Seconds, Volts, Watts

from .cell import VirtualCell
from .household import Household
from .models import BatteryModel
from .module import VirtualModule

Demand = Callable[[Seconds, float], Watts]
"""The power offered (positive) or asked for, by the time since a midnight and the state of charge in percent."""

# One step of the physics: short beside the 20 s in which currents settle between modules at the ends of the curve.
_STEP_S = 5.0


class VirtualBank:
    """Modules in parallel, in series where they are a rack's, with a clock and somebody who uses them.

    ``demand`` may be exchanged at any time; ``time`` is the simulated time in seconds since a midnight.
    """

    def __init__(self, models: Sequence[BatteryModel], *, seed: int = 1, soc: float = 60.0, hour: float = 10.0) -> None:
        dice = Random(seed)  # noqa: S311 - a household is no secret
        self.modules = [_assemble(number, model, dice, soc) for number, model in enumerate(models, 1)]
        self.demand: Demand = Household(self.energy, dice)
        self.time: Seconds = hour * 3600
        self.charged_wh = 0.0
        self.discharged_wh = 0.0
        self._forced: dict[int, Amperes] = {}
        self._due: Seconds = 0.0
        self._step()

    @property
    def in_series(self) -> bool:
        """Whether one current flows through all modules."""
        return self.modules[0].model.series

    @property
    def voltage(self) -> Volts:
        """The voltage at the bank's terminals."""
        told = [module.voltage() for module in self.modules]
        return sum(told) if self.in_series else max(told)

    @property
    def energy(self) -> KilowattHours:
        """What the whole bank holds by its plate, in kWh."""
        return sum(module.model.capacity * module.model.cells * 3.2 for module in self.modules) / 1000

    @property
    def soc(self) -> float:
        """State of charge over all modules, in percent."""
        whole = sum(module.model.capacity for module in self.modules)
        return 100 * sum(module.remaining for module in self.modules) / whole

    @property
    def current(self) -> Amperes:
        """The current at the bank's terminals."""
        return self.modules[0].current if self.in_series else sum(module.current for module in self.modules)

    def set_soc(self, percent: float) -> None:
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
        while self._due >= _STEP_S:
            self._due -= _STEP_S
            self._step()

    def _step(self) -> None:
        self.time += _STEP_S
        ambient = 21.0 + 3.0 * sin(2 * pi * (self.time / 86400 - 0.4))
        bus_v, currents = self._share(self._wanted())
        for module, current in zip(self.modules, currents, strict=True):
            module.flow(self._forced.get(module.number, current), ambient, _STEP_S)
        energy_wh = bus_v * self.current * _STEP_S / 3600
        self.charged_wh += max(energy_wh, 0.0)
        self.discharged_wh += max(-energy_wh, 0.0)

    def _wanted(self) -> Amperes:
        """The current that the inverter sets: what is demanded, within the limits that the bank told."""
        current = self.demand(self.time, self.soc) / self.voltage
        of_all: Callable[[Iterable[Amperes]], Amperes] = min if self.in_series else sum
        charge = of_all(module.charge_current_limit for module in self.modules)
        discharge = of_all(module.discharge_current_limit for module in self.modules)
        return max(-discharge, min(charge, current))

    def _share(self, current: Amperes) -> tuple[Volts, list[Amperes]]:
        """The voltage at the terminals and each module's part; who does not admit its part is switched off."""
        if self.in_series:
            admitted = current if all(module.admits(current) for module in self.modules) else 0.0
            return self.voltage, [admitted] * len(self.modules)
        parts = [(module, module.rest_voltage(), 1 / module.resistance) for module in self.modules]
        off: set[int] = set()
        while True:
            on = [(rest, conductance) for module, rest, conductance in parts if module.number not in off]
            if not on:
                return parts[0][1], [0.0] * len(parts)
            bus_v = (current + sum(rest * g for rest, g in on)) / sum(g for _, g in on)
            shares = [0.0 if m.number in off else (bus_v - rest) * g for m, rest, g in parts]
            refused = {
                m.number for (m, _, _), share in zip(parts, shares, strict=True) if share and not m.admits(share)
            }
            if not refused:
                return bus_v, shares
            off |= refused


def _assemble(number: int, model: BatteryModel, dice: Random, soc: float) -> VirtualModule:
    """One module as it comes from the works and after some years in a cellar."""
    charge = model.capacity * soc / 100
    cells = [
        VirtualCell(
            capacity=model.capacity * dice.uniform(1.0, 1.03),
            charge=charge + model.capacity * dice.gauss(0, 0.002),
            resistance=dice.uniform(0.00055, 0.00075) * 74 / model.capacity,
            leak=dice.uniform(0.0, 0.002),
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
