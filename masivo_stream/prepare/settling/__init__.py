"""Settle: decide what becomes of the flat rows of one customer. No file, no clock, no database."""
