"""Exports in parts: how they are divided, and what the answer of a part holds."""
