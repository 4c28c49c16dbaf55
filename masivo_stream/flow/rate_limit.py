"""The rate limiters: all requests of one sort leave through one, one by one, when the pacers of its scopes allow it.

A request may count in several scopes (the migration endpoints, the whole account). It departs when all of them allow
it, in one step, so it never keeps a slot of one scope while it waits for another.

Processes on this machine share an account's windows: their departures count here, and ours are noted in the shared
quota before they leave. A quota that cannot be written is used no longer; then the server's 429 still limits us. They
also share the claim on exports: two runs do not send the same export to one account at the same time.
"""

import math
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Protocol

import anyio
from msgspec import Struct

from masivo_stream.core.pacing.pace import UNSEEN, Correction, Pacer
from masivo_stream.core.pacing.rate_headers import read_rate_headers
from masivo_stream.core.pacing.seen_pace import lag_of_history
from masivo_stream.core.pacing.timetable import Timetable
from masivo_stream.edges.export.source import STDIN
from masivo_stream.edges.secret import Credentials, name_quota
from masivo_stream.edges.shared_dir.claims import claim
from masivo_stream.edges.shared_dir.quota import KEPT_SECONDS, Lane, News, QuotaFile, open_quota
from masivo_stream.edges.time_zone import find_zone, timetable_of
from masivo_stream.flow.identity.account_binding import identify_account
from masivo_stream.flow.identity.remembered import find_shared_dir
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.sending_switch import SendingSwitch
from masivo_stream.model.attempt import Answer
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import OutageError, StorageError
from masivo_stream.model.notices import AccountShared, AccountUnguarded, QuotaUsed, ScopeUse, SlotAwaited
from masivo_stream.model.ports import Clock
from masivo_stream.model.settings import LimitSettings, Settings
from masivo_stream.model.window import Window

_SIDE_BY_SIDE = 1024
"""Requests that may ask at once if there is no window, and so no order to keep."""

_LOOK_AGAIN = 60.0
"""The longest wait, in seconds, for hours that begin or end: the machine's wall clock may be set meanwhile, or stop."""

_NOTICE_EVERY = 0.2
"""At least so much time, in seconds, is between two notices of what is used: each goes through all departures."""


class QuotaPort(Protocol):
    """What is used of an account's windows, by any process."""

    def reserve(self, lanes: Sequence[Lane], decide: Callable[[Sequence[News]], float]) -> list[int] | float:
        """Note a departure if `decide` returns 0, and return its numbers; else the seconds to wait (float)."""
        ...

    def answered(self, numbers: Iterable[int]) -> None:
        """Note that departures were answered."""
        ...

    def withdraw(self, numbers: Iterable[int]) -> None:
        """Take departures back."""
        ...

    def departures(self, lane: Lane) -> list[float]:
        """Return the moments of departures, of all processes, that count in a lane; ascending."""
        ...

    def hold(self, scope: str, seconds: float) -> None:
        """Let nothing depart for a while, from any process."""
        ...

    def others(self) -> list[str]:
        """Return the state directories of other processes."""
        ...


class QuotaClient:
    """A shared quota; it is used until it fails for the first time."""

    def __init__(self, quota: QuotaPort | None = None, lost: Callable[[StorageError], None] = lambda _: None) -> None:
        """Use `quota` while it can be used; call `lost` when it cannot."""
        self._quota, self._lost = quota, lost

    def reserve(self, lanes: Sequence[Lane], decide: Callable[[Sequence[News]], float]) -> list[int] | float:
        """As the quota does; without a quota there is no news, and there are no numbers."""
        if self._quota is not None and lanes:
            try:
                return self._quota.reserve(lanes, decide)
            except StorageError as error:
                self._give_up(error)
        wait = decide([])
        return float(wait) if wait > 0 else []

    def answered(self, numbers: Sequence[int]) -> None:
        """As the quota does."""
        if numbers:
            self._call(lambda quota: quota.answered(numbers))

    def withdraw(self, numbers: Sequence[int]) -> None:
        """As the quota does."""
        if numbers:
            self._call(lambda quota: quota.withdraw(numbers))

    def departures(self, lane: Lane) -> list[float]:
        """As the quota does; without a quota, no departure is known."""
        found: list[float] = []
        self._call(lambda quota: found.extend(quota.departures(lane)))
        return found

    def hold(self, scope: str, seconds: float) -> None:
        """As the quota does."""
        self._call(lambda quota: quota.hold(scope, seconds))

    def others(self) -> list[str]:
        """As the quota does; without a quota, no other process is known."""
        found: list[str] = []
        self._call(lambda quota: found.extend(quota.others()))
        return found

    def _call(self, what: Callable[[QuotaPort], None]) -> None:
        if self._quota is not None:
            try:
                what(self._quota)
            except StorageError as error:
                self._give_up(error)

    def _give_up(self, error: StorageError) -> None:
        self._quota = None
        self._lost(error)


