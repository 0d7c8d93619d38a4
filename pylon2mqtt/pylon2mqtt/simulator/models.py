"""The data sheets of the modules that can be simulated.

Sources: RS485-protocol-pylon-low-voltage V3.3 for the shapes; the voltages, currents and temperatures are those that
real modules of the kind report; versions are of the right shape only.
"""

from dataclasses import dataclass, replace

from pylon2mqtt.errors import ConfigError
from pylon2mqtt.model.units import AmpereHours, Amperes, Celsius, Volts


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """A BMS's own limits, which 47 reports, where the models differ; the currents are magnitudes."""

    cell_high: Volts = 3.65
    cell_low: Volts = 3.05
    cell_under: Volts = 2.8
    module_high: Volts = 54.0
    module_low: Volts = 46.0
    module_under: Volts = 43.0
    high_temperature: Celsius = 60.0
    low_temperature: Celsius = -10.0
    charge_current: Amperes = 90.0
    discharge_current: Amperes = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryModel:
    """One kind of module.

    ``answers_ff``: as a master it answers for its whole group when asked with INFO FF; others keep silent.
    ``extra_status``: its answer to 44 ends in a sixth status byte. ``system_commands``: it knows 60 to 63.
    ``dialect``: what it speaks where Pylontech's would speak the binary protocol; ``tail``: how many bytes a PACE pack
    sends behind its design capacity. ``force_charge_soc``: below the first it asks for charge ("charge immediately 1"),
    below the second it wishes it.
    ``series``: one of a rack's modules, wired one behind the other; the rack has a controller with a console.
    ``full_cell``: at this voltage of its highest cell the BMS ends the charge. ``holds_full``: below it, a full module
    still takes what keeps it at ``charge_voltage_limit``, which the inverter holds.
    """

    name: str
    device_name: str
    barcode_letters: str
    capacity: AmpereHours
    cells: int = 15
    temperatures: int = 5
    answers_ff: bool = False
    extra_status: bool = True
    system_commands: bool = True
    charge_voltage_limit: Volts = 53.25
    full_cell: Volts = 3.55
    holds_full: bool = False
    discharge_voltage_limit: Volts = 45.0
    charge_current_limit: Amperes
    discharge_current_limit: Amperes
    dialect: str = "pylontech"
    tail: int = 0
    force_charge_soc: tuple[float, float] = (9.0, 13.0)
    software: tuple[int, int] = (1, 7)
    manufacture_version: tuple[int, int] = (1, 3)
    main_line_version: tuple[int, int, int] = (0, 6, 9)
    parameters: Parameters = Parameters()
    series: bool = False


_DATA_SHEETS = (
    BatteryModel(
        name="US2000",
        device_name="US2KBPL",
        barcode_letters="BA",
        capacity=50.0,
        answers_ff=True,
        extra_status=False,
        system_commands=False,
        charge_current_limit=25.0,
        discharge_current_limit=25.0,
        software=(2, 3),
        manufacture_version=(2, 3),
        main_line_version=(0, 6, 5),
        parameters=Parameters(
            cell_under=2.9,
            module_under=44.5,
            high_temperature=61.0,
            low_temperature=-11.0,
            charge_current=102.0,
            discharge_current=100.0,
        ),
    ),
    BatteryModel(
        name="US2000C",
        device_name="US2000C",
        barcode_letters="BC",
        capacity=50.0,
        charge_current_limit=25.0,
        discharge_current_limit=25.0,
        parameters=Parameters(module_under=43.5),
    ),
    BatteryModel(
        name="US3000",
        device_name="US3000",
        barcode_letters="CA",
        capacity=74.0,
        answers_ff=True,
        extra_status=False,
        system_commands=False,
        charge_current_limit=37.0,
        discharge_current_limit=37.0,
        software=(2, 4),
        manufacture_version=(2, 4),
        main_line_version=(0, 6, 5),
        parameters=Parameters(cell_under=2.9, module_under=44.5, charge_current=102.0, discharge_current=100.0),
    ),
    BatteryModel(
        name="US3000C",
        device_name="US3000C",
        barcode_letters="CR",
        capacity=74.0,
        charge_current_limit=37.0,
        discharge_current_limit=37.0,
    ),
    BatteryModel(
        name="US5000",
        device_name="US5000",
        barcode_letters="TH",
        capacity=100.0,
        temperatures=6,
        charge_current_limit=50.0,
        discharge_current_limit=50.0,
        software=(1, 2),
        parameters=Parameters(charge_current=100.0, discharge_current=100.0),
    ),
    BatteryModel(
        name="UP2500",
        device_name="UP2500",
        barcode_letters="EB",
        capacity=111.0,
        cells=8,
        system_commands=False,
        charge_voltage_limit=28.4,
        discharge_voltage_limit=23.2,
        charge_current_limit=55.5,
        discharge_current_limit=55.5,
        parameters=Parameters(module_high=28.8, module_low=24.4, module_under=22.4),
    ),
    BatteryModel(
        name="US3000D",
        device_name="US3000D",
        barcode_letters="CD",
        capacity=74.0,
        charge_current_limit=37.0,
        discharge_current_limit=37.0,
        parameters=Parameters(charge_current=70.0, discharge_current=70.0, module_high=57.6),
    ),
    BatteryModel(
        name="Pytes-4850P",
        device_name="E-BOX-4850",
        barcode_letters="EP",
        capacity=50.0,
        temperatures=6,
        charge_current_limit=50.0,
        discharge_current_limit=50.0,
        parameters=Parameters(charge_current=102.0, discharge_current=102.0),
    ),
    BatteryModel(
        name="Pytes-V5",
        device_name="E-BOX-48V",
        barcode_letters="EV",
        capacity=100.0,
        cells=16,
        temperatures=6,
        charge_voltage_limit=56.8,
        discharge_voltage_limit=48.0,
        charge_current_limit=50.0,
        discharge_current_limit=50.0,
        parameters=Parameters(
            charge_current=105.0, discharge_current=105.0, module_high=57.6, module_low=48.0, module_under=44.8
        ),
    ),
)

