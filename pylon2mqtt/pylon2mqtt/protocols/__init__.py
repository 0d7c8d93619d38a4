"""The languages of batteries: bytes to values without line, clock, log or thread, and the drivers that ask."""
