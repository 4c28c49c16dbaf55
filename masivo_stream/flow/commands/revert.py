"""Revert: take back what was migrated in a period. The run's journal says what that is, and keeps the outcome.

The API takes back customers, with all that is theirs. A revert of all customers of a run ends that run: its files are
put aside, and its state directory starts over. After a revert of some of them, `flow.only_missing` finds out which,
and sends them once more.
"""

from contextlib import closing
from pathlib import Path
from typing import Annotated, Protocol, assert_never

import msgspec
from msgspec import Meta, Struct

from masivo_stream.core.accounting.tally import RecordOutcome
from masivo_stream.core.sending.answer_body import FOREIGN_HINT, is_foreign, whose
from masivo_stream.core.sending.classify import classify
from masivo_stream.edges.api import Reply
from masivo_stream.edges.files.state_dir import StateDir, own_state_dir
from masivo_stream.edges.journal import JournalReader, open_journal
from masivo_stream.edges.secret import Credentials
from masivo_stream.flow.client import Proxies, open_connection
from masivo_stream.flow.identity.account_binding import AccountBinding, Confirmations, TokenSource
from masivo_stream.flow.identity.remembered import withdraw, withdraw_runs
from masivo_stream.flow.identity.sent_purchases import doubt_sent
from masivo_stream.flow.migrated_elsewhere import has_sent_for_other_runs
from masivo_stream.flow.observer import Observers
from masivo_stream.flow.reporting.from_journal import find_summary
from masivo_stream.flow.reporting.run_report import leave_report
from masivo_stream.flow.revert_state import (
    RevertPeriod,
    RevertState,
    leave_reverted,
    read_revert_state,
)
from masivo_stream.flow.revert_survey import is_gone, read_period, survey, survey_journal
from masivo_stream.flow.runtime import Runtime
from masivo_stream.flow.session import check_key
from masivo_stream.model.attempt import (
    Accepted,
    Answer,
    Attempt,
    Body,
    Failure,
    InDoubt,
    Outcome,
    Refused,
    Stop,
    Throttled,
    TooLarge,
    Unauthorized,
    Unreachable,
)
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import DeniedError, MasivoStreamError, OutageError
from masivo_stream.model.settings import Settings
from masivo_stream.model.states import Note, NoteKind

_OPERATION = "revert a migration"


class Reverted(Struct, frozen=True, kw_only=True):
    """The outcome of a revert."""

    customers: int | None
    """How many customers the API says it took back; None if it does not say."""
    hint: str = ""
    """The command that sends again what was taken back, and when; empty if the run can continue, or start over."""


async def revert(
    settings: Settings,
    credentials: Credentials,
    *,
    start: str,
    end: str,
    confirmations: Confirmations | None = None,
    runtime: Runtime | None = None,
) -> Reverted:
    """Have the API take back the customers that were migrated in a period, with all that is theirs.

    One request, never repeated by itself: what a second one would take back is for a person to decide.

    Args:
        settings: see `load_settings`. A state directory without a run is allowed: then nothing is noted.
        credentials: see `load_credentials`.
        start: customers migrated after this moment (RFC 3339).
        end: customers migrated before this moment.
        confirmations: what a person confirms: that two accounts are one.
        runtime: the clock and reporting; the defaults are right for a program.

    Raises:
        ConfigurationError: `start` or `end` is no date-time, the period is empty, or the state directory is in use.
        DeniedError: the API refuses it.
        OutageError: the API did not answer, or not legibly; the revert may have taken effect.
    """
    read_period(start, end)
    check_key(settings, credentials)
    runtime = runtime or Runtime()
    binding = AccountBinding(settings, credentials, runtime.clock, confirmations)
    proxies = Proxies(settings.api, Observers())
    opening = open_connection(settings, binding, [], observer=Observers(), note=proxies.note)
    with proxies.explaining():
        async with opening as connection:
            api = _DoubtingSender(connection.client, settings, binding)
            if not (Path(settings.state.state_dir) / StateDir.JOURNAL).exists():
                reply = await api.revert(start, end)
                failed = _read_attempt(reply.attempt)
                if failed is not None:
                    raise failed.error
                reverted = Reverted(customers=_count(reply))
            else:
                with own_state_dir(settings.state.state_dir) as state:
                    request = RevertRequest(start, end, slack=settings.visible.visible_timeout)
                    reverted = await _revert_run(settings, state, request, api, binding, runtime)
    slack = settings.visible.visible_timeout
    withdraw_runs(
        settings, binding.account, lambda run: is_gone(survey(run, start, end, slack=slack), reverted.customers)
    )
    return reverted


