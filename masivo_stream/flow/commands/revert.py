"""Revert: take back what was migrated in a period. The journal of the run says what that is, and keeps what came of it.

What it takes back are customers, with all that is theirs. One that takes back all customers of a run ends that run: its
files are put aside, and its state directory begins afresh. After one that takes back some, `flow.only_missing` finds
out which, and sends them once more.
"""

from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Protocol, assert_never

import msgspec
from msgspec import Meta, Struct

from masivo_stream.core.accounting.tally import RecordOutcome
from masivo_stream.core.reading.schema_faults import is_rfc3339
from masivo_stream.core.sending.answered_by import FOREIGN_HINT, is_foreign, whose
from masivo_stream.core.sending.classify import classify
from masivo_stream.edges.api import Reply
from masivo_stream.edges.clock import Clock, SystemClock
from masivo_stream.edges.files.state_dir import StateDir, own_state_dir
from masivo_stream.edges.journal import Journal, JournalReader, open_journal
from masivo_stream.edges.secret import Credentials
from masivo_stream.flow.client import open_client
from masivo_stream.flow.commands.status import conclude_again
from masivo_stream.flow.customers.migrated_elsewhere import has_sent_for_other_runs
from masivo_stream.flow.identity.account_binding import AccountBinding, Confirmations, TokenSource
from masivo_stream.flow.identity.remembered import withdraw, withdraw_runs
from masivo_stream.flow.limiters import open_limiters
from masivo_stream.flow.observer import Observers
from masivo_stream.flow.proxies import Proxies
from masivo_stream.flow.reporting.run_report import Reporting, leave_report
from masivo_stream.flow.revert_state import (
    RevertPeriod,
    Standing,
    leave_reverted,
    only_missing,
    stands,
)
from masivo_stream.flow.session import check_key
from masivo_stream.model.attempt import Answer, Attempt, Body, Failure
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError, DeniedError, MasivoStreamError, OutageError
from masivo_stream.model.outcome import (
    Accepted,
    InDoubt,
    Outcome,
    Refused,
    Stop,
    Throttled,
    TooLarge,
    Unauthorized,
    Unreachable,
)
from masivo_stream.model.settings import Settings
from masivo_stream.model.states import Note, NoteKind

_OPERATION = "revert a migration"


class Survey(Struct, frozen=True, kw_only=True):
    """What a journal says about a period: records by kind, accepted or in doubt."""

    within: dict[str, int]
    """Customers who were sent in it; where they are all of the run's, its other kinds, too."""
    near: int
    """Customers who were sent so near its begin or end that they may have been migrated in it."""
    beyond: int
    """Customers who were not."""
    others: dict[str, int]
    """What was sent of other kinds. It goes with its customer, whenever it was sent."""
    first: str
    last: str
    """When the run's first batch was sent and its last one settled, by this machine's clock."""
    command: str
    """What sends afterwards what was taken back."""

    @property
    def whole(self) -> bool:
        """Whether the period holds every customer of the run."""
        return bool(self.within.get(Kind.CUSTOMERS)) and not self.near and not self.beyond

    @property
    def must_hold(self) -> bool:
        """Whether customers of the run were migrated in it for certain, or all its customers are another run's."""
        return bool(self.within.get(Kind.CUSTOMERS)) or (bool(self.others) and not self.near and not self.beyond)

    @property
    def holds(self) -> bool:
        """Whether it may hold anything of the run; whose customers another run migrated, nobody here can tell."""
        customers = self.within.get(Kind.CUSTOMERS, 0) + self.near
        return bool(customers) or (bool(self.others) and not self.beyond)


def survey(state_dir: str, start: str, end: str, *, slack: float) -> Survey | None:
    """Return what the run of a state directory sent in a period and outside of it; None where no run stands.

    Customers are migrated some time after they were sent, at most `slack` seconds, and clocks differ no more than that.

    Raises:
        ConfigurationError: a date is none, the period is empty, or the journal cannot be read.
    """
    _period(start, end)
    path = Path(state_dir) / StateDir.JOURNAL
    if not path.exists():
        return None
    with closing(open_journal(path, SystemClock().wall, writable=False)) as journal:
        return _survey(journal, start, end, slack, state_dir)


def _is_gone(found: Survey | None, customers: int | None) -> bool:
    """Return whether all that a run has sent was taken back, by its period and the API's number of customers."""
    return found is not None and found.whole and customers == found.within.get(Kind.CUSTOMERS)


