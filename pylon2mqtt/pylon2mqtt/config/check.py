"""Checks options against their declarations; what is wrong becomes one sentence for the owner."""

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

import voluptuous as vol

from pylon2mqtt.options import REQUIRED, Kind, Option


def group(where: str, options: Mapping[str, Option], value: Any, problems: list[str]) -> dict[str, Any] | None:
    """Return the checked values by key, without those that are not set, or None and add to ``problems``.

    ``where`` stands in front of each option's name in a sentence: ``mqtt.`` or ``House: ``.
    """
    if not isinstance(value, Mapping):
        problems.append(f"{where.rstrip('.: ')} must be a group of options.")
        return None
    schema = vol.Schema({_marker(one): _checker(one.kind) for one in options.values()})
    try:
        checked: dict[str, Any] = schema(dict(value))
    except vol.MultipleInvalid as error:
        problems += [_sentence(where, options, one) for one in error.errors]
        return None
    return checked


def unknown(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about an option that does not exist."""
    alike = get_close_matches(str(name).lower(), known, n=1)
    advice = f"did you mean `{alike[0]}`?" if alike else "remove it."
    return f"is no option of this version: {advice}"


def _marker(one: Option) -> vol.Marker:
    return vol.Required(one.key) if one.default is REQUIRED else vol.Optional(one.key)


def _checker(kind: Kind) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        try:
            return kind.check(value)
        except ValueError as error:
            raise vol.Invalid(str(error)) from error

    return check


def _sentence(where: str, options: Mapping[str, Option], error: vol.Invalid) -> str:
    key = str(error.path[-1])
    if isinstance(error, vol.RequiredFieldInvalid):
        return f"{where}{key} is not set: it is needed."
    if key not in options:
        return f"{where}{key} {unknown(key, options)}"
    return f"{where}{key} {error.error_message}."
