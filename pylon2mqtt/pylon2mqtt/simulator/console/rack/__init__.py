"""A rack of modules in series, as the console of its controller (CMU) reports it; start at `rack`."""
