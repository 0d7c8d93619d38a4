"""Asking one battery in its dialect, one question at a time."""

from pylon2mqtt.errors import DecodeError, DeviceError, FrameError, TransportTimeoutError
from pylon2mqtt.model import Bank
from pylon2mqtt.protocols.base import Clock
from pylon2mqtt.protocols.binary.dialects.pylontech_info import SYSTEM
from pylon2mqtt.transports.base import ByteTransport

from .dialogue import Dialogue
from .variants import Variant

# The master could not pass the question on: as good as silence.
_UNREACHABLE = (0x90, 0x91)


class Questions:
    """The questions of one dialect; ``baudrate`` decides how long an answer is waited for."""

    def __init__(self, variant: Variant, clock: Clock) -> None:
        self.variant = variant
        self.baudrate = next(iter(variant.timeout_s))
        self.dialogue = Dialogue(clock)

    def ask(
        self,
        line: ByteTransport,
        command: int,
        place: int,
        *,
        attempts: int,
        all_modules: bool = False,
        timeout_s: float | None = None,
    ) -> Bank:
        """Return what the answer says; raise TransportTimeoutError, FrameError, DecodeError or DeviceError."""
        variant = self.variant
        question = variant.question(command, place, all_modules=all_modules)
        try:
            answer = self.dialogue.ask(
                line,
                question,
                timeout_s=variant.timeout_s[self.baudrate] if timeout_s is None else timeout_s,
                attempts=attempts,
                any_group=command in SYSTEM,
            )
        except DeviceError as error:
            if error.code in _UNREACHABLE:
                raise TransportTimeoutError(str(error)) from error
            raise
        if answer.version != variant.version:
            raise DecodeError(f"VER {answer.version:02X} is not {variant.title}", raw=answer.to_bytes())
        bank = variant.decode(answer, question)
        if bank.modules and not all_modules and bank.modules[0].number != variant.number(place):
            raise FrameError(f"the answer is of module {bank.modules[0].number}, not {variant.number(place)}")
        return bank

    def who(self, line: ByteTransport, place: int) -> Bank:
        """The barcode tells modules apart; a unit may not know it, and then the answer is empty."""
        command = self.variant.identity
        if command is None:
            return Bank()
        try:
            return self.ask(line, command, place, attempts=1)
        except FrameError:
            return self.ask(line, command, place, attempts=1)
        except DeviceError:
            return Bank()
