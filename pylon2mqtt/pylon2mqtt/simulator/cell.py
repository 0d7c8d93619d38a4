"""One LFP cell: the charge that it holds, the voltage that follows, and how it ages.

The voltage is that at rest, plus what the current adds at once (``resistance``), plus what builds up and relaxes
within minutes (``polarisation``). Near full the second part is by far the greater one, so a full cell falls back to
some 3.4 V soon after the current ends.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from math import exp

from pylon2mqtt.model.units import AmpereHours, Amperes, Seconds, Volts

# Voltage at rest by state of charge (1 = full): 3.27 to 3.32 V from 20 to 80 %, steep at both ends.
_CURVE = (
    (-0.05, 1.40),
    (0.000, 2.60),
    (0.020, 2.90),
    (0.050, 3.08),
    (0.100, 3.20),
    (0.200, 3.262),
    (0.300, 3.284),
    (0.400, 3.290),
    (0.600, 3.296),
    (0.700, 3.312),
    (0.800, 3.322),
    (0.900, 3.332),
    (0.950, 3.340),
    (0.980, 3.352),
    (1.000, 3.385),
    (1.005, 3.450),
    (1.010, 3.600),
    (1.050, 4.800),
)
# How many times the resistance the polarisation comes to, from this state of charge on: great near full while
# charging, and near empty while discharging.
_CHARGING = (
    (-0.05, 0.5),
    (0.94, 1.0),
    (0.96, 3.0),
    (0.97, 6.0),
    (0.98, 12.0),
    (0.99, 25.0),
    (0.995, 60.0),
    (1.0, 90.0),
)
_DISCHARGING = ((-0.05, 8.0), (0.02, 5.0), (0.05, 2.0), (0.10, 0.5))
# The polarisation builds up and relaxes with this time constant.
_RELAXES_IN_S = 150.0
# A hundred full cycles cost one percent; something is always left.
_FADE_A_CYCLE, _MOST_FADE = 1e-4, 0.95
# The curve and the ratios as tables of 0.5 % each, on which the corners fall: for a quick look-up in each step.
_STEPS_IN_ONE = 200
_FIRST = -0.05
_LAST_STEP = 219
_SOCS = [soc for soc, _ in _CURVE]


def _on_curve(soc: float) -> Volts:
    segment = min(max(bisect_right(_SOCS, soc + 1e-9) - 1, 0), len(_CURVE) - 2)
    (low_soc, low), (high_soc, high) = _CURVE[segment : segment + 2]
    return low + (soc - low_soc) * (high - low) / (high_soc - low_soc)


_CORNERS = [_FIRST + step / _STEPS_IN_ONE for step in range(_LAST_STEP + 2)]
_VOLTAGES = [_on_curve(soc) for soc in _CORNERS]
_RISES = [high - low for low, high in pairwise(_VOLTAGES)]
_RATIOS = {
    charging: [next(ratio for soc, ratio in reversed(ratios) if soc <= at + 1e-9) for at in _CORNERS[:-1]]
    for charging, ratios in ((True, _CHARGING), (False, _DISCHARGING))
}
_ENERGIES = list(accumulate(((low + high) / 2 / _STEPS_IN_ONE for low, high in pairwise(_VOLTAGES)), initial=0.0))


def open_circuit_voltage(soc: float) -> Volts:
    """The voltage of an LFP cell at rest, ``soc`` from 0 to 1; beyond, the ends of the curve go on straight."""
    place = (soc - _FIRST) * _STEPS_IN_ONE
    step = min(max(int(place), 0), _LAST_STEP)
    return _VOLTAGES[step] + (place - step) * _RISES[step]


def soc_at_rest(voltage: Volts) -> float:
    """The state of charge, from 0 to 1, at which an LFP cell has ``voltage`` at rest."""
    step = min(max(bisect_right(_VOLTAGES, voltage) - 1, 0), _LAST_STEP)
    return _CORNERS[step] + (voltage - _VOLTAGES[step]) / _RISES[step] / _STEPS_IN_ONE


def relaxed_after(seconds: Seconds) -> float:
    """The share of the way to its final value that a cell's polarisation goes in so long."""
    return 1 - exp(-seconds / _RELAXES_IN_S)


