"""Where every record is: counted, sampled, and drawn over time."""
