"""Standard output as a rich console, for tables. A module of its own, so that rich is imported only for a table."""

from rich.console import Console


class Output(Console):
    """Standard output for tables. If its reader is gone (`| head`), it raises `BrokenPipeError` as other streams do."""

    def __init__(self) -> None:
        """Write to standard output."""
        super().__init__(highlight=False, emoji=False)

    def on_broken_pipe(self) -> None:
        """Raise, and leave the decision to the caller."""
        raise BrokenPipeError
