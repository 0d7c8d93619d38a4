"""The layouts: under which topics a snapshot is told over MQTT. What is told of it does not depend on the layout."""
