"""What the rows of a rack's tables have in common: measured values, words of state, charge and energy."""

from typing import Any

from pylon2mqtt.model import Alarm, AlarmKind
from pylon2mqtt.protocols.console.tables import Row
from pylon2mqtt.protocols.console.values import (
    KINDS,
    amount,
    blind,
    celsius,
    converted,
    milli,
    percent,
    reading,
    sensor_fault,
)

RACK_VOLTS = ((20.0, 1600.0), (0.0, 2000.0))
"""Between which voltages a rack may be where it calls its own normal, and else."""

_UNIT_KINDS = {
    "U.V.St": (AlarmKind.MODULE_OVERVOLTAGE, AlarmKind.MODULE_UNDERVOLTAGE),
    "U.T.St": (AlarmKind.OVERTEMPERATURE, AlarmKind.UNDERTEMPERATURE),
    "V.State": (AlarmKind.CELL_OVERVOLTAGE, AlarmKind.CELL_UNDERVOLTAGE),
    "T.State": (AlarmKind.OVERTEMPERATURE, AlarmKind.UNDERTEMPERATURE),
}
MODULE_KINDS = {**KINDS, **_UNIT_KINDS}
RACK_KINDS = {**MODULE_KINDS, "Volt.St": (AlarmKind.OVERVOLTAGE, AlarmKind.UNDERVOLTAGE)}

_ENDS = ("low", "high")
_SCALES = {"mAH": 1e-3, "WH": 1e-3, "mWH": 1e-6}
# Energy for charge: how many Wh a full rack or cell may be said to hold for each Wh that its charge says. Nothing but a
# wrong unit is beyond.
_ENERGY_FITS = (0.2, 5.0)


def missing(who: str, row: Row) -> list[str]:
    """Return what a row has to tell and does not; a single BMU does not measure the current."""
    names = ("Volt", "Base.St", *(("Curr",) if "Curr" in row else ()))
    return [f"{who}: no {name}" for name in names if row.get(name) is None]


def measured(who: str, row: Row, doubts: list[str]) -> tuple[dict[str, Any], list[Alarm]]:
    """Return the fields that the rows of ``pwr`` and ``unit`` share, and an alarm for each sensor that is broken.

    A single BMU's columns lack the B.
    """
    sensors = {"Tempr": row.get("Tempr")}
    sensors |= {f"T{end}": row.get(f"BT{end}", row.get(f"T{end}")) for end in _ENDS}
    degrees, broken = celsius({name: milli(text) for name, text in sensors.items()})
    low, high = (row.get(f"BV{end}", row.get(f"V{end}")) for end in _ENDS)
    broken += [sensor_fault(None)] if blind(low) or blind(high) else []
    soc, charge = share(who, row.get("CoulombAH", row.get("Coulomb")), doubts, "mAH")
    energy_soc, energy = share(who, row.get("CoulombWH"), doubts, "mWH", "WH")
    fits = energy_fits(energy_soc, energy, soc, charge, int(row["Volt"] or 0) / 1000)
    found = {
        "voltage": milli(row["Volt"]),
        "current": milli(row.get("Curr")),
        "temperature": degrees["Tempr"],
        "cell_temperature_min": degrees["Tlow"],
        "cell_temperature_max": degrees["Thigh"],
        "cell_voltage_min": reading(low),
        "cell_voltage_max": reading(high),
        "soc": soc,
        "remaining_capacity": charge,
        "soe": energy_soc if fits else None,
        "remaining_energy": energy if fits else None,
    }
    return found, broken


def share(who: str, text: str | None, doubts: list[str], *units: str) -> tuple[float | None, float | None]:
    """Return a state of charge, and beside it Ah or kWh: `78%  28903 mAH`.

    Without a unit it is in the first of ``units``.
    """
    soc, sign, rest = (text or "").rpartition("%")
    scales = {unit: _SCALES[unit] for unit in units} | {"": _SCALES[units[0]]}
    reported = converted(rest.strip() or None, lambda value: amount(value, **scales), f"{who}: {units[0]}", doubts)
    return converted(soc if sign else None, percent, f"{who}: SOC", doubts), reported


def energy_fits(
    energy_soc: float | None, energy_kwh: float | None, soc: float | None, charge_ah: float | None, volts: float
) -> bool:
    """Tell whether energy and charge are those of one battery: else its unit is wrong, or bytes were lost."""
    if energy_kwh is None or energy_soc is None or charge_ah is None or soc is None:
        return False
    full_by_charge = charge_ah / max(soc, 0.5) * volts / 1000
    full_by_energy = energy_kwh / max(energy_soc, 0.5)
    return _ENERGY_FITS[0] * full_by_charge <= full_by_energy <= _ENERGY_FITS[1] * full_by_charge
