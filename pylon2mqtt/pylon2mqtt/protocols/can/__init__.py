"""CAN, the bus between battery and inverter: it is listened to.

*Table*: how the bytes of one kind of frame are cut into values; the DBC files hold all of them. *Conversion*: what
becomes of these values in the model. *Dialect*: which tables a maker uses, and how it is recognised.
"""
