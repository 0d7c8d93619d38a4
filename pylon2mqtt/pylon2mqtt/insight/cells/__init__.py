"""How the cells of a module differ: the parts of `imbalance` and `cell_watch`."""
