"""pylon2mqtt: brings Pylontech, Pytes and compatible batteries into Home Assistant over MQTT."""

__version__ = "0.1.0"
