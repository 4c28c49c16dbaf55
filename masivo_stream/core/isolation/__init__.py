"""Which records of a refused batch are the cause."""
