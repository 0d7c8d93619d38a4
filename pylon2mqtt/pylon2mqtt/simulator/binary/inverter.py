"""An inverter on the same RS485 line: it asks the battery, whether anybody else listens or not.

It asks for what inverters ask for: the system (61, 62, 63) at the master, then the values, alarms and limits of every
module, one question at a time.
"""

from collections.abc import Callable, Iterator
from itertools import chain, cycle

from pylon2mqtt.model.units import Seconds
from pylon2mqtt.protocols.binary.frame import Frame
from pylon2mqtt.simulator.faults import Piece, Pieces

_ANSWERS_AFTER_S = 0.075
_OF_SYSTEM = (0x61, 0x62, 0x63)
_OF_MODULE = (0x93, 0x42, 0x44, 0x92)


class Inverter:
    """Asks ``answer`` one question every ``every_s``, of the modules at these addresses; ``asked`` counts them."""

    def __init__(self, answer: Callable[[bytes], bytes], addresses: list[int], every_s: Seconds, now: Seconds) -> None:
        self.asked = 0
        self._answer = answer
        self._every_s = every_s
        self._due_at = now
        self._questions = cycle(list(_round(addresses)))

    def says(self, now: Seconds) -> Pieces:
        """What is on the line now: a question and its answer when they are due."""
        if now < self._due_at:
            return []
        self._due_at = now + self._every_s
        question = next(self._questions).to_bytes()
        self.asked += 1
        return [Piece(data=question), Piece(wait=_ANSWERS_AFTER_S, data=self._answer(question))]


def _round(addresses: list[int]) -> Iterator[Frame]:
    of_system = (Frame(address=addresses[0], cid2=command) for command in _OF_SYSTEM)
    of_modules = (
        Frame(address=address, cid2=command, info=bytes([address])) for address in addresses for command in _OF_MODULE
    )
    return chain(of_system, of_modules)
