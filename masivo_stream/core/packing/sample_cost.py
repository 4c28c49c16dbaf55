"""Estimate from a sample of records how many requests they take, compared with the least possible number.

Records that stay whole do not fill every request, and bodies have a limit. A sample is too small for a request of its
own, so it is repeated until it fills some.
"""

from collections.abc import Sequence
from itertools import cycle, islice

from masivo_stream.core.packing.pack import full_requests
from masivo_stream.model.batch import ENVELOPE_BYTES
from masivo_stream.model.contract import Contract

_REQUESTS = 24
"""About as many requests are filled."""

_MOST = 6000
"""Records in them at most."""


def request_ratio(contract: Contract, sizes: Sequence[tuple[int, int]], *, max_body_bytes: int) -> float:
    """Return the requests for each that would be sent if all were full: 1.0 or more.

    Args:
        contract: of the kind.
        sizes: items and bytes of each record of the sample.
        max_body_bytes: of a request.
    """
    known = [(items, size) for items, size in sizes if items]
    if not known:
        return 1.0
    room = max(1, max_body_bytes - ENVELOPE_BYTES)
    items = sum(count for count, _ in known) / len(known)
    many = min(_MOST, max(len(known), round(_REQUESTS * min(contract.max_records, contract.max_items / items))))
    repeated = list(islice(cycle(known), many))
    total = sum(count for count, _ in repeated)
    full = full_requests(contract, records=len(repeated), items=total)
    by_size = sum(size + 1 for _, size in repeated) / room
    if not contract.stays_whole:
        return max(1.0, by_size / full)
    return max(1.0, max(_first_fit(contract, repeated, room), by_size) / full)


def _first_fit(contract: Contract, records: Sequence[tuple[int, int]], room: int) -> int:
    """Return how many requests records take that stay whole: the heaviest first, each where it fits first."""
    left: list[list[int]] = []
    for items, size in sorted(records, reverse=True):
        for request in left:
            if request[0] >= items and request[1] and request[2] > size:
                break
        else:
            request = [contract.max_items, contract.max_records, room]
            left.append(request)
        request[0] -= items
        request[1] -= 1
        request[2] -= size + 1
    return len(left)
