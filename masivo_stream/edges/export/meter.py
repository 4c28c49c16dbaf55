"""The meter that counts what is read of exports, for the display that shows how far it is."""

from collections.abc import Callable
from contextvars import ContextVar

from msgspec import Struct


def _ignore_bytes(_stored: int) -> None:
    """Count nothing."""


def _ignore_skipped(_name: str, _done: int, _of: int) -> None:
    """Take note of nothing."""


class ReadingMeter(Struct, frozen=True):
    """What is called while exports are read. It must neither raise nor wait."""

    read: Callable[[int], None] = _ignore_bytes
    """Called after each block, with its bytes as they are stored."""
    skipped: Callable[[str, int, int], None] = _ignore_skipped
    """Called while the beginning of a compressed export is read again: name, plain bytes so far, and of how many."""


METER: ContextVar[ReadingMeter] = ContextVar("METER", default=ReadingMeter())  # noqa: B039 - it is frozen
"""Of the task that reads, and of the tasks that it starts."""
