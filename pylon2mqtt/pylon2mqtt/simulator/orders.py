"""What can be ordered from a running simulator, one line each."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from pylon2mqtt.errors import ConfigError, Pylon2MqttError, TransportError
from pylon2mqtt.model.units import AlarmKind, Seconds

from .cell import VirtualCell
from .module import VirtualModule

if TYPE_CHECKING:
    from .registry import Simulator


def carry_out(simulator: "Simulator", text: str) -> str:
    """Carry out the order ``text`` and return one sentence. Raises ConfigError with what would be possible."""
    name, *words = text.split() or ["help"]
    known = {**ORDERS, **simulator.battery.orders}
    if name not in known:
        raise ConfigError(f"there is no order {name!r}: choose from {', '.join(known)}")
    usage, least, most, order = known[name]
    if not least <= len(words) <= most:
        raise ConfigError(f"the order is written {usage}")
    return order(simulator, words)


def _help(simulator: "Simulator", _words: list[str]) -> str:
    rows = [*ORDERS.values(), *simulator.battery.orders.values()]
    return f"Orders: {'; '.join(usage for usage, *_ in rows)}. Faults: {', '.join(simulator.faults.known)}."


def _fault(simulator: "Simulator", words: list[str]) -> str:
    name, *length = words
    if name == "none":
        simulator.faults.clear()
        return "The line is good again."
    if not length:
        simulator.faults.set(name)
        return f"The line has {name} until `fault none`."
    if length[0].endswith("x"):
        answers = int(number_in(length[0][:-1], 1, 1e6))
        simulator.faults.set(name, answers=answers)
        return f"The line has {name} for the next {answers} answers."
    seconds = number_in(length[0], 0, 1e6)
    simulator.faults.set(name, seconds=seconds)
    return f"The line has {name} for {seconds:g} s."


def _alarm(simulator: "Simulator", words: list[str]) -> str:
    module, kind, cell = alarm_named(simulator, words)
    # A new set, for others may be looking at the old one.
    module.alarms = module.alarms | {(kind, cell)}
    return f"Module {module.number} has {kind}{'' if cell is None else f' at cell {cell}'}."


def alarm_named(simulator: "Simulator", words: list[str]) -> tuple[VirtualModule, AlarmKind, int | None]:
    """The module, the kind and the cell (None: the whole module) of MODULE KIND [CELL]. Raises ConfigError."""
    module = module_named(simulator, words[0])
    known = sorted(simulator.battery.alarm_kinds)
    if words[1] not in known:
        raise ConfigError(f"there is no alarm {words[1]!r} in this protocol: choose from {', '.join(known)}")
    return module, AlarmKind(words[1]), int(number_in(words[2], 1, module.model.cells)) if words[2:] else None


def _cell_fault(simulator: "Simulator", words: list[str]) -> str:
    return _alarm(simulator, [words[0], AlarmKind.CELL_FAULT, words[1]])


def _clear(simulator: "Simulator", _words: list[str]) -> str:
    for module in simulator.bank.modules:
        module.alarms, module.warnings = set(), set()
    return "No module has an alarm."


def _current(simulator: "Simulator", words: list[str]) -> str:
    module = module_named(simulator, words[0])
    if words[1] == "free":
        simulator.bank.force(module, None)
        return f"Module {module.number} has its share of the current again."
    amperes = number_in(words[1], -999, 999)
    simulator.bank.force(module, amperes)
    return f"{amperes:g} A flow through module {module.number}, whatever its BMS admits."


def _leak(simulator: "Simulator", words: list[str]) -> str:
    cell, name = _cell_named(simulator, words)
    cell.leak = number_in(words[2], 0, 1000) / 1000
    return f"{name} discharges itself with {words[2]} mA."


# Less makes no cell.
_LEAST_OHM = 1e-5


def _resist(simulator: "Simulator", words: list[str]) -> str:
    cell, name = _cell_named(simulator, words)
    more, a_month = _now_and_a_month(words, 100)
    cell.resistance = max(_LEAST_OHM, cell.resistance + more / 1000)
    cell.ageing.resistance = a_month / 1000
    return f"{name} has {more:g} mΩ more, and gets {a_month:g} mΩ a month."


def _fade(simulator: "Simulator", words: list[str]) -> str:
    cell, name = _cell_named(simulator, words)
    lost, a_month = _now_and_a_month(words, 50)
    cell.lose(lost / 100)
    cell.ageing.fade = a_month / 100
    return f"{name} has lost {lost:g} % of its capacity, and loses {a_month:g} % a month."


def _meter(simulator: "Simulator", words: list[str]) -> str:
    cell, name = _cell_named(simulator, words)
    off, a_month = _now_and_a_month(words, 1000)
    cell.meter, cell.ageing.meter = off / 1000, a_month / 1000
    return f"{name} is measured {off:g} mV too high, and {a_month:g} mV more a month."


def _health(simulator: "Simulator", words: list[str]) -> str:
    module = module_named(simulator, words[0])
    percent = number_in(words[1], 20, 100)
    module.wear_out(percent)
    return f"Module {module.number} has {percent:g} % of its capacity left."


def _cell_named(simulator: "Simulator", words: list[str]) -> tuple[VirtualCell, str]:
    """The cell of MODULE CELL, and how a sentence about it begins. Raises ConfigError."""
    module = module_named(simulator, words[0])
    number = int(number_in(words[1], 1, len(module.cells)))
    return module.cells[number - 1], f"Cell {number} of module {module.number}"


def _now_and_a_month(words: list[str], most: float) -> tuple[float, float]:
    """The number behind MODULE CELL, and by how much it grows in a month."""
    now, a_month = [*words[2:], "0"][:2]
    return number_in(now, -most, most), number_in(a_month, -most, most)


def _vanish(simulator: "Simulator", words: list[str]) -> str:
    module = module_named(simulator, words[0])
    module.present = False
    return f"Module {module.number} answers no more."


def _return(simulator: "Simulator", words: list[str]) -> str:
    module = module_named(simulator, words[0])
    module.present = True
    return f"Module {module.number} answers again."


def _soc(simulator: "Simulator", words: list[str]) -> str:
    percent = number_in(words[0], 0, 100)
    simulator.bank.set_soc(percent)
    return f"Every module is at {percent:g} %."


def _speed(simulator: "Simulator", words: list[str]) -> str:
    simulator.speed = number_in(words[0], 0, 1e5)
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


def module_named(simulator: "Simulator", word: str) -> VirtualModule:
    """The module with this number. Raises ConfigError."""
    modules = simulator.bank.modules
    return modules[int(number_in(word, 1, len(modules))) - 1]


def number_in(word: str, least: float, most: float) -> float:
    """The number that ``word`` writes. Raises ConfigError unless it is between ``least`` and ``most``."""
    try:
        number = float(word)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise ConfigError(f"{word!r} is no number from {least:g} to {most:g}: write one")
    return number


# An order is carried out between two turns of the simulator; this long only if it died.
_WITHIN_S = 30.0


class OrderQueue:
    """Orders from any thread, carried out by the one that serves: nobody else touches bank and line."""

    def __init__(self, do: Callable[[str], str], *, within_s: Seconds = _WITHIN_S) -> None:
        self._do = do
        self._within_s = within_s
        self._waiting: SimpleQueue[tuple[str, Future[str]]] = SimpleQueue()
        self._is_served = False

    def place(self, text: str) -> str:
        """Return what came of an order. Raises ConfigError, or TransportError if the simulator has stopped."""
        if not self._is_served:
            return self._do(text)
        answer: Future[str] = Future()
        self._waiting.put((text, answer))
        try:
            return answer.result(timeout=self._within_s)
        except TimeoutError as exc:
            raise TransportError("the simulator has stopped: start it again") from exc

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Let orders wait for `carry_out` while inside."""
        self._is_served = True
        try:
            yield
        finally:
            self._is_served = False
            self.carry_out()

    def carry_out(self) -> None:
        """Do what was ordered; from the thread that serves."""
        while True:
            try:
                text, answer = self._waiting.get_nowait()
            except Empty:
                return
            try:
                answer.set_result(self._do(text))
            except Pylon2MqttError as exc:
                answer.set_exception(exc)


