"""The binary protocol on RS232: older Pylontech (V2.8), and PACE, Jakiper, SOK, Seplos, EG4.

Pylontech's begins at 1200 baud after every power-on. Command 91 sets 2400 or 4800: the battery answers at the old rate
and then changes it. Firmware 3 and newer shows nothing but the text console here.

Source: PYLON LFP Battery communication protocol RS232 V2.8 (2016-12-16), 2.8 and 3.4; docs/protocols/rs232.md.
"""

import logging
from collections.abc import Iterable
from typing import Any

from pylon2mqtt.errors import ProtocolError, TransportTimeoutError
from pylon2mqtt.transports.base import ByteTransport

from .asking import Asking
from .dialect import BinaryDialect
from .dialects import PYLONTECH_RS232, tried_on
from .dialects.pylontech import RS232_ADDRESS
from .dialects.pylontech_info import PylontechCommand
from .driver import BinaryDriver
from .frame import Frame
from .recorded import decode, probes, scrub
from .stack import Stack

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


def rate_request(baudrate: int) -> Frame:
    """Return the request that sets the rate; raise ValueError for one that the document has no code for."""
    if baudrate not in RATES:
        raise ValueError(f"{baudrate} baud cannot be asked for: only {', '.join(map(str, RATES))}")
    return Frame(address=RS232_ADDRESS, cid2=SET_RATE, info=bytes((RATES[baudrate],)))


PROBES = probes("rs232")


class Rs232(BinaryDriver):
    """The driver: finds out the dialect and the rate, sets a faster one where that is known, and reads the modules."""

    def __init__(self, *, dialects: Iterable[BinaryDialect] = tried_on("rs232"), **options: Any) -> None:
        super().__init__(dialects, **options)
        self._faster_at = float("-inf")

    def settle(self, line: ByteTransport, stack: Stack) -> None:
        """Change to the fastest rate, where the battery speaks at a slow one and the line can follow."""
        asking = stack.asking
        slow = stack.dialect is PYLONTECH_RS232 and asking.baudrate < _FASTEST
        if slow and line.has_baudrate and self._clock.now() >= self._faster_at:
            self._faster_at = self._clock.now() + _NOT_AGAIN_S
            if self._faster(line, asking):
                self._faster_at = float("-inf")

    def _faster(self, line: ByteTransport, asking: Asking) -> bool:
        """Ask for the fastest rate and follow; go back where the battery does not come along."""
        old = asking.baudrate
        try:
            asking.dialogue.ask(line, rate_request(_FASTEST), timeout_s=_SET_RATE_S, attempts=1)
        except (TransportTimeoutError, ProtocolError) as error:
            # The answer may have been lost and the rate changed all the same: it is looked for at both.
            _LOG.info("%s: %d baud instead of %d: %s", self._name, _FASTEST, old, error)
            rates = (old, _FASTEST)
        else:
            self._clock.sleep(_CHANGING_S)
            rates = (_FASTEST, old)
        for baudrate in rates:
            asking.baudrate = baudrate
            line.set_baudrate(baudrate)
            if self._is_heard(line, asking):
                break
        if asking.baudrate == _FASTEST:
            _LOG.info("%s: %s: now at %d baud", self._name, line.line, _FASTEST)
        else:
            _LOG.warning("%s: the battery does not change to %d baud: staying at %d", self._name, _FASTEST, old)
        return asking.baudrate == _FASTEST

    def _is_heard(self, line: ByteTransport, asking: Asking) -> bool:
        try:
            asking.ask(line, PylontechCommand.VERSION, RS232_ADDRESS, attempts=2)
        except (TransportTimeoutError, ProtocolError) as error:
            _LOG.debug("%s: at %d baud: %s", self._name, asking.baudrate, error)
            return False
        return True
