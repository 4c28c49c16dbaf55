"""The result of `resolve`: batches in doubt, what is known about them, and what was decided."""

import enum

from msgspec import Struct

from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ExitCode
from masivo_stream.model.summary import KindSummary


class Verdict(enum.StrEnum):
    """What is known about a batch in doubt."""

    PRESENT = "present"
    """All records that were read back are there."""
    PARTLY = "partly"
    """Some of them are, others are not (yet)."""
    LIKELY = "likely"
    """Its customers' metrics changed since: because of these events, or of others."""
    ABSENT = "absent"
    """None of them shows. That proves nothing."""
    UNKNOWN = "unknown"
    """None of them could be read back."""


class Evidence(Struct, frozen=True, kw_only=True):
    """How many of a batch's records were read back, and what follows from that."""

    verdict: Verdict
    looked_at: int
    found: int


class InDoubtBatch(Struct, frozen=True, kw_only=True):
    """One batch in doubt. `places`: file, first and last line concerned."""

    batch: str
    kind: Kind
    records: int
    items: int
    attempts: int
    sent_at: str
    why: str
    places: tuple[tuple[str, int, int], ...]
    evidence: Evidence


class Resolution(Struct, frozen=True, kw_only=True):
    """What was decided, and what is still in doubt. Its JSON form is what `resolve --json` prints."""

    schema: int = 1
    exit_code: ExitCode
    accepted: tuple[str, ...] = ()
    discarded: tuple[str, ...] = ()
    resent: tuple[str, ...] = ()
    """Batches that were sent again and are accepted now."""
    in_doubt: tuple[InDoubtBatch, ...] = ()
    kinds: dict[str, KindSummary] = {}
    closes: bool = True
