"""What can be ordered from a console, beside what can be ordered from any virtual battery."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from pylon2mqtt.simulator.orders import OrderRow, alarm_named, module_named, number_in

if TYPE_CHECKING:
    from pylon2mqtt.simulator.registry import Simulator

    from .battery import ConsoleBattery


def orders_of(console: "ConsoleBattery") -> dict[str, OrderRow]:
    """The rows of a console's orders."""
    return {name: (usage, least, most, partial(order, console)) for name, (usage, least, most, order) in _ROWS.items()}


def _slot(console: "ConsoleBattery", simulator: "Simulator", words: list[str]) -> str:
    module = module_named(simulator, words[0])
    slot = int(number_in(words[1], 1, console.stack.firmware.slots))
    console.stack.move(module, slot)
    return f"Module {module.number} is in slot {slot}."


def _warn(_console: "ConsoleBattery", simulator: "Simulator", words: list[str]) -> str:
    module, kind, cell = alarm_named(simulator, words)
    module.warnings = module.warnings | {(kind, cell)}
    return f"Module {module.number} warns of {kind}{'' if cell is None else f' at cell {cell}'}."


def _power_cut(console: "ConsoleBattery", simulator: "Simulator", _words: list[str]) -> str:
    simulator.break_off()
    console.power_cut()
    return f"The battery was off; its console speaks at {console.baudrate or simulator.baudrate} Bd."


def _wake(console: "ConsoleBattery", simulator: "Simulator", _words: list[str]) -> str:
    console.wake()
    return f"The console speaks at {simulator.baudrate} Bd."


def _sleep(console: "ConsoleBattery", simulator: "Simulator", _words: list[str]) -> str:
    console.sleep()
    simulator.break_off()
    return "The rack sleeps; `wake` wakes it up."


def _client(console: "ConsoleBattery", simulator: "Simulator", words: list[str]) -> str:
    """Somebody else types at the same line: the host gets the answer too, in the middle of its own."""
    typed = " ".join(words)
    simulator.line.write(console.answer(typed.encode() + b"\r"))
    return f"Somebody else typed {typed!r}; the prompt is {console.prompt!r}."


_Order = Callable[["ConsoleBattery", "Simulator", list[str]], str]

_ROWS: dict[str, tuple[str, int, int, _Order]] = {
    "slot": ("slot MODULE SLOT", 2, 2, _slot),
    "warn": ("warn MODULE KIND [CELL]", 2, 3, _warn),
    "client": ("client COMMAND", 1, 8, _client),
    "power-cut": ("power-cut", 0, 0, _power_cut),
    "sleep": ("sleep", 0, 0, _sleep),
    "wake": ("wake", 0, 0, _wake),
}