Order = Callable[["Simulator", list[str]], str]

OrderRow = tuple[str, int, int, Order]

ORDERS: dict[str, OrderRow] = {
    "fault": ("fault NAME [SECONDS or ANSWERSx] | fault none", 1, 2, _fault),
    "alarm": ("alarm MODULE KIND [CELL]", 2, 3, _alarm),
    "cell-fault": ("cell-fault MODULE CELL", 2, 2, _cell_fault),
    "clear": ("clear", 0, 0, _clear),
    "leak": ("leak MODULE CELL MILLIAMPERES", 3, 3, _leak),
    "resist": ("resist MODULE CELL MILLIOHMS [A_MONTH]", 3, 4, _resist),
    "fade": ("fade MODULE CELL PERCENT [A_MONTH]", 3, 4, _fade),
    "meter": ("meter MODULE CELL MILLIVOLTS [A_MONTH]", 3, 4, _meter),
    "health": ("health MODULE PERCENT", 2, 2, _health),
    "vanish": ("vanish MODULE", 1, 1, _vanish),
    "return": ("return MODULE", 1, 1, _return),
    "soc": ("soc PERCENT", 1, 1, _soc),
    "current": ("current MODULE AMPERES | current MODULE free", 2, 2, _current),
    "speed": ("speed FACTOR", 1, 1, _speed),
    "unplug": ("unplug", 0, 0, _unplug),
    "plug": ("plug", 0, 0, _plug),
    "drop": ("drop", 0, 0, _drop),
    "help": ("help", 0, 0, _help),
}
"""Name -> how it is written, how many words it takes at least and at most, what does it. A battery may add more."""
