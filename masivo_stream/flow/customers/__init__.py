"""What a run knows of customers: missing, deleted, unknown, migrated elsewhere."""
