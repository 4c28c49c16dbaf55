"""Evidence: what reading back shows of a batch in doubt. Presence proves, absence does not.

* Transactions can be read back one by one. The same reward, type, amount and date of issue is the record itself, since
  a customer's transactions are migrated once (guides/migrate-customers).
* Events cannot be read back. But purchases make the system recalculate the customer's metrics, so metrics that are
  younger than the batch are a hint that it was applied. A native purchase, or other events of the export, have the same
  effect.

A record that does not show may still be in the server's queue, so it is read back again after a settling time. A lost
answer does not prove that a batch was applied as a whole either, so several of its records are read back.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from masivo_stream.core.sending.path_ids import is_plain
from masivo_stream.flow.readback.account_data import (
    BookedTransaction,
    is_recalculated,
    read_customer_answer,
    read_exported_transactions,
    read_transactions_answer,
)
from masivo_stream.flow.readback.compare import is_comparable
from masivo_stream.model.attempt import Answer
from masivo_stream.model.contract import Kind
from masivo_stream.model.ports import Clock, CustomerReader, ReadAnswer, TransactionReader
from masivo_stream.model.resolution import Evidence, Verdict
from masivo_stream.model.results import Entry
from masivo_stream.model.settings import VisibleSettings

_OK, _NOT_FOUND = 200, 404


async def find_evidence(
    kind: Kind,
    entries: Sequence[Entry],
    *,
    sent_at: datetime,
    reader: TransactionReader,
    clock: Clock,
    settings: VisibleSettings,
) -> Evidence:
    """Read back up to `evidence_probes` of a batch's entries, spread over it.

    If some of them do not show, and the batch was sent less than `events_settle` seconds ago, wait for the rest of that
    time and read them back again. Entries whose ids need escaping are read back only if there are no others: a 404 to
    them proves nothing.

    Raises:
        DeniedError: the API does not let us read.
    """
    comparable = [entry for entry in entries if _is_comparable(kind, entry)]
    plain = [entry for entry in comparable if is_plain(entry.customer)]
    sample = _spread(plain or comparable, settings.evidence_probes)
    shows = (
        partial(_transaction_shows, reader=reader)
        if kind is Kind.TRANSACTIONS
        else partial(_metrics_moved, reader=reader, since=sent_at, clock=clock)
    )
    seen = [await shows(entry) for entry in sample]
    age = (clock.wall() - sent_at).total_seconds()
    if not _are_unknown(seen) and not all(seen) and age < settings.events_settle:
        await clock.sleep(min(settings.events_settle, settings.events_settle - age))
        seen = [await shows(entry) for entry in sample]
    return Evidence(verdict=_verdict(kind, seen), looked_at=len(sample), found=sum(bool(one) for one in seen))


def _is_comparable(kind: Kind, entry: Entry) -> bool:
    """Return whether reading back can prove anything about an entry of a batch in doubt."""
    if not entry.body or not is_comparable(kind, entry):
        return False
    return kind is Kind.TRANSACTIONS or entry.whole  # other parts of an events record recalculate the same metrics


def _are_unknown(seen: Sequence[bool | None]) -> bool:
    return all(one is None for one in seen)


def _verdict(kind: Kind, seen: Sequence[bool | None]) -> Verdict:
    """Return what follows from the entries read back: each shows, does not show, or could not be read (None)."""
    if _are_unknown(seen):
        return Verdict.UNKNOWN
    if not any(seen):
        return Verdict.ABSENT
    if kind is Kind.EVENTS:
        return Verdict.LIKELY
    return Verdict.PRESENT if all(seen) else Verdict.PARTLY


def _spread(entries: Sequence[Entry], most: int) -> list[Entry]:
    """Return at most `most` entries, evenly spread, the first and the last among them."""
    if len(entries) <= most:
        return list(entries)
    return [entries[step * (len(entries) - 1) // max(1, most - 1)] for step in range(most)]


async def _transaction_shows(entry: Entry, *, reader: TransactionReader) -> bool | None:
    """Return whether an entry's first transaction shows, None if that could not be read."""
    wanted = read_exported_transactions(entry.body)[0]
    shows = [
        _shows_in(wanted, entry.customer, await reader.read_transactions(entry.customer, year))
        for year in sorted(wanted.years)
    ]
    return any(shows) if any(shows) or None not in shows else None


def _shows_in(wanted: BookedTransaction, customer: str, read: ReadAnswer) -> bool | None:
    status = _status(customer, read)
    if status == _NOT_FOUND:
        return False
    there = read_transactions_answer(read.body) if status == _OK else None
    if there is None:
        return None
    if any(wanted.is_same(one) for one in there):
        return True
    return None if any(one.moment is None for one in there) else False  # an illegible one may be the wanted one


async def _metrics_moved(entry: Entry, *, reader: CustomerReader, since: datetime, clock: Clock) -> bool | None:
    """Return whether a customer's metrics were recalculated after the batch was sent, None if they cannot be read."""
    read = await reader.read_customer(entry.customer)
    status = _status(entry.customer, read)
    if status == _NOT_FOUND:
        return False
    held = read_customer_answer(read.body) if status == _OK else None
    return None if held is None else is_recalculated(held.updated_at, since=since, now=clock.wall())


def _status(customer: str, read: ReadAnswer) -> int | None:
    """Return an answer's status if it proves anything: a 404 may be a gateway's if the id needs escaping."""
    if not isinstance(read.attempt, Answer):
        return None
    if read.attempt.status == _NOT_FOUND and not is_plain(customer):
        return None
    return read.attempt.status
