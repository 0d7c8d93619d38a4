"""Asking in the binary protocol: one request, its answer, and everything that may come in between.

Shared by RS485 and RS232. The pause before each request and the reading up to CR are the two rules whose breach is
behind most of the field's "random" checksum errors.
"""

import logging
from collections.abc import Callable, Iterator

from pylon2mqtt.errors import DeviceError, FrameError, ProtocolError, TransportTimeoutError
from pylon2mqtt.protocols.base import Clock
from pylon2mqtt.transports.base import ByteTransport

from .frame import EOI, Frame, candidates

_LOG = logging.getLogger(__name__)

PAUSE_S = 0.05
"""The rest between an answer and the next request: the battery's and the adapter's drivers have to let go of the two
wires. Readers without any pause work on quiet lines (python-pylontech); checksum errors under fast polling are known
(its issues 22 and 24), so the pause grows with them."""

LONGEST_PAUSE_S = 0.5
"""What the pause doubles up to on a bad line: the cadence of the most careful readers (ClassicDIY/PylonToMQTT, PACE's
document). It shrinks again with every good answer."""

# A battery begins to answer 69 to 81 ms after the request, once after 250 ms: after a damaged frame, such as a broken
# echo, the answer proper is awaited for so long, not for the whole time-out.
_ANSWER_BEGINS_S = 0.3

RETURN_CODES = {
    0x01: "the protocol version is not supported",
    0x02: "CHKSUM of the request was wrong",
    0x03: "LCHKSUM of the request was wrong",
    0x04: "the command is not supported",
    0x05: "the format of the command is wrong",
    0x06: "the data of the command are invalid",
    0x07: "there are no data",
    0x09: "the operation failed",
    0x90: "the address is wrong",
    0x91: "the master cannot reach this module",
    0xE1: "the command failed (E1)",
    0xE2: "the command failed (E2)",
    0xE3: "the command failed (E3)",
    0xE4: "the command failed (E4)",
}
"""RTN of an answer: V3.3, 2.5.2; 09 is PACE's, 07 and E1 to E4 are from the Seplos and EG4 documents."""

# The requests were damaged on their way: asking again is right. All other codes are a refusal.
_ASK_AGAIN = (0x02, 0x03)


# Makers who answer in frames of this kind with an own CID1, which is not read here.
_FOREIGN_CID1 = {0x4F: "TDT's own protocol (CID1 4F), which is not read here"}

IsAnswer = Callable[[Frame, Frame], bool]
"""Whether a frame is of the module that was asked: from the answer and the question."""


def accepted(raw: bytes, request: Frame, is_answer: IsAnswer) -> Frame | None:
    """Return the answer that one candidate is, or None for the echo of the request.

    Raises FrameError if the frame is damaged or foreign, DeviceError if it is a refusal.
    """
    frame = Frame.parse(raw)
    if (frame.cid2, frame.address, frame.info) == (request.cid2, request.address, request.info):
        return None
    if frame.cid1 != request.cid1:
        raise FrameError(_FOREIGN_CID1.get(frame.cid1, f"CID1 {frame.cid1:02X} is not what was asked"))
    if frame.cid2 in RETURN_CODES:
        _refuse(frame, request, is_answer)
    if frame.cid2 != 0:
        raise FrameError(f"a request {frame.cid2:02X} of another reader: two readers on one line spoil both")
    if not is_answer(frame, request):
        raise FrameError(f"an answer from address {frame.address:02X} is not of the module that was asked")
    return frame


def _refuse(frame: Frame, request: Frame, is_answer: IsAnswer) -> None:
    """Raise what an answer with a return code says; of another address it says nothing."""
    if frame.address != request.address and not is_answer(frame, request):
        raise FrameError(f"from address {frame.address:02X}, not {request.address:02X}")
    text = RETURN_CODES[frame.cid2]
    if frame.cid2 in _ASK_AGAIN:
        raise FrameError(f"{request.cid2:02X} to {request.address:02X}: {text}")
    raise DeviceError(f"{request.cid2:02X} to {request.address:02X}: {text}", code=frame.cid2)


def last_answer(data: bytes, request: Frame, is_answer: IsAnswer) -> Frame:
    """Return the last good answer in recorded bytes; raise the ProtocolError that explains why there is none."""
    trouble: ProtocolError = FrameError("there is no frame in it")
    answer = None
    for raw in candidates(data):
        try:
            told = accepted(raw, request, is_answer)
        except ProtocolError as error:
            trouble = error
            continue
        if told is None:
            trouble = FrameError("only the echo of the request is in it")
        answer = told or answer
    if answer is None:
        raise trouble
    return answer


class Dialogue:
    """One question at a time, with the pause before it and the echo taken out."""

    def __init__(self, clock: Clock, is_answer: IsAnswer) -> None:
        self.pause_s = PAUSE_S
        self._clock = clock
        self._is_answer = is_answer
        self._quiet_since = float("-inf")

    def ask(self, line: ByteTransport, request: Frame, *, timeout_s: float, attempts: int = 2) -> Frame:
        """Send ``request`` and return its answer; damaged answers and silence are asked again, ``attempts`` in all.

        Raises TransportTimeoutError for silence, FrameError for damage only, DeviceError for a refusal.
        """
        for left in reversed(range(attempts)):
            try:
                return self._once(line, request, timeout_s)
            except (TransportTimeoutError, FrameError) as error:
                _LOG.debug("%02X to %02X: %s", request.cid2, request.address, error)
                if not left:
                    raise
        raise ValueError("attempts must be at least 1")

    def _once(self, line: ByteTransport, request: Frame, timeout_s: float) -> Frame:
        self._rest()
        line.send(request.to_bytes())
        try:
            answer = next(self._answers(line, request, timeout_s))
        except FrameError:
            self.pause_s = min(LONGEST_PAUSE_S, 2 * self.pause_s)
            raise
        finally:
            self._quiet_since = self._clock.now()
        self.pause_s = max(PAUSE_S, 0.7 * self.pause_s)
        return answer

    def _rest(self) -> None:
        left = self._quiet_since + self.pause_s - self._clock.now()
        if left > 0:
            self._clock.sleep(left)

    def _answers(self, line: ByteTransport, request: Frame, timeout_s: float) -> Iterator[Frame]:
        """Yield the good answers that come in time; what else came explains why there is none."""
        deadline = self._clock.now() + timeout_s
        trouble: FrameError | None = None
        echoed = False
        while True:
            try:
                data = line.read_until(EOI, max(0.0, deadline - self._clock.now()))
            except TransportTimeoutError:
                raise trouble or _silence(line, request, echoed=echoed) from None
            for raw in candidates(data):
                try:
                    answer = accepted(raw, request, self._is_answer)
                except FrameError as error:
                    trouble = error
                    deadline = min(deadline, self._clock.now() + _ANSWER_BEGINS_S)
                    continue
                if answer is not None:
                    yield answer
                echoed = True


def _silence(line: ByteTransport, request: Frame, *, echoed: bool) -> FrameError | TransportTimeoutError:
    """Tell silence from bytes that were no frame, such as those of a wrong baud rate."""
    if garbage := line.unread():
        return FrameError(f"{len(garbage)} bytes but no frame: wrong baud rate, wrong socket, or A and B swapped")
    but = ", only the adapter's own echo came back" if echoed else ""
    return TransportTimeoutError(f"address {request.address} does not answer {request.cid2:02X}{but}")
