"""Where a wait for object storage is reported before a command has begun its work."""

from collections.abc import Callable
from contextvars import ContextVar

OnWait = Callable[[str, str, float], None]
"""Called before a wait, in any thread: the object's URL, why, and for how many seconds."""


def _ignore(_url: str, _why: str, _seconds: float) -> None:
    """Take note of no wait."""


ON_WAIT: ContextVar[OnWait] = ContextVar("ON_WAIT", default=_ignore)
"""Called while objects are looked up. Once they are found, `ObjectFile.on_wait` counts."""
