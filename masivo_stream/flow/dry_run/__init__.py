"""A run without requests: what `validate` and `plan` report."""
