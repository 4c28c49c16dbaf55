"""Foretell what a kind's export will take, from what was read of it so far: the rest is taken to be like it.

Exact when everything is read, as far as full batches can be had; see `core.pacing.schedule` for when the requests
leave.
"""

import math

from masivo_stream.core.packing.pack import lower_bound
from masivo_stream.model.contract import Contract
from masivo_stream.model.summary import KindSummary


def requests_needed(contract: Contract, figures: KindSummary, *, bytes_read: int, size: int) -> int | None:
    """Return the requests the whole export will have taken in the end, those already sent among them.

    `size` is the whole export's text in bytes, 0 where that is not known; `bytes_read` are before the place up to which
    it was read. None where nothing can be said: nothing was read, or nobody knows how much is left.
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
