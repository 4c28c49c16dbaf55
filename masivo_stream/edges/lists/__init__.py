"""The lists a run keeps beside its journal: dead letters, what is in doubt, what is skipped."""
