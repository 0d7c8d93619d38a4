"""Who uses the battery: a household with solar panels on its roof."""

from math import exp, pi, sin, tau
from random import Random

from pylon2mqtt.model.units import KilowattHours, Seconds, Watts

_SUNRISE, _SUNSET = 6.0, 20.0
# Powers for each kWh of battery: a roof that fills it within a day, and a household that empties it in a night.
_ROOF_W = 210.0
_BASE_W = 28.0
_BREAKFAST_W = 60.0
_SUPPER_W = 110.0
# The inverter leaves the battery alone below this state of charge, in percent.
_RESERVE = 12.0


class Household:
    """What is left over from the roof, or taken from the battery: ``household(time, soc)`` in W, positive charging."""

    def __init__(self, energy: KilowattHours, dice: Random) -> None:
        self._scale = energy
        self._phases = [dice.uniform(0, tau) for _ in range(4)]

    def __call__(self, time: Seconds, soc: float) -> Watts:
        """The power offered to the battery at ``time``, seconds since a midnight, while it is at ``soc`` percent."""
        hour = time / 3600 % 24
        power = self._scale * (self._roof_w(hour, time) - self._load_w(hour, time))
        return max(power, 0.0) if soc < _RESERVE else power

    def _roof_w(self, hour: float, time: Seconds) -> Watts:
        if not _SUNRISE < hour < _SUNSET:
            return 0.0
        clouds = 0.86 + 0.10 * self._swing(0, time, 2700) + 0.04 * self._swing(1, time, 420)
        return _ROOF_W * sin(pi * (hour - _SUNRISE) / (_SUNSET - _SUNRISE)) * clouds

    def _load_w(self, hour: float, time: Seconds) -> Watts:
        breakfast = _BREAKFAST_W * exp(-(((hour - 7.3) / 0.8) ** 2))
        supper = _SUPPER_W * exp(-(((hour - 19.5) / 1.8) ** 2))
        fridge = 4.0 * self._swing(2, time, 1500) + 2.0 * self._swing(3, time, 190)
        return _BASE_W + breakfast + supper + fridge

    def _swing(self, which: int, time: Seconds, period: Seconds) -> float:
        return sin(tau * time / period + self._phases[which])
