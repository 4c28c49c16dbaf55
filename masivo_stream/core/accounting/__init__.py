"""Where every record is: counted, sampled, and told over time."""
