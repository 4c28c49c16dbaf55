"""The exports on disk: found, read in blocks, identified."""
