"""Correct records in bytes: what is not corrected stays byte for byte as it was."""
