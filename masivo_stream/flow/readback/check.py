"""Look at accepted records of one kind, and tell what did not arrive from what may still be on its way.

What does not show, or not all of it, is asked for again until the kind's last acceptance is `events_settle` seconds
ago. What still does not show by then is missing if that is `visible_timeout` seconds ago, or if customers were seen to
show before (queues work in order); else it does not show yet.

What is answered about an id that needs escaping may not be the API's word (`core.sending.path_ids`). It counts if ids
with the same oddities were read back meanwhile: the witness keeps those in `read`, and a comparison says of which it
depends.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from masivo_stream.core.sending.path_ids import oddities
from masivo_stream.edges.clock import Clock
from masivo_stream.edges.journal import JournalReader
from masivo_stream.flow.pipeline.wait_visible import Read
from masivo_stream.flow.readback.account_data import Booked, CustomerHoldings, booked_in, read_booked, read_held
from masivo_stream.flow.readback.compare import (
    MISSING,
    UNREAD,
    Comparison,
    compare_customer,
    compare_events,
    compare_transactions,
    gained_since,
)
from masivo_stream.flow.readback.evidence import TransactionReader
from masivo_stream.model.attempt import Answer, Cause
from masivo_stream.model.contract import Kind
from masivo_stream.model.results import Entry
from masivo_stream.model.settings import VisibleSettings
from masivo_stream.model.verification import Seen

_NOT_FOUND = 404
_OK = 200

_SERVER_ERROR = 500
_ABOUT_ALL = frozenset({401, 408, 425, 429})
"""Answers that are about the caller or the moment, whatever the path."""

_TRIES = 3
"""How often a record is asked for that the API gives no legible answer about."""


Told = TypeVar("Told", CustomerHoldings, list[Booked])


class Span(Struct, frozen=True, kw_only=True):
    """When a kind was sent."""

    since: datetime
    """Before its first accepted batch left."""
    until: datetime
    """When the last one was accepted."""
    shown: bool = False
    """Whether the records accepted last were seen to show."""


class ReadBackCheck:
    """Looks at records of one kind by reading them back."""

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
        """Read by `reader`. Not `thorough`: of transactions only those of the last year are asked for, one request."""
        self.kind, self._span = kind, span
        self._reader, self._clock, self._settings, self._thorough = reader, clock, settings, thorough
        self.requests = 0
        self.read: set[str] = set()
        """Oddities of ids that were read back."""
        compare: dict[Kind, Callable[[Entry], Awaitable[Comparison]]] = {
            Kind.CUSTOMERS: self._customer,
            Kind.EVENTS: self._events,
            Kind.TRANSACTIONS: self._transactions,
        }
        self._compare = compare[kind]

    @property
    def _age(self) -> float:
        return (self._clock.wall() - self._span.until).total_seconds()

    async def look(self, entry: Entry) -> Comparison:
        """Return what is seen of an accepted entry, when it was given time to show.

        Raises:
            DeniedError: the API does not let us read.
        """
        pause, tries = self._settings.first_probe, 1
        found = await self._compare(entry)
        while True:
            if found.seen is Seen.UNREAD and tries < _TRIES:
                tries, wait = tries + 1, pause
            elif found.less and not self._span.shown and self._age < self._settings.events_settle:
                wait = min(pause, self._settings.events_settle - self._age)
            else:
                break
            await self._clock.sleep(wait)
            pause = min(pause * 2, self._settings.longest_probe)
            found = await self._compare(entry)
        if found.less and not self._span.shown and self._age < self._settings.visible_timeout:
            found = Comparison(seen=Seen.NOT_YET, what=found.what, unless=found.unless)
        return found

    async def _customer(self, entry: Entry) -> Comparison:
        held = await self._held(entry.customer)
        if isinstance(held, Comparison):
            return held
        now = self._clock.wall()
        found = compare_customer(entry.body, held, now=now, gained={})
        if "wallet" in found.what and (gained := await self._gained(entry.customer, now)):
            return compare_customer(entry.body, held, now=now, gained=gained)
        return found

    async def _events(self, entry: Entry) -> Comparison:
        held = await self._held(entry.customer)
        if isinstance(held, Comparison):
            return held
        return compare_events(entry.body, held, since=self._span.since, now=self._clock.wall())

    async def _transactions(self, entry: Entry) -> Comparison:
        wanted = booked_in(entry.body)
        if not self._thorough:
            last = max(booked.year for booked in wanted)
            wanted = [booked for booked in wanted if booked.year == last]
        found: list[Booked] = []
        unless: frozenset[str] = frozenset()
        for year in sorted(set().union(*(booked.years for booked in wanted))):
            of_year = await self._booked(entry.customer, year)
            if isinstance(of_year, Comparison):
                unless = of_year.unless
                if of_year.seen is Seen.UNREAD:
                    return of_year
                continue
            found.extend(of_year)
        seen = compare_transactions(wanted, found)
        return replace(seen, unless=unless) if seen.less else seen

    async def _gained(self, customer: str, now: datetime) -> dict[str, Decimal]:
        """Return what a customer has gained or spent since the migration began, by reward."""
        booked: list[Booked] = []
        for year in range(self._span.since.year, now.year + 1):
            of_year = await self._booked(customer, year)
            booked.extend(() if isinstance(of_year, Comparison) else of_year)
        return gained_since(booked, self._span.since)

    async def _held(self, customer: str) -> CustomerHoldings | Comparison:
        self.requests += 1
        read = await self._reader.read_customer(customer)
        held = read_held(read.body) if _is(read, _OK) else None
        return self._doubt(customer, read) if held is None else self._believe(customer, held)

    async def _booked(self, customer: str, year: int) -> list[Booked] | Comparison:
        """Return a customer's transactions of a year; missing where there is no such customer."""
        self.requests += 1
        read = await self._reader.read_transactions(customer, year)
        booked = read_booked(read.body) if _is(read, _OK) else None
        return self._doubt(customer, read) if booked is None else self._believe(customer, booked)

    def _believe(self, customer: str, told: Told) -> Told:
        self.read |= oddities(customer)
        return told

    def _doubt(self, customer: str, read: Read) -> Comparison:
        found = MISSING if _is(read, _NOT_FOUND) else UNREAD
        return replace(found, unless=oddities(customer)) if _may_be_foreign(read) else found


def find_span(journal: JournalReader, kind: Kind) -> Span | None:
    """Return when a kind was sent, None if nothing of it was accepted."""
    found, reached = journal.accepted_between(kind), journal.reached(kind)
    if found is None or reached is None:
        return None
    return Span(since=found[0], until=found[1], shown=kind is Kind.CUSTOMERS and reached[1])


def _may_be_foreign(read: Read) -> bool:
    """Return whether an answer may be that of a gateway that does not take the path."""
    match read.attempt:
        case Answer(status=status):
            return status < _SERVER_ERROR and status not in _ABOUT_ALL
        case failure:
            return failure.cause is Cause.FOREIGN


def _is(read: Read, status: int) -> bool:
    return isinstance(read.attempt, Answer) and read.attempt.status == status
