"""Why no battery is read on a CAN bus: the likeliest cause, in the order in which it can be told apart."""

from dataclasses import dataclass

from pylon2mqtt.transports.base import CanTraffic

from .dbc import EXTENDED
from .dialect import CanDialect
from .dialects import sent_by_inverters
from .foreign import ForeignLanguage
from .received import Received

# So many unknown identifiers are named; more help nobody.
_MOST_NAMED = 6

_SEND = "please send a recording (pylon2mqtt record can)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many frames of whom came in place of a battery; ``others``: frames by identifier, ``foreign``: whose."""

    battery: int
    inverter: int
    others: dict[int, int]
    remote: int
    errors: int
    foreign: ForeignLanguage | None


def count_frames(
    received: Received, dialect: CanDialect | None, foreign: ForeignLanguage | None, since: float
) -> Counts:
    """Sort what was counted: a frame is the battery's only if the dialect that is spoken knows it.

    An inverter counts only if it spoke since then: the same cable may have been pulled out of both.
    """
    counts = received.counts()
    inverters = sent_by_inverters()
    own = dialect.from_battery if dialect else frozenset[int]()
    return Counts(
        battery=sum(count for key, count in counts.items() if key in own),
        inverter=sum(count for key, count in counts.items() if key in inverters & received.keys(since)),
        others={key: count for key, count in counts.items() if key not in own | inverters},
        remote=received.remote,
        errors=received.errors,
        foreign=foreign,
    )


def diagnosis(line: str, found: Counts, traffic: CanTraffic, *, read_before: bool) -> str:
    """Return one sentence or two on what comes in place of a battery, and what to do."""
    errors = max(found.errors, traffic.errors)
    nobody = not found.inverter and not found.others
    causes = (
        (found.foreign, _foreign(found.foreign)),
        (found.battery, f"{found.battery} frames of a battery, but no voltage, state of charge or limit: {_SEND}"),
        (found.inverter, _only_inverter(found, read_before=read_before)),
        (found.others, f"{_frames(found)}, none of a battery that is known here: {_SEND}"),
        (found.remote, f"{found.remote} remote frames: somebody asks for a battery's frames, and nobody answers"),
        (errors and traffic.frames <= 2 * errors, _errors(errors)),
        (read_before and nobody, "the battery fell silent, and nobody else speaks: is it on, and the cable in place?"),
    )
    return f"{line}: {next((text for holds, text in causes if holds), _SILENCE)}"


_SILENCE = (
    "no frames and no errors. Look whether the battery is on and the cable is in its CAN socket (not RS485: CAN-H is "
    "pin 4, CAN-L pin 5). A battery alone with a listener is not received: an inverter has to be on the bus. "
    "High-voltage batteries speak only when their inverter asks. With a CANable and its first firmware, write canable: "
    "in place of slcan:"
)


def _foreign(language: ForeignLanguage | None) -> str:
    title = language.title if language else ""
    return f"this is {title}, which is not read here. Choose a Pylontech profile in the battery or its inverter"


def _errors(count: int) -> str:
    return (
        f"{count} bus errors but no frames: a wrong bit rate (most batteries have 500 kbit/s, some 250), a wrong "
        "oscillator set for an MCP2515, or CAN-H and CAN-L swapped"
    )


def _only_inverter(found: Counts, *, read_before: bool) -> str:
    what = "the battery fell silent, only the inverter speaks" if read_before else "only the inverter speaks"
    also = f", and {_frames(found)}" if found.others else ""
    return f"{what} ({found.inverter} frames{also}): the battery is off, or set to another protocol"


def _frames(found: Counts) -> str:
    keys = sorted(found.others, key=lambda key: found.others[key], reverse=True)[:_MOST_NAMED]
    shown = [f"{key & ~EXTENDED:08X}" if key & EXTENDED else f"{key:03X}" for key in sorted(keys)]
    more = " …" if len(found.others) > _MOST_NAMED else ""
    return f"{sum(found.others.values())} frames of {', '.join(shown)}{more}"
