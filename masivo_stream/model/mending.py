"""What `mend`, `dead-letters` and `retry --dry-run` return: dead letters by cause, and what a correction changes."""

from msgspec import Struct


class DeadLetterCounts(Struct, frozen=True, kw_only=True):
    """The dead letters of a kind, by what `retry` would do with them now."""

    waiting: int = 0
    """In the dead-letter file; the five that follow add up to it."""
    corrected: int = 0
    """Changed since they were written, and valid by the checks made here: `retry` sends them."""
    corrected_faulty: int = 0
    """Changed, and still not valid: they become dead letters again, without a request."""
    unchanged_sent: int = 0
    """As they were, and valid here: `retry` sends them as they are."""
    unchanged_faulty: int = 0
    """As they were, and not valid: they become dead letters again, without a request."""
    unchanged_left: int = 0
    """As they were, for a reason that stays until they are corrected."""
    given_up: int = 0
    """Set aside by `mend --give-up`: not in the dead-letter file, and counted as dead."""

    @property
    def sent(self) -> int:
        """How many `retry` would send."""
        return self.corrected + self.unchanged_sent


class DeadLetterCause(Struct, frozen=True, kw_only=True):
    """Dead letters of a kind with the same fault. A dead letter with several faults has several causes."""

    id: str
    """A short name for `mend`; it stays the same as long as the cause does."""
    kind: str
    reason: str
    field: str
    cause: str
    dead_letters: int
    sent: int
    """How many of them `retry` would send as they are now."""
    file: str
    """The place of the first one."""
    line: int
    offset: int
    remedy: str
    ways: tuple[str, ...] = ()
    """The flags of `mend` that fit the cause, the likeliest first."""
    by_hand: bool = False
    """Whether the lines have no field to correct, since they cannot be read as records."""


class CauseDetail(Struct, frozen=True, kw_only=True):
    """One cause, or all causes of a kind, and which values are at fault."""

    schema: int = 1
    kind: str
    causes: tuple[DeadLetterCause, ...]
    values: dict[str, int]
    """JSON texts of values, and how many places have each: the most frequent ones. Empty: the field is missing."""
    values_left_out: int = 0


class MadeCorrection(Struct, frozen=True, kw_only=True):
    """A correction that was made, as the state directory keeps it."""

    number: int
    kind: str
    what: str
    """In words, without a value."""
    dead_letters: int
    at: str
    """ISO 8601."""
    person: str
    gave_up: str = ""
    """Why they were given up; empty if they were corrected."""
    undone: bool = False


class DeadLetterList(Struct, frozen=True, kw_only=True):
    """The dead letters of a run by cause, the largest cause first, and what was corrected so far."""

    schema: int = 1
    kinds: dict[str, DeadLetterCounts]
    causes: tuple[DeadLetterCause, ...] = ()
    causes_left_out: int = 0
    corrections: tuple[MadeCorrection, ...] = ()
    pending: int = 0
    """Records of the run that are read and not sent: a retry sends them, too."""
    unread: int = 0
    """Records that are not read yet: the same holds for them; 0 if that is not known."""
    unread_exact: bool = False
    """Whether these are counted, not estimated."""


class EditExample(Struct, frozen=True, kw_only=True):
    """One changed field: where, and what it was and is, as JSON texts; `***` for what is personal."""

    file: str
    line: int
    field: str
    before: str = ""
    """Empty if the field was not there."""
    after: str = ""
    """Empty if the field is gone."""


class StillFaulty(Struct, frozen=True, kw_only=True):
    """A cause that corrected dead letters have now, and of how many."""

    reason: str
    field: str
    cause: str
    dead_letters: int


class Mended(Struct, frozen=True, kw_only=True):
    """What a correction changes; `applied` says whether it was written."""

    schema: int = 1
    kind: str
    what: str
    number: int = 0
    """The number of the correction, for the list; 0 if it was not written."""
    applied: bool = False
    concerned: int = 0
    """Dead letters that have the cause."""
    changed: int = 0
    """Dead letters that are changed, or given up."""
    valid: int = 0
    """Of the changed ones, those that are valid now, by the checks made here."""
    still: tuple[StillFaulty, ...] = ()
    left: dict[str, int] = {}
    """Places that stay as they were, by why."""
    unmapped: dict[str, int] = {}
    """JSON texts of values that have no new one in the mapping, and how many places have each: the three most frequent.
    Empty: the field is missing."""
    unmapped_left_out: int = 0
    """How many further values have none."""
    old_values_unused: int = 0
    """Old values of the mapping that no place has."""
    examples: tuple[EditExample, ...] = ()
    rows_unused: tuple[int, ...] = ()
    """Lines of the table whose id, or id and place, no dead letter has: the first ten."""
    rows_unused_count: int = 0
    rows_of_other_kinds: dict[str, int] = {}
    """Corrections in the table for dead letters of other kinds: how many; they are passed over."""
