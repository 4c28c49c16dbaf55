"""From entries to batches: as few requests as the limits of the API allow."""
