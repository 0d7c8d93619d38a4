"""What is wrong now, and what the battery's own lists say was: the events of a text console."""
