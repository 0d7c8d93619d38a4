"""Asking one battery in its dialect, one question at a time."""

from pylon2mqtt.errors import DecodeError, DeviceError, TransportTimeoutError
from pylon2mqtt.model import Bank
from pylon2mqtt.protocols.base import Clock
from pylon2mqtt.transports.base import ByteTransport

from .dialect import BinaryDialect
from .dialogue import Dialogue

# The master could not pass the question on: as good as silence.
_UNREACHABLE = (0x90, 0x91)


class Asking:
    """The questions of one dialect at one rate.

    ``baudrate`` decides how long an answer is waited for. ``master``: where it is given, all questions go to its
    address, and INFO alone names the module.
    """

    def __init__(self, dialect: BinaryDialect, clock: Clock) -> None:
        self.dialect = dialect
        self.baudrate = next(iter(dialect.timeout_s))
        self.master: int | None = None
        self.dialogue = Dialogue(clock, dialect.answers)

    def rates(self, line: ByteTransport) -> list[int]:
        """The rates to try, the last one first; a gateway has its own, which may be the slowest."""
        if not line.has_baudrate:
            return [min(self.dialect.timeout_s)]
        last = self.baudrate
        return sorted(self.dialect.timeout_s, key=lambda rate: rate != last)

    def ask(
        self,
        line: ByteTransport,
        command: int,
        place: int,
        *,
        attempts: int = 1,
        all_modules: bool = False,
        timeout_s: float | None = None,
    ) -> Bank:
        """Return what the answer says; raise TransportTimeoutError, FrameError, DecodeError or DeviceError."""
        dialect = self.dialect
        question = dialect.question(command, place, all_modules=all_modules, address=self.master)
        wait_s = dialect.timeout_s[self.baudrate] if timeout_s is None else timeout_s
        try:
            answer = self.dialogue.ask(line, question, timeout_s=wait_s, attempts=attempts)
        except DeviceError as error:
            if error.code in _UNREACHABLE:
                raise TransportTimeoutError(str(error)) from error
            raise
        if not dialect.claims(answer, question):
            raise DecodeError(f"VER {answer.version:02X} is not {dialect.title}", raw=answer.to_bytes())
        return dialect.decode(answer, question)
