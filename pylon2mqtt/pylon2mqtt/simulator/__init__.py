"""Virtual batteries that speak each protocol, for the demo, the tests and the benchmarks; start at `registry`."""