class RevertRequest(Struct, frozen=True):
    """What is to be taken back of a run."""

    start: str
    end: str
    slack: float = 0.0
    """Seconds by which a customer may have been migrated later than it was sent; see `survey`."""
    foreign: bool | None = False
    """Whether the run has sent anything of customers that it did not migrate; None if that cannot be known."""


async def _revert_run(
    settings: Settings,
    state: StateDir,
    request: RevertRequest,
    api: "RevertSender",
    binding: AccountBinding,
    runtime: Runtime,
) -> Reverted:
    """Take back what the run of a state directory has sent."""
    clock = runtime.clock
    with closing(open_journal(state.journal, clock.wall)) as journal:
        found = survey_journal(journal, request.start, request.end, request.slack, settings.state.state_dir)
        foreign = await has_sent_for_other_runs(journal.read, settings, state.path) if found.whole else True
    reverts = await take_back(state, msgspec.structs.replace(request, foreign=foreign), api, binding)
    with closing(open_journal(state.journal, clock.wall, writable=False)) as journal:
        summary = find_summary(state, journal)
        leave_report(journal, state, summary, runtime.reporting, clock)
        customers = msgspec.json.decode(journal.read.reverts()[-1].detail, type=RevertPeriod).customers
    if reverts.counted:
        leave_reverted(state, clock, lambda run: withdraw(settings, run))
    return Reverted(customers=customers, hint=summary.hint if reverts.done and not reverts.counted else "")


class RevertSender(TokenSource, Protocol):
    """Sends a revert."""

    async def revert(self, start: str, end: str) -> Reply:
        """Have the API take back what was migrated in a period."""
        ...


class _DoubtingSender:
    """Sends a revert; what this machine knows of the account's purchases is unsure from before its first byte."""

    def __init__(self, sender: RevertSender, settings: Settings, binding: AccountBinding) -> None:
        self._sender, self._settings, self._binding = sender, settings, binding

    async def prepare(self) -> str | Attempt:
        return await self._sender.prepare()

    async def revert(self, start: str, end: str) -> Reply:
        trust_again = doubt_sent(self._settings, self._binding.account)
        reply = await self._sender.revert(start, end)
        failed = _read_attempt(reply.attempt)
        if _count(reply) == 0 if failed is None else not failed.in_doubt:
            trust_again()  # certainly nothing was taken back
        return reply


async def take_back(
    state: StateDir, request: RevertRequest, sender: RevertSender, binding: AccountBinding
) -> RevertState:
    """Note a revert before its first byte, and its outcome afterwards. In doubt, its beginning stays the last note.

    Returns what of the run has been taken back by now.

    Raises:
        ConfigurationError: the run belongs to another account.
        MasivoStreamError: it was not taken back, or may not have been.
    """
    start, end, foreign = request.start, request.end, request.foreign
    with closing(open_journal(state.journal, binding.clock.wall)) as journal:
        binding.enter(journal)
        await binding.prove(sender)
        before, found = (
            read_revert_state(journal.read),
            survey_journal(journal, start, end, request.slack, str(state.path)),
        )
        period = RevertPeriod(start=start, end=end, whole=found.whole and not foreign, holds=found.holds)
        await journal.take_note(Note(NoteKind.REVERT_BEGUN, msgspec.json.encode(period).decode()))
        reply = await sender.revert(start, end)
        failed = _read_attempt(reply.attempt)
        if failed is None:
            # It is not known how many customers an earlier revert, which was begun and never answered, took back.
            customers = None if before.begun else _count(reply)
            if customers == 0 and found.must_hold:  # an earlier revert from elsewhere took them: unknown how many
                customers = None
            period = _count_in(period, before, customers, _accepted(journal.read))
            if foreign is None:
                period = msgspec.structs.replace(period, counted=False)
            await journal.take_note(Note(NoteKind.REVERTED, msgspec.json.encode(period).decode()))
        elif not failed.in_doubt:
            await journal.take_note(Note(NoteKind.NOT_REVERTED, msgspec.json.encode(period).decode()))
        reverts = read_revert_state(journal.read)
    if failed is not None:
        raise failed.error
    return reverts


