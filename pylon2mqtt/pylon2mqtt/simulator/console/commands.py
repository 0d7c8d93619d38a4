"""The commands: how each is written, its arguments and its answer. The firmware decides which of them there are."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from pylon2mqtt.simulator.module import VirtualModule

from . import bat, details, identity, pwr
from .firmware import Firmware
from .log import LogBook
from .stack import VirtualStack
from .text import LISTING, RAW, TABLE, ConsoleAnswer, invalid, listing, refused, unknown


@dataclass(slots=True, kw_only=True)
class StackSession:
    """What a command acts on. ``debug``: whether ``login debug`` was given."""

    stack: VirtualStack
    book: LogBook
    debug: bool = False

    @property
    def firmware(self) -> Firmware:
        """The master's."""
        return self.stack.firmware

    def log_out(self) -> None:
        """Forget the login."""
        self.debug = False

    @property
    def known(self) -> frozenset[str]:
        """The commands that are there in this mode."""
        firmware = self.stack.firmware
        return firmware.commands | (firmware.debug if self.debug else frozenset())


@dataclass(frozen=True, slots=True, kw_only=True)
class StackCommand:
    """``usage`` is what it prints when used wrongly. ``most``: arguments it takes; the first may name a module."""

    usage: str
    run: Callable[[StackSession, list[str]], ConsoleAnswer | None]
    most: int = 0


# What changes, tests or stops a battery, and what does so only with arguments (console.md, 11).
_WRITES = re.compile(
    r"shut|trst|twdg|ctrl|config|prot|save|setprt|setlowcfg|urates|emptyvolt|blocksoc|soc(w|cfg|cal|clr)|(st)?fla\w*|"
    r"eep\w*|md|mm|rtcw|datac|statc|logc|updata|m2s|eurostub|t(?!ime$|race$|otalcoul$)\w+"
)
_WRITES_WITH_ARGUMENTS = frozenset({"time", "totalcoul", "cmudtesttime", "bmudtesttime"})
_WRITING_ARGUMENTS = frozenset({("record", "clear"), ("datalist", "clear"), ("datalist", "save")})


def would_change(words: list[str]) -> bool:
    """Whether a real console would change something, or stop."""
    name, *arguments = words
    return (
        _WRITES.fullmatch(name) is not None
        or (name in _WRITES_WITH_ARGUMENTS and bool(arguments))
        or any((name, argument) in _WRITING_ARGUMENTS for argument in arguments)
    )


def execute(session: StackSession, words: list[str]) -> ConsoleAnswer:
    """The console's answer to a line of words."""
    name, *arguments = words
    if name not in session.known:
        return unknown(name)
    command = COMMANDS[name]
    reported = command.run(session, arguments) if len(arguments) <= command.most else None
    if reported is None:
        return invalid(command.usage)
    firmware = session.stack.firmware
    if reported.success and name in firmware.exclaims:
        reported = replace(reported, success=f"{reported.success}!")
    if reported.success and name in firmware.blank_first:
        reported = replace(reported, pages=(reported.at + reported.pages[0], *reported.pages[1:]))
    return reported


def _of_module(
    answer: Callable[[VirtualStack, VirtualModule], ConsoleAnswer], *, alone: str = "", absent: str | None = None
) -> Callable[[StackSession, list[str]], ConsoleAnswer | None]:
    """A command about one module: the master, or the one in the slot that is named.

    ``alone``: its own name, for the firmware where it takes no slot. ``absent``: the words for an empty one.
    """

    def run(session: StackSession, arguments: list[str]) -> ConsoleAnswer | None:
        stack = session.stack
        if not arguments:
            return answer(stack, stack.master)
        slot = _number(arguments[0], stack.firmware.slots)
        if slot is None or alone in stack.firmware.alone:
            return None
        module = stack.at(slot)
        if module is None:
            return refused(absent) if absent else None
        return answer(stack, module)

    return run


def _number(word: str, most: int) -> int | None:
    return int(word) if word.isdecimal() and 1 <= int(word) <= most else None


def _pwr(session: StackSession, arguments: list[str]) -> ConsoleAnswer | None:
    return _of_module(details.module)(session, arguments) if arguments else pwr.modules(session.stack)


