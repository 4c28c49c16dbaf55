"""Exports validated in parts: on many machines, each its part, and taken up by one."""
