"""Why there is no connection to the broker, in a sentence that says what to do about it."""

import socket
import ssl

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from pylon2mqtt.errors import OutputError

# What paho reports: the exception of a connection that could not be made, or the reason that ended one.
Cause = BaseException | ReasonCode | None

CREDENTIALS = "refuses the user name or the password: correct `username` and `password` in the options of MQTT"

# By the name that MQTT 5 gives the reason; 3.1.1 knows few, and paho gives them these names too.
REASONS = {
    "Bad user name or password": CREDENTIALS,
    "Not authorized": CREDENTIALS,
    "Banned": "has banned this client: look into the broker's log",
    "Client identifier not valid": "refuses the client's name, which is made of `base_topic`: choose another one",
    "Session taken over": "has another client of this name: stop the other pylon2mqtt, or give it another `base_topic`",
    "Server shutting down": "is shutting down",
    "Unsupported protocol version": "speaks neither MQTT 5 nor MQTT 3.1.1: use another broker, such as Mosquitto",
}


class NoGreetingError(TimeoutError):
    """The line is open, or should be by now, but nobody greets."""


LOST = "has closed the connection, or it broke ({0})"
LOST_SOON = (
    "has closed the connection soon after it was made ({0}): if this goes on, look for another pylon2mqtt with the "
    "same `base_topic`, and into the broker's log"
)
CLOSED_EARLY = (
    "closes the connection at once: check whether this port expects TLS (`tls`), or a client certificate; "
    "the broker's log tells more"
)
REFUSED = "refuses the connection ({0}): the broker's log tells more"

# The most specific first. {0} is the exception.
FAILURES: dict[type[BaseException], str] = {
    OutputError: "is not known: {0}",
    ConnectionRefusedError: "refuses the connection: check that the broker runs, and `host` and `port` in the options",
    socket.gaierror: "cannot be found: check `host` in the options of MQTT ({0.strerror})",
    UnicodeError: "cannot be found: `host` in the options of MQTT is no host name",
    NoGreetingError: "does not greet: check that what listens on this `port` is an MQTT broker, and has not hung",
    TimeoutError: "does not answer: check `host` and `port` in the options of MQTT, and whether a firewall is between",
    ssl.SSLCertVerificationError: (
        "has a TLS certificate that is not trusted ({0.verify_message}): give the file of its authority as `ca`, "
        "and as `host` the name that the certificate is for"
    ),
    ssl.SSLError: "and this end cannot agree on TLS ({0}): check `port` (8883 is usual), `ca`, `certificate` and `key`",
    FileNotFoundError: "was not asked, because a certificate's file is missing: check `ca`, `certificate` and `key`",
    OSError: "cannot be reached: {0}",
    ValueError: "cannot be asked with these options of MQTT: {0}",
}


def refused(cause: Cause) -> str:
    """Return what to say of a broker to which no connection could be made."""
    if isinstance(cause, ReasonCode):
        early = CLOSED_EARLY if cause.packetType == PacketTypes.DISCONNECT else REFUSED
        return REASONS.get(cause.getName(), early.format(cause.getName()))
    kind = next((kind for kind in FAILURES if isinstance(cause, kind)), OSError)
    return FAILURES[kind].format(cause)


def lost(cause: Cause, *, was_stable: bool) -> str:
    """Return what to say of a broker to which there was a connection; ``was_stable``: for a good while."""
    name = cause.getName() if isinstance(cause, ReasonCode) else str(cause)
    return REASONS.get(name, (LOST if was_stable else LOST_SOON).format(name))


def other_version_may_help(cause: Cause) -> bool:
    """Return whether a broker that knows only MQTT 3.1.1 may answer MQTT 5 so: it refuses, closes the line or waits."""
    if isinstance(cause, ReasonCode):
        return cause.packetType == PacketTypes.DISCONNECT or cause.getName() == "Unsupported protocol version"
    return isinstance(cause, NoGreetingError)
