r"""Asking at the prompt of a text console: one command, its answer up to ``$$`` and the prompt, whatever comes between.

::

    pwr CR                                     we
    pwr LF CR @ … CR LF $$ CR LF CR pylon>     the battery: its echo, the body, the end, the prompt

An answer ends in the bytes, never by time. Its echo proves nothing: it comes garbled, doubled or not at all. The pager
of long answers waits for Enter; anything else would be swallowed by it.
"""

import logging

from pylon2mqtt.errors import FrameError, TransportTimeoutError
from pylon2mqtt.protocols.base import Clock
from pylon2mqtt.transports.base import ByteTransport

from .text import ends, pager_waits, prompt_of

_LOG = logging.getLogger(__name__)

BAUDRATE = 115200
ENTER = b"\r"

WAKE_BAUDRATE = 1200
WAKE_FRAME = b"~20014682C0048520FCC3\r"
"""US2000B and US3000A boot their console at 1200 baud; this binary request (82) switches it to 115200 until the next
power cut. Only ever sent after silence at 115200. Source: irekzielinski/Pylontech-Battery-Monitoring, HeldvomForst."""

# An answer begins at once and then comes at the line's speed; a gateway may add its delays.
_SILENCE_S = 1.5
# The longest answer known, 10 kB, takes 0.9 s on the wire.
_LONGEST_S = 8.0
# How long to look for more bytes before looking whether the pager waits.
_LOOK_S = 0.02
# How long to wait for a prompt after Enter, and for more behind one that does not end an answer.
_PROMPT_S = 0.25
# After the wake frame the console takes up to a second; then Enter until it shows its prompt.
_WAKING_S = 1.0
_ENTERS = 5


class Prompt:
    """A console that is asked one command at a time. ``wakes``: whether it may be one that boots at 1200 baud."""

    def __init__(self, clock: Clock) -> None:
        self.wakes = True
        self._clock = clock
        self._greeted = False

    def forget(self) -> None:
        """Begin anew with the next command: the line was closed, or the battery was away."""
        self._greeted = False

    def ask(self, line: ByteTransport, command: str, *, attempts: int = 2) -> bytes:
        """Send a command and return everything up to the prompt; a damaged end is asked again.

        Raises TransportTimeoutError for silence and FrameError when the end stays damaged.
        """
        if not self._greeted:
            self._greet(line)
        for left in reversed(range(attempts)):
            line.send(command.encode("ascii") + ENTER)
            try:
                return self._answer(line, command)
            except FrameError as error:
                _LOG.debug("%s: %s", command, error)
                if not left:
                    raise
        raise ValueError("attempts must be at least 1")

    def _greet(self, line: ByteTransport) -> None:
        """Get a prompt: the first byte of a session may be noise, and an old console has to be woken up."""
        line.set_baudrate(BAUDRATE)
        if not self._enter(line) and not (self.wakes and line.has_baudrate and self._wake(line)):
            raise TransportTimeoutError(
                f"{line.line}: the console does not answer: check that the cable is in the battery's console socket, "
                "receive and transmit, and that the battery is on"
            )
        self._greeted = True

    def _enter(self, line: ByteTransport) -> bool:
        for _ in range(_ENTERS):
            line.send(ENTER)
            if prompt_of(line.listen(_PROMPT_S)):
                return True
        return False

    def _wake(self, line: ByteTransport) -> bool:
        _LOG.info("%s: silence at %d baud: waking the console up at %d", line.line, BAUDRATE, WAKE_BAUDRATE)
        line.set_baudrate(WAKE_BAUDRATE)
        line.send(WAKE_FRAME)
        line.listen(_WAKING_S)
        line.set_baudrate(BAUDRATE)
        return self._enter(line)

    def _answer(self, line: ByteTransport, command: str) -> bytes:
        """Collect bytes until ``$$`` and a prompt stand at their end."""
        told, turned = b"", 0
        began = heard_at = self._clock.now()
        while self._clock.now() < began + _LONGEST_S:
            more = self._more(line)
            told += more
            if more:
                heard_at = self._clock.now()
            elif self._clock.now() >= heard_at + (_PROMPT_S if prompt_of(told) else _SILENCE_S):
                break
            if ends(told):
                return told
            if pager_waits(told[turned:]):
                turned = len(told)
                line.send(ENTER)
        self._greeted = False
        if not told:
            raise TransportTimeoutError(f"{line.line}: no answer to {command!r}")
        raise FrameError(f"the answer to {command!r} has no end: {told[-40:]!r}")

    @staticmethod
    def _more(line: ByteTransport) -> bytes:
        """What came up to the next ``>``, or for as long as a look takes."""
        try:
            return line.read_until(b">", _LOOK_S)
        except TransportTimeoutError:
            return line.listen(0)
