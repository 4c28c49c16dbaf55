"""The monitor: a small web server beside a run that tells people and machines how it stands. It changes nothing."""
