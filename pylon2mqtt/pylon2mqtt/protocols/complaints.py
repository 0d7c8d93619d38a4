"""Remembers which complaints the log has already: each is logged once, not in every cycle."""

import logging

from pylon2mqtt.errors import DecodeError

_LOG = logging.getLogger(__name__)


class Complaints:
    """The complaints about one battery."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def is_new(self, text: str) -> bool:
        """Whether this was not complained of before; from now on it was."""
        if text in self._known:
            return False
        self._known.add(text)
        return True

    def not_understood(self, name: str | None, error: DecodeError) -> None:
        """Show once what ``name`` said that is sound and not understood, and ask for a recording."""
        if self.is_new(str(error)):
            _LOG.warning("%s: %s; please send a recording (pylon2mqtt record): %r", name, error, error.raw)
