"""Home Assistant's MQTT discovery: which devices and entities there are."""
