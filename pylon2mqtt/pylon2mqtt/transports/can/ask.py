"""The one thing that may be said on a CAN bus, and only where the owner chose it: 0x4200, asking high-voltage racks.

They are silent until their inverter asks. An inverter that asks already is left to it. Nothing else can be sent from
here: the two questions are constants, and the identifiers that change a battery (0x8200, 0x8210, 0x8240) are not among
them.
"""

import logging
import time
from collections.abc import Callable

import can

from pylon2mqtt.errors import ConfigError
from pylon2mqtt.transports.base import CanFrame

from .advice import translated
from .bus import CanBus

_LOG = logging.getLogger(__name__)

_QUESTION_ID = 0x4200
# Byte 0: what is asked for. "CANBUS Protocol of High Voltage system" V1.18.
_VALUES = can.Message(arbitration_id=_QUESTION_ID, is_extended_id=True, data=bytes(8))
_EQUIPMENT = can.Message(arbitration_id=_QUESTION_ID, is_extended_id=True, data=bytes((2, *bytes(7))))

# An inverter asks once a second; so do we, and for what never changes now and then.
_EVERY_S, _EQUIPMENT_EVERY_S = 1.0, 60.0
# Whoever asked within this is there, and asks again.
_OTHER_ASKS_S = 3.0


class AskingCanBus(CanBus):
    """A `CanBus` that asks high-voltage racks for their values as long as nobody else does."""

    def __init__(
        self,
        line: str,
        *,
        bitrate: int | None = None,
        bring_up: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(line, bitrate=bitrate, bring_up=bring_up)
        if self.only_listens:
            raise ConfigError(
                f"can_ask: {line} is opened so that it only listens. Ask over an interface such as can0, or remove it."
            )
        self.listen_only = False
        self._now = now
        self._ask_at = self._equipment_at = 0.0

    def open(self) -> None:
        """Open the line, and listen whether somebody asks before we do."""
        super().open()
        self._ask_at = self._now() + _OTHER_ASKS_S
        self._equipment_at = self._ask_at + _EVERY_S  # the values come first
        _LOG.warning("%s: asks high-voltage racks on the bus (can_ask)", self.line)

    def recv(self, timeout_s: float) -> list[CanFrame]:
        """Ask if it is time, then return the frames that there are."""
        if self._now() >= self._ask_at:
            self._ask()
        frames = super().recv(timeout_s)
        if any(frame.extended and frame.id == _QUESTION_ID for frame in frames):
            self._ask_at = self._now() + _OTHER_ASKS_S
        return frames

    def _ask(self) -> None:
        now = self._now()
        self._ask_at = now + _EVERY_S
        question = _VALUES
        if now >= self._equipment_at:
            self._equipment_at = now + _EQUIPMENT_EVERY_S
            question = _EQUIPMENT
        with translated("cannot ask on", self.line):
            self._opened().send(question, timeout=0.1)
