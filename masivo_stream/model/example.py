"""An example of what became a dead letter: one place a reason, so that a person can look at it in the export."""

from msgspec import Struct


class Example(Struct, frozen=True, kw_only=True):
    """The dead letters of a kind for one reason, and where one of them stands. Nothing of the record is in it."""

    kind: str
    reason: str
    letters: int
    file: str = ""
    """Empty where no place is known."""
    line: int = 0
    offset: int | None = None
    """Bytes before the line, in the plain text of its file; None where only the journal knows of it."""
    field: str = ""
    """Path, where it is the API's own words; see `core.redact`."""
    remedy: str

    @property
    def place(self) -> str:
        """File and line as editors take them; empty where no place is known."""
        return f"{self.file}:{self.line}" if self.file else ""
