"""What a revert leaves in a state directory: the journal says whether it happened, and what follows from it.

The API takes back whole customers, by the time of their migration, with their events and transactions of any time; but
not those who have made a transaction of their own since (guides/migrate-customers). So a run is taken back by its
customers. If all of them were taken back, it starts over; if some were, `flow.only_missing` finds out which.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from msgspec import Struct

from masivo_stream.core.next_steps import quote, revert_command, same_command
from masivo_stream.edges.files.state_dir import StateDir
from masivo_stream.edges.journal import Journal, JournalReader, open_journal
from masivo_stream.flow.commands_of_run import commands_of
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.ports import Clock
from masivo_stream.model.settings import VisibleSettings
from masivo_stream.model.states import NoteKind

_OPERATION = "open the run"
_AROUND = timedelta(seconds=VisibleSettings().visible_timeout)
"""Customers are migrated later than they are sent, and clocks differ."""


class RevertPeriod(Struct, frozen=True, kw_only=True):
    """What the journal notes of a revert: RFC 3339 moments, and whether all that this run sent is between them."""

    start: str
    end: str
    whole: bool
    holds: bool = True
    """Whether anything of this run is between them."""
    customers: int | None = None
    """How many customers the API says it took back; None if it does not say."""
    counted: bool = False
    """Whether, by that number, these are all customers of the run; then nothing of it is left."""
    at: str = ""
    """When it was done, by this machine's clock: what the account got later was not taken back."""

    def covers(self, other: "RevertPeriod") -> bool:
        """Return whether a period is within this one."""
        begin, end, *others = map(datetime.fromisoformat, (self.start, self.end, other.start, other.end))
        return begin <= others[0] and others[1] <= end


class Left(Struct, frozen=True, kw_only=True):
    """What the journal notes of customers that cannot be read back after a revert: how many, and the first place."""

    customers: int
    first: str


class RevertState(Struct, frozen=True):
    """What of a run was taken back."""

    done: tuple[RevertPeriod, ...] = ()
    begun: tuple[RevertPeriod, ...] = ()
    """It is not known whether these happened."""
    made_up: bool = False
    """Whether what was taken back before these has become an input again."""

    @property
    def open(self) -> RevertPeriod | None:
        """A revert of which it is not known whether it happened."""
        return self.begun[0] if self.begun else None

    @property
    def whole(self) -> bool:
        """Whether all of the run was taken back, by its periods."""
        return any(period.whole for period in self.done)

    @property
    def counted(self) -> bool:
        """Whether all of the run was taken back, also by the API's number of customers."""
        return any(period.whole and period.counted for period in self.done)

    @property
    def customers(self) -> int | None:
        """How many customers the API says it took back in all; None if it did not say each time."""
        counts = [period.customers for period in self.done]
        return None if None in counts else sum(filter(None, counts))


def read_revert_state(journal: JournalReader) -> RevertState:
    """Return what of a run was taken back, by all its reverts. One that was refused leaves things as they were."""
    reverts = before = RevertState()
    for note in journal.reverts():
        if note.kind is NoteKind.NOT_KNOWN:
            continue
        if note.kind is NoteKind.MADE_UP:
            reverts = before = RevertState(made_up=True)
            continue
        period = msgspec.json.decode(note.detail, type=RevertPeriod)
        if note.kind is NoteKind.REVERT_BEGUN:
            before, reverts = reverts, msgspec.structs.replace(reverts, begun=(*reverts.begun, period))
        elif note.kind is NoteKind.REVERTED:
            left = tuple(each for each in before.begun if not period.covers(each))
            done = (*before.done, msgspec.structs.replace(period, at=note.at)) if period.holds else before.done
            reverts = RevertState(done, left, before.made_up)
        else:
            reverts = before
    return reverts


def warn_of_left(journal: JournalReader) -> Iterator[str]:
    """Yield a warning if it cannot be known of some customers whether a revert took them back."""
    for note in journal.reverts():
        if note.kind is NoteKind.NOT_KNOWN:
            left = msgspec.json.decode(note.detail, type=Left)
            yield (
                f"{left.customers:,} customers could not be read back after a revert, the first at {left.first}: it is"
                " not known whether they were taken back, and nothing that belongs to them was sent since"
            )


