"""How each dialect is asked: which questions, of whom, at which rates, how often. Nothing else can be sent.

``docs/protocols`` says where the figures are from: rs485.md, rs232.md, pace.md, seplos.md, eg4.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pylon2mqtt.protocols.binary.dialects import eg4, pace, pylontech, seplos
from pylon2mqtt.protocols.binary.dialects.pylontech_info import SYSTEM, Command

from .frame import BATTERY, Frame
from .values import ALL_MODULES, Decoder

_MINUTE, _HOUR = 60.0, 3600.0


def _itself(place: int) -> int:
    return place


def _from_one(place: int) -> int:
    """A module alone may have address 0; then it is number 1 all the same."""
    return max(1, place)


def _next(place: int) -> int:
    """Addresses begin at 0, numbers at 1."""
    return place + 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Variant:
    """One dialect on one kind of line.

    ``timeout_s``: its rates, in the order in which they are tried, and after how many seconds an answer is missing.
    ``masters``: where the first module may be, and where the others are to be looked for then; ``number`` makes module
    numbers of these places. ``address``: ADR of every frame, where INFO alone says which module is meant. ``in_info``:
    the commands whose INFO names the module, by what ``named`` makes of its place; that of the others is empty.
    ``slow`` and ``of_bank``: every how many seconds is asked beside 42 and 44 of each module and of the master; 0 is in
    every cycle. ``identity`` asks for the barcode. ``tells_all``: its master may be asked for all modules at once.
    """

    title: str
    timeout_s: Mapping[int, float]
    masters: Mapping[int, range]
    decode: Decoder
    commands: frozenset[int]
    in_info: frozenset[int]
    version: int = 0x20
    cid1: int = BATTERY
    address: int | None = None
    identity: int | None = None
    number: Callable[[int], int] = _itself
    named: Callable[[int], int] = _itself
    tells_all: bool = False
    slow: Mapping[int, float] = field(default_factory=dict)
    of_bank: Mapping[int, float] = field(default_factory=dict)

    def question(self, command: int, place: int, *, all_modules: bool = False) -> Frame:
        """Return the request frame; raise ValueError for a command that is not in the table."""
        if command not in self.commands:
            raise ValueError(f"{command:02X} is not a valid command of {self.title}")
        info = bytes((self.named(place),)) if command in self.in_info else b""
        return Frame(
            version=self.version,
            address=place if self.address is None else self.address,
            cid1=self.cid1,
            cid2=command,
            info=ALL_MODULES if all_modules else info,
        )


PYLONTECH_RS485 = Variant(
    title="Pylontech's binary protocol (RS485)",
    # The rates that DIP switch 1 chooses. An answer is complete 69 to 182 ms after its request at 115200; at 9600 its
    # characters alone take up to half a second.
    timeout_s={115200: 1.0, 9600: 2.0},
    masters={0x02: range(0x03, 0x0E)},
    number=pylontech.module_number,
    decode=pylontech.decode,
    commands=frozenset(Command) - {Command.PACK_COUNT},
    in_info=frozenset((Command.ANALOG, Command.ALARM, Command.MANAGEMENT, Command.SERIAL, Command.FIRMWARE)),
    identity=Command.SERIAL,
    slow={Command.MANAGEMENT: _MINUTE, Command.PARAMETERS: _HOUR, Command.FIRMWARE: _HOUR},
    of_bank={
        Command.VERSION: _HOUR,
        Command.MANUFACTURER: _HOUR,
        Command.SYSTEM_BASIC: _HOUR,
        Command.SYSTEM_ANALOG: 0.0,
        Command.SYSTEM_ALARM: 0.0,
        Command.SYSTEM_LIMITS: 0.0,
    },
)

PYLONTECH_RS232 = Variant(
    title="Pylontech's binary protocol (RS232)",
    # 1200 after power-on, the others when 91 has set them. The longest answer, of a module with 16 cells, has 150
    # characters: 1.3 s at 1200.
    timeout_s={1200: 4.0, 4800: 2.0, 2400: 2.5},
    masters={1: range(2, 9)},
    address=pylontech.RS232_ADDRESS,
    decode=pylontech.decode,
    commands=frozenset(Command) - SYSTEM - {Command.FIRMWARE},
    in_info=frozenset((Command.ANALOG, Command.ALARM, Command.MANAGEMENT, Command.SERIAL)),
    identity=Command.SERIAL,
    slow={Command.MANAGEMENT: _MINUTE},
    of_bank={
        Command.VERSION: _HOUR,
        Command.MANUFACTURER: _HOUR,
        Command.PACK_COUNT: _HOUR,
        Command.PARAMETERS: _HOUR,
    },
)

PACE = Variant(
    title="PACE's binary protocol",
    timeout_s={9600: 1.5, 19200: 1.0, 115200: 1.0},
    masters={1: range(2, 16), 0: range(0)},  # DIP switches at 0: a module alone
    number=_from_one,
    named=_from_one,
    tells_all=True,
    version=pace.VERSION,
    decode=pace.decode,
    commands=frozenset(pace.Command) - {pace.Command.CAPACITY},  # 42 says the same
    in_info=frozenset((pace.Command.ANALOG, pace.Command.ALARM, pace.Command.FIRMWARE, pace.Command.BARCODE)),
    identity=pace.Command.BARCODE,
    slow={pace.Command.FIRMWARE: _HOUR},
    of_bank={pace.Command.PACK_COUNT: _HOUR},
)

SEPLOS = Variant(
    title="Seplos' binary protocol",
    timeout_s={9600: 1.5, 19200: 1.0},
    masters={0: range(1, 16), 1: range(2, 16)},
    number=_next,
    decode=seplos.decode,
    commands=seplos.COMMANDS,
    in_info=frozenset((Command.ANALOG, Command.ALARM)),
    of_bank={Command.MANUFACTURER: _HOUR},
)

EG4 = Variant(
    title="EG4's binary protocol",
    timeout_s={9600: 1.5, 115200: 1.0},
    masters={1: range(2, 17)},
    cid1=eg4.CID1,
    decode=eg4.decode,
    commands=frozenset(eg4.Command),
    in_info=frozenset(),
    of_bank={eg4.Command.MANUFACTURER: _HOUR},
)
