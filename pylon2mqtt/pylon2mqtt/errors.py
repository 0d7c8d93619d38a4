"""The errors of the bridge, told apart by what their catcher does next.

::

    Pylon2MqttError
    ├ ConfigError                  tell the user, exit with status 2
    ├ TransportError               close the line, back off, open it again
    │  └ TransportTimeoutError     ask again
    │     └ RestingError           ask again; its last values stand for now
    ├ ProtocolError                something came, but no good answer
    │  ├ FrameError                damaged or foreign: drop it, ask again
    │  ├ DeviceError               the battery refused: do not ask this again soon
    │  └ DecodeError               sound, but not understood: keep the bytes, ask for a recording
    └ OutputError                  this output failed; the others go on

Foreign exceptions (pySerial's, paho's, construct's …) are translated where they enter, with ``from``.
"""


class Pylon2MqttError(Exception):
    """Any error that the bridge raises on purpose."""


class ConfigError(Pylon2MqttError):
    """The options cannot be used; the message tells the user which one and what to write instead."""


class TransportError(Pylon2MqttError):
    """The line cannot be used now: close it, back off, open it again."""


class TransportTimeoutError(TransportError, TimeoutError):
    """Nothing, or nothing whole, came in time: ask again."""


class RestingError(TransportTimeoutError):
    """The battery is silent in a way that is no fault: its last values stand for now, ask again."""


class ProtocolError(Pylon2MqttError):
    """Something came, but it is no good answer."""


class FrameError(ProtocolError):
    """The frame is damaged, or meant for somebody else: drop it, ask again."""


class DeviceError(ProtocolError):
    """The battery refused; ``code`` is the number that it gave as the reason."""

    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code


class DecodeError(ProtocolError):
    """The answer is sound but not understood; ``raw`` keeps its bytes for a bug report."""

    def __init__(self, message: str, *, raw: bytes) -> None:
        super().__init__(message)
        self.raw = raw


class OutputError(Pylon2MqttError):
    """An output failed; the others go on."""
