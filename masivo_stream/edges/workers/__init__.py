"""Processes beside ours that validate lines: `pool` is our end, `process` is theirs."""