class LimitScope:
    """One scope of the account's limits: its pacer, and what others do in it."""

    def __init__(self, name: str, pacer: Pacer, time_zone: str = "") -> None:
        """Go by `pacer`; the quota knows the scope as `name`. Hours of windows are on the clocks of `time_zone`."""
        self.pacer, self.time_zone, self.lag = pacer, time_zone, 0.0
        self.lane = Lane(name, pacer.horizon)
        self._unanswered: dict[int, int] = {}
        """Tickets of departures of other processes by their numbers."""

    def change(
        self, windows: Sequence[Window], timetable: Timetable, time_zone: str, departures: Sequence[float]
    ) -> None:
        """Go by other windows; `departures` are those known of any process, ascending."""
        self.pacer.change(windows, timetable, departures)
        self.time_zone, self.lane = time_zone, Lane(self.lane.scope, self.pacer.horizon)

    def hear(self, news: News) -> None:
        """Count what others did."""
        for other in news.departed:
            ticket = self.pacer.count_other(other.departed)
            if other.answered is None:
                self._unanswered[other.number] = ticket
            else:
                self.pacer.arrived(ticket, other.answered)
        for other in news.answered:
            ticket = self._unanswered.pop(other.number)
            if other.answered is None:
                self.pacer.lost(ticket, other.departed + UNSEEN)
            else:
                self.pacer.arrived(ticket, other.answered)
        for number in news.withdrawn:
            self.pacer.withdraw(self._unanswered.pop(number))

    def awaited(self, now: float) -> str:
        """Return the window that a request waits for, with its time zone; empty if that is one without hours."""
        window = self.pacer.awaited(now) if self.pacer.timed else None
        return "" if window is None or window.hours is None else f"{window} {self.time_zone}"

    def use(self, now: float) -> ScopeUse:
        """Return what is used of the windows."""
        uses = self.pacer.snapshot(now).windows
        return ScopeUse(
            scope=self.lane.scope,
            windows=tuple(use.window for use in uses),
            ages=tuple(now - moment for moment in self.pacer.moments(now - self.pacer.longest)),
            foreign=tuple(use.foreign for use in uses),
            held=max(0.0, self.pacer.held_until - now),
            time_zone=self.time_zone if self.pacer.timed else "",
            lag=self.lag,
        )


class Departure:
    """One request that leaves now."""

    def __init__(self, scopes: Sequence[LimitScope], clock: Clock, quota: QuotaClient, numbers: list[int]) -> None:
        """Count it in all of `scopes`."""
        self._scopes, self._clock, self._quota, self._numbers = scopes, clock, quota, numbers
        now = clock.now()
        self._tickets = [(scope.pacer, scope.pacer.depart(now)) for scope in scopes]
        self._done = False

    def leave(self) -> None:
        """Note that the request leaves only now: the time since its slot came is no part of its latency."""
        now = self._clock.now()
        for pacer, ticket in self._tickets:
            pacer.leave(ticket, now)

    def unsent(self) -> None:
        """Note that nothing left after all: no slot is used up."""
        self._done = True
        for pacer, ticket in self._tickets:
            pacer.withdraw(ticket)
        self._quota.withdraw(self._numbers)

    def answered(self, answer: Answer) -> Correction:
        """Note that the server has answered, and what its headers say about the quota of the first scope."""
        now, self._done = self._clock.now(), True
        for pacer, ticket in self._tickets:
            pacer.arrived(ticket, now)
        self._quota.answered(self._numbers)
        first, ticket = self._tickets[0]
        correction = first.correct(ticket, read_rate_headers(answer), now)
        if correction.held_until:
            self._quota.hold(self._scopes[0].lane.scope, correction.held_until - now)
        return correction

    def close(self) -> None:
        """Note that no answer will come any more: the request may have arrived as late as now."""
        if not self._done:
            for pacer, ticket in self._tickets:
                pacer.lost(ticket, self._clock.now())
            self._quota.answered(self._numbers)


