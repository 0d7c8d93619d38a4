"""The seam between the app and its outputs."""

from typing import Protocol

from pylon2mqtt.model import Snapshot


class Output(Protocol):
    """Something that is told of every snapshot.

    All methods are called from the output's own thread; `publish` and `refresh` may block and may raise OutputError,
    which delays and stops nobody else.
    """

    name: str
    """What the log calls it."""

    keeps_all: bool
    """Whether every snapshot counts. If not, only the latest of each bank is kept while this output is busy."""

    def open(self) -> None:
        """Begin; what it needs (a broker, a database) may still be missing."""

    def publish(self, snapshot: Snapshot) -> None:
        """Tell of one snapshot."""

    def refresh(self) -> None:
        """Do what is due without a snapshot; called at least once a second."""

    def close(self) -> None:
        """Say goodbye within a second."""
