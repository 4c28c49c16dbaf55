"""Sources: files become numbered rows of text. A row that cannot be read is reported with its line, never dropped."""
