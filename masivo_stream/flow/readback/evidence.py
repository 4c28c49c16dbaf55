"""Evidence: what reading back tells of a batch in doubt. Presence proves, absence does not.

* Transactions can be read back one by one: the same reward, type, amount and date of issue is the record itself, for a
  customer's transactions are migrated once (guides/migrate-customers).
* Events cannot. But purchases make the system recalculate the customer's metrics, so metrics that are younger than the
  batch are a hint that it was applied; a native purchase, or other events of the export, have the same effect.

What shows nothing may still be in the server's queue: it is looked at again after a settling time. A lost answer proves
nothing about atomicity either, so a batch is looked at in several of its records.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

import msgspec
from msgspec import Struct

from masivo_stream.core.sending.path_ids import UNREADABLE_IDS, is_plain
from masivo_stream.edges.clock import Clock
from masivo_stream.flow.pipeline.wait_visible import CustomerReader, Read, updated_at
from masivo_stream.flow.readback.account_data import Told, purchases_in, recalculated
from masivo_stream.model.attempt import Answer
from masivo_stream.model.contract import Kind
from masivo_stream.model.moments import MILLISECOND, read_moment, years_around
from masivo_stream.model.resolution import Evidence, Verdict
from masivo_stream.model.results import Entry

_NOT_FOUND = 404
_READ = frozenset({200, _NOT_FOUND})


class TransactionReader(CustomerReader, Protocol):
    """Who reads back customers and their transactions."""

    async def read_transactions(self, customer: str, year: int) -> Read:
        """Read one customer's transactions of a year."""
        ...


class _ReadTransaction(Struct):
    reward_id: str
    type: str
    amount: Decimal
    issued_at: Told


class _Entry(Struct):
    transactions: list[_ReadTransaction]


class _TransactionsAnswer(Struct):
    data: list[_ReadTransaction]


async def look(
    kind: Kind,
    entries: Sequence[Entry],
    *,
    sent_at: datetime,
    probes: int,
    reader: TransactionReader,
    clock: Clock,
    settle: float,
) -> Evidence:
    """Read back up to `probes` of a batch's entries, spread over it.

    Where nothing shows, and the batch was sent less than `settle` seconds ago, wait that long and look again. Entries
    whose ids need escaping are looked at only where there are no others: a 404 to them proves nothing.
    """
    telling = [entry for entry in entries if _telling(kind, entry)]
    sample = _spread([entry for entry in telling if is_plain(entry.customer)] or telling, probes)
    found = await _count(kind, sample, sent_at, reader, clock)
    age = (clock.wall() - sent_at).total_seconds()
    if found is not None and found < len(sample) and age < settle:
        await clock.sleep(min(settle, settle - age))
        found = await _count(kind, sample, sent_at, reader, clock)
    if not sample or found is None:
        return Evidence(verdict=Verdict.UNKNOWN, looked_at=len(sample), found=0)
    if not found:
        verdict = Verdict.ABSENT
    elif kind is Kind.EVENTS:
        verdict = Verdict.LIKELY
    else:
        verdict = Verdict.PRESENT if found == len(sample) else Verdict.PARTLY
    return Evidence(verdict=verdict, looked_at=len(sample), found=found)


async def _count(
    kind: Kind, sample: Sequence[Entry], sent_at: datetime, reader: TransactionReader, clock: Clock
) -> int | None:
    """Return how many of the entries show; None if nothing could be read."""
    shows: Callable[[Entry], Awaitable[bool | None]]
    if kind is Kind.TRANSACTIONS:

        async def shows(entry: Entry) -> bool | None:
            return await _transaction_shows(entry, reader)
    else:

        async def shows(entry: Entry) -> bool | None:
            return await _metrics_moved(entry, sent_at, reader, clock.wall())

    seen = [await shows(entry) for entry in sample]
    return None if all(one is None for one in seen) else sum(bool(one) for one in seen)


def _telling(kind: Kind, entry: Entry) -> bool:
    """Tell whether reading back can say anything about an entry."""
    if entry.customer in UNREADABLE_IDS or not entry.body:
        return False
    if kind is Kind.TRANSACTIONS:
        return True
    if not entry.whole:  # its other parts recalculate the same metrics
        return False
    return purchases_in(entry.body) > 0


def _spread(entries: Sequence[Entry], most: int) -> list[Entry]:
    """Return at most `most` entries, the first and the last among them, evenly spread."""
    if len(entries) <= most:
        return list(entries)
    return [entries[step * (len(entries) - 1) // max(1, most - 1)] for step in range(most)]


async def _transaction_shows(entry: Entry, reader: TransactionReader) -> bool | None:
    wanted = msgspec.json.decode(entry.body, type=_Entry, strict=False).transactions[0]
    moment = read_moment(wanted.issued_at)
    years = set() if moment is None else years_around(moment)
    shows = [await _shows_in(wanted, entry.customer, year, reader) for year in sorted(years)]
    return any(shows) if any(shows) or None not in shows else None


async def _shows_in(wanted: _ReadTransaction, customer: str, year: int, reader: TransactionReader) -> bool | None:
    read = await reader.read_transactions(customer, year)
    if not isinstance(read.attempt, Answer) or not _tells(customer, read.attempt.status):
        return None
    try:
        return any(
            _same(wanted, there)
            for there in msgspec.json.decode(read.body, type=_TransactionsAnswer, strict=False).data
        )
    except (ValueError, RecursionError):
        return False if read.attempt.status == _NOT_FOUND else None


def _tells(customer: str, status: int) -> bool:
    """Return whether an answer's status tells anything: a 404 may be a gateway's, where the id needs escaping."""
    return status in _READ and (status != _NOT_FOUND or is_plain(customer))


def _same(one: _ReadTransaction, other: _ReadTransaction) -> bool:
    moment, there = read_moment(one.issued_at), read_moment(other.issued_at)
    return (
        (one.reward_id.lower(), one.type, one.amount) == (other.reward_id.lower(), other.type, other.amount)
        and moment is not None
        and there is not None
        and abs(moment - there) < MILLISECOND
    )


async def _metrics_moved(entry: Entry, sent_at: datetime, reader: CustomerReader, now: datetime) -> bool | None:
    read = await reader.read_customer(entry.customer)
    if not isinstance(read.attempt, Answer) or not _tells(entry.customer, read.attempt.status):
        return None
    return recalculated(updated_at(read.body), since=sent_at, now=now)
