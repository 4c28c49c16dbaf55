"""What the journal keeps of a dead letter: hashes and places, so that a retry can find it and knows how it counted."""

from masivo_stream.flow.customers.missing import hash_bytes, hash_customer
from masivo_stream.model.progress import DeadRow
from masivo_stream.model.reason import Reason
from masivo_stream.model.results import Entry, Rejected

_ITEMS_ONLY = frozenset({Reason.CUSTOMER_NOT_MIGRATED, Reason.DUPLICATE_EVENT})
"""Reasons whose letters hold no more than the items they name."""


def make_dead_row(
    letter: Rejected,
    source: int,
    salt: bytes,
    *,
    of: Entry | None = None,
    missing: bool,
) -> DeadRow:
    """Return what the journal keeps of a dead letter; `of` is the entry it was, if it had been packed.

    `missing`: for all that is known, the account has not got its customer, so what belongs to it is held back.
    """
    old = letter.retried
    customer = None if old is None else old.customer
    if not missing or letter.reason is Reason.DUPLICATE_ID:  # the other record of it arrived
        customer = None
    elif letter.customer is not None:
        customer = hash_customer(letter.customer, salt)
    indexes = letter.items if letter.reason in _ITEMS_ONLY else None
    if of is not None:
        indexes = of.indexes
    return DeadRow(
        source=source,
        line=letter.line,
        indexes=indexes,
        reason=letter.reason,
        customer=customer,
        items=letter.item_count,
        whole=(of is None or of.whole) and (old is None or old.whole),
        validated=of is None,
        digest=hash_bytes(letter.raw, salt),
        of=None if old is None else (old.source, old.line, old.name_items(indexes)),
    )
