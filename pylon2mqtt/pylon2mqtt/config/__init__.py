"""The options as the Supervisor writes them, checked and frozen.

``""`` and a missing key both mean "not set". What is wrong is said all at once, each in one sentence with the battery's
name or the option's path. Where the options stand follows from the declarations of the rooms. docs: pylon2mqtt/DOCS.md.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pylon2mqtt.errors import ConfigError
from pylon2mqtt.options import declared
from pylon2mqtt.outputs.base import OutputOptions
from pylon2mqtt.outputs.registry import OUTPUTS

from .batteries import one_battery, read_batteries
from .check import group, unknown
from .groups import GENERAL, LISTS, SECTIONS
from .settings import CELL_LEVELS, LONGEST_POLL_S, SHORTEST_POLL_S, Battery, Settings

__all__ = ["CELL_LEVELS", "LONGEST_POLL_S", "SHORTEST_POLL_S", "Battery", "Settings", "load", "one_battery", "parse"]

Options = Mapping[str, Any]


def load(path: Path, *, environment: Options, flags: Options) -> Settings:
    """Read an options file; raise ConfigError with all that is wrong in it.

    What ``environment`` says counts where the file says nothing; what ``flags`` say counts in any case. Both have the
    shape of the file.
    """
    try:
        options = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror}. Without the Supervisor, name an options file with --options FILE."
        ) from error
    except ValueError as error:
        raise ConfigError(f"{path}: this is no JSON ({error}). Mend the file.") from error
    if isinstance(options, Mapping):
        options = _laid_over(_laid_over(environment, _without_unset(options)), flags)
    return parse(options)


def parse(options: Any) -> Settings:
    """Check the options; raise ConfigError with one sentence for everything that is wrong."""
    if not isinstance(options, Mapping):
        raise ConfigError('The options must be a JSON object, like {"batteries": []}.')
    options = _without_unset(options)
    problems = [
        f"{key} {unknown(key, [*GENERAL, *LISTS, *SECTIONS])}"
        for key in options
        if key not in GENERAL | LISTS | SECTIONS
    ]
    batteries = read_batteries(options.get("batteries"), options.get("expert", []), problems)
    groups = {name: group(f"{name}.", SECTIONS[name], options.get(name, {}), problems) for name in SECTIONS}
    general = group("", GENERAL, {key: options[key] for key in GENERAL if key in options}, problems)
    if problems or general is None:
        raise ConfigError("\n".join(dict.fromkeys(problems)))
    outputs = {name: _output(options_class, groups) for name, (_, options_class) in OUTPUTS.items()}
    return Settings(batteries=batteries, outputs=outputs, **{GENERAL[key].field: general[key] for key in general})


def _output(options: type[OutputOptions], groups: Mapping[str, Any]) -> OutputOptions:
    """The options of one output, out of the group that it shares with others."""
    chosen = groups[options.section]
    return options(**{one.field: chosen[key] for key, one in declared(options).items() if key in chosen})


def _without_unset(value: Any) -> Any:
    """Drop every key whose value is ``""`` or null: that is how the options page says "not set"."""
    if isinstance(value, Mapping):
        return {key: _without_unset(item) for key, item in value.items() if item not in ("", None)}
    return [_without_unset(item) for item in value] if isinstance(value, list) else value


def _laid_over(below: Any, above: Any) -> Any:
    """Return the options of both, those of ``above`` where both have one."""
    if not isinstance(below, Mapping) or not isinstance(above, Mapping):
        return above
    return {**below, **{key: _laid_over(below.get(key), value) for key, value in above.items()}}