@dataclass(slots=True, kw_only=True)
class Ageing:
    """What changes in a cell in a month: the share of the capacity that is lost, ohms, and volts of the meter."""

    fade: float = 0.0
    resistance: float = 0.0
    meter: Volts = 0.0


@dataclass(slots=True, kw_only=True)
class VirtualCell:
    """A cell with its own capacity, charge, resistance (ohms), self-discharge, meter and ageing.

    ``fade`` is the share that is lost of ``new_capacity``; ``meter``: how much the BMS reads too high; ``bleeding``:
    the current that the balancer takes. `flow` and `put` change the charge and, with it, ``rest_voltage``.
    """

    new_capacity: AmpereHours
    charge: AmpereHours
    resistance: float
    leak: Amperes
    meter: Volts = 0.0
    fade: float = 0.0
    ageing: Ageing = field(default_factory=Ageing)
    bleeding: Amperes = 0.0
    capacity: AmpereHours = field(init=False)
    rest_voltage: Volts = field(init=False)
    polarisation: Volts = field(init=False)
    _step: int = field(init=False)

    def __post_init__(self) -> None:
        self.capacity = self.new_capacity * (1 - self.fade)
        self.put(self.charge)

    def put(self, charge: AmpereHours) -> None:
        """Set the charge of the cell, at rest."""
        self.charge = charge
        self.polarisation = 0.0
        self.flow(0.0, 0.0, 0.0)

    def flow(self, current: Amperes, hours: float, relaxed: float) -> None:
        """Let ``current`` flow for so long, positive while charging.

        ``relaxed``: see `relaxed_after`.
        """
        self.charge += (current - self.leak - self.bleeding) * hours
        place = (self.charge / self.capacity - _FIRST) * _STEPS_IN_ONE
        step = int(place)
        if not 0 <= step <= _LAST_STEP:
            step = 0 if step < 0 else _LAST_STEP
        self._step = step
        self.rest_voltage = _VOLTAGES[step] + (place - step) * _RISES[step]
        self.polarisation += (current * self.resistance * _RATIOS[current > 0][step] - self.polarisation) * relaxed

    def ohms(self, hours: float, relaxed: float, *, charging: bool) -> float:
        """By how much the voltage will have risen for each ampere that flows for so long."""
        of_charge = _RISES[self._step] * _STEPS_IN_ONE / self.capacity * hours
        return self.resistance * (1 + _RATIOS[charging][self._step] * relaxed) + of_charge

    def voltage(self, current: Amperes) -> Volts:
        """The voltage at its terminals with ``current`` flowing."""
        return self.rest_voltage + self.polarisation + current * self.resistance

    @property
    def energy(self) -> float:
        """The energy that it holds, in Wh."""
        place = (self.charge / self.capacity - _FIRST) * _STEPS_IN_ONE
        step = min(max(int(place), 0), _LAST_STEP)
        within = place - step
        volts = _VOLTAGES[step] + within * _RISES[step] / 2
        return self.capacity * (_ENERGIES[step] + volts * within / _STEPS_IN_ONE)

    def age(self, months: float, cycles: float) -> None:
        """Let it become older by so many months, and by so many full cycles."""
        self.lose(self.ageing.fade * months + _FADE_A_CYCLE * cycles)
        self.resistance += self.ageing.resistance * months
        self.meter += self.ageing.meter * months

    def lose(self, share: float) -> None:
        """Lose this share of the new capacity; what it holds stays."""
        self.fade = min(_MOST_FADE, self.fade + share)
        self.capacity = self.new_capacity * (1 - self.fade)
