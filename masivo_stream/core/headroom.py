"""Room below the limit of recursion: what was judged there can be taken apart from nearer to it."""

from collections.abc import Callable

HEADROOM = 50
"""Calls."""


def deeper(work: Callable[[], None], calls: int = HEADROOM) -> None:
    """Work so many calls deeper than here, so that what passes there is no nearer to the limit than that."""
    if calls == 0:
        work()
    else:
        deeper(work, calls - 1)
