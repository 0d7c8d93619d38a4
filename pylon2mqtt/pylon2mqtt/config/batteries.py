"""The list of batteries, each with what the section ``expert`` says of it."""

from collections.abc import Mapping
from typing import Any

from pylon2mqtt.errors import ConfigError
from pylon2mqtt.protocols.registry import AUTO, FRAMES, LISTENING, speaks_over
from pylon2mqtt.transports.lines import place, read_line
from pylon2mqtt.transports.registry import carries_frames

from .check import group
from .groups import BATTERY, DRIVER, EXPERT, LINE
from .settings import Battery


def read_batteries(entries: Any, expert: Any, problems: list[str]) -> tuple[Battery, ...]:
    """Return the batteries that are sound, and add what is wrong with the others to ``problems``."""
    if not isinstance(entries, list) or not entries:
        problems.append("batteries must be a list of at least one battery.")
        return ()
    known = [_name(entry, f"battery {number}") for number, entry in enumerate(entries, 1)]
    more = _read_expert(expert, known, problems)
    found = []
    for name, entry in zip(known, entries, strict=True):
        checked = group(f"{name}: ", BATTERY, _without_misplaced(name, entry, problems), problems)
        try:
            if isinstance(entry, Mapping):
                _has_one_line(entry)
            if checked is not None:
                found.append(_battery({**checked, **more.get(name.casefold(), {})}))
        except ConfigError as error:
            problems.append(f"{name}: {error}")
    _refuse_twins(found, problems)
    return tuple(found)


def one_battery(protocol: str, line: str, flags: Mapping[str, Any]) -> Battery:
    """Return the battery that a command line names, with all that ``batteries`` and ``expert`` know of a battery.

    Raises ConfigError where something is wrong, with the sentences that the options file would get.
    """
    problems: list[str] = []
    entry = {"name": "Battery", "protocol": protocol, "address": line, **flags}
    checked = group("", {**BATTERY, **EXPERT}, entry, problems)
    if checked is None:
        raise ConfigError("\n".join(problems))
    return _battery(checked)


def _battery(entry: Mapping[str, Any]) -> Battery:
    """Return one battery from its checked options; raise ConfigError where they do not go together."""
    _has_one_line(entry)
    protocol = entry.get("protocol", AUTO)
    line = read_line(entry.get("device") or entry["address"], frames=protocol == FRAMES)
    frames = carries_frames(line)
    listen_only = entry.get("listen_only", False)
    if listen_only and not frames and protocol not in LISTENING:
        raise ConfigError(f"listen_only is for the protocol {' or '.join(LISTENING)} only: switch it off.")
    speaks_over(protocol, frames=frames, listen_only=listen_only)
    if not frames and (strange := [key for key in LINE if entry.get(key)]):
        raise ConfigError(f"{', '.join(strange)}: only a CAN bus has that. Remove it.")
    return Battery(
        name=entry["name"],
        protocol=protocol,
        line=line,
        options={one.field: entry[key] for key, one in DRIVER.items() if key in entry},
        line_options={one.field: entry[key] for key, one in LINE.items() if entry.get(key)},
    )


def _name(entry: Any, otherwise: str) -> str:
    name = entry.get("name") if isinstance(entry, Mapping) else None
    return name.strip() if isinstance(name, str) else otherwise


def _without_misplaced(name: str, entry: Any, problems: list[str]) -> Any:
    """Drop what belongs into the section ``expert``, and say so."""
    if not isinstance(entry, Mapping):
        return entry
    misplaced = [key for key in entry if key in EXPERT and key not in BATTERY]
    problems += [f"{name}: {key} stands in the section `expert`, in the entry with this name." for key in misplaced]
    return {key: value for key, value in entry.items() if key not in misplaced}


def _has_one_line(entry: Mapping[str, Any]) -> None:
    if "device" not in entry and "address" not in entry:
        raise ConfigError(
            "no adapter is chosen yet. Choose a serial device (`device`), or write the address of your gateway, or the "
            "name of your CAN interface, under the network address (`address`)."
        )
    if "device" in entry and "address" in entry:
        raise ConfigError("both `device` and `address` are set, and only one line can be read. Remove one of them.")


def _read_expert(entries: Any, names: list[str], problems: list[str]) -> dict[str, dict[str, Any]]:
    """Return what each battery has in the section ``expert``, by its name."""
    if not isinstance(entries, list):
        problems.append("expert must be a list, with the name of a battery in each entry.")
        return {}
    found: dict[str, dict[str, Any]] = {}
    for number, entry in enumerate(entries, 1):
        name = _name(entry, f"entry {number}")
        checked = group(f"expert, {name}: ", EXPERT, entry, problems)
        if checked is None:
            continue
        if name.casefold() not in map(str.casefold, names):
            problems.append(f"expert, {name}: no battery has this name. Write one of: {', '.join(names)}.")
        elif name.casefold() in found:
            problems.append(f"expert, {name}: this battery has two entries. Put them into one.")
        del checked["name"]
        found[name.casefold()] = checked
    return found


def _refuse_twins(batteries: list[Battery], problems: list[str]) -> None:
    """Two banks need two names, and a line can be read by one of them only, however it is written."""
    names: dict[str, Battery] = {}
    places: dict[str, Battery] = {}
    for one in batteries:
        if names.setdefault(one.name.casefold(), one) is not one:
            problems.append(f"{one.name}: two batteries have this name. Give each its own.")
        other = places.setdefault(place(one.line), one)
        if other is not one:
            problems.append(
                f"{one.name}: it is on the same line as {other.name} ({other.line}). Remove one of them, or correct "
                "its device or address."
            )
