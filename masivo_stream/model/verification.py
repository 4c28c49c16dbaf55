"""What reading back tells of records that were accepted: a 201 says enqueued, this says what became of it.

No value of a record stands here: positions, counts, and names of fields.
"""

import enum

from msgspec import Struct

from masivo_stream.model.contract import Kind


class Seen(enum.StrEnum):
    """What reading back shows of one accepted record."""

    CONFIRMED = "confirmed"
    """It is there, as far as it can be compared."""
    MISSING = "missing"
    """It is not there, and was given time to show."""
    DIFFERENT = "different"
    """It is there, and not as it was sent."""
    NOT_YET = "not_yet"
    """It does not show, or not all of it; but it was accepted so lately that it may still be in the queue."""
    UNREAD = "unread"
    """The API gave no answer that can be read."""
    UNTOLD = "untold"
    """Its id needs escaping in a URL, and nothing shows that such an id can be read back here: a gateway may refuse it.
    """


class Finding(Struct, frozen=True, kw_only=True):
    """One record that is not confirmed."""

    kind: Kind
    file: str
    line: int
    seen: Seen
    what: tuple[str, ...] = ()
    """What differs, such as `wallet`."""


class KindVerified(Struct, frozen=True, kw_only=True):
    """One kind's records, counted by what is seen of them."""

    looked_at: int = 0
    confirmed: int = 0
    missing: int = 0
    different: int = 0
    not_yet: int = 0
    unread: int = 0
    untold: int = 0
    """Accepted records of which reading back can tell nothing: events without a purchase, or ids that a gateway does
    not let through. Not counted as looked at."""
    requests: int = 0
    """What it cost."""


class Verified(Struct, frozen=True, kw_only=True):
    """What a small look at the end of a migration has seen: part of its summary."""

    kinds: dict[str, KindVerified]
    findings: tuple[Finding, ...] = ()
    message: str = ""
    """Why it ended early, where it did."""

    @property
    def looked_at(self) -> int:
        """Records of all kinds."""
        return sum(counted.looked_at for counted in self.kinds.values())

    @property
    def confirmed(self) -> int:
        """Records of all kinds."""
        return sum(counted.confirmed for counted in self.kinds.values())


class Verification(Struct, frozen=True, kw_only=True):
    """What `verify` tells. Its JSON form is what `verify --json` prints."""

    schema: int = 1
    exit_code: int
    kinds: dict[str, KindVerified]
    findings: tuple[Finding, ...] = ()
    """The first ones, by kind and position."""
    findings_left_out: int = 0
    left_out: tuple[str, ...] = ()
    """Exports that cannot be read again, for they came from a pipe: nothing of theirs was looked at."""
    message: str = ""
    """Why it ended early, where it did."""
    hint: str = ""
