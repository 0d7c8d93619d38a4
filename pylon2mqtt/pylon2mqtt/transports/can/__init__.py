"""CAN buses: interfaces of Linux, adapters, servers and logs. They are listened to."""
