"""What the folds read of a module: as it reports it, else as it follows from what it reports."""

from pylon2mqtt.model import CellsThen, Module
from pylon2mqtt.model.units import AmpereHours, Celsius, Percent, Volts

# Below this state of charge the capacity does not follow well enough from what remains.
_LEAST_SOC = 20.0


def soc(module: Module) -> Percent | None:
    """Return the state of charge."""
    if module.soc is not None:
        return module.soc
    if module.remaining_capacity is None or not module.full_capacity:
        return None
    return min(100.0, 100 * module.remaining_capacity / module.full_capacity)


def capacity(module: Module) -> AmpereHours | None:
    """Return the capacity to compare currents with: the full capacity, else what remains by the state of charge."""
    if module.full_capacity:
        return module.full_capacity
    if module.remaining_capacity is None or module.soc is None or module.soc < _LEAST_SOC:
        return None
    return 100 * module.remaining_capacity / module.soc


def c_rate(module: Module) -> float | None:
    """Return the current as a part of the capacity, positive while charging: 0.5 empties or fills it in two hours."""
    whole = capacity(module)
    return module.current / whole if module.current is not None and whole else None


def voltages(module: Module) -> tuple[Volts, ...] | None:
    """Return the voltages of all cells, the first cell first; None where one is missing."""
    found = tuple(cell.voltage for cell in module.cells or () if cell.voltage is not None)
    return found if found and len(found) == len(module.cells or ()) else None


def highest_cell(module: Module) -> Volts | None:
    """Return the highest voltage of a cell."""
    some = voltages(module)
    return max(some) if some else module.cell_voltage_max


def lowest_cell(module: Module) -> Volts | None:
    """Return the lowest voltage of a cell."""
    some = voltages(module)
    return min(some) if some else module.cell_voltage_min


def cell_temperatures(module: Module) -> tuple[Celsius, ...]:
    """Return the temperatures of cells or of groups of cells that are known."""
    extremes = (module.cell_temperature_min, module.cell_temperature_max)
    for some in (module.temperatures or (), tuple(cell.temperature for cell in module.cells or ()), extremes):
        if known := tuple(one for one in some if one is not None):
            return known
    return ()


def mean_temperature(module: Module) -> Celsius | None:
    """Return the mean temperature of the cells; the module's own where no cell has one."""
    some = cell_temperatures(module)
    return sum(some) / len(some) if some else module.temperature


def cells_then(module: Module) -> CellsThen | None:
    """Return the cells of a module as they go with a happening."""
    if not module.cells:
        return None
    return CellsThen(
        millivolts=tuple(None if c.voltage is None else round(1000 * c.voltage) for c in module.cells),
        temperatures=tuple(cell.temperature for cell in module.cells),
        states=tuple(", ".join((c.words or {}).values()) or (str(c.state) if c.state else None) for c in module.cells),
    )