def _count_in(period: RevertPeriod, before: RevertState, customers: int | None, accepted: int) -> RevertPeriod:
    """Return the period with the number of customers that the API says it took back."""
    if customers is None or before.customers is None:
        return msgspec.structs.replace(period, customers=customers)
    taken = before.customers + customers
    return msgspec.structs.replace(
        period,
        customers=customers,
        holds=period.holds and customers > 0,
        whole=period.whole and taken >= accepted,  # customers with a transaction of their own are still there
        counted=period.whole and taken == accepted,
    )


def _accepted(journal: JournalReader) -> int:
    """Return how many customers of the run were accepted."""
    figures = journal.figures(Kind.CUSTOMERS)
    return 0 if figures is None else figures.records.get(RecordOutcome.ACCEPTED.name, 0)


class _Taken(Struct):
    """The body of the answer, as the sandbox gives it. No page of the vendor shows one, so it may be absent."""

    customers: Annotated[int, Meta(ge=0)]


def _count(reply: Reply) -> int | None:
    """Return how many customers the API says it took back; None if it does not say."""
    try:
        return msgspec.json.decode(reply.body, type=_Taken).customers
    except (ValueError, RecursionError):
        return None


class _Failed(Struct, frozen=True):
    """Why nothing was taken back, or may not have been."""

    error: MasivoStreamError
    in_doubt: bool = False


_LOOK_FIRST = "check the account's dashboard; the same command takes back what is left of that period"


def _read_attempt(attempt: Attempt) -> _Failed | None:
    match attempt:
        case Failure(cause=cause, sent=True):
            message = f"{cause.value}; the revert may have taken effect"
            return _Failed(OutageError(message, operation=_OPERATION, hint=_LOOK_FIRST), in_doubt=True)
        case Failure(cause=cause):
            message = f"{cause.value}; nothing was sent"
            return _Failed(OutageError(message, operation=_OPERATION, hint="start again later"))
        case Answer():
            return _read_answer(_describe(attempt), _outcome(attempt), foreign=is_foreign(attempt))
        case _:
            assert_never(attempt)


def _outcome(answer: Answer) -> Outcome:
    """Return the outcome of an answer: any success status of the API counts (`contract.REVERT_PATH`)."""
    if 200 <= answer.status < 300:
        return InDoubt("") if is_foreign(answer) or answer.body is Body.ERRORS else Accepted()
    return classify(answer)


def _describe(answer: Answer) -> str:
    if is_foreign(answer):
        return whose(answer)
    return f"the API answers {answer.status}{f' with {answer.body}' if answer.body is Body.ERRORS else ''}"


def _read_answer(description: str, outcome: Outcome, *, foreign: bool) -> _Failed | None:
    match outcome:
        case Accepted():
            return None
        case InDoubt() | Stop(in_doubt=True):
            message = f"{description}; the revert may have taken effect"
            return _Failed(OutageError(message, operation=_OPERATION, hint=_LOOK_FIRST), in_doubt=True)
        case Throttled() | Unreachable():
            message = f"{description}; nothing was taken back"
            return _Failed(OutageError(message, operation=_OPERATION, hint="try again later"))
        case Refused() | TooLarge() | Unauthorized() | Stop():
            message = f"{description}; nothing was taken back"
            hint = FOREIGN_HINT if foreign else "check the period, the key's permissions and base_url"
            return _Failed(DeniedError(message, operation=_OPERATION, hint=hint))
        case _:
            assert_never(outcome)
