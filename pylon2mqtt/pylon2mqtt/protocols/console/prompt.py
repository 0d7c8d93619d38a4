r"""Asking at the prompt of a text console: one command, its answer up to ``$$`` and the prompt, whatever comes between.

::

    pwr CR                                     we
    pwr LF CR @ … CR LF $$ CR LF CR pylon>     the battery: its echo, the body, the end, the prompt

An answer ends in the bytes, never by time. Its echo proves nothing: it comes garbled, doubled or not at all. The pager
of long answers waits for Enter; anything else would be swallowed by it. Consoles think for different times, about a
slave for longer: how long each command takes is learnt. Some bridges take CR LF for Enter and nothing else.
"""

import logging
import re

from pylon2mqtt.errors import FrameError, TransportTimeoutError
from pylon2mqtt.protocols.base import Clock
from pylon2mqtt.transports.base import ByteTransport

from .text import ends, pager_waits, prompt_of

_LOG = logging.getLogger(__name__)

BAUDRATE = 115200
ENTER, CR_LF = b"\r", b"\r\n"

WAKE_BAUDRATE = 1200
WAKE_FRAME = b"~20014682C0048520FCC3\r"
"""US2000B and US3000A boot their console at 1200 baud; this binary request (82) switches it to 115200 until the next
power cut. Only ever sent after silence at 115200. Source: irekzielinski/Pylontech-Battery-Monitoring, HeldvomForst."""

# How long a console may be silent in an answer to a command that it never answered, and after which it counts as gone
# at the least: answers begin at once on most, after up to 5 s on some; a gateway may add its delays.
_MOST_THINKING_S, _LEAST_SILENCE_S = 6.0, 1.5
# So many times the longest silence in an answer to the same command until now.
_PATIENCE = 2.5
# The longest answer known, 10 kB, takes 0.9 s on the wire; a pager adds its own.
_LONGEST_S = 8.0
# How long to look for more bytes before looking whether the pager waits.
_LOOK_S = 0.02
# How long to wait for a prompt after Enter, and for more behind one that does not end an answer.
_PROMPT_S = 0.25
# A slow console shows its prompt later.
_LAST_PROMPT_S = 2.0
# After the wake frame the console takes up to a second; then Enter until it shows its prompt.
_WAKING_S = 1.0
_ENTERS = 5


_ANY_PROMPT = re.compile(rb"[A-Za-z_]\w*>")


class Prompt:
    """A console that is asked one command at a time. ``wakes``: whether it may be one that boots at 1200 baud."""

    def __init__(self, clock: Clock) -> None:
        self.wakes = True
        self._clock = clock
        self._greeted = False
        self._enter = ENTER
        self._thinks_s: dict[str, float] = {}

    def forget(self) -> None:
        """Begin anew with the next command: the line was closed, or the battery was away."""
        self._greeted = False

    def ask(self, line: ByteTransport, command: str) -> bytes:
        """Send a command once and return everything up to the prompt.

        Raises TransportTimeoutError for silence and FrameError when the end is damaged.
        """
        if not self._greeted:
            self._greet(line)
        line.send(command.encode("ascii") + self._enter)
        return self._answer(line, command)

    # -------------------- the first prompt

    def _greet(self, line: ByteTransport) -> None:
        """Get a prompt: the first byte of a session may be noise, and an old console has to be woken up."""
        line.set_baudrate(BAUDRATE)
        if not self._found(line) and not (self.wakes and line.has_baudrate and self._wake(line)):
            raise TransportTimeoutError(
                f"{line.line}: the console does not answer: check that the cable is in the battery's console socket, "
                "receive and transmit, and that the battery is on"
            )
        self._greeted = True

    def _found(self, line: ByteTransport) -> bool:
        """Find out what this console takes for Enter: CR, or after silence CR LF."""
        for enter, times in ((self._enter, _ENTERS), (CR_LF if self._enter == ENTER else ENTER, 1)):
            if self._shows_prompt(line, enter, times):
                self._enter = enter
                return True
        return False

    def _shows_prompt(self, line: ByteTransport, enter: bytes, times: int) -> bool:
        for left in reversed(range(times)):
            line.send(enter)
            shown, until = b"", self._clock.now() + (_PROMPT_S if left else _LAST_PROMPT_S)
            while self._clock.now() < until:
                shown += line.listen(_PROMPT_S)
                if prompt_of(shown):
                    return True
        return False

    def _wake(self, line: ByteTransport) -> bool:
        _LOG.info("%s: silence at %d baud: waking the console up at %d", line.line, BAUDRATE, WAKE_BAUDRATE)
        line.set_baudrate(WAKE_BAUDRATE)
        line.send(WAKE_FRAME)
        line.listen(_WAKING_S)
        line.set_baudrate(BAUDRATE)
        return self._shows_prompt(line, ENTER, _ENTERS)

    # -------------------- an answer

    def _answer(self, line: ByteTransport, command: str) -> bytes:
        """Collect bytes until ``$$`` and a prompt stand at their end."""
        reported, turned, longest = b"", 0, 0.0
        began = last_at = self._clock.now()
        patience = self._patience(command)
        while self._clock.now() < began + _LONGEST_S + patience:
            more = self._more(line)
            reported += more
            if more:
                longest, last_at = max(longest, self._clock.now() - last_at), self._clock.now()
            elif self._clock.now() >= last_at + (_PROMPT_S if _ends_without_mark(reported) else patience):
                break
            if ends(reported):
                self._thinks_s[command] = max(longest, self._thinks_s.get(command, 0.0))
                return reported
            if pager_waits(reported[turned:]):
                turned = len(reported)
                line.send(self._enter)
        self._greeted = False
        self._thinks_s.pop(command, None)
        if not reported:
            raise TransportTimeoutError(f"{line.line}: no answer to {command!r}")
        raise FrameError(f"the answer to {command!r} has no end: {reported[-40:]!r}")

    def _patience(self, command: str) -> float:
        """For how long to wait for more of an answer to this command."""
        thinks_s = self._thinks_s.get(command)
        if thinks_s is None:
            return _MOST_THINKING_S
        return min(_MOST_THINKING_S, max(_LEAST_SILENCE_S, _PATIENCE * thinks_s))

    @staticmethod
    def _more(line: ByteTransport) -> bytes:
        """What came up to the next ``>``, or for as long as a look takes."""
        try:
            return line.read_until(b">", _LOOK_S)
        except TransportTimeoutError:
            return line.listen(0)


def _ends_without_mark(reported: bytes) -> bool:
    """Whether an answer ends in a prompt without ``$$``; a prompt alone was left over from before."""
    return prompt_of(reported) is not None and bool(_ANY_PROMPT.sub(b"", reported).strip())
