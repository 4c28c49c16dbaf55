"""The wait between two kinds: a 201 says enqueued, and the next kind presupposes that this one has been applied.

Customers are read back: the ones accepted last, since a queue works in order. For events no page documents a way to
read them back; but they make the system recalculate the customer's metrics (guides/migrate-customers), so metrics
recalculated after the last acceptance, by the server's own clock, are evidence. Where there is none to be had (no
purchases among the last events, no `updated_at` in the answer), a settling time has to do.

Ids that need no escaping are read back first (`core.sending.path_ids`): what a gateway answers to the others may not
be the server's word. Where the customers accepted last all have such ids, they are given the settling time, and the
run goes on whether they show or not.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

import msgspec
from msgspec import Struct

from masivo_stream.core.sending.path_ids import UNREADABLE_IDS, is_plain
from masivo_stream.edges.clock import Clock
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.readback.account_data import Told, purchases_in, recalculated
from masivo_stream.model.attempt import Answer, Attempt, Cause, Failure
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import OutageError
from masivo_stream.model.notices import IdsUnreadable, Visible, WaitingVisible
from masivo_stream.model.results import Entry
from masivo_stream.model.settings import VisibleSettings


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


class CustomerReader(Protocol):
    """Who reads customers back, under the general limiter."""

    async def read_customer(self, customer: str) -> Read:
        """Read one."""
        ...


class _Metrics(Struct):
    updated_at: Told = None


class _CustomerBody(Struct):
    metrics: _Metrics | None = None


class _Data(Struct):
    customer: _CustomerBody


class _CustomerAnswer(Struct):
    data: _Data


class Probes(Struct, frozen=True):
    """Customers to read back, the last ones first."""

    plain: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()
    """Those whose ids need escaping; where there are none of the others."""
    unreadable: int = 0
    """How many there are beside them who cannot be asked for at all."""


async def wait_until_visible(
    kind: Kind,
    accepted: Iterable[Entry],
    *,
    accepted_at: datetime,
    reader: CustomerReader,
    clock: Clock,
    settings: VisibleSettings,
    observer: Observer,
    unsure: Iterable[Entry] = (),
) -> bool:
    """Return when the effects of what was accepted last are there, and whether they were seen.

    `accepted` are entries accepted last, `accepted_at` when the last of them was, by the server's clock as far as it
    told; `reader` reads back under the general limiter. `unsure` are customers accepted after them, of whom none can be
    read back for certain. With `visible_probes = 0` nothing is asked and nothing is waited for.

    Raises:
        OutageError: customers were not there within the time limit.
    """
    most = settings.visible_probes
    if not most:
        observer.notify(Visible(kind=kind, seconds=0.0, confirmed=False))
        return False
    waiting = _Wait(kind, accepted_at, reader=reader, clock=clock, settings=settings, observer=observer)
    probes = find_probes(kind, accepted, most)
    if kind is Kind.CUSTOMERS:
        confirmed = await _await_customers(probes, find_probes(kind, unsure, most), waiting)
    else:
        asked = probes.plain or probes.odd
        confirmed = bool(asked) and await waiting.show(asked, settings.events_settle)
        if not asked:
            await waiting.pass_time(settings.events_settle)
    observer.notify(Visible(kind=kind, seconds=waiting.seconds, confirmed=confirmed))
    return confirmed


async def _await_customers(probes: Probes, unsure: Probes, waiting: "_Wait") -> bool:
    """Wait for those who can be read back for certain; give the others the settling time."""
    settings = waiting.settings
    if not await waiting.show(probes.plain, settings.visible_timeout):
        if waiting.unread is not None:
            raise OutageError(
                f"customers cannot be read back, in {settings.visible_timeout:.0f} s: {waiting.unread}",
                operation="wait until customers are visible",
                hint="check network, proxy and base_url, then start the same command again",
            )
        raise OutageError(
            f"customers accepted do not show after {settings.visible_timeout:.0f} s",
            operation="wait until customers are visible",
            hint="look at the account's dashboard; raise visible_timeout if its queue is that long",
        )
    odd, ids = probes.odd + unsure.odd, probes.unreadable + unsure.unreadable
    if probes.plain and not odd and not unsure.unreadable:
        return True
    settle = min(settings.events_settle, settings.visible_timeout)
    if odd and await waiting.show(odd, settle):
        return True
    await waiting.pass_time(settle)
    waiting.observer.notify(IdsUnreadable(kind=Kind.CUSTOMERS, ids=len(odd) + ids, seconds=waiting.seconds))
    return False


class _Wait:
    """One wait: what was asked for until now, and how long ago it began."""

    def __init__(
        self,
        kind: Kind,
        accepted_at: datetime,
        *,
        reader: CustomerReader,
        clock: Clock,
        settings: VisibleSettings,
        observer: Observer,
    ) -> None:
        self.kind, self.settings, self.observer = kind, settings, observer
        self._accepted_at, self._reader, self._clock = accepted_at, reader, clock
        self._began = clock.now()
        self._seen = 0
        self.unread: Cause | None = None
        """Why the last read came to nothing, where it did."""

    @property
    def seconds(self) -> float:
        """How long it lasts by now."""
        return self._clock.now() - self._began

    async def show(self, customers: Sequence[str], limit: float) -> bool:
        """Return whether all of them show before the wait is `limit` seconds old; as soon as they do."""
        left, total = list(customers), self._seen + len(customers)
        pause = self.settings.first_probe
        while left and self.seconds < limit:
            while left and await self._shows(left[0]):
                del left[0]  # one read a probe as long as the last one accepted does not show: queues work in order
            if left:
                await self._pause(min(pause, limit - self.seconds), seen=total - len(left), probes=total)
                pause = min(pause * 2, self.settings.longest_probe)
        self._seen = total - len(left)
        return not left

    async def pass_time(self, limit: float) -> None:
        """Wait until the wait is `limit` seconds old."""
        if self.seconds < limit:
            await self._pause(limit - self.seconds, seen=self._seen, probes=self._seen)

    async def _pause(self, seconds: float, *, seen: int, probes: int) -> None:
        seconds = max(0.0, seconds)
        self.observer.notify(WaitingVisible(kind=self.kind, seen=seen, probes=probes, next_probe=seconds))
        await self._clock.sleep(seconds)

    async def _shows(self, customer: str) -> bool:
        read = await self._reader.read_customer(customer)
        self.unread = read.attempt.cause if isinstance(read.attempt, Failure) else None
        if not isinstance(read.attempt, Answer) or not 200 <= read.attempt.status < 300:
            return False
        if self.kind is Kind.CUSTOMERS:
            return True
        return recalculated(updated_at(read.body), since=self._accepted_at, now=self._clock.wall())


def find_probes(kind: Kind, accepted: Iterable[Entry], most: int) -> Probes:
    """Return at most `most` customers to read back, of events only such that make the system recalculate."""
    telling = [entry for entry in accepted if kind is Kind.CUSTOMERS or _has_purchase(entry)]
    customers = list(dict.fromkeys(entry.customer for entry in reversed(telling)))
    plain = tuple(customer for customer in customers if is_plain(customer))[:most]
    if plain:
        return Probes(plain)
    odd = [customer for customer in customers if customer not in UNREADABLE_IDS]
    return Probes((), tuple(odd[:most]), len(customers) - len(odd))


def _has_purchase(entry: Entry) -> bool:
    return purchases_in(entry.body) > 0


def updated_at(body: bytes) -> Told:
    """Return when a customer's metrics were recalculated, as far as a read-back tells."""
    try:
        metrics = msgspec.json.decode(body, type=_CustomerAnswer).data.customer.metrics
    except (ValueError, RecursionError):
        return None
    return metrics.updated_at if metrics else None
