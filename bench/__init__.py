"""The benchmarks; start at README.md."""
