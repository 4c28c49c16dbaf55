"""The bench: how fast this machine judges, packs and sends.

Each measurement is a process of its own, and the sink is another; this room joins them, as `flow` joins a migration.
"""
