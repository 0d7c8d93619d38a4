"""How long simulated years take: a module for a year, and a bank of 16 for a month."""

import time
from collections import deque

from pylon2mqtt.simulator.years import bank_for_years, readings

from .rig import at_most, plain, show

YEAR_S, BANK_S = 60.0, 120.0


def run(*, quick: bool) -> None:
    """Count processor time, first of the physics alone, then with every reading, and print one table."""
    part = 0.02 if quick else 1.0
    year, month = (_processor_s(modules, days * part) for modules, days in ((1, 365), (16, 30)))
    show(
        "years: modules of 16 cells, steps of 5 to 60 s, processor time",
        [
            at_most("a year of one module", year[0], YEAR_S, "s"),
            plain("  with every reading made into values of the model", year[1], "s"),
            at_most("30 days of a bank of 16 modules", month[0], BANK_S, "s"),
            plain("  with every reading made into values of the model", month[1], "s"),
        ],
    )


def _processor_s(modules: int, days: float) -> tuple[float, float]:
    """Without and with the readings."""
    bank = bank_for_years("EG4", modules=modules)
    began = time.process_time()
    bank.advance(days * 86400)
    physics_s = time.process_time() - began
    bank = bank_for_years("EG4", modules=modules)
    began = time.process_time()
    deque(readings(bank, days=days), maxlen=0)
    return physics_s, time.process_time() - began