_COURTESY, _LONGEST_COURTESY = 0.02, 0.05
"""For how long a process that has just used a slot leaves the next one to others: the part of the time between two
slots, and the seconds that it is at most."""


class RateLimiter:
    """Lets requests depart when the pacers allow it.

    If other runs wait for the same slots, they take turns: whoever has used a slot later waits a little longer.
    Otherwise the process that is a millisecond quicker would use all of them, and the others none.
    """

    def __init__(
        self,
        scopes: Sequence[LimitScope],
        clock: Clock,
        quota: QuotaClient | None = None,
        *,
        longest_hold: float = math.inf,
        observer: Observer | None = None,
        switch: SendingSwitch | None = None,
    ) -> None:
        """Let requests out that count in all of `scopes`; an answer's headers speak of the first one.

        There is no wait for a hold of more than `longest_hold` seconds, whichever process was asked for it. `observer`
        receives notices of waits, and of what is used. While `switch` is off, nothing leaves.
        """
        self.scopes = tuple(scopes)
        self._clock = clock
        self._quota = quota or QuotaClient()
        self._longest_hold = longest_hold
        self._observer = observer
        self._noticed = -math.inf
        self.switch = switch or SendingSwitch(clock)
        self._sleepers: set[anyio.CancelScope] = set()
        self.other_runs = 0
        """Other runs at work that wait for the same slots."""
        self._others_since = math.inf
        """Departures of other processes since the last one of this process."""
        self._open_since = math.inf
        """The first moment at which a slot was seen open since then."""
        self.look_again()
        self._turn = anyio.Semaphore(1 if self._shared else _SIDE_BY_SIDE)

    @asynccontextmanager
    async def departure(self) -> AsyncIterator[Departure]:
        """Wait for a slot and use it. Until the slot has come, cancelling costs nothing.

        Raises:
            OutageError: the server has asked to wait longer than we do.
        """
        async with self._turn:
            await self.switch.wait_until_on()
            while isinstance(slot := self._reserve(), float):
                self._notify(slot)
                await self._sleep(min(slot, self._longest_sleep))
                await self.switch.wait_until_on()
            departure = Departure(self.scopes, self._clock, self._quota, slot)
            self._others_since, self._open_since = 0, math.inf
            self._notify()
        try:
            yield departure
        finally:
            departure.close()

    async def _sleep(self, seconds: float) -> None:
        """Wait, at most until windows change."""
        with anyio.CancelScope() as sleeper:
            self._sleepers.add(sleeper)
            try:
                await self._clock.sleep(seconds)
            finally:
                self._sleepers.discard(sleeper)

    def look_again(self) -> None:
        """Take in that windows of the scopes have changed: requests that wait ask again."""
        self._shared = [scope for scope in self.scopes if scope.pacer.limited]
        self._longest_sleep = _LOOK_AGAIN if any(scope.pacer.timed for scope in self.scopes) else math.inf
        for sleeper in self._sleepers:
            sleeper.cancel()

    def announce(self) -> None:
        """Give notice of what is used of the windows before anything departs, also by other processes."""

        def listen(heard: Sequence[News]) -> float:
            for scope, news in zip(self._shared, heard, strict=False):
                scope.hear(news)
                scope.pacer.hold(news.held_until)
            return math.inf  # nothing departs

        self._quota.reserve([scope.lane for scope in self._shared], listen)
        for scope in self._shared:
            history = self._quota.departures(Lane(scope.lane.scope, KEPT_SECONDS))
            scope.lag = lag_of_history(history, scope.pacer.windows)
        self._notify()

    def _reserve(self) -> list[int] | float:
        def decide(heard: Sequence[News]) -> float:
            now = self._clock.now()
            own = max(scope.pacer.held_until for scope in self.scopes)
            held_until = max([own, *(news.held_until for news in heard)])
            if held_until - now > self._longest_hold:
                raise OutageError(
                    f"the server lets nothing through for {held_until - now:.0f} s more, longer than longest_hold",
                    operation="wait for a slot",
                    hint="start again when the quota is free, or raise longest_hold",
                )
            for scope, news in zip(self._shared, heard, strict=False):  # no news if no quota is shared
                scope.hear(news)
                self._others_since += len(news.departed) if scope is self.scopes[0] else 0
            wait = max(held_until - now, *(scope.pacer.reserve(now) for scope in self.scopes))
            return max(wait, self._courtesy(now)) if self.other_runs else wait

        return self._quota.reserve([scope.lane for scope in self._shared], decide)

    def _courtesy(self, now: float) -> float:
        """Return for how many seconds the next slot is left to others, whose turn it is.

        That ends, whatever the others do: they may wait for something else. With hours, `earliest` is never before now,
        so the moment counts at which the slot was seen open.
        """
        pacer, turns = self.scopes[0].pacer, self.other_runs - self._others_since
        if turns <= 0 or not pacer.limited:
            return 0.0
        earliest = pacer.earliest(now)
        self._open_since = min(self._open_since, now) if earliest <= now else math.inf
        longest = min(_LONGEST_COURTESY, _COURTESY * pacer.seconds_each)
        return min(earliest, self._open_since) + longest * turns / self.other_runs - now

    def _notify(self, wait: float = 0.0) -> None:
        if self._observer is None:
            return
        now = self._clock.now()
        if wait:
            last = max(self.scopes, key=lambda scope: scope.pacer.earliest(now))
            self._observer.notify(SlotAwaited(seconds=max(wait, last.pacer.earliest(now) - now), why=last.awaited(now)))
        if 0 < wait < _NOTICE_EVERY:
            return  # the departure after this short wait gives the notice
        if self._shared and now - self._noticed >= _NOTICE_EVERY:
            self._noticed = now
            self._observer.notify(QuotaUsed(scopes=tuple(scope.use(now) for scope in self._shared)))

    def departures(self, scope: LimitScope, windows: Sequence[Window]) -> list[float]:
        """Return the departures, of any process, that may count in other windows of a scope."""
        lane = Lane(scope.lane.scope, 2 * max((window.seconds for window in windows), default=0.0))
        if scope.pacer.limited:  # hear first of those that no one has asked about yet

            def hear(heard: Sequence[News]) -> float:
                for news in heard:
                    scope.hear(news)
                return 1.0  # nothing departs

            self._quota.reserve([scope.lane], hear)
        return self._quota.departures(lane)

    def others(self) -> list[str]:
        """Return the state directories of other processes on this machine that use the account."""
        return self._quota.others()

    def hold(self, seconds: float) -> None:
        """Let nothing leave for a while, in any of the scopes."""
        for scope in self.scopes:
            scope.pacer.hold(self._clock.now() + seconds)
        for scope in self._shared:
            self._quota.hold(scope.lane.scope, seconds)


