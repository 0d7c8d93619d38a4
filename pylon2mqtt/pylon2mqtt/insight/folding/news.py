"""Making a happening: its id follows from what happened and when, so that it is the same whenever it is made."""

import hashlib
from collections.abc import Mapping
from datetime import datetime

from pylon2mqtt.model import EventSeverity, Happening, HappeningKind, Module

from .readings import cells_then

_ID_LENGTH = 16


def happened(
    kind: HappeningKind,
    severity: EventSeverity,
    at: datetime,
    bank: str,
    module: Module | None = None,
    values: Mapping[str, float | str | None] | None = None,
) -> Happening:
    """Return the happening, with the cells of the module at this moment; ``at`` has the owner's zone."""
    known = values or {}
    what = (bank, module and (module.barcode or module.number), at.isoformat(), kind, sorted(known.items()))
    return Happening(
        id=hashlib.sha256(repr(what).encode()).hexdigest()[:_ID_LENGTH],
        at=at,
        severity=severity,
        kind=kind,
        bank=bank,
        module=module.number if module else None,
        barcode=module.barcode if module else None,
        values=known,
        cells=cells_then(module) if module else None,
    )
