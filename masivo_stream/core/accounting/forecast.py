"""Forecast what is left of a kind: records, and the requests that they take.

What is not read yet is estimated from two things: what was known before (`Expected`), and what was read since. The
bytes of text that are behind either are their weights, so the estimate gets sharper as the run reads, and is exact when
everything was read. If the exports were counted before (by `plan`, or by the checks over all files), records are a
difference, not an estimate.

Requests are seldom full: transactions of a customer stay together, bodies have a limit, bad records cost requests of
their own. So the least number of requests is multiplied by a ratio: that of `Expected`, and that of the requests sent.
"""

import math
from collections.abc import Iterable

from masivo_stream.core.packing.pack import full_requests
from masivo_stream.model.contract import Contract
from masivo_stream.model.forecast import Expected, KindLeft
from masivo_stream.model.summary import KindSummary

_WEIGHT = 20
"""The ratio of requests in `Expected` counts as much as that of this number of requests, unless it is a plan's."""


def forecast(
    contract: Contract, figures: KindSummary, *, bytes_read: int, size: int, expected: Expected | None = None
) -> KindLeft | None:
    """Return what is left of a kind that is not read to its end.

    Args:
        contract: of the kind.
        figures: of what was read so far.
        bytes_read: bytes of text before the read position.
        size: bytes of text of all exports; 0 if that is not known.
        expected: what was known before they were read; None if nothing was.

    Returns:
        None if nothing is known: nothing was read yet, or the size is unknown.
    """
    if expected is not None and expected.exact:
        unread = _unread_again if expected.basis == "retry" else _difference
        records = 0 if 0 < size <= bytes_read else unread(figures, expected, size - bytes_read)
        part = records / expected.records if records else 0.0
        sendable, items = expected.sendable * part, expected.items * part
    else:
        size = size or (expected.size if expected is not None else 0)
        weight = 0 if expected is None else expected.weight
        if size <= 0 or bytes_read + weight <= 0:
            return None
        share = max(0, size - bytes_read) / (bytes_read + weight)
        records, sendable, items = _estimate(figures, expected, share)
    least = full_requests(contract, records=figures.pending + sendable, items=figures.items_pending + items)
    return KindLeft(
        unread=records,
        requests=math.ceil(least * _ratio(contract, figures, expected) - 1e-6),
        exact=(expected is not None and expected.exact) or 0 < size <= bytes_read,
    )


def share_done(figures: Iterable[KindSummary], unread: int | None) -> float | None:
    """Return the share of all records that have their outcome, from 0 to 1.

    What is in doubt has none, because a person has to decide. None if it is not known how many records there are.
    """
    known = list(figures)
    if unread is None:
        return None
    done = sum(each.accepted + each.dead + each.skipped + each.blank for each in known)
    every = done + sum(each.in_doubt + each.pending for each in known) + unread
    return min(1.0, done / every) if every else 1.0


def percent(share: float) -> int:
    """Return a share in percent, rounded down: 100 only if it is all."""
    return math.floor(share * 100 + 1e-9)


def _difference(figures: KindSummary, expected: Expected, _bytes: int) -> int:
    """Return how many records were not read, by their number as it was counted before."""
    return min(expected.records, max(0, expected.records - figures.read))


def _unread_again(figures: KindSummary, expected: Expected, bytes_left: int) -> int:
    """Return how many dead letters a retry has still to read: by their bytes if these are known, else by their number.

    One that becomes a dead letter again counts as not read in the second case.
    """
    if bytes_left > 0:
        return min(expected.records, -(-expected.records * bytes_left // max(1, expected.size)))
    return min(expected.records, max(0, expected.records - (expected.dead - figures.dead)))


def _estimate(figures: KindSummary, expected: Expected | None, share: float) -> tuple[int, float, float]:
    """Return the same, if what was not read is like what is known: `share` is how much more there is of it."""
    part, known = 0.0, (0, 0, 0)
    if expected is not None and expected.size:
        part, known = expected.weight / expected.size, (expected.records, expected.sendable, expected.items)
    own = (
        figures.read,
        figures.accepted + figures.in_doubt + figures.pending,
        figures.items_accepted + figures.items_in_doubt + figures.items_pending,
    )
    records, sendable, items = ((number * part + counted) * share for number, counted in zip(known, own, strict=True))
    return math.ceil(records), sendable, items


def _ratio(contract: Contract, figures: KindSummary, expected: Expected | None) -> float:
    """Return how many requests are sent for each that would be sent if all were full."""
    if expected is None:
        return 1.0
    full = full_requests(contract, records=expected.sendable, items=expected.items)
    weight = full if expected.basis == "plan" else min(full, _WEIGHT)
    settled = full_requests(
        contract,
        records=figures.accepted + figures.in_doubt,
        items=figures.items_accepted + figures.items_in_doubt,
    )
    if not settled + weight:
        return 1.0
    planned = weight * expected.requests / full if full else 0.0
    return max(1.0, (planned + figures.requests) / (weight + settled))
