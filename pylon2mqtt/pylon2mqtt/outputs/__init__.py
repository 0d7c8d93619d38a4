"""The listeners: they take snapshots and tell the world."""
