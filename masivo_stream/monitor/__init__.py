"""The monitor: a small web server in a run's process. It shows the run to people and programs, and changes nothing."""
