"""A line and the driver for what is spoken on it, as the options of a battery say."""

from collections.abc import Callable
from typing import Any

from pylon2mqtt.config import Battery
from pylon2mqtt.protocols.base import BatteryProtocol
from pylon2mqtt.protocols.registry import chosen_driver
from pylon2mqtt.transports.base import Line
from pylon2mqtt.transports.lines import serial_line
from pylon2mqtt.transports.registry import transport


def line_and_driver(
    battery: Battery,
    *,
    make_driver: Callable[..., BatteryProtocol] = chosen_driver,
    make_line: Callable[..., Line] = transport,
    **more: Any,
) -> tuple[Line, BatteryProtocol]:
    """Return the closed line and a new driver; ``more`` are options of the driver that are not the battery's."""
    options = {**battery.options, **more}
    adapter = serial_line(battery.line)
    if adapter:
        options["adapter"] = make_line(adapter)
    return make_line(battery.line, **battery.line_options), make_driver(battery.protocol, **options)
