"""What a run is expected to hold, and what is left of it. Counts only: nothing of a record, no name of a file."""

from typing import Literal

from msgspec import Struct

Basis = Literal["sample", "checks", "plan", "retry"]
"""A few stretches of the exports were read · the checks over all files have read them · `plan` has packed them · all of
them were read, and these are the dead letters that a retry reads once more."""


class Expected(Struct, frozen=True, kw_only=True):
    """What the exports of one kind hold in all, as it was known before they were sent."""

    basis: Basis
    records: int
    """Lines, with blank ones, dead letters and skipped records among them."""
    sendable: int
    """Records that are sent."""
    items: int
    """Items in them."""
    requests: int
    """Requests that these take."""
    size: int
    """Bytes of text; 0 if they were not counted."""
    dead: int = 0
    """Of a retry: the dead letters when it took them. Those that it reads are no longer among them."""
    weight: int = 0
    """As how many bytes of text this estimate counts beside what is read since; 0 if all was counted."""

    @property
    def exact(self) -> bool:
        """Whether the numbers of records and items are counted, not estimated."""
        return self.basis != "sample"


class CountedExports(Struct, frozen=True, kw_only=True):
    """What the checks over all files have counted of a kind."""

    records: int
    """Records that are right by themselves."""
    items: int
    lines: int | None = None
    """All lines; None if they were read by an earlier process, or by other machines."""
    size: int = 0
    """Bytes of text, if `lines` are known."""


class KnownExports(Struct, frozen=True):
    """What is known of the exports of a kind, and a digest of which ones these are."""

    of: str
    expected: Expected


class KindLeft(Struct, frozen=True, kw_only=True):
    """What is left of one kind."""

    unread: int
    """Records that were not read yet."""
    requests: int
    """Requests that these take, and those that are pending."""
    exact: bool = False
    """Whether `unread` is counted, not estimated."""
