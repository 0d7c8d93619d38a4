"""The commands of a rack's console: the arguments and the answer of each."""

from collections.abc import Callable
from dataclasses import dataclass

from pylon2mqtt.simulator.console.text import ConsoleAnswer, invalid, listing, refused, unknown

from . import dictionaries, tables
from .rack import VirtualRack


@dataclass(frozen=True, slots=True, kw_only=True)
class RackCommand:
    """``usage`` is what it prints when used wrongly; ``most`` are the arguments it takes."""

    usage: str
    run: Callable[[VirtualRack, list[str]], ConsoleAnswer | None]
    most: int = 0


def execute(rack: VirtualRack, words: list[str]) -> ConsoleAnswer:
    """The console's answer to a line of words."""
    name, *arguments = words
    if name not in rack.known:
        return unknown(name)
    if name in rack.firmware.locked and not rack.opened:
        return refused("Command failed")
    command = COMMANDS[name]
    reported = command.run(rack, arguments) if len(arguments) <= command.most else None
    return invalid(command.usage) if reported is None else reported


def _bmuinfo(rack: VirtualRack, arguments: list[str]) -> ConsoleAnswer | None:
    if len(arguments) != 1 or not arguments[0].isdecimal():
        return None
    return dictionaries.bmuinfo(rack, int(arguments[0])) or refused("Command completed unccessfully")


def _data(rack: VirtualRack, arguments: list[str]) -> ConsoleAnswer | None:
    kind, *number = arguments or [""]
    if kind != "event" or not all(word.isdecimal() for word in number):
        return None
    return dictionaries.event(rack, int(number[0]) if number else 0)


def _time(rack: VirtualRack, arguments: list[str]) -> ConsoleAnswer | None:
    return None if arguments else listing([f"{rack.now:%Y-%m-%d %H:%M:%S}"])


def _login(rack: VirtualRack, arguments: list[str]) -> ConsoleAnswer | None:
    if rack.debug:
        return invalid(COMMANDS["login"].usage, "Quit current mode")
    if arguments != ["debug"]:
        return None
    rack.debug = True
    return ConsoleAnswer(pages=("",))


def _logout(rack: VirtualRack, _arguments: list[str]) -> ConsoleAnswer:
    rack.log_out()
    return ConsoleAnswer(pages=("",))


def _tbar(rack: VirtualRack, arguments: list[str]) -> ConsoleAnswer | None:
    if not arguments:
        return None
    rack.opened = arguments == [rack.barcode]
    return listing(["Test result:pass"]) if rack.opened else refused("Test result:fail")


def _help(rack: VirtualRack, _arguments: list[str]) -> ConsoleAnswer:
    return listing(["Local command:", *(f"{name:<9}{COMMANDS[name].usage}" for name in sorted(rack.known))])


COMMANDS = {
    "pwr": RackCommand(usage="The rack - pwr", run=lambda rack, _: tables.pwr(rack)),
    "unit": RackCommand(usage="Its modules - unit", run=lambda rack, _: tables.unit(rack)),
    "bat": RackCommand(usage="Its cells - bat", run=lambda rack, _: tables.bat(rack)),
    "soh": RackCommand(usage="Health of its cells - soh", run=lambda rack, _: tables.soh(rack)),
    "getpwr": RackCommand(usage="The rack in short - getpwr", run=lambda rack, _: tables.getpwr(rack)),
    "info": RackCommand(usage="What it is - info", run=lambda rack, _: dictionaries.info(rack)),
    "bmuinfo": RackCommand(usage="What a module's board is - bmuinfo [index]", run=_bmuinfo, most=1),
    "sysinfo": RackCommand(usage="Its limits - sysinfo", run=lambda rack, _: dictionaries.sysinfo(rack)),
    "stat": RackCommand(usage="Counters - stat", run=lambda rack, _: dictionaries.stat(rack)),
    "data": RackCommand(usage="A recorded event - data [event/history][item]", run=_data, most=2),
    "time": RackCommand(usage="The clock - time [year] [month] [day] [hour] [minute] [second]", run=_time, most=6),
    "login": RackCommand(usage="More commands - login [password]", run=_login, most=1),
    "logout": RackCommand(usage="Fewer commands - logout", run=_logout),
    "tbar": RackCommand(usage="Test write Barcode - tbar [barcode]", run=_tbar, most=1),
    "help": RackCommand(usage="This list - help [cmd]", run=_help, most=1),
}
