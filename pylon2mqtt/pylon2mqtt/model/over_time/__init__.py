"""What follows from the past of a bank and its modules: the figures of `insight`, with a row for each."""
