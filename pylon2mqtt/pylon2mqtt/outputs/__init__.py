"""The outputs: each publishes the snapshots in its own way."""
