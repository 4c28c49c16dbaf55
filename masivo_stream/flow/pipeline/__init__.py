"""One run: read, pack, deliver, isolate, record."""
