"""Pauses between repeated questions to the API: each is twice the one before, up to a longest one.

Unlike `core.sending.backoff` they need no jitter: a process asks one question at a time, through the rate limiter.
"""

from collections.abc import Iterator


def doubling_pauses(first: float, longest: float) -> Iterator[float]:
    """Yield pauses in seconds without end: `first`, twice that, and so on; all but the first are at most `longest`."""
    pause = first
    while True:
        yield pause
        pause = min(pause * 2, longest)
