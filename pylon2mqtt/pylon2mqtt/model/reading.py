"""What goes into the hub: what one source reported at a moment."""

from dataclasses import dataclass
from datetime import datetime

from .battery import Bank
from .units import Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a source (one line to a bank) reported, or why it reported nothing.

    ``taken_at`` (UTC) and ``since_start_s`` (monotonic) are stamped by the thread of the line. ``online`` is false when
    nobody answers: then ``bank`` holds its name only, and ``reason`` says why, in words for the owner. ``stale``: the
    battery rests, and what it reported at ``taken_at`` is reported again.
    """

    source: str
    bank: Bank
    taken_at: datetime
    since_start_s: Seconds
    online: bool = True
    stale: bool = False
    reason: str | None = None
