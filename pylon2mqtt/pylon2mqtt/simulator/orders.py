"""What can be ordered from a running simulator, one line each."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from pylon2mqtt.errors import ConfigError
from pylon2mqtt.model.units import AlarmKind

from .faults import FAULTS
from .module import VirtualModule

if TYPE_CHECKING:
    from .registry import Simulator


def carry_out(simulator: "Simulator", text: str) -> str:
    """Do what ``text`` says and return one sentence. Raises ConfigError with what would be possible."""
    name, *words = text.split() or ["help"]
    if name not in ORDERS:
        raise ConfigError(f"there is no order {name!r}: choose from {', '.join(ORDERS)}")
    usage, least, most, order = ORDERS[name]
    if not least <= len(words) <= most:
        raise ConfigError(f"the order is written {usage}")
    return order(simulator, words)


def _help(_simulator: "Simulator", _words: list[str]) -> str:
    return f"Orders: {'; '.join(usage for usage, *_ in ORDERS.values())}. Faults: {', '.join(FAULTS)}."


def _fault(simulator: "Simulator", words: list[str]) -> str:
    name, *length = words
    if name == "none":
        simulator.faults.clear()
        return "The line is good again."
    if not length:
        simulator.faults.set(name)
        return f"The line has {name} until `fault none`."
    if length[0].endswith("x"):
        answers = int(_number(length[0][:-1], 1, 1e6))
        simulator.faults.set(name, answers=answers)
        return f"The line has {name} for the next {answers} answers."
    seconds = _number(length[0], 0, 1e6)
    simulator.faults.set(name, seconds=seconds)
    return f"The line has {name} for {seconds:g} s."


def _alarm(simulator: "Simulator", words: list[str]) -> str:
    module = _module(simulator, words[0])
    known = sorted(simulator.battery.alarm_kinds)
    if words[1] not in known:
        raise ConfigError(f"there is no alarm {words[1]!r} in this protocol: choose from {', '.join(known)}")
    cell = int(_number(words[2], 1, module.model.cells)) if words[2:] else None
    # A new set, for others may be looking at the old one.
    module.alarms = module.alarms | {(AlarmKind(words[1]), cell)}
    return f"Module {module.number} has {words[1]}{'' if cell is None else f' at cell {cell}'}."


def _clear(simulator: "Simulator", _words: list[str]) -> str:
    for module in simulator.bank.modules:
        module.alarms = set()
    return "No module has an alarm."


def _vanish(simulator: "Simulator", words: list[str]) -> str:
    module = _module(simulator, words[0])
    module.present = False
    return f"Module {module.number} answers no more."


def _return(simulator: "Simulator", words: list[str]) -> str:
    module = _module(simulator, words[0])
    module.present = True
    return f"Module {module.number} answers again."


def _soc(simulator: "Simulator", words: list[str]) -> str:
    percent = _number(words[0], 0, 100)
    simulator.bank.set_soc(percent)
    return f"Every module is at {percent:g} %."


def _speed(simulator: "Simulator", words: list[str]) -> str:
    simulator.speed = _number(words[0], 0, 1e5)
    return f"The battery's time runs {simulator.speed:g} times as fast as ours."


def _unplug(simulator: "Simulator", _words: list[str]) -> str:
    simulator.unplug()
    return f"{simulator.url} is gone."


def _plug(simulator: "Simulator", _words: list[str]) -> str:
    if not simulator.line.is_open:
        simulator.line.open()
    return f"{simulator.url} is there."


def _drop(simulator: "Simulator", _words: list[str]) -> str:
    return "The client was dropped." if simulator.line.drop() else "There was nobody to drop."


def _module(simulator: "Simulator", word: str) -> VirtualModule:
    modules = simulator.bank.modules
    return modules[int(_number(word, 1, len(modules))) - 1]


def _number(word: str, least: float, most: float) -> float:
    try:
        number = float(word)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise ConfigError(f"{word!r} is no number from {least:g} to {most:g}: write one")
    return number


Order = Callable[["Simulator", list[str]], str]

ORDERS: dict[str, tuple[str, int, int, Order]] = {
    "fault": ("fault NAME [SECONDS or ANSWERSx] | fault none", 1, 2, _fault),
    "alarm": ("alarm MODULE KIND [CELL]", 2, 3, _alarm),
    "clear": ("clear", 0, 0, _clear),
    "vanish": ("vanish MODULE", 1, 1, _vanish),
    "return": ("return MODULE", 1, 1, _return),
    "soc": ("soc PERCENT", 1, 1, _soc),
    "speed": ("speed FACTOR", 1, 1, _speed),
    "unplug": ("unplug", 0, 0, _unplug),
    "plug": ("plug", 0, 0, _plug),
    "drop": ("drop", 0, 0, _drop),
    "help": ("help", 0, 0, _help),
}
"""Name -> how it is written, how many words it takes at least and at most, what does it."""
