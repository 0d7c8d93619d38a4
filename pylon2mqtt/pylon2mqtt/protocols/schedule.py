"""Which questions are asked when: what changes slowly is asked rarely, what a unit does not know hardly ever.

Every protocol uses this one place. A slow answer is remembered and given again until it is due; so a bank is whole in
every cycle, and no value in it is older than three times its period.
"""

import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeVar

from pylon2mqtt.errors import DecodeError, DeviceError, FrameError, TransportTimeoutError

T = TypeVar("T")

_LOG = logging.getLogger(__name__)

# New slow questions come due one after the other, so that the first cycles stay short and later ones alike.
STAGGER_S = 1.0
# A question that failed is asked again after this, not in the next cycle: each failure costs a time-out.
_RETRY_S = 30.0
# A unit that refused a question, or never answered it, may learn it with a new firmware: ask again once a day.
_UNKNOWN_S = 86_400.0
# So many failures without one answer ever count as "does not know it".
_GIVE_UP_AFTER = 3
# A remembered answer older than so many periods is no longer given.
_STALE_PERIODS = 3


@dataclass(slots=True)
class _Memory:
    due_at: float
    answer: Any = None
    answered_at: float | None = None
    failures: int = 0
    complained: bool = False


class Schedule:
    """The answers to slow questions, each asked in its own period."""

    def __init__(self, now: Callable[[], float], stagger_s: float = STAGGER_S) -> None:
        self._now = now
        self._stagger_s = stagger_s
        self._memories: dict[Hashable, _Memory] = {}
        self._last_stagger = float("-inf")

    def answer(self, key: Hashable, every_s: float, ask: Callable[[], T], *, at_once: bool = False) -> T | None:
        """Return the answer to ``key``: asked now if it is due, else the remembered one, or None.

        ``every_s`` of 0 asks in every cycle, as long as the unit knows the question; a new question waits for its
        turn unless it is needed ``at_once``. Refusals, time-outs and damaged answers end here; a TransportError
        passes through.
        """
        memory = self._memories.get(key)
        if memory is None:
            memory = self._memories[key] = _Memory(self._now() if at_once else self._next_turn())
        if self._now() >= memory.due_at:
            self._ask(key, memory, every_s, ask)
        if every_s and memory.answered_at is not None and self._now() - memory.answered_at > _STALE_PERIODS * every_s:
            memory.answer = None
        answer: T | None = memory.answer
        return answer

    def forget(self, belongs: Callable[[Hashable], bool]) -> None:
        """Drop what is remembered under every key that ``belongs``."""
        self._memories = {key: memory for key, memory in self._memories.items() if not belongs(key)}

    def _next_turn(self) -> float:
        self._last_stagger = max(self._now(), self._last_stagger) + self._stagger_s
        return self._last_stagger

    def _ask(self, key: Hashable, memory: _Memory, every_s: float, ask: Callable[[], object]) -> None:
        try:
            memory.answer = ask()
        except DeviceError as refusal:
            _LOG.info("%s is not known here: %s", _said(key), refusal)
            memory.answer, memory.due_at = None, self._now() + _UNKNOWN_S
        except (TransportTimeoutError, FrameError, DecodeError) as failure:
            self._failed(key, memory, every_s, failure)
        else:
            memory.answered_at = now = self._now()
            memory.due_at = _next_turn(memory.due_at, now, every_s)
            memory.failures = 0

    def _failed(self, key: Hashable, memory: _Memory, every_s: float, failure: Exception) -> None:
        memory.failures += 1
        if every_s == 0:
            memory.answer = None
        never = memory.answered_at is None and memory.failures >= _GIVE_UP_AFTER
        wait = _UNKNOWN_S if never else min(_RETRY_S, every_s)
        memory.due_at = self._now() + wait
        is_new = memory.failures == _GIVE_UP_AFTER and not memory.complained
        level = logging.WARNING if never and is_new else logging.DEBUG
        _LOG.log(level, "%s: never a good answer (%d): %s", _said(key), memory.failures, failure)
        if isinstance(failure, DecodeError) and not memory.complained:
            memory.complained = True
            _LOG.warning("%s; please send a recording (pylon2mqtt record): %r", failure, failure.raw)


def _said(key: Hashable) -> str:
    """A key in the words of the log: (Command.STAT, 2) as `stat 2`."""
    parts = key if isinstance(key, tuple) else (key,)
    return " ".join(part.name.lower() if isinstance(part, IntEnum) else str(part) for part in parts)


def _next_turn(due_at: float, now: float, every_s: float) -> float:
    """In step with the turn before: questions that once met in a cycle would be asked together for ever."""
    return due_at + every_s * ((now - due_at) // every_s + 1) if every_s else now
