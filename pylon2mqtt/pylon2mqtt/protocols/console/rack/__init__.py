"""The console of a high-voltage rack: a controller that speaks for modules in series."""
