"""Decoding one analog answer, from the bytes of the wire to values, against python-pylontech's own decoding."""

import time
from collections.abc import Callable, Iterator
from statistics import median

from pylontech import Pylontech

from pylon2mqtt.model import Bank
from pylon2mqtt.protocols.binary.dialects import PYLONTECH_RS485
from pylon2mqtt.protocols.binary.dialects.pylontech import decode_info
from pylon2mqtt.protocols.binary.dialects.pylontech_info import PylontechCommand
from pylon2mqtt.protocols.binary.dialogue import accepted
from pylon2mqtt.protocols.binary.frame import Frame, candidates
from pylon2mqtt.simulator.battery import VirtualBank
from pylon2mqtt.simulator.binary.rs485 import Rs485Battery
from pylon2mqtt.simulator.models import stack

from .rig import at_least, plain, show

BOUND = 3.5
# US3000C: 15 cells, 5 temperatures, two user defined items; US5000 has 6 temperatures and four items.
MODELS = ("US3000C", "US5000")
# The answers of a whole simulated day in their order: what a bridge gets to decode, not one answer again and again.
_MODULES, _APART_S, _DAY_S = 8, 900.0, 86400.0
_IN_A_ROW = 48

Exchange = tuple[bytes, Frame]
"""An answer, and the question that it answers."""


def run(*, quick: bool) -> None:
    """Measure both shapes of the answer and print one table for each."""
    for model in MODELS:
        day = list(_day(model))
        for answer, question in day:
            _compare(answer, question)
        our_s, their_s, ratios = _measure(day, rounds=1 if quick else 10)
        show(
            f"decode: one analog answer of {model}, {len(day[0][0])} characters",
            [
                at_least("python-pylontech / pylon2mqtt, median of pairs", median(ratios), BOUND),
                plain("  pairs", len(ratios)),
                plain("pylon2mqtt, one answer", our_s * 1e6, "us"),
                plain("python-pylontech, one answer", their_s * 1e6, "us"),
            ],
        )


def _day(model: str) -> Iterator[Exchange]:
    """Every module's answers and their questions, in the order in which a bridge gets them."""
    bank = VirtualBank(stack(model, _MODULES))
    battery = Rs485Battery(bank)
    for _ in range(int(_DAY_S / _APART_S)):
        bank.advance(_APART_S)
        for address in range(2, 2 + _MODULES):
            question = PYLONTECH_RS485.question(PylontechCommand.ANALOG, address)
            yield battery.answer(question.to_bytes()), question


def _measure(day: list[Exchange], rounds: int) -> tuple[float, float, list[float]]:
    """The medians of both and the ratio of every pair, taken in turns."""
    their = _without_port()
    pairs = [
        (_seconds(part, lambda one: decode_ours(*one)), _seconds(part, lambda one: decode_theirs(their, one[0])))
        for _ in range(rounds)
        for part in (day[i : i + _IN_A_ROW] for i in range(0, len(day), _IN_A_ROW))
    ]
    ours, theirs = zip(*pairs, strict=True)
    return median(ours), median(theirs), [b / a for a, b in pairs]


def _seconds(part: list[Exchange], decode: Callable[[Exchange], object]) -> float:
    began = time.perf_counter()
    for one in part:
        decode(one)
    return (time.perf_counter() - began) / len(part)


def decode_ours(answer: bytes, question: Frame) -> Bank:
    """What the driver does with what came up to CR."""
    frame = accepted(next(candidates(answer)), question, PYLONTECH_RS485.answers)
    if frame is None:
        raise ValueError("this is the echo of the question")
    return decode_info(PylontechCommand.ANALOG, frame)


def decode_theirs(their: Pylontech, answer: bytes) -> object:
    """What get_values_single does with what came up to the time-out."""
    frame = their._decode_frame(their._decode_hw_frame(answer))  # noqa: SLF001  there is no public way
    return their.get_values_single_fmt.parse(frame.info[1:])


def _without_port() -> Pylontech:
    """Their class opens the port in its constructor; decoding needs none."""
    return Pylontech.__new__(Pylontech)


def _compare(answer: bytes, question: Frame) -> None:
    """Both have to read the same out of it, or the comparison means nothing."""
    module = decode_ours(answer, question).modules[0]
    told = decode_theirs(_without_port(), answer)
    theirs = (told.CellVoltages, told.Current, told.Voltage, told.TotalCapacity)  # type: ignore[attr-defined]
    ours = ([cell.voltage for cell in module.cells or ()], module.current, module.voltage, module.full_capacity)
    if ours != (list(theirs[0]), *theirs[1:]):
        raise ValueError(f"they read something else: {theirs}, we {ours}")
