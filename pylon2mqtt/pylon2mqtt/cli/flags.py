"""Flags of the command line, from the declarations of the options."""

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from pylon2mqtt.options import FLAG, Kind, Option


def add_flags(command: argparse.ArgumentParser, options: Mapping[str, Option], *, group: str = "") -> None:
    """Give a command a flag for each of these options, but for secrets."""
    for key, one in options.items():
        if one.kind.secret:
            continue
        names = [name for name in (f"--{_name(group, key)}", one.flag) if name]
        how: dict[str, Any] = {"dest": _destination(group, key), "help": one.title, "default": None}
        if one.kind is FLAG:
            command.add_argument(*names, action="store_true", **how)
        else:
            command.add_argument(*names, type=_typed(one.kind), metavar=one.kind.value, **how)


def chosen_flags(chosen: argparse.Namespace, options: Mapping[str, Option], *, group: str = "") -> dict[str, Any]:
    """Return what was chosen of these options, by key."""
    values = {key: getattr(chosen, _destination(group, key), None) for key in options}
    return {key: value for key, value in values.items() if value is not None}


def chosen_groups(chosen: argparse.Namespace, groups: Mapping[str, Mapping[str, Option]]) -> dict[str, Any]:
    """Return what was chosen of these groups of options, in the shape of an options file."""
    found = {group: chosen_flags(chosen, options, group=group) for group, options in groups.items()}
    return {**found.pop("", {}), **found}


def _name(group: str, key: str) -> str:
    return f"{group}-{key}".strip("-").replace("_", "-")


def _destination(group: str, key: str) -> str:
    return f"option {group} {key}"


def _typed(kind: Kind) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        value = kind.read(text)
        try:
            kind.check(value)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        return value

    return read
