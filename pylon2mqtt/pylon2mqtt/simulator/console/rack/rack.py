"""A rack: modules in series behind a controller (CMU), and what each controller's firmware prints.

Sources: recordings of real consoles. Guessed, for want of one: ``soh``, the counters of ``stat`` in other firmware than
B52.36, ``getpwr`` but for its fields, the lines above the cells of the oldest firmware's ``bat``, and what a locked
console says before it was opened.
"""

from dataclasses import KW_ONLY, dataclass, replace
from datetime import datetime

from pylon2mqtt.errors import ConfigError
from pylon2mqtt.simulator.battery import VirtualBank
from pylon2mqtt.simulator.models import BatteryModel
from pylon2mqtt.simulator.module import VirtualModule

_MOST_MODULES = 20

_READING = frozenset(["pwr", "unit", "bat", "info", "stat", "soh", "sysinfo", "getpwr", "data", "time"])
_SESSION = frozenset(["login", "logout", "help"])


@dataclass(frozen=True, slots=True, kw_only=True)
class RackFirmware:
    """One controller's firmware.

    ``head``: three lines stand before the table of ``pwr``. ``energy``: the unit of its energy, None: it reports none.
    ``bat_units``: the rows of ``bat`` print the unit of the charge. ``averages``: ``unit`` has a column with the mean
    temperature. ``blocks``: how ``info`` counts its modules: BMU from the highest number down to 0, Unit from 1.
    ``debug``: those that ``login debug`` adds. ``locked``: those that answer only after ``tbar`` with the controller's
    barcode.
    """

    device: str
    board: str
    main_soft: str
    soft: str
    released: str
    specification: str = "{volts}V/{capacity}AH"
    blocks: str = "BMU"
    head: bool = True
    energy: str | None = "WH"
    averages: bool = False
    bat_units: bool = False
    commands: frozenset[str] = _READING | _SESSION
    debug: frozenset[str] = frozenset({"tbar"})
    locked: frozenset[str] = frozenset()
    prompt: str = "pylon"
    boots_at: int | None = None


_B52_28 = RackFirmware(device="CMU_A", board="TISP01V10R02_1", main_soft="B52.28.0", soft="V5.2", released="21-03-02")
_B52_34 = replace(_B52_28, main_soft="B52.34.0", soft="V5.6", released="22-05-23", averages=True)

FIRMWARE = {
    "CMU-B50": replace(
        _B52_28,
        device="CMU",
        main_soft="B50.7.0",
        soft="V2.1",
        released="17-11-09",
        head=False,
        energy=None,
        bat_units=True,
    ),
    "SC0500-B52.28": _B52_28,
    "SC0500": _B52_34,
    "SC0500-B52.36": replace(_B52_34, main_soft="B52.36.0", soft="V5.7", released="23-08-25"),
    "SC0500-locked": replace(
        _B52_28,
        commands=_SESSION | {"info", "time"},
        debug=frozenset({"tbar", "getpwr"}),
        locked=frozenset({"getpwr"}),
    ),
    "Force-H2": RackFirmware(
        device="Force_H2",
        board="MMCBSP02V20R03",
        main_soft="B52.26.0",
        soft="V1.5",
        released="21-06-18",
        blocks="Unit",
        energy="mWH",
        commands=_READING | _SESSION | {"bmuinfo"},
    ),
}
"""Model of the modules -> its controller's firmware."""


@dataclass(slots=True)
class VirtualRack:
    """A bank in series as its controller sees it. Raises ConfigError for more modules than it can have."""

    bank: VirtualBank
    _: KW_ONLY
    debug: bool = False
    opened: bool = False

    def __post_init__(self) -> None:
        if len(self.bank.modules) > _MOST_MODULES:
            raise ConfigError(f"a rack has {_MOST_MODULES} modules at the most: ask for fewer")

    @property
    def firmware(self) -> RackFirmware:
        """Its controller's firmware."""
        return FIRMWARE[self.model.name]

    @property
    def model(self) -> BatteryModel:
        """What its modules are."""
        return self.bank.modules[0].model

    @property
    def barcode(self) -> str:
        """The controller's own."""
        return f"SIMC{self.bank.modules[0].barcode[5:]}"

    @property
    def units(self) -> list[VirtualModule]:
        """The modules that answer their controller."""
        return [module for module in self.bank.modules if module.present]

    @property
    def known(self) -> frozenset[str]:
        """The commands that are there in this mode."""
        return self.firmware.commands | (self.firmware.debug if self.debug else frozenset())

    def log_out(self) -> None:
        """Forget the login and what it opened."""
        self.debug = self.opened = False

    @property
    def now(self) -> datetime:
        """The controller's clock."""
        return self.bank.now
