"""Let the workers of a Dask scheduler do tasks: workers of this machine, or of a cluster."""
