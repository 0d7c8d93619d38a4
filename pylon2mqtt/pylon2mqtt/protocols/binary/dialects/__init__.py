"""The dialects of the binary frame: one file each."""
