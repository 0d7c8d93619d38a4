"""The binary protocol on RS485: Pylontech's, and where nobody speaks it the other dialects that are met there.

The bridge is the only master on the line. Source: docs/protocols/rs485.md.
"""

from collections.abc import Iterable
from typing import Any

from .dialect import BinaryDialect
from .dialects import tried_on
from .driver import BinaryDriver
from .recorded import decode, probes, scrub

__all__ = ["PROBES", "Rs485", "decode", "scrub"]

PROBES = probes("rs485")


class Rs485(BinaryDriver):
    """The driver of an RS485 line."""

    def __init__(self, *, dialects: Iterable[BinaryDialect] = tried_on("rs485"), **options: Any) -> None:
        super().__init__(dialects, **options)
