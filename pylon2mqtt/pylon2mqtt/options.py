"""How an option is declared: once, as a field of the option class of the room that needs it.

::

    @dataclass(frozen=True, slots=True, kw_only=True)
    class JsonFileOptions:
        json_file: str | None = option(file_below("/data", "/share"), "write the latest values into this file")

From the field follow the check (`config`), the schema of the Supervisor (``script/write-config``), the environment
variable (`supervisor`) and the flag of the command line (`cli`). Nothing is imported for a declaration.
"""

import re
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Kind:
    """What may be written for an option.

    ``supervisor``: the kind in the words of the Supervisor's schema. ``check`` returns the value as it is used, or
    raises ValueError with a sentence that goes on after the option's name: "must be true or false, not 'yes'".
    ``read`` turns the text of an environment variable or of a command line into what is checked. ``value`` stands for
    the value in the help. What is ``secret`` is never shown, and never a flag, which everybody on the computer could
    read.
    """

    supervisor: str
    check: Callable[[Any], Any]
    read: Callable[[str], Any] = str
    value: str = "TEXT"
    secret: bool = False


REQUIRED = MISSING
"""The default of an option without which nothing works."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option: ``key`` is what the owner writes, ``field`` the name in its class.

    ``title`` is its line in the help of the command line. ``offered``: a new installation has it in its options, and
    the form of the Supervisor does not let it be empty. ``flag``: an older name of its flag.
    """

    key: str
    field: str
    kind: Kind
    title: str
    default: Any
    offered: bool
    flag: str

    @property
    def schema(self) -> str:
        """The option in the words of the Supervisor's schema."""
        must = self.offered or self.default is REQUIRED
        return f"{self.kind.supervisor}{'' if must else '?'}"


def option(kind: Kind, title: str, *, default: Any = None, key: str = "", offered: bool = False, flag: str = "") -> Any:
    """Declare an option as a field of a dataclass; ``key``, where the field is called otherwise. See `Option`."""
    metadata = {"kind": kind, "title": title, "key": key, "offered": offered, "flag": flag}
    return field(default=default, repr=not kind.secret, metadata=metadata)


def declared(*classes: type) -> dict[str, Option]:
    """Return the options of these classes by key, in the order of their declaration."""
    found = {}
    for one in (one for of in classes for one in fields(of) if one.metadata):
        key = one.metadata["key"] or one.name
        found[key] = Option(**{**one.metadata, "key": key, "field": one.name, "default": one.default})
    return found


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {value!r}")  # noqa: TRY004  see Kind.check
    return value.strip()


def _secret(value: Any) -> str:
    """The sentence never shows the value: it goes into the log."""
    if not isinstance(value, str):
        raise ValueError("must be text: put it in quotation marks")  # noqa: TRY004  see Kind.check
    return value.strip()


def _name(value: Any) -> str:
    text = _text(value)
    if not re.search(r"\w", text) or len(text) > 40:
        raise ValueError("must be a name of 1 to 40 characters with a letter or digit in it")
    return text


def _barcode(value: Any) -> str:
    text = _text(value)
    if not re.fullmatch(r"[A-Za-z0-9]{8,24}", text, re.ASCII):
        raise ValueError("must be a barcode of 8 to 24 letters and digits, as on the label")
    return text


def _host(value: Any) -> str:
    text = _text(value)
    if not re.fullmatch(r"[\w.-]+|\[?[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%\w+)?\]?", text):
        raise ValueError(
            f"must be a name or an address alone, such as 192.168.1.10, not {value!r}: the port stands apart"
        )
    return text.strip("[]")


def _topic(value: Any) -> str:
    text = _text(value).strip("/")
    if not text or re.search(r"[#+\0]", text):
        raise ValueError("must be an MQTT topic without '#' and '+', such as 'pylon2mqtt'")
    return text


def _addresses(value: Any) -> tuple[int, ...]:
    parts = [part.strip() for part in _text(value).split(",")]
    if not all(re.fullmatch(r"\d{1,3}", part, re.ASCII) and int(part) <= _HIGHEST_ADDRESS for part in parts):
        raise ValueError("must be addresses of modules from 0 to 254 with commas between, such as '2, 3, 6'")
    return tuple(sorted({int(part) for part in parts}))


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {value!r}")  # noqa: TRY004  see Kind.check
    return value


def _written_flag(text: str) -> bool | str:
    return {"true": True, "false": False}.get(text.strip().lower(), text)


def _written_number(text: str) -> int | str:
    return int(text) if re.fullmatch(r"\s*-?\d{1,18}\s*", text, re.ASCII) else text


_HIGHEST_ADDRESS = 254
_OPTIONS_FILE = "/data/options.json"

TEXT = Kind("str", _text)
SECRET = Kind("password", _secret, secret=True)
DEVICE = Kind("device(subsystem=tty)", _text, value="DEVICE")
# Not str(1,40): Supervisors before August 2026 refuse every text for it (home-assistant/supervisor#7044).
NAME = Kind("match(^.{1,40}$)", _name, value="NAME")
BARCODE = Kind("match(^[A-Za-z0-9]{8,24}$)", _barcode, value="BARCODE")
HOST = Kind("str", _host, value="HOST")
TOPIC = Kind("match(^[^#+]*$)", _topic, value="TOPIC")
ADDRESSES = Kind("match(^[0-9 ,]*$)", _addresses, value="NUMBERS")
FLAG = Kind("bool", _flag, read=_written_flag)


def whole(low: int, high: int) -> Kind:
    """Return the kind of a whole number from ``low`` to ``high``."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"must be a whole number from {low} to {high}, not {value!r}")
        return value

    return Kind(f"int({low},{high})", check, read=_written_number, value="NUMBER")


def seconds(low: int, high: int) -> Kind:
    """Return the kind of a time in whole seconds, which the bridge counts with as with any other time."""
    kind = whole(low, high)
    return replace(kind, check=lambda value: float(kind.check(value)))


PORT = Kind("port", whole(1, 65535).check, read=_written_number, value="NUMBER")


def one_of(*choices: str) -> Kind:
    """Return the kind of one of some words."""

    def check(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}, not {value!r}")
        return str(value)

    return Kind(f"list({'|'.join(choices)})", check, value="|".join(choices))


def file_below(*folders: str) -> Kind:
    """Return the kind of a file that is written below one of these folders."""

    def check(value: Any) -> str:
        text = _text(value)
        inside = any(text.startswith(f"{folder}/") for folder in folders)
        if not inside or ".." in text.split("/") or text.endswith("/"):
            raise ValueError(f"must be a file below {' or '.join(folders)}, not {value!r}")
        if text == _OPTIONS_FILE:
            raise ValueError("must be another file: this is where the Supervisor keeps the options")
        return text

    return Kind("str", check, value="FILE")
