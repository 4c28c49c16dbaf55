"""When the next request may depart."""
