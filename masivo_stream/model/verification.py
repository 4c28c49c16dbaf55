"""What reading back shows of accepted records: a 201 means enqueued, this shows whether they were applied.

It holds no value of a record, only positions, counts, and names of fields.
"""

import enum

from msgspec import Struct

from masivo_stream.model.contract import Kind


class Seen(enum.StrEnum):
    """What reading back shows of one accepted record."""

    CONFIRMED = "confirmed"
    """It is there, and all fields that can be compared are equal."""
    MISSING = "missing"
    """It is not there, and was given time to show."""
    DIFFERENT = "different"
    """It is there, but not as it was sent."""
    NOT_YET = "not_yet"
    """It does not show, or not all of it, but it was accepted so recently that it may still be in the queue."""
    UNREAD = "unread"
    """The API gave no legible answer."""
    UNTOLD = "untold"
    """Its id needs escaping in a URL, and no such id was read back here: a gateway may refuse it."""


class Finding(Struct, frozen=True, kw_only=True):
    """One record that is not confirmed."""

    kind: Kind
    file: str
    line: int
    seen: Seen
    what: tuple[str, ...] = ()
    """What differs, such as `wallet`."""


class KindVerified(Struct, frozen=True, kw_only=True):
    """One kind's records, counted by what reading back shows of them."""

    looked_at: int = 0
    confirmed: int = 0
    missing: int = 0
    different: int = 0
    not_yet: int = 0
    unread: int = 0
    untold: int = 0
    """Accepted records about which reading back can prove nothing: events without a purchase, or ids that a gateway
    refuses. They do not count as looked at."""
    requests: int = 0
    """Requests that reading back took."""


class Verified(Struct, frozen=True, kw_only=True):
    """What the sample at the end of a migration shows: part of its summary."""

    kinds: dict[str, KindVerified]
    findings: tuple[Finding, ...] = ()
    message: str = ""
    """Why it ended early, empty if it did not."""

    @property
    def looked_at(self) -> int:
        """How many records of all kinds were read back."""
        return sum(counted.looked_at for counted in self.kinds.values())

    @property
    def confirmed(self) -> int:
        """How many records of all kinds are confirmed."""
        return sum(counted.confirmed for counted in self.kinds.values())


class Verification(Struct, frozen=True, kw_only=True):
    """The result of `verify`. Its JSON form is what `verify --json` prints."""

    schema: int = 1
    exit_code: int
    kinds: dict[str, KindVerified]
    findings: tuple[Finding, ...] = ()
    """The first ones, in the order of kinds and positions."""
    findings_left_out: int = 0
    left_out: tuple[str, ...] = ()
    """Exports that cannot be read again because they came from a pipe: none of their records was read back."""
    message: str = ""
    """Why it ended early, empty if it did not."""
    hint: str = ""