# The limiters of one account.

_GENERAL = "general"


def _find_timetable(limits: LimitSettings, clock: Clock) -> tuple[str, Timetable]:
    """Return the time zone of the hours of limits, and what knows when these hold by `clock`."""
    name, zone = find_zone(limits.time_zone)
    return name, timetable_of(zone, lambda: clock.wall().timestamp() - clock.now())


class RateLimiters(Struct, frozen=True):
    """The limiters through which all requests of one command leave."""

    kinds: dict[Kind, RateLimiter]
    """For batches, by kind."""
    revert: RateLimiter
    """For the call that takes a migration back."""
    general: RateLimiter
    """For all other calls: tokens and reading back."""

    @property
    def switch(self) -> SendingSwitch:
        """What lets all of these requests leave, or not."""
        return self.general.switch

    def take_turns(self, other_runs: int) -> None:
        """Leave slots to a number of other runs at work on the account, too."""
        for limiter in self.kinds.values():
            limiter.other_runs = other_runs

    def change(self, limits: LimitSettings, clock: Clock) -> None:
        """Keep to other windows from now on; what has departed and is known counts in them."""
        time_zone, timetable = _find_timetable(limits, clock)
        limiters = {id(limiter): limiter for limiter in (*self.kinds.values(), self.revert, self.general)}.values()
        for scope in {id(scope): scope for limiter in limiters for scope in limiter.scopes}.values():
            windows = limits.general_limit if scope.lane.scope == _GENERAL else limits.limit
            scope.change(windows, timetable, time_zone, self.general.departures(scope, windows))
        for limiter in limiters:
            limiter.look_again()

    @property
    def limited(self) -> bool:
        """Whether batches have to wait for slots."""
        return any(scope.pacer.limited for limiter in self.kinds.values() for scope in limiter.scopes)


