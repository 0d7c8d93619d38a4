"""How to get a rack's console to tell of the rack: by `pwr`, else by `getpwr`, and only then by what the owner allowed.

Some SC0500 tell nothing before `login debug`, and then nothing before `tbar` with the controller's own barcode. That
is the works' test that *writes* a barcode: it is sent only with the barcode that the owner entered, only where he
allowed it, only after everything else was refused, and never again in this run when it did not end well, whatever came
back. The same holds for the login.
Source: nakoukal/pylontech-bms, docs/protocols/console.md.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from pylon2mqtt.errors import DeviceError
from pylon2mqtt.protocols.base import Clock
from pylon2mqtt.protocols.console.commands import GETPWR, LOGIN, PWR, TBAR
from pylon2mqtt.protocols.console.decoded import Decoded
from pylon2mqtt.protocols.console.session import Session
from pylon2mqtt.transports.base import ByteTransport

_LOG = logging.getLogger(__name__)

# A console that stays closed is knocked at again after these times, not in every cycle.
_LOGIN_AGAIN_S = 60.0
_TBAR_AGAIN_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What the owner allows: `login debug`, and `tbar` with the barcode of the controller."""

    login: bool = False
    tbar: bool = False
    barcode: str | None = None


class Opening:
    """The way to a rack's first answer; it remembers which one it was."""

    def __init__(self, name: str | None, clock: Clock, session: Session, allowed: Allowed) -> None:
        self._name = name
        self._clock = clock
        self._session = session
        self._allowed = allowed
        self._works = PWR
        self._login_at = self._tbar_at = float("-inf")

    def first_answer(self, line: ByteTransport) -> Decoded:
        """Return what `pwr` or `getpwr` says; open the console for it as far as that is allowed.

        Raises DeviceError, which says what the owner can do, where it stays closed.
        """
        try:
            return self._pwr_or_getpwr(line)
        except DeviceError as error:
            refusal = error
        for opens in self._keys():
            if opens(line):
                try:
                    return self._pwr_or_getpwr(line)
                except DeviceError as error:
                    refusal = error
        raise DeviceError(f"{refusal}. {self._advice()}", code=refusal.code) from refusal

    def _pwr_or_getpwr(self, line: ByteTransport) -> Decoded:
        """What `pwr` says, else what `getpwr` says; first the one that did it last."""
        other = GETPWR if self._works is PWR else PWR
        try:
            return self._session.ask(line, self._works)
        except DeviceError:
            answer = self._session.ask(line, other)
        self._works = other
        return answer

    def _keys(self) -> list[Callable[[ByteTransport], bool]]:
        """What may be tried now."""
        now, keys = self._clock.now(), list[Callable[[ByteTransport], bool]]()
        if self._allowed.login and self._session.may_write(LOGIN) and now - self._login_at >= _LOGIN_AGAIN_S:
            keys.append(self._log_in)
            if self._may_write() and now - self._tbar_at >= _TBAR_AGAIN_S:
                keys.append(self._write_barcode)
        return keys

    def _may_write(self) -> bool:
        return self._allowed.tbar and self._allowed.barcode is not None and self._session.may_write(TBAR)

    def _log_in(self, line: ByteTransport) -> bool:
        self._login_at = self._clock.now()
        try:
            return self._session.log_in(line)
        except DeviceError:
            return False

    def _write_barcode(self, line: ByteTransport) -> bool:
        """Send `tbar`; where that does not end well, it is not sent a second time."""
        self._tbar_at = self._clock.now()
        try:
            taken = self._session.write_barcode(line, self._allowed.barcode or "")
        finally:
            if not self._session.may_write(TBAR):
                _LOG.warning(
                    "%s: the console did not take the barcode: it is not sent again before a restart. Compare the "
                    "option `console_barcode` with the label on the controller", self._name
                )  # fmt: skip
        if taken:
            _LOG.info("%s: the console took its barcode (tbar), as you allowed", self._name)
        return taken

    def _advice(self) -> str:
        if not self._allowed.login:
            return "This console may want a login: set `allow_login` for this battery"
        if not (self._allowed.tbar and self._allowed.barcode):
            return (
                "This console stays closed after the login too. Some want `tbar` with their barcode, a command that "
                "writes: read in the documentation what that means before you allow it"
            )
        return "This console stays closed, though everything that you allowed was tried"
