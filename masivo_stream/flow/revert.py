"""Revert: take back what was migrated in a period. The journal of the run says what that is, and keeps what came of it.

A revert that covers all that a run sent ends that run: its files are put aside, and its state directory begins afresh.
One that covers a part of it leaves a directory that nothing can go on with (see `flow.reverted`).
"""

from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import assert_never

import msgspec
from msgspec import Struct

from masivo_stream.core.classify import classify
from masivo_stream.core.explain import is_rfc3339
from masivo_stream.edges.api import Reply
from masivo_stream.edges.clock import Clock, SystemClock
from masivo_stream.edges.journal import open_journal
from masivo_stream.edges.secret import Credentials
from masivo_stream.edges.statedir import StateDir, own_state_dir
from masivo_stream.flow.observer import Observers
from masivo_stream.flow.opening import Gates, open_account
from masivo_stream.flow.reverted import BEGUN, DONE, FAILED, Period, last_revert, leave_reverted
from masivo_stream.flow.sender import ApiSender, open_sender
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
    begins, ends = _period(start, end)
    path = Path(state_dir) / StateDir.JOURNAL
    if not path.exists():
        return None
    with closing(open_journal(path, SystemClock().wall, writable=False)) as journal:
        sent = journal.sent()
    within: dict[str, int] = {}
    beyond: dict[str, int] = {}
    for kind, first, last, records in sent:
        place = within if begins <= first and last <= ends else beyond
        place[kind] = place.get(kind, 0) + records
    moments = [moment.isoformat(timespec="seconds") for _, *pair, _ in sent for moment in pair]
    return Survey(within=within, beyond=beyond, first=min(moments, default=""), last=max(moments, default=""))


async def revert(
    settings: Settings, *, credentials: Credentials, start: str, end: str, clock: Clock | None = None
) -> None:
    """Have the API take back the customers migrated between `start` and `end` (RFC 3339), with all that is theirs.

    One request, never repeated by itself: what a second one would take back is for a person to decide.

    Raises:
        ConfigurationError: a date is none, or the period is empty, or the state directory is in use.
        DeniedError: the API says no.
        OutageError: the API did not answer, or not legibly; the revert may have happened.
    """
    _period(start, end)
    clock = clock or SystemClock()
    found = survey(settings.state.state_dir, start, end)
    with open_account(settings, credentials, [], Observers(), clock) as gates:
        await _revert(settings, credentials, start, end, found=found, gates=gates, clock=clock)


async def _revert(
    settings: Settings,
    credentials: Credentials,
    start: str,
    end: str,
    *,
    found: Survey | None,
    gates: Gates,
    clock: Clock,
) -> None:
    async with open_sender(settings.api, credentials, clock) as api:
        sender = _Paced(api, gates)
        if found is None:
            failed = _judge((await sender.revert(start, end)).attempt)
            if failed is not None:
                raise failed.error
            return
        with own_state_dir(settings.state.state_dir) as state:
            period = Period(start=start, end=end, whole=not found.beyond)
            await _journalled(state, period, sender, clock)
            if period.whole:
                leave_reverted(state, clock)


async def _journalled(state: StateDir, period: Period, sender: "_Paced", clock: Clock) -> None:
    """Note the revert before its first byte, and what came of it; in doubt, its beginning stays the last word."""
    detail = msgspec.json.encode(period).decode()
    with closing(open_journal(state.journal, clock.wall)) as journal:
        last = last_revert(journal)
        await journal.take_note(BEGUN, detail)
        failed = _judge((await sender.revert(period.start, period.end)).attempt)
        if failed is None:
            await journal.take_note(DONE, detail)
        elif not failed.in_doubt and (last is None or last[0] != BEGUN):  # an earlier one may have happened
            await journal.take_note(FAILED, detail)
    if failed is not None:
        raise failed.error


class _Paced:
    """Sends a revert when the account's windows allow: it is one of the migration endpoints."""

    def __init__(self, sender: ApiSender, gates: Gates) -> None:
        self._sender, self._gates = sender, gates

    async def revert(self, start: str, end: str) -> Reply:
        async with self._gates.migration.departure() as one, self._gates.general.departure() as other:
            reply = await self._sender.revert(start, end)
            for departure in (one, other):
                departure.left()
                departure.answered()
        return reply


class _Failed(Struct, frozen=True):
    """Why nothing was taken back, or may not have been."""

    error: MasivoStreamError
    in_doubt: bool = False


_LOOK_FIRST = "look at the account's dashboard before you try again"


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