_BY_NAME = {model.name: model for model in _DATA_SHEETS}

_OTHER_FIRMWARE = (
    replace(_BY_NAME["US3000C"], name="US3000C-B69.25", main_line_version=(0, 6, 9)),
    replace(_BY_NAME["US5000"], name="US5000-B69.26", software=(2, 3)),
)
"""Modules whose later firmware prints other things on its console."""

# Modules of racks: the names are those of the whole, which its controller's firmware makes.
_H48050 = BatteryModel(
    name="SC0500",
    device_name="H48050",
    barcode_letters="HS",
    capacity=50.0,
    series=True,
    charge_current_limit=25.0,
    discharge_current_limit=25.0,
    parameters=Parameters(charge_current=53.0, discharge_current=55.0, module_high=54.75),
)
_RACKS = (
    _H48050,
    *(replace(_H48050, name=name) for name in ("SC0500-B52.28", "SC0500-B52.36", "SC0500-locked")),
    replace(_H48050, name="CMU-B50", charge_current_limit=20.0, discharge_current_limit=20.0),
    replace(
        _H48050,
        name="Force-H2",
        device_name="FH9637M",
        barcode_letters="HF",
        capacity=37.0,
        cells=30,
        charge_voltage_limit=106.5,
        discharge_voltage_limit=87.0,
        charge_current_limit=18.5,
        discharge_current_limit=18.5,
        parameters=Parameters(charge_current=40.0, discharge_current=40.0, module_high=108.0),
    ),
)

# Modules with 16 cells whose BMS is made by others.
_PACE = BatteryModel(
    name="PACE",
    dialect="pace",
    extra_status=False,
    device_name="P16S100A-1812-1.00",
    barcode_letters="PC",
    capacity=100.0,
    cells=16,
    temperatures=6,
    charge_voltage_limit=57.6,
    full_cell=3.65,
    holds_full=True,
    discharge_voltage_limit=46.0,
    charge_current_limit=50.0,
    discharge_current_limit=100.0,
)
_OTHER_MAKERS = (
    _PACE,
    replace(_PACE, name="Jakiper", tail=1, extra_status=True, device_name="P16S100A-1B470-1.04", barcode_letters="JK"),
    replace(_PACE, name="EASUN", tail=14, device_name="P16S100A-32117-1.00", barcode_letters="EA", capacity=200.0),
    replace(_PACE, name="Seplos", dialect="seplos", device_name="1101-SP15", capacity=280.0, software=(2, 7)),
    replace(_PACE, name="EG4", dialect="eg4", device_name="LifePower4"),
    replace(_PACE, name="Daren", dialect="ver22", device_name="DR48100JC", barcode_letters="DR"),
)

MODELS = _BY_NAME | {model.name: model for model in (*_OTHER_FIRMWARE, *_RACKS, *_OTHER_MAKERS)}


def stack(names: str, modules: int | None) -> tuple[BatteryModel, ...]:
    """The models of a stack, the master first: ``names`` by commas, the last one for all further modules.

    Without ``modules`` a list is taken as it is, and of a single name there are three. Raises ConfigError.
    """
    listed = [name.strip() for name in names.split(",")]
    count = modules or (len(listed) if len(listed) > 1 else 3)
    if count < len(listed):
        raise ConfigError(f"{len(listed)} models are named for {count} modules: leave some out, or ask for more")
    unknown = sorted(set(listed) - MODELS.keys())
    if unknown:
        raise ConfigError(f"there is no data sheet for {', '.join(unknown)}: choose from {', '.join(MODELS)}")
    chosen = tuple(MODELS[name] for name in listed)
    if len({model.dialect for model in chosen}) > 1:
        raise ConfigError("one stack speaks one dialect: choose models of one maker")
    if len({model.cells for model in chosen}) > 1:
        raise ConfigError("modules of different voltages cannot stand in one stack: choose models with as many cells")
    if len({model.series for model in chosen}) > 1:
        raise ConfigError("modules of a rack and of a low-voltage stack cannot stand together: choose one kind")
    return chosen + chosen[-1:] * (count - len(chosen))
