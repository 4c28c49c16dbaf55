"""Examples that a person can look up in an export: of dead letters, one for each reason, and of skipped records.

They name positions and reasons. No value of a record is in them.
"""

from collections.abc import Mapping

from msgspec import Struct

BEFORE_IN_EXPORTS, BEFORE_IN_A_RUN = "whose purchase_id an earlier event of", "whose purchase_id an earlier run sent"
"""Words by which a warning about purchases that came before is recognised."""


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


class SkippedPlace(Struct, frozen=True, gc=False, kw_only=True):
    """A record that was skipped, or items of it."""

    file: str
    line: int
    offset: int
    reason: str
    items: tuple[int, ...] | None
    """Indexes of the skipped items if the rest of the record is sent or a dead letter; None for the whole record."""


class SkipExample(Struct, frozen=True, kw_only=True):
    """The records of a kind that were skipped for one reason, and the position of the first one."""

    kind: str
    reason: str
    records: int
    """Records skipped as a whole; 0 if only items of records were skipped."""
    file: str
    line: int
    offset: int

    @property
    def place(self) -> str:
        """File and line as editors take them."""
        return f"{self.file}:{self.line}"


def skip_examples(kind: str, counts: Mapping[str, int], first: Mapping[str, SkippedPlace]) -> list[SkipExample]:
    """Return an example for each reason with a known position; `counts` are the records skipped for each reason."""
    return [
        SkipExample(
            kind=kind, reason=reason, records=counts.get(reason, 0), file=at.file, line=at.line, offset=at.offset
        )
        for reason, at in first.items()
    ]
