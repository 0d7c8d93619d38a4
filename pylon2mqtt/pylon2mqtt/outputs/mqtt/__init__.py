"""The MQTT output: topics for everybody, and devices for Home Assistant."""
