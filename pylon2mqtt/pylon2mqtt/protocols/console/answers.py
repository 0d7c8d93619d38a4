"""From one answer of the text console to the model: which table or dictionary answers which command.

Every answer becomes a bank with only that filled in. `model.joining` puts such parts together field by field; but
``alarms``, ``counters`` and ``cells`` are told by several commands, so the driver joins those by their items.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from pylon2mqtt.errors import DecodeError, FrameError
from pylon2mqtt.model import Bank, Module
from pylon2mqtt.protocols.console.rack.dictionaries import (
    bmu_identity,
    is_rack_info,
    is_rack_statistics,
    rack_identity,
    rack_limits,
    rack_statistics,
)
from pylon2mqtt.protocols.console.rack.tables import (
    is_rack_cells,
    is_rack_row,
    rack_cells,
    rack_power,
    rack_row,
    unit_table,
)

from .dictionaries import detail, identity, power, statistics, system
from .euro import passport
from .events import records
from .modules import cell_table, get_power, power_table, weak_cells
from .text import Answer, echoed, excerpt, parse
from .values import moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one answer says: ``bank`` in the model's words, and beside it what the model has no place for.

    ``unknown``: columns or keys that nobody knows, worth one line in the log. ``clocks``: the modules' own times, by
    number; local, often wrong. ``counts``: how many modules ``pwrsys`` counts (``total``, ``present``, ``sleeping``).
    ``dates``: of ``euro``, as printed.
    """

    bank: Bank
    unknown: tuple[str, ...] = ()
    clocks: Mapping[int, datetime] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    dates: Mapping[str, str] = field(default_factory=dict)


def read_answer(command: str, data: bytes) -> Reading:
    """Return what an answer to ``command`` says; ``bat``, ``info``, ``stat`` and ``soh`` without a number: module 1.

    Raises FrameError when it is damaged (ask again), DeviceError when the battery refused (its code: `Refusal`) and
    DecodeError when it is sound but of a command that is not read.
    """
    return _reading(command, parse(data, command))


def decode_answer(command: str, data: bytes) -> Bank:
    """Return what an answer to ``command`` says, as a bank with only that filled in; raises as `read_answer`."""
    return read_answer(command, data).bank


def decode_recording(command: str | None, data: bytes) -> Bank:
    """As `decode_answer`, for what people record: the command may stand in the echo alone, or be a table's header.

    A table without any trace of a dialogue, cut out of a terminal, is read too. A battery never answers so.
    """
    asked = " ".join(command.split()) if command else echoed(data)
    if asked is None:
        raise FrameError("no echo tells what was asked: name it with --request")
    try:
        answer = parse(data, asked)
    except FrameError:
        if b"$$" in data:
            raise
        answer = excerpt(data, asked)
    return _reading(asked, answer).bank


def clock(answer: Answer) -> datetime | None:
    """Return the time that ``time`` tells, in the battery's own zone; None for a date that does not exist.

    Raises FrameError when no line tells a time.
    """
    told = [line for line in answer.lines if re.search(r"\d\d-\d\d-\d\d \d\d:\d\d:\d\d", line, re.ASCII)]
    if not told:
        raise FrameError("no time in the answer: ask again")
    return moment(told[0])


def _reading(command: str, answer: Answer) -> Reading:
    verb, _, rest = command.partition(" ")
    if command == "stat detail":
        return _modules(*detail(answer, 1))
    if (verb, bool(rest)) in _COMMANDS and re.fullmatch(r"\d{0,2}", rest):
        return _COMMANDS[verb, bool(rest)](answer, int(rest or 1))
    if re.match(_LISTS, command):
        return Reading(bank=Bank(events=records(answer.raw, command)))
    if verb in _SAY_NOTHING:
        return Reading(bank=Bank())
    raise DecodeError(f"{command!r} is not a question that is read", raw=answer.raw)


def _modules(module: Module, unknown: tuple[str, ...] = ()) -> Reading:
    return Reading(bank=Bank(modules=(module,)), unknown=unknown)


def _bank(bank: Bank, unknown: tuple[str, ...] = ()) -> Reading:
    return Reading(bank=bank, unknown=unknown)


def _pwr(answer: Answer, _: int) -> Reading:
    if is_rack_row(answer):
        rack, unknown, at = rack_row(answer)
        return Reading(bank=rack, unknown=unknown, clocks={} if at is None else {0: at})
    modules, unknown, clocks = power_table(answer)
    return Reading(bank=Bank(modules=modules), unknown=unknown, clocks=clocks)


def _pwrsys(answer: Answer, _: int) -> Reading:
    bank, counts, unknown = system(answer)
    return Reading(bank=bank, counts=counts, unknown=unknown)


def _unit(answer: Answer, _: int) -> Reading:
    bank, unknown, clocks = unit_table(answer)
    return Reading(bank=bank, unknown=unknown, clocks=clocks)


def _bat(answer: Answer, number: int) -> Reading:
    return _bank(*rack_cells(answer)) if is_rack_cells(answer) else _modules(*cell_table(answer, number))


def _info(answer: Answer, number: int) -> Reading:
    return _bank(*rack_identity(answer)) if is_rack_info(answer) else _modules(*identity(answer, number))


def _stat(answer: Answer, number: int) -> Reading:
    return _bank(*rack_statistics(answer)) if is_rack_statistics(answer) else _modules(*statistics(answer, number))


def _getpwr(answer: Answer, number: int) -> Reading:
    rack = rack_power(answer)
    return _modules(get_power(answer, number)) if rack is None else _bank(rack)


def _euro(answer: Answer, number: int) -> Reading:
    module, dates, unknown = passport(answer, number)
    return replace(_modules(module, unknown), dates=dates)


def _time(answer: Answer, number: int) -> Reading:
    at = clock(answer)
    return Reading(bank=Bank(), clocks={} if at is None else {number: at})


_Decoder = Callable[[Answer, int], Reading]

# (command, with a number) -> what reads its answer.
_COMMANDS: dict[tuple[str, bool], _Decoder] = {
    ("pwr", False): _pwr,
    ("pwr", True): lambda answer, number: _modules(*power(answer, number)),
    ("pwrsys", False): _pwrsys,
    ("euro", False): _euro,
    ("time", False): _time,
    ("unit", False): _unit,
    ("sysinfo", False): lambda answer, _: _bank(*rack_limits(answer)),
    ("bmuinfo", True): lambda answer, number: _bank(*bmu_identity(answer, number)),
}
_OF_ONE_MODULE: dict[str, _Decoder] = {
    "bat": _bat,
    "info": _info,
    "stat": _stat,
    "soh": lambda answer, number: _modules(*weak_cells(answer, number)),
    "getpwr": _getpwr,
}
_COMMANDS |= {(verb, some): decoder for verb, decoder in _OF_ONE_MODULE.items() for some in (False, True)}
# What the battery says happened; its history of values every half an hour is not read.
_LISTS = r"(log|data event|datalist event)\b"
_SAY_NOTHING = ("log", "data", "datalist", "help", "login", "logout")
