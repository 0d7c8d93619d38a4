"""A virtual battery on a CAN bus, with an inverter beside it: what is sent when, written from the makers' documents.

Nothing here knows how the bridge reads it.
"""
