"""States of a batch and kinds of notes: the typed words that the journal keeps and the flow decides by."""

from enum import IntEnum, StrEnum

from msgspec import Struct


class BatchState(StrEnum):
    """What is known of a batch. A batch that was certainly not applied has no state: it is removed from the journal."""

    SENDING = "sending"
    """On the wire. If the process ended then, its outcome is not known."""
    ACCEPTED = "accepted"
    REFUSED = "refused"
    """Certainly not applied, as a whole; isolation goes on with its records."""
    IN_DOUBT = "in_doubt"
    """It may have been applied, and is not sent again until a person decides."""
    UNANSWERED = "unanswered"
    """It may have been applied, and is sent again, because the ids of its records are unique."""
    RESENDING = "resending"
    """In doubt, and on the wire once more by a person's decision."""
    DISCARDED = "discarded"
    """It was in doubt, and was given up by a person's decision."""


class SettledBy(StrEnum):
    """How a batch came to its final state."""

    ANSWER = "answer"
    """The API answered."""
    READ_BACK = "read_back"
    """Its records were found in the account. That was no request of a batch."""
    PERSON = "person"


class BatchOutcome(Struct, frozen=True):
    """What came of an attempt with a batch."""

    state: BatchState
    status: int | None = None
    """The HTTP status with which its records were refused; None if they were not."""
    why: str = ""
    again: bool = False
    """An earlier attempt may have applied it, and this attempt has not: the time of the earlier one is kept."""


class Visibility(IntEnum):
    """Whether the effects of what a kind has sent show in the account."""

    UNKNOWN = 0
    SEEN = 1
    """They were seen."""
    AWAITED = 2
    """They were given the time to show, and could not be read back."""


class NoteKind(StrEnum):
    """What a note in the journal is about. Reports show these words."""

    ACCEPT = "accept"
    DISCARD = "discard"
    RESEND = "resend"
    """A batch in doubt is about to be sent again."""
    RESENT = "resent"
    """That batch was accepted."""
    RETRY = "retry"
    MENDED = "corrected"
    """A person has corrected dead letters with `mend`."""
    GAVE_UP = "gave up"
    """A person has given dead letters up with `mend`."""
    MEND_UNDONE = "correction undone"
    AGAIN = "again"
    """A person has exports sent again that were sent before."""
    SAME_ACCOUNT = "same account"
    """A person says that two keys open one account."""
    CANARY_CHOSEN = "canary chosen"
    """The records that a run sends first; the detail has their places as JSON."""
    CANARY_PASSED = "canary passed"
    CANARY_STOPPED = "canary stopped the run"
    CANARY_OVERRULED = "canary overruled"
    """A person has the rest sent although the canary has not passed."""
    REVERT_BEGUN = "revert begun"
    REVERTED = "reverted"
    NOT_REVERTED = "not reverted"
    MADE_UP = "made up for the revert"
    """All that was taken back is an input of the run again."""
    MADE_UP_IN_PART = "made up in part"
    """The same, but some customers could not be read back."""
    NOT_KNOWN = "not known after the revert"
    """Of some customers it cannot be known whether they were taken back."""


REVERT_NOTES = (
    NoteKind.REVERT_BEGUN,
    NoteKind.REVERTED,
    NoteKind.NOT_REVERTED,
    NoteKind.MADE_UP,
    NoteKind.NOT_KNOWN,
)
"""The notes from which follows what of a run was taken back."""


class Note(Struct, frozen=True):
    """A decision of a person, or a step of a revert, as the journal notes it."""

    kind: NoteKind
    detail: str = ""
    """The person's words; for a revert that was begun or has ended, its period as JSON."""
    person: str = ""
    """The person who decided; empty for what the program notes by itself."""
    batch: str = ""
    at: str = ""
    """ISO 8601, by this machine's clock; empty until it is noted."""

    @property
    def words(self) -> str:
        """What is shown: the person, and the words."""
        return f"{self.person}: {self.detail}" if self.person else self.detail
