"""The broker of the demo: amqtt on a loopback port, open to everybody on this machine.

amqtt speaks MQTT 3.1.1 only, and does not always tell a client of MQTT 5 so: it takes the properties of its CONNECT for
the client's name and waits for more. It lives on an event loop of its own; nobody outside this file sees it.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass

from pylon2mqtt.errors import TransportError

# How long after `stop` becomes true the broker may still look away.
_LOOK_UP_S = 0.1


@dataclass(eq=False)
class DemoBroker:
    """A broker at ``host``:``port``; port 0 takes a free one, and ``port`` tells which as soon as it is ready."""

    port: int = 0
    host: str = "127.0.0.1"

    def serve(self, stop: Callable[[], bool], ready: Callable[[], None] = lambda: None) -> None:
        """Serve until ``stop()`` is true; call ``ready`` when clients may come.

        Raises TransportError where amqtt is not installed or the port cannot be had.
        """
        asyncio.run(self._serve(stop, ready))

    async def _serve(self, stop: Callable[[], bool], ready: Callable[[], None]) -> None:
        try:
            from amqtt.broker import Broker  # noqa: PLC0415 - only the demo needs it
            from amqtt.errors import BrokerError  # noqa: PLC0415
        except ImportError as exc:
            raise TransportError("the demo's broker is not installed: pip install 'pylon2mqtt[demo]'") from exc
        # It logs every client, and its failures before it raises them.
        logging.getLogger("amqtt").setLevel(logging.CRITICAL)
        logging.getLogger("transitions").setLevel(logging.ERROR)
        self.port = self.port or _free_port(self.host)
        broker = Broker(
            {
                "listeners": {"default": {"type": "tcp", "bind": f"{self.host}:{self.port}"}},
                "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
            }
        )
        try:
            await broker.start()
        except BrokerError as exc:
            raise TransportError(f"port {self.port} of {self.host} cannot be had: choose another ({exc})") from exc
        ready()
        while not stop():
            await asyncio.sleep(_LOOK_UP_S)
        await broker.shutdown()


def _free_port(host: str) -> int:
    with socket.create_server((host, 0)) as probe:
        port: int = probe.getsockname()[1]
    return port
