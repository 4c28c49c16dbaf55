"""The mapping: its frame, its flat columns, and the words that it translates."""
