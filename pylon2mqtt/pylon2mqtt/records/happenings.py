"""Happenings as entries of the journal, and back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pylon2mqtt.model import CellsThen, EventSeverity, Happening, HappeningKind
from pylon2mqtt.model.report import plain

from .base import Json


def entry(happening: Happening) -> Json:
    """Return a happening as JSON; its ``id`` is that of the entry."""
    content: Json = plain(happening)
    return content


def happening(content: Mapping[str, Any]) -> Happening:
    """Return the happening that an entry holds; raise ValueError, LookupError or TypeError for what is none of ours."""
    cells = content["cells"]
    found = Happening(**{
        **content,
        "at": datetime.fromisoformat(content["at"]),
        "severity": EventSeverity(content["severity"]),
        "kind": HappeningKind(content["kind"]),
        "values": dict(content["values"]),
        "cells": None if cells is None else CellsThen(**{name: tuple(values) for name, values in cells.items()}),
    })  # fmt: skip
    if found.at.tzinfo is None or not isinstance(found.bank, str):
        raise ValueError("it has no time zone, or no bank")
    return found
