"""The files of a state directory."""
