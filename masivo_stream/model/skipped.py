"""What is not to be migrated, one line a record: where it stands, and why. Nothing of the record is in it."""

from collections.abc import Mapping

from msgspec import Struct


class SkippedPlace(Struct, frozen=True, gc=False, kw_only=True):
    """A record that was skipped, or items of it."""

    file: str
    line: int
    offset: int
    reason: str
    items: tuple[int, ...] | None
    """Items of the record, where the rest of it is sent or is a dead letter; None for all of it."""


class SkipExample(Struct, frozen=True, kw_only=True):
    """The records of a kind that were skipped for one reason, and where the first of them stands."""

    kind: str
    reason: str
    records: int
    """Records skipped as a whole; 0 where only items of records were."""
    file: str
    line: int
    offset: int

    @property
    def place(self) -> str:
        """File and line as editors take them."""
        return f"{self.file}:{self.line}"


def skip_examples(kind: str, counts: Mapping[str, int], first: Mapping[str, SkippedPlace]) -> list[SkipExample]:
    """Return an example for each reason of which a place is known; `counts` are the records skipped for each."""
    return [
        SkipExample(
            kind=kind, reason=reason, records=counts.get(reason, 0), file=at.file, line=at.line, offset=at.offset
        )
        for reason, at in first.items()
    ]
