"""Verify by totals: compare counts and sums of each day and reward with the transactions that the account lists.

A thousand transactions take one request. Only reading calls are sent, under the account's general limit, and nothing of
the run is changed. The exports are read once more; memory does not grow with their size. An interrupted comparison goes
on where it was, if nothing was sent meanwhile.

Exit codes: 0 if all that was compared is equal; 3 if a day is different, for a person to look at; 6 if a day does not
show everything yet, could not be read, or could not be compared.
"""

from contextlib import aclosing, closing

import msgspec

from masivo_stream.core.accounting.day_totals import DayFilter, DayTotals, decode_transactions
from masivo_stream.edges.export.identity import decode_identity
from masivo_stream.edges.files.listed_days_file import ListedDaysFile
from masivo_stream.edges.secret import Credentials
from masivo_stream.flow.identity.account_binding import Confirmations
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.outcome import summarise_kinds
from masivo_stream.flow.pipeline.accepted import AcceptedRecords, open_accepted_records
from masivo_stream.flow.read_account import AccountReader
from masivo_stream.flow.readback.check import Span, find_span
from masivo_stream.flow.readback.day_findings import GO_ON, DayFindings, DayResult
from masivo_stream.flow.readback.list_days import DayLister, ListedDay, is_askable
from masivo_stream.flow.readback.totals_choice import ALL_THAT_FIT, TotalsChoice
from masivo_stream.flow.runtime import Runtime
from masivo_stream.flow.session import Session, open_session
from masivo_stream.flow.stop import StopControl, work_under
from masivo_stream.flow.work_progress import measured_reading
from masivo_stream.model.contract import Kind
from masivo_stream.model.day_totals import DayState, TotalsVerification
from masivo_stream.model.errors import ConfigurationError, DeniedError, OutageError
from masivo_stream.model.moments import SECOND, Moment, moment_of
from masivo_stream.model.settings import Settings, VisibleSettings

_OPERATION = "compare totals"
_CLOCKS_APART = 300 * SECOND
"""How far the server's clock and ours may be apart, in microseconds, when it says when a transaction was created."""
_IN_A_ROW = 3
"""Days in a row that cannot be read, or that the account understands in another way: then no further one is asked."""
_MOST_ELSEWHERE = 40
"""Days of another time zone that are asked for to find out which one it is: on few days, few hours may have rows."""
_NOTICE_EVERY = 10.0


async def verify_totals(
    settings: Settings,
    credentials: Credentials,
    *,
    choice: TotalsChoice = ALL_THAT_FIT,
    confirmations: Confirmations | None = None,
    observer: Observer | None = None,
    handle_signals: bool = False,
    runtime: Runtime | None = None,
) -> TotalsVerification:
    """Compare the totals of what a run has sent with what the account lists by day.

    Args:
        settings: see `load_settings`; the exports are found at the paths that the run knows.
        credentials: see `load_credentials`.
        choice: which days, and which transactions of them.
        confirmations: what a person confirms: that two accounts are one, or where an export is now.
        observer: receives a notice of everything that happens.
        handle_signals: stop in an orderly way on SIGINT and SIGTERM. Only in the main thread.
        runtime: the clock; the default is right for a program.

    Returns:
        What is equal and what is not. If it ended early, `message` says why.

    Raises:
        ConfigurationError: there is no run, its state directory cannot be used, or the choice is not possible.
    """
    counted = choice.counted()
    async with open_session(
        settings,
        credentials,
        needed_by="compare its totals",
        confirmations=confirmations,
        observer=observer,
        runtime=runtime,
    ) as session:
        await session.connect()
        work = TotalsWork(session, choice, counted)
        await work_under(work.stop, work.go, observer=session.observer, handle_signals=handle_signals)
        session.proxies.explain(work.stop.cause)
        work.check_names()
        return work.result()


