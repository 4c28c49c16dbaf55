"""What a run knows about customers: which ones are missing, deleted, unknown, or migrated by another run."""