def blocked(reverts: RevertState, journal: Journal, place: str) -> ConfigurationError | None:
    """Return why a run cannot continue; None if it can continue, or start over."""
    invocation = commands_of(journal, place)
    if reverts.open is not None:
        period = reverts.open
        again = quote(revert_command(invocation, place, period.start, period.end))
        return ConfigurationError(
            f"a revert from {period.start} to {period.end} was started; it is not known whether it took effect",
            operation=_OPERATION,
            place=place,
            hint=f"start the revert again to take back what is left of that period: {again}",
        )
    if reverts.done and not reverts.whole:
        periods = ", ".join(f"{period.start} to {period.end}" for period in reverts.done)
        return ConfigurationError(
            f"part of this run was taken back: customers migrated from {periods}, with everything that belongs to them",
            operation=_OPERATION,
            place=place,
            hint=_both_ways(journal, place),
        )
    return None


def _both_ways(journal: Journal, place: str) -> str:
    hint = f"this sends again what was taken back: {only_missing(journal, place)}"
    times = journal.history.times().get(Kind.CUSTOMERS)
    if times is None:
        return hint
    begin = datetime.fromisoformat(times.first_at) - _AROUND
    rest = _revert(journal, place, begin, datetime.fromisoformat(times.last_at))
    return f"{hint}; or take back the rest of the run as well, then the same command migrates everything again: {rest}"


def revert_since(journal: Journal, reverts: RevertState, place: str, now: datetime) -> str:
    """Return the command that takes back the customers migrated since the first revert of a run."""
    return _revert(journal, place, min(datetime.fromisoformat(period.at) for period in reverts.done), now)


def _revert(journal: Journal, place: str, begin: datetime, sent: datetime) -> str:
    """Return the command that takes back the customers migrated after `begin` and sent before `sent`."""
    moments = (moment.astimezone(UTC).isoformat(timespec="milliseconds") for moment in (begin, sent + _AROUND))
    period = (moment.replace("+00:00", "Z") for moment in moments)
    return quote(revert_command(commands_of(journal, place), place, *period))


_REVERTED = "reverted"
_ASIDE = re.compile(rf"{_REVERTED}-\d+")
"""The directory into which the files of a run go that was taken back, within its own."""


def all_again(journal: Journal, place: str) -> str:
    """Return what to do if all of a run was taken back, also if its files were put aside already."""
    path = Path(place)
    home = str(path.parent) if _ASIDE.fullmatch(path.name) else place
    command = quote(commands_of(journal, home).again)
    return f"the command that started the run migrates everything again{f': {command}' if command else ''}"


def all_but_counted(journal: Journal, place: str) -> str:
    """Return what to do if all of a run was taken back by its times, and the API did not say how many customers."""
    return (
        "if no customer can have made a transaction of their own since then, the command that started the run"
        " migrates everything again; if some may have, they are still in the account, and this sends only what is"
        f" missing: {only_missing(journal, place)}"
    )


def only_missing(journal: Journal, place: str) -> str:
    """Return the command that sends what was taken back; described in words if it cannot be shown as it is."""
    invocation = commands_of(journal, place)
    for words in (invocation, msgspec.structs.replace(invocation, again=())):  # a short one names no exports
        if command := quote((*same_command(words, place), "--only-missing")):
            return command
    return "the command that started the run, with --only-missing added"


def leave_reverted(state: StateDir, clock: Clock, withdraw: Callable[[str], None] = lambda _journal: None) -> None:
    """Put a run aside that was taken back, so that its state directory can start over.

    `withdraw` is called first, with the id of its journal: the account has nothing of it any more.

    Raises:
        ConfigurationError: it is not known whether it was taken back, or only a part was: to continue would lose or
            double records.
        StorageError: it cannot be put aside.
    """
    if not state.journal.exists():
        return
    with closing(open_journal(state.journal, clock.wall)) as journal:
        reverts, name = read_revert_state(journal.read), journal.read.id()
        error = blocked(reverts, journal, str(state.path))
        if reverts.whole:
            journal.merge_wal()
    if error is not None:
        raise error
    if reverts.whole:
        withdraw(name)
        state.put_aside(_REVERTED)


def check_taken_back(journal: Journal, place: str) -> RevertState:
    """Return what of a run was taken back, for the command that sends only that.

    Raises:
        ConfigurationError: nothing was, or it is not known whether something was.
    """
    reverts = read_revert_state(journal.read)
    if reverts.open is not None and (error := blocked(reverts, journal, place)) is not None:
        raise error
    if not reverts.done and not reverts.made_up:
        raise ConfigurationError(
            "nothing of this run was taken back",
            operation="send what was taken back",
            place=place,
            hint="name the exports, without --only-missing: the run continues with what is pending",
        )
    return reverts
