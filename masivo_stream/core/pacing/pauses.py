"""How long to wait before asking once more: each pause is twice the one before, up to a longest one.

Without jitter, which `core.sending.backoff` needs: a process asks for one thing at a time here, through the rate
limiter.
"""

from collections.abc import Iterator


def doubling_pauses(first: float, longest: float) -> Iterator[float]:
    """Yield pauses in seconds, without end: `first`, twice that, and so on, none above `longest` but the first."""
    pause = first
    while True:
        yield pause
        pause = min(pause * 2, longest)
