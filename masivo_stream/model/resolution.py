"""What `resolve` tells: batches in doubt, what is known of them, and what was decided."""

import enum

from msgspec import Struct

from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ExitCode
from masivo_stream.model.summary import KindSummary


class Verdict(enum.StrEnum):
    """What is known of a batch in doubt."""

    PRESENT = "present"
    """Every record looked at is there."""
    PARTLY = "partly"
    """Some of them are, others are not (yet)."""
    LIKELY = "likely"
    """Something happened to its customers since: these events, or others of theirs."""
    ABSENT = "absent"
    """Nothing shows. That proves nothing."""
    UNKNOWN = "unknown"
    """Nothing could be read."""


class Evidence(Struct, frozen=True, kw_only=True):
    """How many of a batch's records were looked at, and what that says."""

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
    """What was decided, and what is in doubt still. Its JSON form is what `resolve --json` prints."""

    schema: int = 1
    exit_code: ExitCode
    accepted: tuple[str, ...] = ()
    discarded: tuple[str, ...] = ()
    resent: tuple[str, ...] = ()
    """Those of the ones sent again that are accepted now."""
    in_doubt: tuple[InDoubtBatch, ...] = ()
    kinds: dict[str, KindSummary] = {}
    closes: bool = True
