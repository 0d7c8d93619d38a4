"""What follows from the measured values of now: the fields that `derived` fills in."""

from dataclasses import dataclass

from .units import AmpereHours, Amperes, Celsius, KilowattHours, Percent, State, Volts, Watts


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What follows for a bank and for a module alike. ``problem``: an alarm of any severity is active."""

    power: Watts | None = None
    charge_power: Watts | None = None
    discharge_power: Watts | None = None
    soc: Percent | None = None
    remaining_energy: KilowattHours | None = None
    rated_energy: KilowattHours | None = None
    cell_voltage_min: Volts | None = None
    cell_voltage_min_cell: int | None = None
    cell_voltage_max: Volts | None = None
    cell_voltage_max_cell: int | None = None
    cell_voltage_difference: Volts | None = None
    cell_voltage_mean: Volts | None = None
    cell_temperature_min: Celsius | None = None
    cell_temperature_max: Celsius | None = None
    cell_temperature_difference: Celsius | None = None
    problem: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleFigures(Figures):
    """What follows from one module's values, and from those of the others beside it."""

    current_share: Percent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BankFigures(Figures):
    """What follows from all modules' values, where the bank does not report it itself.

    Limits: the strictest voltage, the sum of the currents, as the master of a stack sends them to the inverter.
    ``charge_enabled`` only where all modules agree; a request of one module is a request of the bank. ``soh`` and
    ``cycles`` are those of the module that is worst off.
    """

    voltage: Volts | None = None
    current: Amperes | None = None
    temperature: Celsius | None = None
    soh: Percent | None = None
    remaining_capacity: AmpereHours | None = None
    full_capacity: AmpereHours | None = None
    rated_capacity: AmpereHours | None = None
    cycles: int | None = None
    state: State | None = None
    module_count: int | None = None
    modules_online: int | None = None
    modules_asleep: int | None = None
    modules_silent: int | None = None
    cell_voltage_min_module: int | None = None
    cell_voltage_max_module: int | None = None
    charge_voltage_limit: Volts | None = None
    charge_current_limit: Amperes | None = None
    discharge_voltage_limit: Volts | None = None
    discharge_current_limit: Amperes | None = None
    charge_enabled: bool | None = None
    discharge_enabled: bool | None = None
    force_charge_1: bool | None = None
    force_charge_2: bool | None = None
    full_charge_requested: bool | None = None