def _bat(session: StackSession, arguments: list[str]) -> ConsoleAnswer | None:
    if len(arguments) < 2:
        return _of_module(bat.cells, absent=session.stack.firmware.absent_bat)(session, arguments)
    cell = int(arguments[1]) if arguments[1].isdecimal() else len(session.stack.master.cells)
    if cell >= len(session.stack.master.cells):
        return None
    return _of_module(lambda stack, module: bat.cells(stack, module, cell))(session, arguments[:1])


def _time(session: StackSession, arguments: list[str]) -> ConsoleAnswer | None:
    stack = session.stack
    if arguments:
        return None
    lines = [f"{stack.firmware.clock} {stack.time(stack.master):%Y-%m-%d %H:%M:%S}"]
    return listing([*lines, "Test result:pass"] if stack.firmware.clock_test else lines)


def _data(session: StackSession, arguments: list[str]) -> ConsoleAnswer | None:
    kind, *number = arguments or [""]
    if kind != "event" or not all(word.isdecimal() for word in number):
        return None
    return session.book.event(int(number[0]) if number else None)


def _datalist(session: StackSession, arguments: list[str]) -> ConsoleAnswer | None:
    # The US3000D's list takes other words, and no recording of what it answers to them is known.
    writes_otherwise = session.stack.firmware.status_words
    return session.book.events() if arguments == ["event"] and not writes_otherwise else None


def _login(session: StackSession, arguments: list[str]) -> ConsoleAnswer | None:
    if session.debug:
        return invalid(COMMANDS["login"].usage, "Quit current mode")
    if arguments != ["debug"]:
        return None
    session.debug = True
    return ConsoleAnswer(pages=("",))


def _logout(session: StackSession, _arguments: list[str]) -> ConsoleAnswer:
    session.debug = False
    return ConsoleAnswer(pages=("",))


def _help(session: StackSession, _arguments: list[str]) -> ConsoleAnswer:
    """The local commands and, where the pager stops before them, those for remote devices."""
    entries = [f"{name:<9}{COMMANDS[name].usage}" for name in sorted(session.known)]
    if not session.stack.firmware.paged_help:
        return listing(["Local command:", *entries])
    first = LISTING.join(["Local command:", *entries]) + TABLE + "*" * 58 + TABLE + "Remote command:" + RAW
    return ConsoleAnswer(pages=(first, f"{'re':<9}Ask another device - re [device] [command]{LISTING}"), at=TABLE)


COMMANDS = {
    "pwr": StackCommand(usage="All modules, or one - pwr [index]", run=_pwr, most=1),
    "bat": StackCommand(usage="The cells of a module - bat [pwr][index]", run=_bat, most=2),
    "info": StackCommand(usage="What a module is - info", run=_of_module(identity.info, alone="info"), most=1),
    "stat": StackCommand(
        usage="Counters - stat",
        run=_of_module(identity.stat, alone="stat", absent="Target device is not present"),
        most=1,
    ),
    "soh": StackCommand(usage="Health of the cells - soh [addr]", run=_of_module(bat.health), most=1),
    "pwrsys": StackCommand(usage="The system - pwrsys", run=lambda session, _: pwr.system(session.stack)),
    "getpwr": StackCommand(usage="A module in short - getpwr", run=_of_module(pwr.raw), most=1),
    "time": StackCommand(usage="The clock - time [year] [month] [day] [hour] [minute] [second]", run=_time, most=6),
    "log": StackCommand(usage="What happened - log", run=lambda session, _: session.book.log()),
    "data": StackCommand(usage="A recorded event - data [event/history][item]", run=_data, most=2),
    "datalist": StackCommand(usage="All recorded events - datalist [event/history][item]", run=_datalist, most=5),
    "euro": StackCommand(usage="Battery passport - euro", run=lambda session, _: identity.euro(session.stack)),
    "ver": StackCommand(usage="Software - ver", run=lambda session, _: identity.ver(session.stack)),
    "login": StackCommand(usage="More commands - login [password]", run=_login, most=1),
    "logout": StackCommand(usage="Fewer commands - logout", run=_logout),
    "help": StackCommand(usage="This list - help [cmd]", run=_help, most=1),
}
