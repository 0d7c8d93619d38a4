"""The energy of banks whose BMS does not count it: metered from the power, and kept by the broker over restarts."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from .layouts.own import ENERGY, STATE
from .meter import EnergyMeter
from .outbox import Publication

FIELDS = ("energy_charged", "energy_discharged")

# A BMS that counts by itself says so within this time after the start; only then is it known that it does not.
WAIT_S = 120.0
# Readings that are further apart than three polls, and than this, say nothing about the time between them.
LEAST_GAP_S = 60.0
# 10 Wh: what is shown is what is kept, so that a restart takes nothing back.
_DIGITS = 2
# More than any bank moves in its life; also keeps out NaN and infinity.
_MOST_KWH = 1e7


@dataclass(slots=True)
class _Bank:
    meter: EnergyMeter
    since: float
    asked: bool = False
    remembered: bool = False
    counts_itself: bool = False


class Energies:
    """The meters of all banks, by the first part of their topics."""

    def __init__(self) -> None:
        self._banks: dict[str, _Bank] = {}

    def fill(self, root: str, found: dict[str, Publication], *, poll_interval_s: float, now: float) -> None:
        """Take in the power of a bank's state, and add the energy to the state as soon as it is known.

        ``found`` are the bank's publications by topic; ``now`` counts seconds.
        """
        state = found.get(f"{root}/{STATE}")
        if state is None or not isinstance(state.content, dict) or state.taken_at is None:
            return
        bank = self._banks.setdefault(root, _Bank(EnergyMeter(longest_gap_s=LEAST_GAP_S), now))
        bank.meter.longest_gap_s = max(LEAST_GAP_S, 3 * poll_interval_s)
        bank.meter.take(state.content["power"], state.taken_at)
        bank.counts_itself |= any(state.content[name] is not None for name in FIELDS)
        if bank.counts_itself:
            found[f"{root}/{ENERGY}"] = Publication(dict.fromkeys(FIELDS))
        elif bank.asked and (bank.remembered or now - bank.since >= WAIT_S):
            totals = dict(zip(FIELDS, (bank.meter.charged, bank.meter.discharged), strict=True))
            shown = {name: round(total, _DIGITS) for name, total in totals.items()}
            found[f"{root}/{STATE}"] = replace(state, content=state.content | shown)
            found[f"{root}/{ENERGY}"] = Publication(shown)

    def remember(self, root: str, payload: str) -> None:
        """Count on from what the broker kept; what is not ours is left alone."""
        bank = self._banks.get(root)
        try:
            kept: Any = json.loads(payload)
            charged, discharged = (kept[name] for name in FIELDS)
        except (ValueError, LookupError, TypeError, RecursionError):
            return
        if not all(type(total) in (int, float) and 0 <= total < _MOST_KWH for total in (charged, discharged)):
            return
        if bank and not bank.asked and not bank.remembered:
            bank.meter.charged += charged
            bank.meter.discharged += discharged
            bank.remembered = True

    def asked(self, topics: Iterable[str]) -> None:
        """Take in that the broker had time to send what it kept of these topics."""
        for topic in topics:
            root, _, name = topic.rpartition("/")
            if name == ENERGY and root in self._banks:
                self._banks[root].asked = True