class TotalsWork:
    """One comparison, until it is done or stopped."""

    def __init__(self, session: Session, choice: TotalsChoice, counted: DayFilter) -> None:
        """Compare what `choice` says; `counted` is made from it."""
        self._session, self._choice, self._filter = session, choice, counted
        self.stop = StopControl(session.clock, drain_time=0)
        self._totals = DayTotals(counted, choice.seed)
        self._findings = DayFindings(self._totals, counted)
        self._chosen: list[int] = []
        self._in_a_row = 0
        self._sees_any = False
        """Whether anything was accepted, chosen or not."""
        self._noticed_at = float("-inf")

    async def go(self) -> None:
        """Sum up what was sent, then ask for the days."""
        session = self._session
        journal = session.journal.read
        accepted = await open_accepted_records(
            journal, Kind.TRANSACTIONS, session.settings, session.state.path, session.moved
        )
        span = find_span(journal, Kind.TRANSACTIONS)
        if accepted is None or span is None:
            return
        with measured_reading(
            "adding up what was sent", accepted.inputs, observer=session.observer, clock=session.clock
        ):
            await self._sum_up(accepted)
        chosen = self._totals.choose(self._choice.most_requests)
        self._chosen = [day for day in chosen if is_askable(day)]
        reader = AccountReader(session.api, session.clock, _OPERATION)
        lister = DayLister(reader, self._filter, self._created_between(span), self._choice.most_requests)
        with closing(ListedDaysFile(session.state, self._key(), ListedDay)) as file:
            await self._compare(lister, file, span)

    def check_names(self) -> None:
        """Refuse a reward or a brand that nothing has, so that a misspelled one does not look like a good end.

        Raises:
            ConfigurationError: transactions were accepted, and none of them is chosen.
        """
        names = [("reward", self._choice.reward), ("brand", self._choice.brand)]
        named = [(what, name) for what, name in names if name]
        if named and self._sees_any and not self._totals.days and self.stop.cause is None:
            raise ConfigurationError(
                f"no accepted transaction has this {' and this '.join(what for what, _ in named)}",
                operation=_OPERATION,
                place=" ".join(f"--{what} {name}" for what, name in named),
                hint="check the id: without this flag, verify --totals lists the rewards of all transactions",
            )

    def result(self) -> TotalsVerification:
        """Return what was found."""
        kinds = summarise_kinds(self._session.journal.read)
        return self._findings.result(
            self._choice, self.stop.cause, kinds.get(Kind.TRANSACTIONS), left_out=_pipes(self._session)
        )

    async def _sum_up(self, accepted: AcceptedRecords) -> None:
        async with aclosing(accepted.blocks()) as blocks:
            async for entries in blocks:
                for entry in entries:
                    if (part := accepted.part(entry)) is not None:
                        self._sees_any = True
                        self._totals.add(decode_transactions(part.body).transactions)
                    if (part := accepted.in_doubt_part(entry)) is not None:
                        self._totals.add_in_doubt(decode_transactions(part.body).transactions)

    async def _compare(self, lister: DayLister, file: ListedDaysFile[ListedDay], span: Span) -> None:
        """Compare the chosen days. Those that do not show everything yet are read once more at the end."""
        findings, wanted = self._findings, set(self._chosen)
        known = {day: listed for day, listed in file.read() if day in wanted}
        findings.begin(self._chosen, read_before=len(known))
        self._notice(now=True)
        later: list[DayResult] = []
        for day in self._chosen:
            found = known.pop(day, None) or await self._list(lister, day)
            if found is not None:
                age = self._age(span)
                result = findings.compare(day, found, settled=age >= self._visible.visible_timeout)
                if result.state is DayState.NOT_YET and age < self._visible.events_settle:
                    later.append(result)
                else:
                    self._note(file, result)
            enough = _MOST_ELSEWHERE if findings.may_learn_the_zone else _IN_A_ROW
            if findings.days_elsewhere >= enough or lister.is_spent:
                break
        await self._compare_later(lister, file, span, later)
        await self._find_out_why(lister, span)
        findings.requests = lister.requests
        self._notice(now=True)
        if findings.is_complete:
            file.finish()

    async def _find_out_why(self, lister: DayLister, span: Span) -> None:
        """If a day is different, see whether the account means other days, in three requests at most."""
        findings, day = self._findings, self._findings.first_different
        if findings.shows_nothing:
            answer = await lister.list(self._filter.day_of(moment_of(span.until)), 0)
            if isinstance(answer, ListedDay):
                findings.note_day_of_acceptance(answer)
        elif day is not None and not findings.days_elsewhere:
            for other in {day - 1, day + 1} - {*self._chosen}:
                answer = await lister.list(other, 0) if is_askable(other) else None
                if isinstance(answer, ListedDay):
                    findings.look_at_dates(answer)

    async def _compare_later(
        self, lister: DayLister, file: ListedDaysFile[ListedDay], span: Span, results: list[DayResult]
    ) -> None:
        """Give days that did not show everything the time that is left, then read them once more."""
        if results:
            await self._session.clock.sleep(max(0.0, self._visible.events_settle - self._age(span)))
        for result in results:
            listed = await self._list(lister, result.day, again=True)
            settled = self._age(span) >= self._visible.visible_timeout
            self._note(file, self._findings.compare(result.day, listed or result.listed, settled=settled))

    def _note(self, file: ListedDaysFile[ListedDay], result: DayResult) -> None:
        self._findings.note(result)
        if result.state is not DayState.NOT_YET:
            file.append(result.day, result.listed)
        self._notice()

    async def _list(self, lister: DayLister, day: int, *, again: bool = False) -> ListedDay | None:
        """Return what is listed for a day; None if that is not known, and then it is noted.

        Raises:
            DeniedError: the API does not list transactions.
            OutageError: several days in a row could not be read.
        """
        found = await lister.list(day, sum(each.count for each in self._totals.sent(day).values()))
        self._findings.requests = lister.requests
        if isinstance(found, ListedDay):
            self._in_a_row = 0
            return found
        if found is None or again:
            return None
        self._findings.note_unread(day, found.why)
        self._in_a_row += 1
        if found.hint:
            raise DeniedError(f"transactions cannot be listed: {found.why}", operation=_OPERATION, hint=found.hint)
        if self._in_a_row == _IN_A_ROW:
            raise OutageError(f"transactions cannot be listed: {found.why}", operation=_OPERATION, hint=GO_ON)
        return None

    @property
    def _visible(self) -> VisibleSettings:
        return self._session.settings.visible

    def _age(self, span: Span) -> float:
        """Return the seconds since the last acceptance."""
        return (self._session.clock.wall() - span.until).total_seconds()

    def _notice(self, *, now: bool = False) -> None:
        moment = self._session.clock.now()
        if now or moment - self._noticed_at >= _NOTICE_EVERY:
            self._noticed_at = moment
            self._session.observer.notify(self._findings.progress())

    def _key(self) -> str:
        """Return what the noted answers are valid for: this account and filter, and nothing sent since."""
        journal, choice = self._session.journal.read, self._choice
        key = {"sends": journal.sends(), "zone": choice.zone, "reward": choice.reward.lower(), "brand": choice.brand}
        return msgspec.json.encode(key).decode()

    def _created_between(self, span: Span) -> tuple[Moment, Moment]:
        late = round(self._session.settings.visible.visible_timeout * SECOND)
        return moment_of(span.since) - _CLOCKS_APART, moment_of(span.until) + late + _CLOCKS_APART


def _pipes(session: Session) -> tuple[str, ...]:
    """Name the exports that cannot be read again."""
    return tuple(
        source.name
        for source in session.journal.read.sources(Kind.TRANSACTIONS)
        if not source.is_copy and decode_identity(source.identity).stream
    )
