"""The edges: they act on the world (clock, disk, network) and decide nothing. No edge imports another."""
