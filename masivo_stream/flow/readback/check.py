"""Read accepted records of one kind back, and tell apart what is missing from what may still be on its way.

A record that does not show, or not all of it, is read again until `events_settle` seconds have passed since the kind's
last acceptance. If it still does not show, it is missing when `visible_timeout` seconds have passed, or when the
customers accepted last were seen to show before (queues work in order). Otherwise it does not show yet.

An answer about an id that needs escaping may be a gateway's, not the API's (`core.sending.path_ids`). It counts only if
ids with the same oddities were read back meanwhile. `ReadBackCheck.read` holds these, and a comparison names those that
it depends on (`Comparison.unless`).
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from masivo_stream.core.pacing.pauses import doubling_pauses
from masivo_stream.core.sending.path_ids import oddities
from masivo_stream.edges.journal import JournalReader
from masivo_stream.flow.readback.account_data import (
    BookedTransaction,
    CustomerHoldings,
    read_customer_answer,
    read_exported_transactions,
    read_transactions_answer,
)
from masivo_stream.flow.readback.compare import (
    MISSING,
    UNREAD,
    Comparison,
    compare_customer,
    compare_events,
    compare_transactions,
    gained_since,
)
from masivo_stream.model.attempt import Answer, Cause
from masivo_stream.model.contract import Kind
from masivo_stream.model.moments import moment_of, years_between
from masivo_stream.model.ports import Clock, ReadAnswer, TransactionReader
from masivo_stream.model.results import Entry
from masivo_stream.model.settings import VisibleSettings
from masivo_stream.model.verification import Seen

_NOT_FOUND = 404
_OK = 200

_SERVER_ERROR = 500
_ABOUT_ALL = frozenset({401, 408, 425, 429})
"""Statuses that are about the caller or the moment, whatever the path."""

_TRIES = 3
"""How often a record is read back if the API gives no legible answer."""


Legible = TypeVar("Legible", CustomerHoldings, list[BookedTransaction])


class Span(Struct, frozen=True, kw_only=True):
    """When a kind was sent."""

    since: datetime
    """Before its first accepted batch left."""
    until: datetime
    """When the last one was accepted."""
    shown: bool = False
    """Whether the records accepted last were seen to show."""


class ReadBackCheck:
    """Reads records of one kind back, and compares them."""

    def __init__(
        self,
        kind: Kind,
        span: Span,
        *,
        reader: TransactionReader,
        clock: Clock,
        settings: VisibleSettings,
        thorough: bool = True,
    ) -> None:
        """Read through `reader`. If not `thorough`, read only transactions of a customer's last year: one request."""
        self.kind, self._span = kind, span
        self._reader, self._clock, self._settings, self._thorough = reader, clock, settings, thorough
        self.requests = 0
        self.read: set[str] = set()
        """Oddities of ids that were read back."""
        compare: dict[Kind, Callable[[Entry], Awaitable[Comparison]]] = {
            Kind.CUSTOMERS: self._compare_customer,
            Kind.EVENTS: self._compare_events,
            Kind.TRANSACTIONS: self._compare_transactions,
        }
        self._compare = compare[kind]

    @property
    def _age(self) -> float:
        """Seconds since the kind's last acceptance."""
        return (self._clock.wall() - self._span.until).total_seconds()

    async def check(self, entry: Entry) -> Comparison:
        """Read an accepted entry back, and return what shows of it after it was given time to show.

        Raises:
            DeniedError: the API does not let us read.
        """
        pauses, tries = doubling_pauses(self._settings.first_probe, self._settings.longest_probe), 1
        found = await self._compare(entry)
        while True:
            if found.seen is Seen.UNREAD and tries < _TRIES:
                tries, wait = tries + 1, next(pauses)
            elif found.less and not self._span.shown and self._age < self._settings.events_settle:
                wait = min(next(pauses), self._settings.events_settle - self._age)
            else:
                break
            await self._clock.sleep(wait)
            found = await self._compare(entry)
        if found.less and not self._span.shown and self._age < self._settings.visible_timeout:
            found = Comparison(seen=Seen.NOT_YET, what=found.what, unless=found.unless)
        return found

    async def _compare_customer(self, entry: Entry) -> Comparison:
        held = await self._read_customer(entry.customer)
        if isinstance(held, Comparison):
            return held
        now = self._clock.wall()
        found = compare_customer(entry.body, held, now=now, gained={})
        if "wallet" in found.what and (gained := await self._gained(entry.customer, now)):
            return compare_customer(entry.body, held, now=now, gained=gained)
        return found

    async def _compare_events(self, entry: Entry) -> Comparison:
        held = await self._read_customer(entry.customer)
        if isinstance(held, Comparison):
            return held
        return compare_events(entry.body, held, since=self._span.since, now=self._clock.wall())

    async def _compare_transactions(self, entry: Entry) -> Comparison:
        sent = read_exported_transactions(entry.body)
        if not self._thorough:
            last = max(booked.year for booked in sent)
            sent = [booked for booked in sent if booked.year == last]
        found: list[BookedTransaction] = []
        unless: frozenset[str] = frozenset()
        for year in sorted(set().union(*(booked.years for booked in sent))):
            of_year = await self._read_transactions(entry.customer, year)
            if isinstance(of_year, Comparison):
                unless = of_year.unless
                if of_year.seen is Seen.UNREAD:
                    return of_year
                continue
            found.extend(of_year)
        seen = compare_transactions(sent, found)
        return replace(seen, unless=unless) if seen.less else seen

    async def _gained(self, customer: str, now: datetime) -> dict[str, Decimal]:
        """Return what a customer has gained or spent since the migration began, by reward."""
        booked: list[BookedTransaction] = []
        for year in sorted(years_between(moment_of(self._span.since), moment_of(now))):
            of_year = await self._read_transactions(customer, year)
            booked.extend(() if isinstance(of_year, Comparison) else of_year)
        return gained_since(booked, self._span.since)

    async def _read_customer(self, customer: str) -> CustomerHoldings | Comparison:
        """Return a customer; missing if there is no such customer, unread if the answer is illegible."""
        self.requests += 1
        read = await self._reader.read_customer(customer)
        held = read_customer_answer(read.body) if _has_status(read, _OK) else None
        return self._without(customer, read) if held is None else self._with(customer, held)

    async def _read_transactions(self, customer: str, year: int) -> list[BookedTransaction] | Comparison:
        """Return a customer's transactions of a year; missing if there is no such customer, unread if illegible."""
        self.requests += 1
        read = await self._reader.read_transactions(customer, year)
        booked = read_transactions_answer(read.body) if _has_status(read, _OK) else None
        if booked is None or any(one.moment is None for one in booked):
            return self._without(customer, read)
        return self._with(customer, booked)

    def _with(self, customer: str, found: Legible) -> Legible:
        """Return what was found. It proves that ids with these oddities can be read back here."""
        self.read |= oddities(customer)
        return found

    def _without(self, customer: str, read: ReadAnswer) -> Comparison:
        """Return what an answer shows if the customer is not in it."""
        found = MISSING if _has_status(read, _NOT_FOUND) else UNREAD
        return replace(found, unless=oddities(customer)) if _may_be_a_gateways(read) else found


def find_span(journal: JournalReader, kind: Kind) -> Span | None:
    """Return when a kind was sent, None if nothing of it was accepted."""
    found, reached = journal.accepted_between(kind), journal.reached(kind)
    if found is None or reached is None:
        return None
    return Span(since=found[0], until=found[1], shown=kind is Kind.CUSTOMERS and reached[1])


def _may_be_a_gateways(read: ReadAnswer) -> bool:
    """Return whether a gateway that refuses the path may have given an answer."""
    match read.attempt:
        case Answer(status=status):
            return status < _SERVER_ERROR and status not in _ABOUT_ALL
        case failure:
            return failure.cause is Cause.FOREIGN


def _has_status(read: ReadAnswer, status: int) -> bool:
    return isinstance(read.attempt, Answer) and read.attempt.status == status
