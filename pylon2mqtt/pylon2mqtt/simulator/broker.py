"""The broker of the demo: amqtt on a loopback port, open to everybody on this machine.

amqtt knows MQTT 3.1.1 only, and cannot refuse a client of MQTT 5: it takes the properties of the CONNECT for other
fields and waits for more. So such a client gets the answer that MQTT 5 has for this before amqtt sees it. The
event loop that amqtt needs lives and ends in this file.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from pylon2mqtt.errors import TransportError

# How long after `stop` becomes true the broker may still look away.
_LOOK_UP_S = 0.1
_LISTENER = "default"
# CONNACK of MQTT 5: no session, reason 0x84 "unsupported protocol version", no properties (section 3.2 there).
_ONLY_3_1_1 = bytes((0x20, 3, 0, 0x84, 0))


@dataclass(eq=False)
class DemoBroker:
    """A broker at ``host``:``port``; port 0 takes a free one, which is in ``port`` as soon as it is ready."""

    port: int = 0
    host: str = "127.0.0.1"

    def serve(self, stop: Callable[[], bool], ready: Callable[[], None] = lambda: None) -> None:
        """Serve until ``stop()`` is true; call ``ready`` when clients may come.

        Raises TransportError where amqtt is not installed or the port cannot be had.
        """
        asyncio.run(self._serve(stop, ready))

    async def _serve(self, stop: Callable[[], bool], ready: Callable[[], None]) -> None:
        broker = _amqtt()
        await broker.start()
        door = await self._open_door(broker)
        self.port = door.sockets[0].getsockname()[1]
        ready()
        while not stop():  # noqa: ASYNC110 - another thread stops it, which can set no asyncio.Event
            await asyncio.sleep(_LOOK_UP_S)
        door.close()
        await broker.shutdown()

    async def _open_door(self, broker: Any) -> asyncio.Server:
        try:
            return await asyncio.start_server(partial(_welcome, broker), self.host, self.port)
        except OSError as exc:
            raise TransportError(f"port {self.port} of {self.host} cannot be had: choose another") from exc


def _amqtt() -> Any:
    """The broker itself, without a port of its own."""
    try:
        from amqtt.broker import Broker  # noqa: PLC0415 - only the demo needs it
    except ImportError as exc:
        raise TransportError("the demo's broker is not installed: pip install 'pylon2mqtt[demo]'") from exc
    # It logs every client, and every word to it.
    logging.getLogger("amqtt").setLevel(logging.CRITICAL)
    logging.getLogger("transitions").setLevel(logging.CRITICAL)
    return Broker(
        {
            "listeners": {_LISTENER: {"type": "external", "bind": "the door"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )


async def _welcome(broker: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    first = await reader.read(4096)
    if not first or _is_mqtt_5(first):
        writer.write(_ONLY_3_1_1)
        writer.close()
        return
    # Nothing can have come in since, so this puts it back where it was.
    reader.feed_data(first)
    await broker.stream_connected(reader, writer, _LISTENER)


def _is_mqtt_5(connect: bytes) -> bool:
    """Whether the protocol's level, which stands behind its name, is 5."""
    _, _, behind = connect.partition(b"\x00\x04MQTT")
    return behind[:1] == b"\x05"
