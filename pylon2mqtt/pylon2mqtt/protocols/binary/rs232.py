"""The binary protocol on RS232: older Pylontech (V2.8), and PACE, Jakiper, SOK, Seplos, EG4.

Pylontech's begins at 1200 baud after every power-on. Command 91 sets 2400 or 4800: the battery answers at the old rate
and then changes it. Firmware 3 and newer shows nothing but the text console here.

Source: PYLON LFP Battery communication protocol RS232 V2.8 (2016-12-16), 2.8 and 3.4; docs/protocols/rs232.md.
"""

import logging
from collections.abc import Sequence
from functools import partial

from pylon2mqtt.errors import DecodeError, FrameError, ProtocolError, TransportTimeoutError
from pylon2mqtt.protocols.base import Clock, Probe
from pylon2mqtt.protocols.binary.dialects.pylontech import RS232_ADDRESS
from pylon2mqtt.protocols.binary.dialects.pylontech_info import Command
from pylon2mqtt.protocols.console.prompt import BAUDRATE as CONSOLE_BAUDRATE
from pylon2mqtt.protocols.console.prompt import ENTER
from pylon2mqtt.protocols.console.text import prompt_of
from pylon2mqtt.protocols.schedule import STAGGER_S
from pylon2mqtt.transports.base import ByteTransport

from .frame import Frame
from .questions import Questions
from .recorded import decode, is_answer, is_question, scrub
from .stack import Stack
from .stack_finder import StackFinder
from .variants import EG4, PACE, PYLONTECH_RS232, SEPLOS, Variant

__all__ = ["PROBES", "Rs232", "decode", "scrub"]

_LOG = logging.getLogger(__name__)

SET_RATE = 0x91
RATES = {1200: 0x01, 2400: 0x02, 4800: 0x03}
"""What INFO of 91 says. The text of the document lists 9600 and 19200 too, but has no codes for them."""

_SLOWEST, _FASTEST = min(RATES), max(RATES)

# "Timeout 6 s at 1200 Bd": a battery may be busy before it changes its rate.
_SET_RATE_S = 6.0
# Both sides need a moment for the new rate.
_CHANGING_S = 0.2
# A battery that did not change its rate is not asked to again so soon.
_NOT_AGAIN_S = 86_400.0
# A console shows its prompt at once.
_PROMPT_S = 0.5

_VARIANTS = (PACE, PYLONTECH_RS232, SEPLOS, EG4)


def rate_request(baudrate: int) -> Frame:
    """Return the request that sets the rate; raise ValueError for one that the document has no code for."""
    if baudrate not in RATES:
        raise ValueError(f"{baudrate} baud cannot be asked for: only {', '.join(map(str, RATES))}")
    return Frame(address=RS232_ADDRESS, cid2=SET_RATE, info=bytes((RATES[baudrate],)))


def _probe(variant: Variant, command: int, place: int, baudrate: int, wait_s: float) -> Probe:
    return Probe(
        protocol="rs232",
        title=variant.title,
        rank=2,
        baudrate=baudrate,
        question=variant.question(command, place).to_bytes(),
        wait_s=wait_s,
        recognises=partial(is_answer, version=variant.version, cid1=variant.cid1),
        is_question=is_question,
    )


PROBES = (
    _probe(PACE, Command.ANALOG, 1, 9600, 0.7),
    _probe(SEPLOS, Command.ANALOG, 0, 9600, 0.7),
    _probe(EG4, Command.ANALOG, 1, 9600, 0.8),
    _probe(PYLONTECH_RS232, Command.VERSION, 1, 1200, 1.0),
    _probe(PYLONTECH_RS232, Command.VERSION, 1, 4800, 0.6),
)
"""One question for each dialect. A battery that was set to 4800 baud before our start is still there."""


class Rs232(StackFinder):
    """The driver: finds out the dialect and the rate, sets a faster one where that is known, and reads the modules."""

    def __init__(
        self,
        *,
        name: str | None,
        clock: Clock | None = None,
        stagger_s: float = STAGGER_S,
        variants: Sequence[Variant] = _VARIANTS,
        cells: str = "full",  # noqa: ARG002  the answers to 42 bring them anyway
    ) -> None:
        super().__init__(variants, name=name, clock=clock or Clock(), stagger_s=stagger_s)
        self._faster_at = float("-inf")

    def settle(self, line: ByteTransport, stack: Stack) -> None:
        """Change to the fastest rate, where the battery speaks at a slow one and the line can follow."""
        questions = stack.questions
        slow = stack.variant is PYLONTECH_RS232 and questions.baudrate < _FASTEST
        if slow and line.has_baudrate and self._clock.now() >= self._faster_at:
            self._faster_at = self._clock.now() + _NOT_AGAIN_S
            if self._faster(line, questions):
                self._faster_at = float("-inf")

    def _faster(self, line: ByteTransport, questions: Questions) -> bool:
        """Ask for the fastest rate and follow; go back where the battery does not come along."""
        old = questions.baudrate
        try:
            questions.dialogue.ask(line, rate_request(_FASTEST), timeout_s=_SET_RATE_S, attempts=1)
        except (TransportTimeoutError, ProtocolError) as error:
            # The answer may have been lost and the rate changed all the same: it is looked for at both.
            _LOG.info("%s: %d baud instead of %d: %s", self._name, _FASTEST, old, error)
            rates = (old, _FASTEST)
        else:
            self._clock.sleep(_CHANGING_S)
            rates = (_FASTEST, old)
        for baudrate in rates:
            questions.baudrate = baudrate
            line.set_baudrate(baudrate)
            if self._is_heard(line, questions):
                break
        if questions.baudrate == _FASTEST:
            _LOG.info("%s: %s: now at %d baud", self._name, line.line, _FASTEST)
        else:
            _LOG.warning("%s: the battery does not change to %d baud: staying at %d", self._name, _FASTEST, old)
        return questions.baudrate == _FASTEST

    def _is_heard(self, line: ByteTransport, questions: Questions) -> bool:
        try:
            questions.ask(line, Command.VERSION, RS232_ADDRESS, attempts=2)
        except (TransportTimeoutError, ProtocolError) as error:
            _LOG.debug("%s: at %d baud: %s", self._name, questions.baudrate, error)
            return False
        return True

    def _nothing_found(
        self, line: ByteTransport, trouble: FrameError | DecodeError | None
    ) -> ProtocolError | TransportTimeoutError:
        """Say so where a text console is all there is: newer firmware shows nothing else on RS232."""
        line.set_baudrate(CONSOLE_BAUDRATE)
        line.send(ENTER)
        if prompt_of(line.listen(_PROMPT_S)):
            return FrameError(
                f"{line.line}: this battery shows its text console here, as firmware 3 and newer does: "
                "choose the protocol console, or auto"
            )
        return super()._nothing_found(line, trouble)
