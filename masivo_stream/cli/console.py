"""Standard output as something to draw tables on."""

from rich.console import Console


class Output(Console):
    """Standard output for tables. Gone (`| head`), it says so as any other stream does."""

    def __init__(self) -> None:
        """Write to standard output."""
        super().__init__(highlight=False)

    def on_broken_pipe(self) -> None:
        """Leave it to the caller."""
        raise BrokenPipeError
