"""What people see: log lines, progress, tables, pages. This package reads notices and results, and nothing else."""
