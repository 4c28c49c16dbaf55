"""Which account and which exports a run belongs to, so that nothing is sent twice."""
