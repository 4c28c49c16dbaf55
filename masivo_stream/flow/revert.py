"""Revert: take back what was migrated in a period. The journal of the run says what that is, and keeps what came of it.

A revert that covers all that a run sent ends that run: its files are put aside, and its state directory begins afresh.
One that covers a part of it leaves a directory that nothing can go on with (see `flow.reverted`).
"""

from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Protocol, assert_never

import msgspec
from msgspec import Struct

from masivo_stream.core.classify import classify
from masivo_stream.core.explain import is_rfc3339
from masivo_stream.edges.api import Reply
from masivo_stream.edges.clock import Clock, SystemClock
from masivo_stream.edges.journal import JournalReader, open_journal
from masivo_stream.edges.secret import Credentials
from masivo_stream.edges.statedir import StateDir, own_state_dir
from masivo_stream.flow.observer import Observers
from masivo_stream.flow.opening import check_key, check_target, name_target, open_account
from masivo_stream.flow.report import Reporting, leave_report
from masivo_stream.flow.reverted import BEGUN, DONE, FAILED, Period, Standing, leave_reverted, stands
from masivo_stream.flow.sender import open_sender
from masivo_stream.flow.status import conclude_again
from masivo_stream.model.attempt import Answer, Attempt, Failure
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

_OPERATION = "revert a migration"


class Survey(Struct, frozen=True, kw_only=True):
    """What a journal says about a period."""

    within: dict[str, int]
    """Records by kind that were sent in it, accepted or in doubt."""
    beyond: dict[str, int]
    """Records by kind that were sent outside of it."""
    first: str
    last: str
    """When the run's first batch was sent and its last one settled, by this machine's clock."""


def survey(state_dir: str, start: str, end: str) -> Survey | None:
    """Return what the run of a state directory sent in a period and outside of it; None where no run stands.

    Raises:
        ConfigurationError: a date is none, the period is empty, or the journal cannot be read.
    """
    _period(start, end)
    path = Path(state_dir) / StateDir.JOURNAL
    if not path.exists():
        return None
    with closing(open_journal(path, SystemClock().wall, writable=False)) as journal:
        return _survey(journal, start, end)


def _survey(journal: JournalReader, start: str, end: str) -> Survey:
    """Compare what was sent with a period, and with those that were taken back before."""
    periods = [_period(start, end), *(_period(done.start, done.end) for done in stands(journal).done)]
    within: dict[str, int] = {}
    beyond: dict[str, int] = {}
    sent = journal.sent()
    for kind, first, last, records in sent:
        inside = any(begins <= first and last <= ends for begins, ends in periods)
        place = within if inside else beyond
        place[kind] = place.get(kind, 0) + records
    moments = [moment.isoformat(timespec="seconds") for _, *pair, _ in sent for moment in pair]
    return Survey(within=within, beyond=beyond, first=min(moments, default=""), last=max(moments, default=""))


async def revert(
    settings: Settings,
    *,
    credentials: Credentials,
    start: str,
    end: str,
    clock: Clock | None = None,
    reporting: Reporting | None = None,
) -> None:
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
    with open_account(settings, credentials, [], Observers(), clock) as gates:
        async with open_sender(settings.api, credentials, clock, gates) as api:
            if (Path(settings.state.state_dir) / StateDir.JOURNAL).exists():
                with own_state_dir(settings.state.state_dir) as state:
                    target = name_target(settings.api.base_url)
                    standing = await take_back(state, start, end, api, clock, target=target)
                    with closing(open_journal(state.journal, clock.wall, writable=False)) as journal:
                        summary = conclude_again(state, journal)
                        leave_report(journal, state, summary, reporting or Reporting(), clock)
                    if standing.whole:
                        leave_reverted(state, clock)
                return
            failed = _judge((await api.revert(start, end)).attempt)
            if failed is not None:
                raise failed.error


class Sender(Protocol):
    """Who sends a revert."""

    async def revert(self, start: str, end: str) -> Reply:
        """Take back what was migrated in a period."""
        ...


async def take_back(state: StateDir, start: str, end: str, sender: Sender, clock: Clock, *, target: str) -> Standing:
    """Note a revert before its first byte, and what came of it; in doubt, its beginning stays the last word.

    Returns what of the run was taken back by now.

    Raises:
        ConfigurationError: the run goes elsewhere.
        MasivoStreamError: it was not taken back, or may not have been.
    """
    with closing(open_journal(state.journal, clock.wall)) as journal:
        check_target(journal, target, str(state.path))
        found = _survey(journal, start, end)
        period = Period(start=start, end=end, whole=not found.beyond, holds=bool(found.within))
        detail = msgspec.json.encode(period).decode()
        await journal.take_note(BEGUN, detail)
        failed = _judge((await sender.revert(start, end)).attempt)
        if failed is None:
            await journal.take_note(DONE, detail)
        elif not failed.in_doubt:
            await journal.take_note(FAILED, detail)
        standing = stands(journal)
    if failed is not None:
        raise failed.error
    return standing


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
        case Answer(status=status):
            return _judge_answer(status, classify(attempt))
        case _:
            assert_never(attempt)


def _judge_answer(status: int, outcome: Outcome) -> _Failed | None:
    match outcome:
        case Accepted():
            return None
        case InDoubt() | Stop(in_doubt=True):
            message = f"the API answers {status}; the revert may have happened"
            return _Failed(OutageError(message, operation=_OPERATION, hint=_LOOK_FIRST), in_doubt=True)
        case Throttled() | Unreachable():
            message = f"the API answers {status}; nothing was taken back"
            return _Failed(OutageError(message, operation=_OPERATION, hint="try later"))
        case Refused() | TooLarge() | Unauthorized() | Stop():
            message = f"the API answers {status}; nothing was taken back"
            hint = "check the period, the key's permissions and base_url"
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
