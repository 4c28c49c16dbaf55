"""The machines: they decide and do nothing else. No clock, chance, event loop, disk, socket or log in here."""
