"""Synthetic exports: realistic customers, events and transactions that agree, the same for the same seed.

Nothing here is about anybody: the programme is invented, emails stand in the domains RFC 2606 reserves.
"""
