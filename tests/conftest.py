"""Fixtures for all tests."""

from end_to_end_tools import export, served

__all__ = ["export", "served"]
