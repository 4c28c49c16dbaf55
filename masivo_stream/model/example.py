"""An example of a dead letter: one position for each reason, so that a person can look at it in the export."""

from msgspec import Struct


class Example(Struct, frozen=True, kw_only=True):
    """The dead letters of a kind for one reason, and the position of one of them. It holds no value of the record."""

    kind: str
    reason: str
    letters: int
    file: str = ""
    """Empty if no position is known."""
    line: int = 0
    offset: int | None = None
    """Bytes before the line, in the plain text of its file; None if only the journal has the position."""
    field: str = ""
    """Path of the field if its names are the API's own; see `core.redact`."""
    remedy: str

    @property
    def place(self) -> str:
        """File and line as editors take them; empty if no position is known."""
        return f"{self.file}:{self.line}" if self.file else ""
