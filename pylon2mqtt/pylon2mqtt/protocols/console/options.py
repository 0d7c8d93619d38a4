"""The options of the text console."""

from dataclasses import dataclass

from pylon2mqtt.options import BARCODE, FLAG, option


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleOptions:
    """What the owner may allow on a console. docs/decisions/004-never-write-to-a-battery.md."""

    allow_login: bool = option(FLAG, "send 'login debug' to a console where it is needed", default=False)
    allow_tbar: bool = option(FLAG, "send 'tbar', which writes; read the documentation first", default=False)
    console_barcode: str | None = option(BARCODE, "barcode of the rack's controller, for 'tbar'")
