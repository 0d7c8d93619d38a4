"""The energy that went into a bank and out of it: its power, added up over time."""

from dataclasses import dataclass
from datetime import datetime

from pylon2mqtt.model.units import KilowattHours, Watts

_WATT_SECONDS = 3.6e6
"""In a kilowatt-hour."""


@dataclass(slots=True, kw_only=True)
class EnergyMeter:
    """Counts from what it is given to begin with. Power is positive while charging.

    Between two readings the power counts as the mean of the two; what was longer than ``longest_gap_s`` between them is
    not counted, for nobody knows what happened then.
    """

    longest_gap_s: float
    charged: KilowattHours = 0.0
    discharged: KilowattHours = 0.0
    _power: Watts | None = None
    _at: datetime | None = None

    def take(self, power: Watts | None, at: datetime) -> None:
        """Take in the power at a moment; None while it is not known."""
        if power is not None and self._power is not None and self._at is not None:
            seconds = (at - self._at).total_seconds()
            if 0 < seconds <= self.longest_gap_s:
                self._add(self._power, power, seconds)
        self._power, self._at = power, at

    def _add(self, before: Watts, now: Watts, seconds: float) -> None:
        """Add the area under a straight line from one power to the other, above zero and below."""
        if before * now >= 0:
            parts = [(before + now) / 2 * seconds]
        else:  # Zero is crossed on the way: a triangle on each side.
            until = seconds * before / (before - now)
            parts = [before / 2 * until, now / 2 * (seconds - until)]
        self.charged += sum(part for part in parts if part > 0) / _WATT_SECONDS
        self.discharged -= sum(part for part in parts if part < 0) / _WATT_SECONDS
