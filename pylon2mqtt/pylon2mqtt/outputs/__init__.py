"""The outputs: each publishes snapshots in its own way."""