def find_account(settings: Settings, credentials: Credentials) -> tuple[Path, str]:
    """Return the directory that the runs on this machine share, and the account's name there."""
    return find_shared_dir(settings), name_quota(identify_account(settings, credentials))


def quota_path(shared: Path, account: str) -> Path:
    """Return the path of the file that holds an account's quota."""
    return shared / f"{account}.quota.db"


@contextmanager
def open_limiters(
    settings: Settings, credentials: Credentials, exports: Iterable[str], observer: Observer, clock: Clock
) -> Iterator[RateLimiters]:
    """Claim `exports` for this process, and yield limiters that share the account's quota with other processes.

    Raises:
        ConfigurationError: another run is sending one of the exports to this account.
    """
    shared, account = find_account(settings, credentials)
    files = [path for path in exports if path != STDIN]
    quota: QuotaFile | None = None

    def lost(error: OSError | StorageError) -> None:
        why = error.strerror if isinstance(error, OSError) else str(error)
        observer.notify(AccountUnguarded(shared_dir=str(shared), why=why or str(error)))

    with ExitStack() as claims:
        try:
            others = claims.enter_context(claim(shared, account, files, state_dir=settings.state.state_dir))
            quota = open_quota(quota_path(shared, account), clock)
            claims.callback(quota.close)
            quota.join(Path(settings.state.state_dir))
        except (OSError, StorageError) as error:
            lost(error)
        else:
            if others:
                observer.notify(AccountShared())
        yield make_limiters(settings, clock, quota, lost, observer)


def make_limiters(
    settings: Settings,
    clock: Clock,
    quota: QuotaPort | None = None,
    lost: Callable[[StorageError], None] = lambda _: None,
    observer: Observer | None = None,
) -> RateLimiters:
    """Return the limiters that the settings ask for.

    Args:
        settings: `limits` counts.
        clock: paces the requests.
        quota: the account's quota, if other processes share it.
        lost: called when `quota` fails; from then on the limiters work without it.
        observer: receives notices of waits, and of what is used of the windows.
    """
    limits, shared, switch = settings.limits, QuotaClient(quota, lost), SendingSwitch(clock)
    time_zone, timetable = _find_timetable(limits, clock)

    def scope(called: str, windows: Sequence[Window]) -> LimitScope:
        return LimitScope(called, Pacer(windows, timetable), time_zone)

    general = scope(_GENERAL, limits.general_limit)

    def limiter(*scopes: LimitScope) -> RateLimiter:
        hold = limits.longest_hold
        return RateLimiter((*scopes, general), clock, shared, longest_hold=hold, observer=observer, switch=switch)

    if limits.scope == "account":
        migration = limiter(scope("migration", limits.limit))
        return RateLimiters(dict.fromkeys(Kind, migration), migration, limiter())
    of_kind = {kind: limiter(scope(f"migration/{kind}", limits.limit)) for kind in Kind}
    return RateLimiters(of_kind, limiter(scope("migration/revert", limits.limit)), limiter())
