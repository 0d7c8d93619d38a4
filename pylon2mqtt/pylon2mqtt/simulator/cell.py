"""One LFP cell: what it holds, and the voltage that follows."""

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import pairwise

from pylon2mqtt.model.units import AmpereHours, Amperes, Seconds, Volts

# Open-circuit voltage of an LFP cell over its state of charge (1 = full), as data sheets of such cells draw it: steep
# at both ends, flat between. Over 1 the cell is overcharged.
_CURVE = (
    (-0.02, 2.00),
    (0.00, 2.60),
    (0.02, 2.90),
    (0.05, 3.08),
    (0.10, 3.20),
    (0.20, 3.255),
    (0.30, 3.285),
    (0.40, 3.295),
    (0.60, 3.305),
    (0.70, 3.330),
    (0.90, 3.345),
    (0.95, 3.360),
    (0.98, 3.400),
    (1.00, 3.520),
    (1.03, 3.900),
)
_SOCS = [soc for soc, _ in _CURVE]
_SLOPES = [(high[1] - low[1]) / (high[0] - low[0]) for low, high in pairwise(_CURVE)]


def open_circuit_voltage(soc: float) -> Volts:
    """The voltage of an LFP cell at rest, ``soc`` from 0 to 1; beyond, the ends of the curve go on straight."""
    segment = min(max(bisect_right(_SOCS, soc) - 1, 0), len(_SLOPES) - 1)
    start, voltage = _CURVE[segment]
    return voltage + (soc - start) * _SLOPES[segment]


@dataclass(slots=True, kw_only=True)
class VirtualCell:
    """A cell with its own capacity, charge, resistance (ohms) and self-discharge.

    ``rest_voltage`` is its voltage without current; it follows ``charge``, which only `flow` and `put` change.
    """

    capacity: AmpereHours
    charge: AmpereHours
    resistance: float
    leak: Amperes
    rest_voltage: Volts = field(init=False)

    def __post_init__(self) -> None:
        self.put(self.charge)

    def put(self, charge: AmpereHours) -> None:
        """Let it hold so much."""
        self.charge = charge
        self.rest_voltage = open_circuit_voltage(charge / self.capacity)

    def flow(self, current: Amperes, seconds: Seconds) -> None:
        """Let ``current`` flow for so long, positive while charging."""
        self.put(self.charge + (current - self.leak) * seconds / 3600)

    def voltage(self, current: Amperes) -> Volts:
        """The voltage at its terminals with ``current`` flowing."""
        return self.rest_voltage + current * self.resistance
