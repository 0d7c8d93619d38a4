"""The seam between the app and its outputs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from pylon2mqtt.model import Snapshot


class Output(Protocol):
    """Something that publishes snapshots.

    All methods are called from the output's own thread; `publish` and `refresh` may block and may raise OutputError,
    which delays and stops nobody else. An output that the owner can switch on has ``from_options(options,
    surroundings)``, a class method that builds it, and a row in the registry.
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


class OutputOptions(Protocol):
    """The option class of an output."""

    section: ClassVar[str]
    """The group of options where the owner finds these; several outputs may share one."""

    @property
    def switched_on(self) -> bool:
        """Whether the owner wants this output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the app offers to an output that it builds: each takes what it needs.

    ``banks``: the names of all banks. ``cells``: the owner's level, none, statistics, voltages or full. ``command``
    gets a bank's name, what is asked and a payload, and returns whether it was done. ``find_broker`` asks the
    Supervisor for the MQTT broker; outside the Supervisor it is None.
    """

    banks: tuple[str, ...]
    cells: str
    poll_interval_s: float
    command: Callable[[str, str, str], bool]
    find_broker: Callable[[], Mapping[str, Any]] | None
