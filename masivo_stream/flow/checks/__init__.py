"""The checks over all exports together, carried out beside a dry run."""
