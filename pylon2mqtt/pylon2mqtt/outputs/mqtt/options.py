"""The options of the MQTT output."""

from dataclasses import dataclass
from typing import ClassVar

from pylon2mqtt.options import FLAG, HOST, PORT, SECRET, TEXT, TOPIC, option


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttOptions:
    """The broker, and the two prefixes of all topics. ``ca``, ``certificate`` and ``key`` are paths of PEM files."""

    section: ClassVar[str] = "mqtt"
    switched_on: ClassVar[bool] = True

    host: str = option(HOST, "name or address of the broker", default="")
    port: int | None = option(PORT, "port of the broker (default 1883, with TLS 8883)")
    username: str | None = option(TEXT, "user name at the broker")
    password: str | None = option(SECRET, "password at the broker")
    tls: bool = option(FLAG, "encrypt the connection", default=False)
    ca: str | None = option(TEXT, "file of the authority that signed the broker's certificate")
    certificate: str | None = option(TEXT, "file of the client certificate")
    key: str | None = option(TEXT, "file of the key of the client certificate")
    insecure: bool = option(FLAG, "do not check the broker's certificate", default=False)
    base_topic: str = option(TOPIC, "what all topics begin with", default="pylon2mqtt")
    discovery_prefix: str = option(TOPIC, "as in Home Assistant's MQTT integration", default="homeassistant")
