"""CAN adapters that are serial ports and speak slcan (Lawicel's language): listened to, and checked frame by frame.

``slcan:`` asks for silence by ``L``. The first firmware of the CANable does not know that and stays closed;
``canable:`` asks by ``M1`` and ``O``. On other firmware ``O`` opens a port that takes part in the bus, so the user has
to choose.
"""

import re

from can.interfaces.slcan import slcanBus

# A whole frame, with or without the adapter's time stamp. There is no checksum: the length is all that can be checked.
_HEX = "[0-9A-Fa-f]"
_WHOLE = re.compile(rf"(?:[tr][0-7]{_HEX}{{2}}|[TR][01]{_HEX}{{7}})([0-8])({_HEX}*)\r")
_TIME_STAMP = 4


class SlcanBus(slcanBus):
    """An slcan adapter that only listens; ``errors`` counts what was no whole frame."""

    def __init__(self, channel: str, *, bitrate: int, silent_by_m1: bool, settle_s: float) -> None:
        self.errors = 0
        self._silent_by_m1 = silent_by_m1
        super().__init__(channel, bitrate=bitrate, listen_only=True, sleep_after_open=settle_s)

    def open(self) -> None:
        """Open the port so that it is silent on the bus."""
        for command in ("M1", "O") if self._silent_by_m1 else ("L",):
            self._write(command)

    def _write(self, string: str) -> None:
        """Write without waiting for the port to have sent it: one that hangs would hold us for ever."""
        self.serialPortOrig.write(string.encode() + b"\r")

    def _read(self, timeout: float | None) -> str | None:
        line = super()._read(timeout)
        if not line or line[0] not in "tTrR":
            return None
        match = _WHOLE.fullmatch(line)
        digits = 2 * int(match[1]) if match and line[0] in "tT" else 0
        if match is None or len(match[2]) not in (digits, digits + _TIME_STAMP):
            self.errors += 1
            return None
        return line