def _survey(journal: Journal, start: str, end: str, slack: float, state_dir: str) -> Survey:
    """Compare what was sent with a period, and with those that were taken back before."""
    periods = [_period(start, end), *(_period(done.start, done.end) for done in stands(journal.read).done)]
    around = timedelta(seconds=slack)
    customers: Counter[str] = Counter()
    others: Counter[str] = Counter()
    sent = journal.read.sent()
    for kind, first, last, records in sent:
        if kind != Kind.CUSTOMERS:
            others[kind] += records
        elif any(begins <= first and last <= ends for begins, ends in periods):
            customers["within"] += records
        elif first - around <= periods[0][1] and periods[0][0] <= last + around:
            customers["near"] += records
        else:
            customers["beyond"] += records
    moments = [moment.isoformat(timespec="seconds") for _, *pair, _ in sent for moment in pair]
    all_of_them = bool(customers["within"]) and not customers["near"] and not customers["beyond"]
    within = {Kind.CUSTOMERS.value: customers["within"]} if customers["within"] else {}
    return Survey(
        within=within | (others if all_of_them else {}),
        near=customers["near"],
        beyond=customers["beyond"],
        others=dict(others),
        first=min(moments, default=""),
        last=max(moments, default=""),
        command=only_missing(journal, state_dir),
    )


class Reverted(Struct, frozen=True, kw_only=True):
    """What came of a revert."""

    customers: int | None
    """How many the API says it took back, None where it does not say."""
    hint: str = ""
    """What sends what was taken back, and when; empty where the run can go on, or begin afresh."""


async def revert(
    settings: Settings,
    *,
    credentials: Credentials,
    start: str,
    end: str,
    clock: Clock | None = None,
    reporting: Reporting | None = None,
    said: Confirmations | None = None,
) -> Reverted:
    """Have the API take back the customers migrated between `start` and `end` (RFC 3339), with all that is theirs.

    One request, never repeated by itself: what a second one would take back is for a person to decide.

    Raises:
        ConfigurationError: a date is none, or the period is empty, or the state directory is in use.
        DeniedError: the API says no.
        OutageError: the API did not answer, or not legibly; the revert may have happened.
    """
    _period(start, end)
    check_key(settings, credentials)
    clock = clock or SystemClock()
    belonging, proxies = AccountBinding(settings, credentials, clock, said), Proxies(settings.api, Observers())
    with open_limiters(settings, credentials, [], Observers(), clock) as limiters, proxies.explaining():
        async with open_client(settings.api, credentials, clock, limiters, belonging.admit, proxies.note) as api:
            if not (Path(settings.state.state_dir) / StateDir.JOURNAL).exists():
                reply = await api.revert(start, end)
                failed = _judge(reply.attempt)
                if failed is not None:
                    raise failed.error
                reverted = Reverted(customers=_count(reply))
            else:
                with own_state_dir(settings.state.state_dir) as state:
                    reverted = await _revert_run(settings, state, start, end, api, belonging, reporting or Reporting())
    slack = settings.visible.visible_timeout
    withdraw_runs(
        settings, belonging.account, lambda run: _is_gone(survey(run, start, end, slack=slack), reverted.customers)
    )
    return reverted


async def _revert_run(
    settings: Settings,
    state: StateDir,
    start: str,
    end: str,
    api: "RevertSender",
    belonging: AccountBinding,
    reporting: Reporting,
) -> Reverted:
    """Take back what the run of a state directory has sent."""
    slack, clock = settings.visible.visible_timeout, belonging.clock
    with closing(open_journal(state.journal, clock.wall)) as journal:
        found = _survey(journal, start, end, slack, settings.state.state_dir)
        foreign = await has_sent_for_other_runs(journal.read, settings, state.path) if found.whole else True
    standing = await take_back(state, start, end, api, clock, belonging=belonging, slack=slack, foreign=foreign)
    with closing(open_journal(state.journal, clock.wall, writable=False)) as journal:
        summary = conclude_again(state, journal)
        leave_report(journal, state, summary, reporting, clock)
        told = msgspec.json.decode(journal.read.reverts()[-1].detail, type=RevertPeriod).customers
    if standing.counted:
        leave_reverted(state, clock, lambda run: withdraw(settings, run))
    return Reverted(customers=told, hint=summary.hint if standing.done and not standing.counted else "")


class RevertSender(TokenSource, Protocol):
    """Who sends a revert."""

    async def revert(self, start: str, end: str) -> Reply:
        """Take back what was migrated in a period."""
        ...


async def take_back(
    state: StateDir,
    start: str,
    end: str,
    sender: RevertSender,
    clock: Clock,
    *,
    belonging: AccountBinding,
    slack: float = 0.0,
    foreign: bool | None = False,
) -> Standing:
    """Note a revert before its first byte, and what came of it; in doubt, its beginning stays the last word.

    `slack` is that of `survey`. `foreign` tells whether the run has sent anything of customers whom it did not migrate,
    None where that cannot be known.

    Returns what of the run was taken back by now.

    Raises:
        ConfigurationError: the run belongs to another account.
        MasivoStreamError: it was not taken back, or may not have been.
    """
    with closing(open_journal(state.journal, clock.wall)) as journal:
        belonging.enter(journal)
        await belonging.prove(sender)
        before, found = stands(journal.read), _survey(journal, start, end, slack, str(state.path))
        period = RevertPeriod(start=start, end=end, whole=found.whole and not foreign, holds=found.holds)
        await journal.take_note(Note(NoteKind.REVERT_BEGUN, msgspec.json.encode(period).decode()))
        reply = await sender.revert(start, end)
        failed = _judge(reply.attempt)
        if failed is None:
            # Of one that was begun before, nobody knows how many it took back.
            told = None if before.begun else _count(reply)
            if told == 0 and found.must_hold:  # an earlier revert took them, by another directory: no number tells
                told = None
            period = _told(period, before, told, _accepted(journal.read))
            if foreign is None:
                period = msgspec.structs.replace(period, counted=False)
            await journal.take_note(Note(NoteKind.REVERTED, msgspec.json.encode(period).decode()))
        elif not failed.in_doubt:
            await journal.take_note(Note(NoteKind.NOT_REVERTED, msgspec.json.encode(period).decode()))
        standing = stands(journal.read)
    if failed is not None:
        raise failed.error
    return standing


