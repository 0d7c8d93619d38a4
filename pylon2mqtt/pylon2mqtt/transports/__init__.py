"""The lines: bytes in and out, and nothing about what they mean."""
