"""Checks over all exports of a run together: in flat memory, with exact sums and exact places."""
