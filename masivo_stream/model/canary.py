"""What a canary shows: one record of each kind, sent before the others, and compared with what the account shows of it.

It holds no value of a record: positions, counts, names of fields.
"""

from msgspec import Struct

from masivo_stream.model.contract import Kind
from masivo_stream.model.verification import Seen


class CanaryPlace(Struct, frozen=True):
    """Where a record of a canary is, as the journal notes it: kind, number of the input, and line."""

    kind: Kind
    source: int
    line: int


class CanaryRecord(Struct, frozen=True, kw_only=True):
    """One record of a canary."""

    kind: Kind
    file: str
    line: int
    outcome: str = "accepted"
    """`accepted`, `refused`, or `in doubt`."""
    seen: Seen | None = None
    """What reading back shows; None if the record was not accepted."""
    different: tuple[str, ...] = ()
    """What differs from the export, such as `wallet`."""
    seconds: float | None = None
    """Seconds from the answer until all of it showed; None if an earlier process got the answer, or it never did."""
    changed: tuple[str, ...] = ()
    """Fields of a customer that the account shows with another text, such as an email in lower case."""
    added: tuple[str, ...] = ()
    """Fields of a customer that the account shows and the export does not have."""
    absent: tuple[str, ...] = ()
    """Fields of a customer that the export has and the account does not show."""


class CanaryResult(Struct, frozen=True, kw_only=True):
    """What the canary of a run shows."""

    passed: bool
    """Whether the rest of the run may follow."""
    records: tuple[CanaryRecord, ...] = ()
    learnt: tuple[str, ...] = ()
    """The same and more for people, one sentence each."""
    sent_between: tuple[str, str] | None = None
    """A period in which the account has migrated the canary's customer (RFC 3339); None if it was not accepted."""
