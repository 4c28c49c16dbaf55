"""A display on a terminal that is drawn again a few times a second, and removed when it ends.

A thread draws it. So it goes on while the event loop is busy, and costs no batch any time. Log lines go above it.
"""

from collections.abc import Callable
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live


class LiveDisplay:
    """Show what `draw` returns. A context manager: the display is removed when it ends."""

    def __init__(self, console: Console, draw: Callable[[], RenderableType], *, refreshes: float) -> None:
        """Write to `console`, a terminal; `draw` is called in another thread, at most `refreshes` times a second."""
        self._live = Live(console=console, get_renderable=draw, refresh_per_second=refreshes, transient=True)

    def __enter__(self) -> Self:
        """Start the display."""
        self._live.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        """Stop and remove the display."""
        self._live.stop()
