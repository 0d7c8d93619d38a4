"""The questions that may be asked of Pylontech's binary protocol, and nothing else: there is no way to name another.

Source: RS485-protocol-pylon-low-voltage V3.3 (2018-08-21), 2.1 and chapter 3.
"""

from collections.abc import Mapping

from pylon2mqtt.errors import DeviceError, FrameError, TransportTimeoutError
from pylon2mqtt.model import Bank
from pylon2mqtt.transports.base import ByteTransport

from .base import Clock
from .binary import Dialogue
from .frame import Frame
from .pylontech import decode_info
from .pylontech_info import ALL_MODULES, SYSTEM, Command

TIMEOUT_S = {115200: 1.0, 9600: 2.0}
"""The rates that DIP switch 1 chooses, and after how many seconds an answer is missing: it is complete 69 to 182 ms
after its request at 115200; at 9600 its characters alone take up to half a second."""

_IN_INFO = frozenset((Command.ANALOG, Command.ALARM, Command.MANAGEMENT, Command.SERIAL, Command.FIRMWARE))

# The master could not pass the question on: as good as silence.
_UNREACHABLE = (0x90, 0x91)


def request(command: Command, address: int, *, all_modules: bool = False) -> Frame:
    """Return the request frame: INFO repeats the address where the document says so, and is empty elsewhere."""
    info = bytes((address,)) if command in _IN_INFO else b""
    return Frame(address=address, cid2=command, info=ALL_MODULES if all_modules else info)


class Questions:
    """Asks one battery, one question at a time; ``baudrate`` decides how long it waits for an answer."""

    def __init__(self, clock: Clock, timeout_s: Mapping[int, float]) -> None:
        self.baudrate = next(iter(timeout_s))
        self._dialogue = Dialogue(clock)
        self._timeout_s = timeout_s

    def ask(
        self, line: ByteTransport, command: Command, address: int, *, attempts: int, all_modules: bool = False
    ) -> Bank:
        """Return what the answer says; raise TransportTimeoutError, FrameError, DecodeError or DeviceError."""
        try:
            frame = self._dialogue.ask(
                line,
                request(command, address, all_modules=all_modules),
                timeout_s=self._timeout_s[self.baudrate],
                attempts=attempts,
                any_group=command in SYSTEM,
            )
        except DeviceError as error:
            if error.code in _UNREACHABLE:
                raise TransportTimeoutError(str(error)) from error
            raise
        return decode_info(command, frame, all_modules=all_modules)

    def who(self, line: ByteTransport, address: int) -> Bank:
        """The serial number tells modules apart (51 would be the master's); a unit may not know it."""
        try:
            return self.ask(line, Command.SERIAL, address, attempts=1)
        except FrameError:
            return self.ask(line, Command.SERIAL, address, attempts=1)
        except DeviceError:
            return Bank()
