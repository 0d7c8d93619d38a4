"""The answers of a low-voltage stack on its text console."""
