"""Find the records for which a batch was refused, and deliver the others."""
