"""The binary protocol of RS485 and RS232: frames of hexadecimal characters, asked and answered.

*Frame*: what goes over the wire, from ``~`` to CR. *Layout*: how the INFO of a frame is cut into raw numbers.
*Dialect*: one maker's way of speaking: its layouts, what may be asked of it and how often.
"""
