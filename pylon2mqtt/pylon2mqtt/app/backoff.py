"""How long a thread waits after trouble, and how long one turn may take."""

from dataclasses import dataclass

# Twice as long each time, from a second for what mends itself to a minute for what somebody has to mend.
_FIRST_S, _LONGEST_S = 1.0, 60.0

STUCK_S = 120.0
"""A thread that takes longer than this over one turn is stuck: looking for a battery takes half of it."""


@dataclass(slots=True)
class BackOff:
    """How long to wait after trouble."""

    wait_s: float = _FIRST_S

    def next(self) -> float:
        """Return how many seconds to wait now."""
        wait, self.wait_s = self.wait_s, min(2 * self.wait_s, _LONGEST_S)
        return wait

    def reset(self) -> None:
        """Begin small again: the trouble is over."""
        self.wait_s = _FIRST_S
