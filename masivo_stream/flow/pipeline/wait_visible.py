"""The wait between two kinds: a 201 means enqueued, and the next kind needs the earlier one applied.

Customers are read back: those accepted last, since a queue works in order. No page documents a way to read events back.
But purchases make the system recalculate the customer's metrics (guides/migrate-customers), so metrics recalculated
after the last acceptance, by the server's own clock, are evidence. Without such evidence (no purchase among the last
events, no `updated_at` in the answer) a settling time has to pass instead.

Customers whose ids need no escaping are read back first: a gateway may answer for the others in the server's place
(`core.sending.path_ids`). If all customers accepted last have ids that need escaping, they get the settling time, and
the run goes on whether they show or not.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from masivo_stream.core.pacing.pauses import doubling_pauses
from masivo_stream.core.sending.path_ids import UNREADABLE_IDS, is_plain
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.readback.account_data import count_purchases, is_recalculated, read_customer_answer
from masivo_stream.model.attempt import Answer, Cause, Failure
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import OutageError
from masivo_stream.model.notices import IdsUnreadable, Visible, WaitingVisible
from masivo_stream.model.ports import Clock, CustomerReader
from masivo_stream.model.results import Entry
from masivo_stream.model.settings import VisibleSettings


class AcceptedLast(Struct, frozen=True, kw_only=True):
    """The entries of a kind that were accepted last."""

    entries: Sequence[Entry]
    at: datetime
    """When the last of them was accepted, by the server's clock if its answers carry a date."""
    unsure: Sequence[Entry] = ()
    """Customers accepted after these, none of whom can be read back for certain."""


class Probes(Struct, frozen=True):
    """Customers to read back, the last ones first."""

    plain: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()
    """Those whose ids need escaping; empty if there are plain ones."""
    unreadable: int = 0
    """How many more there are whose ids cannot be read back at all."""


async def wait_until_visible(
    kind: Kind,
    last: AcceptedLast,
    *,
    reader: CustomerReader,
    clock: Clock,
    settings: VisibleSettings,
    observer: Observer,
) -> bool:
    """Wait until the effects of the last entries show, or their time is over; return whether they were seen.

    With `visible_probes = 0` no customer is read back, and there is no wait.

    Raises:
        OutageError: customers do not show within the time limit.
    """
    most = settings.visible_probes
    if not most:
        observer.notify(Visible(kind=kind, seconds=0.0, confirmed=False))
        return False
    waiting = _Wait(kind, last.at, reader=reader, clock=clock, settings=settings, observer=observer)
    probes = find_probes(kind, last.entries, most)
    if kind is Kind.CUSTOMERS:
        confirmed = await _wait_for_customers(probes, find_probes(kind, last.unsure, most), waiting)
    else:
        read = probes.plain or probes.odd
        confirmed = bool(read) and await waiting.show(read, settings.events_settle)
        if not read:
            await waiting.pass_time(settings.events_settle)
    observer.notify(Visible(kind=kind, seconds=waiting.seconds, confirmed=confirmed))
    return confirmed


async def _wait_for_customers(probes: Probes, unsure: Probes, waiting: "_Wait") -> bool:
    """Wait for the customers who can be read back for certain; give the others the settling time."""
    settings = waiting.settings
    if not await waiting.show(probes.plain, settings.visible_timeout):
        if waiting.unread is not None:
            raise OutageError(
                f"customers cannot be read back, in {settings.visible_timeout:.0f} s: {waiting.unread}",
                operation="wait until customers are visible",
                hint="check the network, the proxy and base_url, then start the same command again",
            )
        raise OutageError(
            f"accepted customers are not visible after {settings.visible_timeout:.0f} s",
            operation="wait until customers are visible",
            hint="look at the account's dashboard; if its queue needs longer, raise visible_timeout",
        )
    odd, unreadable = probes.odd + unsure.odd, probes.unreadable + unsure.unreadable
    if probes.plain and not odd and not unsure.unreadable:
        return True
    settle = min(settings.events_settle, settings.visible_timeout)
    if odd and await waiting.show(odd, settle):
        return True
    await waiting.pass_time(settle)
    waiting.observer.notify(IdsUnreadable(kind=Kind.CUSTOMERS, ids=len(odd) + unreadable, seconds=waiting.seconds))
    return False


class _Wait:
    """One wait: what was read back until now, and how long ago it began."""

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
        """Why the last read has no answer, if it has none."""

    @property
    def seconds(self) -> float:
        """How long the wait has lasted."""
        return self._clock.now() - self._began

    async def show(self, customers: Sequence[str], limit: float) -> bool:
        """Return whether all of them show before the wait is `limit` seconds old; return as soon as they do."""
        left, total = list(customers), self._seen + len(customers)
        pauses = doubling_pauses(self.settings.first_probe, self.settings.longest_probe)
        while left and self.seconds < limit:
            while left and await self._shows(left[0]):
                del left[0]  # until the one accepted last shows, one read per probe is enough: queues work in order
            if left:
                await self._pause(min(next(pauses), limit - self.seconds), seen=total - len(left), probes=total)
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
        held = read_customer_answer(read.body)
        return held is not None and is_recalculated(held.updated_at, since=self._accepted_at, now=self._clock.wall())


def find_probes(kind: Kind, accepted: Iterable[Entry], most: int) -> Probes:
    """Return at most `most` customers to read back; for events only those with a purchase: it recalculates metrics."""
    comparable = [entry for entry in accepted if kind is Kind.CUSTOMERS or count_purchases(entry.body)]
    customers = list(dict.fromkeys(entry.customer for entry in reversed(comparable)))
    plain = tuple(customer for customer in customers if is_plain(customer))[:most]
    if plain:
        return Probes(plain)
    odd = [customer for customer in customers if customer not in UNREADABLE_IDS]
    return Probes((), tuple(odd[:most]), len(customers) - len(odd))
