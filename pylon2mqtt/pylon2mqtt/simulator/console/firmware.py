"""The data sheets of the consoles: what each firmware family prints, knows and refuses.

A stack is reported of by its master's firmware; what a slave's own one decides is marked (own). Sources: recordings of
real consoles. Guessed, for want of one: layout D as a table, ``pwr N`` of a Pytes 4850P, ``soh`` of a Pytes V5 beyond
its columns, the widths of ``euro``, and which clock is in which model.
"""

from dataclasses import dataclass, replace
from enum import Enum

from pylon2mqtt.errors import ConfigError
from pylon2mqtt.simulator.models import BatteryModel


class Pwr(Enum):
    """The layouts of the table that ``pwr`` prints."""

    A = "16 columns"
    B = "A and the switches' temperature"
    C = "B with the numbers of the lowest and highest cells, and a system alarm"
    D = "C without the system alarm"
    E = "A with barcode and kind of device"


class Bat(Enum):
    """The layouts of the table that ``bat`` prints."""

    OLD = "charge in percent under the header Coulomb"
    NEW = "SOC, Coulomb and BAL"
    SPLIT = "NEW with one temperature state for discharging and one for charging"
    WITHOUT_CURRENT = "OLD without the current"


class Soh(Enum):
    """The layouts of the table that ``soh`` prints."""

    COUNT = "a counter and a word"
    HEX = "eight hexadecimal digits"


_COMMON = frozenset(["pwr", "bat", "info", "stat", "data", "datalist", "log", "login", "logout", "help", "time"])
_PYLON = _COMMON | {"soh", "getpwr"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Firmware:
    """One family.

    ``boots_at``: its console wakes at this rate, until it is asked for 115200. ``step``: temperatures are reported in
    m°C by this step (own). ``mos_sensor``: the switches' temperature is measured (own). ``alone``: the commands that
    take no module's number. ``exclaims``: whose success ends in "!". ``blank_first``: whose body begins with an
    empty line. ``debug``: those that ``login debug`` adds. ``absent_bat``: the words of ``bat`` for an empty slot.
    ``milli_cycles``: ``stat`` counts thousandths of cycles. ``reports_slaves_charge``: ``bat`` of a slave has Coulomb.
    ``status_words``: words of state take the place of the events. ``classes``: ``stat`` counts the seconds in
    each class of the current and of the charge.
    """

    manufacturer: str = "Pylon"
    device: str | None = None
    board_version: str = "V10R04"
    board: str | None = None
    main_soft: str
    soft: str
    boot: str = "V2.0"
    released: str
    prompt: str = "pylon"
    boots_at: int | None = None
    pwr: Pwr = Pwr.B
    slots: int = 16
    absent_rows: bool = True
    bat: Bat = Bat.NEW
    soh: Soh = Soh.COUNT
    step: int = 100
    mos_sensor: bool = True
    clock: str = "Ds3231"
    clock_test: bool = False
    commands: frozenset[str] = _PYLON
    debug: frozenset[str] = frozenset({"pwrsys"})
    alone: frozenset[str] = frozenset()
    exclaims: frozenset[str] = frozenset()
    absent_bat: str | None = None
    paged_help: bool = True
    blank_first: frozenset[str] = frozenset()
    status_words: bool = False
    reports_slaves_charge: bool = True
    reports_soh: bool = True
    two_stage_currents: bool = True
    misc_items: bool = False
    milli_cycles: bool = False
    system_recommends: bool = False
    classes: bool = False


_US2000B = Firmware(
    board_version="PHANTOMSAV10R03",
    main_soft="B66.6",
    soft="V2.4",
    released="20-06-02",
    boots_at=1200,
    pwr=Pwr.A,
    slots=8,
    bat=Bat.OLD,
    step=1000,
    mos_sensor=False,
    reports_soh=False,
    two_stage_currents=False,
    misc_items=True,
)
_US2000C = Firmware(
    board="NF4.E2",
    main_soft="B69.13.0.0",
    soft="V1.4",
    released="22-02-01",
    clock="RTC",
    clock_test=True,
)
_US5000 = Firmware(board="NF4.E3", main_soft="B69.16.0.0", soft="V1.3", boot="V1.0", released="22-08-15")
_PYTES = Firmware(
    manufacturer="PYTES",
    device="E-BOX-4850P",
    board_version="SQBMSV13",
    main_soft="SPBMS15SPH2111V1.3.19",
    soft="V1.3",
    boot="V1.6",
    released="23-01-05",
    prompt="PYTES",
    pwr=Pwr.A,
    slots=8,
    bat=Bat.OLD,
    step=1000,
    mos_sensor=False,
    clock="PCF8563",
    commands=_COMMON | {"soh"},
    debug=frozenset(),
    reports_soh=False,
    two_stage_currents=False,
    misc_items=True,
)

FIRMWARE = {
    "US2000": _US2000B,
    "US2000C": _US2000C,
    "US3000": replace(_US2000B, device="US3000A", main_soft="B65.6", soft="V1.3", released="18-10-01"),
    "US3000C": replace(_US2000C, clock="DS3231M", clock_test=False),
    "US3000C-B69.25": replace(
        _US2000C,
        main_soft="B69.25.0.0",
        soft="V2.0",
        released="24-05-21",
        commands=_COMMON | {"getpwr", "euro"},
        absent_bat="Command failed",
        paged_help=False,
        system_recommends=True,
        classes=True,
    ),
    "US5000": _US5000,
    "US5000-B69.26": replace(
        _US5000,
        main_soft="B69.26.0.0",
        soft="V2.3",
        released="25-07-14",
        pwr=Pwr.C,
        system_recommends=True,
        classes=True,
    ),
    "US3000D": replace(
        _US5000,
        board_version="",
        main_soft="B1.4.0.0",
        soft="V1.1",
        boot="V0.02",
        released="25-11-20",
        pwr=Pwr.D,
        absent_rows=False,
        bat=Bat.SPLIT,
        commands=frozenset(["pwr", "bat", "info", "stat", "datalist", "euro", "help"]),
        debug=frozenset(),
        alone=frozenset({"info", "stat"}),
        exclaims=frozenset({"stat", "euro"}),
        paged_help=False,
        blank_first=frozenset({"pwr", "bat", "info", "euro", "help"}),
        status_words=True,
        reports_slaves_charge=False,
        milli_cycles=True,
    ),
    "Pytes-4850P": _PYTES,
    "Pytes-V5": replace(
        _PYTES,
        device="E-BOX-48100V-D",
        board_version="SQBMS16V10",
        main_soft="SPBMS16SRP2304V1.10.7.1C",
        soft="V1.10",
        boot="V1.13",
        released="23-10-20",
        pwr=Pwr.E,
        slots=16,
        bat=Bat.WITHOUT_CURRENT,
        soh=Soh.HEX,
        commands=_COMMON | {"soh", "ver"},
        alone=frozenset({"stat"}),
        misc_items=False,
    ),
}
"""Model -> its console."""


def firmware_of(model: BatteryModel) -> Firmware:
    """The data sheet of a model's console. Raises ConfigError where none is known."""
    if model.name not in FIRMWARE:
        raise ConfigError(f"the console of the {model.name} is not known: choose from {', '.join(FIRMWARE)}")
    return FIRMWARE[model.name]


def device_name(model: BatteryModel) -> str:
    """The name of the module on the console."""
    return firmware_of(model).device or model.device_name
