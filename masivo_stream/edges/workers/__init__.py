"""Processes beside ours that judge lines: `crew` is our end, `process` is theirs."""
