"""The protocol `auto`: it finds out what a battery speaks, and is the driver for that from then on.

Only after silence may each driver look in its own way, see `diagnosis`. What is not found is said with its likeliest
cause.
"""

import logging
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import cast

from pylon2mqtt.errors import ProtocolError, TransportTimeoutError
from pylon2mqtt.model import Bank
from pylon2mqtt.transports.base import ByteTransport, Line, is_can

from .base import BatteryProtocol, Probe
from .diagnosis import diagnose

_LOG = logging.getLogger(__name__)


class Auto:
    """The driver that is used until it is known which one to use: from then on it is that one."""

    def __init__(
        self, *, name: str | None, probes: Callable[[], Iterable[Probe]], make_driver: Callable[[str], BatteryProtocol]
    ) -> None:
        self._name = name
        self._all_probes = probes
        self._make_driver = make_driver
        self._driver: BatteryProtocol | None = None

    @property
    def listens(self) -> bool:
        """Whether what was found is listened to."""
        return self._driver is not None and self._driver.listens

    def read(self, line: Line) -> Bank:
        """Find out what the battery speaks, once; then read it. A CAN bus is listened to."""
        if self._driver is None and is_can(line):
            self._driver = self._make_driver("can")
        if self._driver is None:
            try:
                self._driver = self._make_driver(self._find(cast(ByteTransport, line)))
            except TransportTimeoutError as silence:
                return self._first_reading(cast(ByteTransport, line), silence)
        return self._driver.read(line)

    def rescan(self) -> None:
        """Look for the modules anew, or for the language while that is unknown."""
        if self._driver is not None:
            self._driver.rescan()

    @cached_property
    def _probes(self) -> list[Probe]:
        return sorted(self._all_probes(), key=lambda probe: probe.rank)

    def _find(self, line: ByteTransport) -> str:
        found = diagnose(line, self._probes)
        if found.probe is None:
            raise found.error(line.line)
        rate = f" at {found.probe.baudrate} baud" if line.has_baudrate else ""
        _LOG.info("%s: %s speaks %s%s", self._name, line.line, found.probe.title, rate)
        return found.probe.protocol

    def _first_reading(self, line: ByteTransport, silence: TransportTimeoutError) -> Bank:
        """Where no probe was answered, let each driver look in its own way: some units know only a few questions.

        The console's comes last, because it ends with a frame that switches an old console on.
        """
        for protocol in dict.fromkeys(probe.protocol for probe in reversed(self._probes)):
            driver = self._make_driver(protocol)
            try:
                bank = driver.read(line)
            except (TransportTimeoutError, ProtocolError) as error:
                _LOG.debug("%s: not %s: %s", self._name, protocol, error)
                continue
            self._driver = driver
            return bank
        raise silence
