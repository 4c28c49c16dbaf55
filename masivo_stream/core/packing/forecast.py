"""How many requests a kind takes: the lower bound, and a forecast from the part of its export that was read.

`core.pacing.schedule` says when these requests depart.
"""

import math

from masivo_stream.model.contract import Contract
from masivo_stream.model.summary import KindSummary


def lower_bound(contract: Contract, *, records: int, items: int) -> int:
    """Return the fewest requests that could carry these records and items."""
    return max(-(-items // contract.max_items), -(-records // contract.max_records))


def requests_needed(contract: Contract, figures: KindSummary, *, bytes_read: int, size: int) -> int | None:
    """Return the requests that the whole export will take, those already sent included.

    The rest of the export is assumed to be like the part that was read. Once all of it is read the result is exact, if
    all batches can be filled.

    Args:
        contract: of the kind.
        figures: of what was read so far.
        bytes_read: bytes of text before the read position.
        size: bytes of text of the whole export; 0 if unknown.

    Returns:
        The number, or None if nothing was read yet or the size is unknown.
    """
    if bytes_read <= 0 or size <= 0:
        return None
    unread = max(0.0, size / bytes_read - 1)  # as a multiple of what was read
    records = figures.accepted + figures.in_doubt + figures.pending
    items = figures.items_accepted + figures.items_in_doubt + figures.items_pending
    left = lower_bound(
        contract,
        records=figures.pending + math.ceil(unread * records),
        items=figures.items_pending + math.ceil(unread * items),
    )
    return figures.requests + left
