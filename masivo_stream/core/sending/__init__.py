"""What an attempt's answer means, and what follows from it."""
