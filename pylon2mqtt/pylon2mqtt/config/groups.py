"""Which options there are and where they stand: all from the declarations of the rooms."""

from itertools import chain

from pylon2mqtt.options import Option, declared
from pylon2mqtt.outputs.registry import OUTPUTS
from pylon2mqtt.protocols.registry import OPTIONS
from pylon2mqtt.transports.can.options import CanLineOptions

from .settings import BatteryOptions, ExpertOptions, Settings

GENERAL = declared(Settings)
"""The options that stand in no group."""

DRIVER = declared(*chain(*OPTIONS.values()))
LINE = declared(CanLineOptions)
"""The rare options of a battery: those of its protocol and those of its line."""

EXPERT = declared(ExpertOptions) | DRIVER | LINE
"""An entry of ``expert``: it belongs to the battery of that name."""

# Version 0.1.0 had these in the battery itself. They stay there, for the Supervisor drops what is not in its schema.
_ONCE_IN_BATTERY = (
    "allow_login", "allow_tbar", "console_barcode", "listen_only", "can_bitrate", "can_bring_up", "can_ask",
)  # fmt: skip
BATTERY = declared(BatteryOptions) | {key: EXPERT[key] for key in _ONCE_IN_BATTERY}
"""An entry of ``batteries``."""

LISTS = {"batteries": BATTERY, "expert": EXPERT}


def _sections() -> dict[str, dict[str, Option]]:
    """Several outputs may share one group."""
    found: dict[str, dict[str, Option]] = {}
    for _, options in OUTPUTS.values():
        found.setdefault(options.section, {}).update(declared(options))
    return found


SECTIONS = _sections()
"""The groups of options by name."""

RUN = {"": GENERAL, **SECTIONS}
"""All that stands in no list, so that an environment variable or a flag can say it."""
