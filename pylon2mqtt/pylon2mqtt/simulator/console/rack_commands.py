"""The commands of a rack's console: what each takes, and what answers it."""

from collections.abc import Callable
from dataclasses import dataclass

from . import rack_dictionaries as rack_sheets
from . import rack_tables
from .rack import Rack
from .text import Told, invalid, listing, refused, unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """``usage`` is what it prints when used wrongly; ``most`` are the arguments it takes."""

    usage: str
    run: Callable[[Rack, list[str]], Told | None]
    most: int = 0


def execute(rack: Rack, words: list[str]) -> Told:
    """What the console says to a line of words."""
    name, *arguments = words
    if name not in rack.known:
        return unknown(name)
    if name in rack.firmware.locked and not rack.opened:
        return refused("Command failed")
    command = COMMANDS[name]
    told = command.run(rack, arguments) if len(arguments) <= command.most else None
    return invalid(command.usage) if told is None else told


def _bmuinfo(rack: Rack, arguments: list[str]) -> Told | None:
    if len(arguments) != 1 or not arguments[0].isdecimal():
        return None
    return rack_sheets.bmuinfo(rack, int(arguments[0])) or refused("Command completed unccessfully")


def _data(rack: Rack, arguments: list[str]) -> Told | None:
    kind, *number = arguments or [""]
    if kind != "event" or not all(word.isdecimal() for word in number):
        return None
    return rack_sheets.event(rack, int(number[0]) if number else 0)


def _time(rack: Rack, arguments: list[str]) -> Told | None:
    return None if arguments else listing([f"{rack.now:%Y-%m-%d %H:%M:%S}"])


def _login(rack: Rack, arguments: list[str]) -> Told | None:
    if rack.debug:
        return invalid(COMMANDS["login"].usage, "Quit current mode")
    if arguments != ["debug"]:
        return None
    rack.debug = True
    return Told(pages=("",))


def _logout(rack: Rack, _arguments: list[str]) -> Told:
    rack.log_out()
    return Told(pages=("",))


def _tbar(rack: Rack, arguments: list[str]) -> Told | None:
    if not arguments:
        return None
    rack.opened = arguments == [rack.barcode]
    return listing(["Test result:pass"]) if rack.opened else refused("Test result:fail")


def _help(rack: Rack, _arguments: list[str]) -> Told:
    return listing(["Local command:", *(f"{name:<9}{COMMANDS[name].usage}" for name in sorted(rack.known))])


COMMANDS = {
    "pwr": Command(usage="The rack - pwr", run=lambda rack, _: rack_tables.pwr(rack)),
    "unit": Command(usage="Its modules - unit", run=lambda rack, _: rack_tables.unit(rack)),
    "bat": Command(usage="Its cells - bat", run=lambda rack, _: rack_tables.bat(rack)),
    "soh": Command(usage="Health of its cells - soh", run=lambda rack, _: rack_tables.soh(rack)),
    "getpwr": Command(usage="The rack in short - getpwr", run=lambda rack, _: rack_tables.getpwr(rack)),
    "info": Command(usage="What it is - info", run=lambda rack, _: rack_sheets.info(rack)),
    "bmuinfo": Command(usage="What a module's board is - bmuinfo [index]", run=_bmuinfo, most=1),
    "sysinfo": Command(usage="Its limits - sysinfo", run=lambda rack, _: rack_sheets.sysinfo(rack)),
    "stat": Command(usage="Counters - stat", run=lambda rack, _: rack_sheets.stat(rack)),
    "data": Command(usage="A recorded event - data [event/history][item]", run=_data, most=2),
    "time": Command(usage="The clock - time [year] [month] [day] [hour] [minute] [second]", run=_time, most=6),
    "login": Command(usage="More commands - login [password]", run=_login, most=1),
    "logout": Command(usage="Fewer commands - logout", run=_logout),
    "tbar": Command(usage="Test write Barcode - tbar [barcode]", run=_tbar, most=1),
    "help": Command(usage="This list - help [cmd]", run=_help, most=1),
}
