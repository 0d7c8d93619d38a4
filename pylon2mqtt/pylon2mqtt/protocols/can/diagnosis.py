"""Why no battery is heard on a CAN bus: the likeliest cause, in the order in which it can be told."""

from pylon2mqtt.transports.base import CanTraffic

from .dbc import EXTENDED
from .dialects import foreigner
from .heard import Census

# So many strangers are named; more help nobody.
_MOST_NAMED = 6

_SEND = "please send a recording (pylon2mqtt record can)"


def verdict(line: str, census: Census, traffic: CanTraffic, *, heard_before: bool) -> str:
    """Return one sentence or two on what comes in place of a battery, and what to do."""
    language = foreigner(census.strangers)
    errors = max(census.errors, traffic.errors)
    nobody = not census.inverter and not census.strangers
    causes = (
        (language, f"this is {language}. Choose a Pylontech profile in the battery or its inverter"),
        (census.battery, f"{census.battery} frames of a battery, but no voltage, state of charge or limit: {_SEND}"),
        (census.inverter, _only_inverter(census, heard_before=heard_before)),
        (census.strangers, f"{_frames(census)}, none of a battery that is known here: {_SEND}"),
        (census.remote, f"{census.remote} remote frames: somebody asks for a battery's frames, and nobody answers"),
        (errors and traffic.frames <= 2 * errors, _errors(errors)),
        (heard_before and nobody, "the battery fell silent, and nobody else speaks: is it on, and the cable in place?"),
    )
    return f"{line}: {next((text for holds, text in causes if holds), _SILENCE)}"


_SILENCE = (
    "no frames and no errors. Look whether the battery is on and the cable is in its CAN socket (not RS485: CAN-H is "
    "pin 4, CAN-L pin 5). A battery alone with a listener is not heard: an inverter has to be on the bus. High-voltage "
    "batteries speak only when their inverter asks. With a CANable and its first firmware, write canable: in place of "
    "slcan:"
)


def _errors(count: int) -> str:
    return (
        f"{count} bus errors but no frames: a wrong bit rate (most batteries have 500 kbit/s, some 250), a wrong "
        "oscillator set for an MCP2515, or CAN-H and CAN-L swapped"
    )


def _only_inverter(census: Census, *, heard_before: bool) -> str:
    what = "the battery fell silent, only the inverter speaks" if heard_before else "only the inverter speaks"
    also = f", and {_frames(census)}" if census.strangers else ""
    return f"{what} ({census.inverter} frames{also}): the battery is off, or set to another protocol"


def _frames(census: Census) -> str:
    keys = [key for key, _ in census.strangers.most_common(_MOST_NAMED)]
    shown = [f"{key & ~EXTENDED:08X}" if key & EXTENDED else f"{key:03X}" for key in sorted(keys)]
    more = " …" if len(census.strangers) > _MOST_NAMED else ""
    return f"{sum(census.strangers.values())} frames of {', '.join(shown)}{more}"
