"""The bench: it measures how fast this machine validates, packs and sends.

Each measurement is a process of its own, and the sink is another one.
"""
