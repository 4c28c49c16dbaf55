"""All decisions, as pure code: no clock, chance, event loop, disk, socket or log in here.

Time and chance come in as arguments, so every decision can be tested without waiting and repeats exactly.
"""
