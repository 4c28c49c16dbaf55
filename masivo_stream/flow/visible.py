"""The wait between two kinds: a 201 says enqueued, and the next kind presupposes that this one has been applied.

Customers are read back: the ones accepted last, since a queue works in order. For events no page documents a way to
read them back; but they make the system recalculate the customer's metrics (guides/migrate-customers), so metrics
recalculated after the last acceptance, by the server's own clock, are evidence. Where there is none to be had (no
purchases among the last events, no `updated_at` in the answer), a settling time has to do.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

import msgspec
from msgspec import Struct

from masivo_stream.edges.clock import Clock
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.read_back import purchases_in
from masivo_stream.model.attempt import Answer, Attempt
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import OutageError
from masivo_stream.model.notices import Visible, WaitingVisible
from masivo_stream.model.record import Entry
from masivo_stream.model.settings import Visible as VisibleSettings

UNREADABLE_IDS = frozenset({".", ".."})
"""As a path segment these mean something else to whatever lies between us and the server."""


class Read(Protocol):
    """What reading back gives."""

    @property
    def attempt(self) -> Attempt:
        """What the request came back with."""
        ...

    @property
    def body(self) -> bytes:
        """The answer's body."""
        ...


class Reader(Protocol):
    """Who reads customers back, under the general limiter."""

    async def read_customer(self, customer: str) -> Read:
        """Read one."""
        ...


class _Metrics(Struct):
    updated_at: datetime | None = None


class _Customer(Struct):
    metrics: _Metrics | None = None


class _Data(Struct):
    customer: _Customer


class _Answer(Struct):
    data: _Data


async def wait_until_visible(
    kind: Kind,
    accepted: Iterable[Entry],
    *,
    accepted_at: datetime,
    reader: Reader,
    clock: Clock,
    settings: VisibleSettings,
    observer: Observer,
) -> None:
    """Return when the effects of what was accepted last are there.

    `accepted` are the entries accepted last, `accepted_at` when the last of them was, by the server's clock as far as
    it told; `reader` reads back under the general limiter.

    Raises:
        OutageError: customers were not there within the time limit.
    """
    began = clock.now()
    waiting = _probes(kind, accepted, settings.visible_probes)
    total = len(waiting)
    limit = settings.visible_timeout if kind is Kind.CUSTOMERS else settings.events_settle
    pause = settings.first_probe
    while waiting:
        left = limit - (clock.now() - began)
        if left <= 0:
            break
        while waiting and await _shows(kind, waiting[0], accepted_at, reader):
            del waiting[0]  # one read a probe as long as the last one accepted does not show: queues work in order
        if waiting:
            pause_now = max(0.0, min(pause, limit - (clock.now() - began)))
            observer.notify(WaitingVisible(kind=kind, seen=total - len(waiting), probes=total, next_probe=pause_now))
            await clock.sleep(pause_now)
            pause = min(pause * 2, settings.longest_probe)
    if waiting and kind is Kind.CUSTOMERS:
        raise OutageError(
            f"customers accepted do not show after {limit:.0f} s",
            operation="wait until customers are visible",
            hint="look at the account's dashboard; raise visible_timeout if its queue is that long",
        )
    if total == 0 and kind is Kind.EVENTS:
        await clock.sleep(limit)
    observer.notify(Visible(kind=kind, seconds=clock.now() - began, confirmed=total > 0 and not waiting))


def _probes(kind: Kind, accepted: Iterable[Entry], most: int) -> list[str]:
    """Return customers to read back, the last ones first."""
    found: dict[str, None] = {}
    for entry in reversed(list(accepted)):
        if len(found) == most:
            break
        if entry.customer not in UNREADABLE_IDS and (kind is Kind.CUSTOMERS or _has_purchase(entry)):
            found[entry.customer] = None
    return list(found)


def _has_purchase(entry: Entry) -> bool:
    return purchases_in(entry.body) > 0


async def _shows(kind: Kind, customer: str, accepted_at: datetime, reader: Reader) -> bool:
    read = await reader.read_customer(customer)
    if not isinstance(read.attempt, Answer) or not 200 <= read.attempt.status < 300:
        return False
    if kind is Kind.CUSTOMERS:
        return True
    updated = updated_at(read.body)
    return updated is not None and updated >= accepted_at


def updated_at(body: bytes) -> datetime | None:
    """Return when a customer's metrics were recalculated, as far as a read-back tells."""
    try:
        metrics = msgspec.json.decode(body, type=_Answer).data.customer.metrics
    except (ValueError, RecursionError):
        return None
    updated = metrics.updated_at if metrics else None
    return updated if updated is not None and updated.tzinfo is not None else None
