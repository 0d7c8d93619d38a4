"""Reading a state that was kept: each function raises ValueError where it cannot be believed."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TypeVar

from pylon2mqtt.insight.base import Json

T = TypeVar("T")

BIGGEST = 1e9
"""More than any kWh, Ah, seconds or mV that a battery collects in its life; also keeps out NaN and infinity."""


def number(value: Json, low: float = 0.0, high: float = BIGGEST) -> float:
    """Return a number between ``low`` and ``high``."""
    if type(value) not in (int, float) or not low <= value <= high:  # type: ignore[operator]
        raise ValueError(value)
    return float(value)  # type: ignore[arg-type]


def numbers(value: Json, length: int, low: float = 0.0, high: float = BIGGEST) -> list[float]:
    """Return a list of ``length`` numbers."""
    return [number(item, low, high) for item in row(value, length)]


def row(value: Json, length: int | None = None) -> list[Json]:
    """Return a list of ``length`` values, or of any number."""
    if not isinstance(value, list) or length not in (None, len(value)):
        raise ValueError(value)
    return value


def mapping(value: Json) -> dict[str, Json]:
    """Return a mapping by text."""
    if not isinstance(value, dict):
        raise ValueError(value)  # noqa: TRY004  one error for all that cannot be believed
    return value


def text(value: Json) -> str:
    """Return a text."""
    if not isinstance(value, str):
        raise ValueError(value)  # noqa: TRY004
    return value


def optional(value: Json, read: Callable[[Json], T]) -> T | None:
    """Return what ``read`` makes of the value, or None of None."""
    return None if value is None else read(value)


def moment(value: Json) -> datetime:
    """Return a moment in UTC, kept by `stamp`."""
    return datetime.fromtimestamp(number(value, 0.0, 4e9), UTC)


def stamp(at: datetime) -> int:
    """Return a moment as whole seconds since 1970."""
    return int(at.timestamp())


def day(value: Json) -> date:
    """Return a day, kept as its ISO text."""
    return date.fromisoformat(text(value))
