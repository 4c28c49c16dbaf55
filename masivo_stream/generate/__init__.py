"""Synthetic exports: realistic customers, events and transactions that are consistent; a seed gives the same bytes.

No data is about a real person: the programme is invented, and the email domains are those that RFC 2606 reserves.
"""