def _told(period: RevertPeriod, before: Standing, customers: int | None, accepted: int) -> RevertPeriod:
    """Hold a period against the number of customers that the API says it took back."""
    if customers is None or before.customers is None:
        return msgspec.structs.replace(period, customers=customers)
    taken = before.customers + customers
    return msgspec.structs.replace(
        period,
        customers=customers,
        holds=period.holds and customers > 0,
        whole=period.whole and taken >= accepted,  # who has made a transaction of their own is still there
        counted=period.whole and taken == accepted,
    )


def _accepted(journal: JournalReader) -> int:
    """Return how many customers of the run were accepted."""
    figures = journal.figures(Kind.CUSTOMERS)
    return 0 if figures is None else figures.records.get(RecordOutcome.ACCEPTED.name, 0)


class _Taken(Struct):
    """The body of the answer, as the sandbox gives it. No page shows one, so it may be absent."""

    customers: Annotated[int, Meta(ge=0)]


def _count(reply: Reply) -> int | None:
    """Return how many customers the API says it took back, None where it does not say."""
    try:
        return msgspec.json.decode(reply.body, type=_Taken).customers
    except (ValueError, RecursionError):
        return None


class _Failed(Struct, frozen=True):
    """Why nothing was taken back, or may not have been."""

    error: MasivoStreamError
    in_doubt: bool = False


_LOOK_FIRST = "look at the account's dashboard; run again, it takes back what is left of that period"


def _judge(attempt: Attempt) -> _Failed | None:
    match attempt:
        case Failure(cause=cause, sent=True):
            message = f"{cause.value}; the revert may have happened"
            return _Failed(OutageError(message, operation=_OPERATION, hint=_LOOK_FIRST), in_doubt=True)
        case Failure(cause=cause):
            message = f"{cause.value}; nothing was sent"
            return _Failed(OutageError(message, operation=_OPERATION, hint="start again later"))
        case Answer():
            return _judge_answer(_says(attempt), _outcome(attempt), foreign=is_foreign(attempt))
        case _:
            assert_never(attempt)


def _outcome(answer: Answer) -> Outcome:
    """Return what an answer comes to: any success of the API's will do (`contract.REVERT_PATH`)."""
    if 200 <= answer.status < 300:
        return InDoubt("") if is_foreign(answer) or answer.body is Body.ERRORS else Accepted()
    return classify(answer)


def _says(answer: Answer) -> str:
    if is_foreign(answer):
        return whose(answer)
    return f"the API answers {answer.status}{f' with {answer.body}' if answer.body is Body.ERRORS else ''}"


def _judge_answer(told: str, outcome: Outcome, *, foreign: bool) -> _Failed | None:
    match outcome:
        case Accepted():
            return None
        case InDoubt() | Stop(in_doubt=True):
            message = f"{told}; the revert may have happened"
            return _Failed(OutageError(message, operation=_OPERATION, hint=_LOOK_FIRST), in_doubt=True)
        case Throttled() | Unreachable():
            message = f"{told}; nothing was taken back"
            return _Failed(OutageError(message, operation=_OPERATION, hint="try later"))
        case Refused() | TooLarge() | Unauthorized() | Stop():
            message = f"{told}; nothing was taken back"
            hint = FOREIGN_HINT if foreign else "check the period, the key's permissions and base_url"
            return _Failed(DeniedError(message, operation=_OPERATION, hint=hint))
        case _:
            assert_never(outcome)


def _period(start: str, end: str) -> tuple[datetime, datetime]:
    """Return the moments.

    Raises:
        ConfigurationError: they are none, or the period is empty.
    """
    for name, text in (("--from", start), ("--to", end)):
        if not is_rfc3339(text):
            raise ConfigurationError(
                f"{name} is no date-time with zone",
                operation=_OPERATION,
                place=name,
                hint="such as 2026-01-31T00:00:00Z",
            )
    begins, ends = datetime.fromisoformat(start), datetime.fromisoformat(end)
    if begins >= ends:
        raise ConfigurationError(
            "the period is empty: --from is not before --to", operation=_OPERATION, place="--from", hint="swap them"
        )
    return begins, ends
