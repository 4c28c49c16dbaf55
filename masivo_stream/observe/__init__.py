"""What people see: log lines, progress, tables. Reads notices and summaries, nothing else."""
