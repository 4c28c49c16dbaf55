"""Purchases that were sent to an account: each run notes its own, and recognises those of earlier runs.

Exports are recognised as a whole (`flow.identity.send_once`): the same lines are not sent twice. A new export may still
hold an old purchase, on another line or in another form, and the API would count it a second time.

Notes are a help, and no part of the run: if they cannot be written or read, the run goes on, and says so once.

* A batch is noted after its answer came, and before the journal notes it. So a killed process has noted at least what
  its journal knows to be accepted. What a person says of a batch in doubt is noted then.
* A run compares the lines of its exports with no notes of its own, whatever process wrote them: it resumes as its
  journal says. A person who has confirmed `--again` wants purchases to be sent again.
* It does compare dead letters that a retry sends. A line with a fault is compared with no other line. Corrected, it may
  hold an event that the run has sent from another line, and no other memory of that is left.
* A revert makes all notes of the account unsure: it takes back customers by the time of their migration, whichever run
  sent them. What is unsure is warned of, and never a reason to hold an event back. A run that was taken back as a
  whole is forgotten.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from anyio import to_thread
from msgspec import Struct

from masivo_stream.core.reading.purchases import EventMemory
from masivo_stream.core.reading.recent_signs import RecentSigns
from masivo_stream.core.redact import named
from masivo_stream.core.sent_purchases import (
    CONTENT_CHECK,
    NOTE_BYTES,
    CopiedRecords,
    EarlierPurchases,
    Found,
    OwnPurchases,
    PurchaseKeys,
    PurchaseNotes,
    SignedEvents,
)
from masivo_stream.edges.journal import JournalReader
from masivo_stream.edges.secret import Credentials
from masivo_stream.edges.shared_dir.purchase_index import MOST_RUNS, PurchaseIndex, build_index
from masivo_stream.edges.shared_dir.purchase_notes import (
    NAME,
    DamagedError,
    NotesFile,
    NotesWriter,
    Whose,
    create_notes,
    doubt_notes,
    list_notes,
    read_notes,
    read_salt,
    take_salt,
    trust_notes,
)
from masivo_stream.edges.shared_dir.sent_exports import NAME as SENT
from masivo_stream.edges.shared_dir.sent_exports import open_sent
from masivo_stream.flow.identity.account_binding import AccountBinding, identify_account
from masivo_stream.flow.identity.remembered import find_shared_dir, id_of_journal, receivers_of
from masivo_stream.model.account import Account
from masivo_stream.model.earlier_runs import EarlierRun
from masivo_stream.model.entries import Packable
from masivo_stream.model.errors import StorageError
from masivo_stream.model.settings import Settings
from masivo_stream.model.states import NoteKind

_NOT_ALL_NOTED = (
    "this run could not note all purchases that it sent: an event of a dead letter that it has sent already, on another"
    " line, may be sent again unnoticed"
)
_MANY = 200_000
"""From that many notes on, an index is built in another thread: it takes a tenth of a second."""

Lost = Callable[[str], None]
"""Called with the reason, once, if notes cannot be written or read."""


class Earlier(Struct, frozen=True):
    """Files of notes of certain runs of the account."""

    salt: bytes
    files: tuple[NotesFile, ...]
    unread: int = 0
    """Files that cannot be read, of whatever account."""

    @property
    def notes(self) -> int:
        """How many notes there are, at most."""
        return sum(file.size - file.begin for file in self.files) // NOTE_BYTES


def find_earlier(settings: Settings, account: Account, *, own: str = "") -> Earlier | None:
    """Return what other runs than the one of the journal `own` have noted for an account; None if there is nothing.

    There is nothing either if the settings say that nothing is looked for.

    Raises:
        OSError: the directory cannot be read.
        StorageError: the salt is damaged.
    """
    return _find(settings, account, lambda file: file.whose.journal != own)


def find_own(settings: Settings, account: Account, own: str) -> Earlier | None:
    """Return what the run of the journal `own` has noted itself; as `find_earlier` otherwise."""
    return _find(settings, account, lambda file: file.whose.journal == own)


def _find(settings: Settings, account: Account, wanted: Callable[[NotesFile], bool]) -> Earlier | None:
    shared = find_shared_dir(settings)
    looks = settings.state.remember_purchases > 0 and settings.validation.duplicate_purchase != "allow"
    if not looks or not (shared / NAME).exists():
        return None
    salt = read_salt(shared)
    found, damaged = list_notes(shared, salt)
    files = tuple(filter(wanted, _of_account(found, shared, account)))
    return Earlier(salt, files, len(damaged)) if files or damaged else None


def _of_account(files: Iterable[NotesFile], shared: Path, account: Account) -> Iterator[NotesFile]:
    names = _names(shared, account)
    return (file for file in files if names & set(file.whose.names))


def _names(shared: Path, account: Account) -> set[str]:
    """Return all names under which the account may have received something."""
    receivers = receivers_of(account)
    names = {receivers.owner, receivers.name}
    if (shared / SENT).exists():
        with suppress(OSError, StorageError), closing(open_sent(shared)) as sent:
            names.update(sent.names(receivers))
    return names


class SentByRuns:
    """What some runs have sent, ready to be searched; a `SentPurchases` of `core.sent_purchases`."""

    def __init__(self, index: PurchaseIndex, runs: Sequence[EarlierRun], keys: PurchaseKeys, lost: Lost) -> None:
        """Search in `index`, which numbers `runs`."""
        self.keys = keys
        self._index, self._runs, self._lost = index, runs, lost
        self._given_up = False

    def find(self, keys: Sequence[bytes]) -> Mapping[int, Sequence[Found]]:
        """Return what is noted of each key."""
        if self._given_up:
            return {}
        try:
            matches = self._index.find(keys)
        except OSError as error:
            self._given_up = True
            self._lost(_describe(error))
            return {}
        runs = self._runs
        return {index: [(content, runs[run]) for content, run in found] for index, found in matches.items()}

    def extend(self, memory: EventMemory) -> EarlierPurchases:
        """Return a memory that also knows what other runs have sent."""
        return EarlierPurchases(memory, self.keys, self)

    def close(self) -> None:
        """Free the space of the index."""
        self._index.close()


class SentBefore:
    """What an event is compared with: what other runs have sent, and what this run has sent itself."""

    def __init__(self, others: SentByRuns | None, own: SentByRuns | None, records: CopiedRecords) -> None:
        """Compare all events with `others`, and those of `records` with `own` as well."""
        self._others, self._own, self._records = others, own, records

    def extend(self, memory: EventMemory) -> EventMemory:
        """Return a memory that also knows what was sent."""
        if self._own is not None:
            memory = OwnPurchases(memory, self._own.keys, self._own, self._records)
        return memory if self._others is None else self._others.extend(memory)


class _Reader:
    """Reads the notes of runs, and numbers these."""

    def __init__(self, earlier: Earlier) -> None:
        self._files = earlier.files
        self.damaged = earlier.unread
        self.runs: list[EarlierRun] = []
        self._numbers: dict[EarlierRun, int] = {}

    def read(self) -> Iterator[tuple[int, bytes]]:
        """Yield notes with the number of their run."""
        for file in self._files:
            try:
                for offset, notes in read_notes(file):
                    yield self._number(file, sure=offset >= file.unsure_before), notes
            except FileNotFoundError:  # the run was taken back meanwhile
                continue
            except (DamagedError, OSError):
                self.damaged += 1

    def warnings(self) -> Iterator[str]:
        """Yield what a person should know of these notes."""
        unnoticed = "some of these may be sent again unnoticed"
        if self.damaged:
            noun = "file" if self.damaged == 1 else "files"
            yield f"{self.damaged} {noun} of purchases that earlier runs sent cannot be read: {unnoticed}"
        if any(file.missing for file in self._files):
            yield f"an earlier run could not note all purchases that it sent: {unnoticed}"
        if not all(run.sure for run in self.runs):
            yield (
                "a revert may have taken back purchases that earlier runs sent: an event that has one of them is sent,"
                " with a warning"
            )

    def _number(self, file: NotesFile, *, sure: bool) -> int:
        whose = file.whose
        comparable = whose.content_check == CONTENT_CHECK
        run = EarlierRun(state_dir=named(whose.state_dir), at=whose.at, sure=sure, comparable=comparable)
        if run not in self._numbers:
            if len(self.runs) == MOST_RUNS:
                raise DamagedError
            self._numbers[run] = len(self.runs)
            self.runs.append(run)
        return self._numbers[run]


async def open_earlier(earlier: Earlier, directory: Path | None, lost: Lost) -> tuple[SentByRuns, list[str]]:
    """Make the notes of other runs ready, and return warnings about them, a sentence each.

    That takes some seconds for each ten million of notes. The index is in `directory`, or where temporary files are.
    `lost` is called if it cannot be read later.

    Raises:
        OSError: it cannot be written.
    """
    reader = _Reader(earlier)
    work = partial(build_index, reader.read(), earlier.notes, directory)
    index = work() if earlier.notes < _MANY else await to_thread.run_sync(work)
    return SentByRuns(index, reader.runs, PurchaseKeys(earlier.salt), lost), list(reader.warnings())


class PurchaseGuard:
    """Notes which purchases one run has sent, and recognises those that other runs have sent."""

    def __init__(
        self, settings: Settings, journal: JournalReader, binding: AccountBinding, state_dir: Path, lost: Lost
    ) -> None:
        """Work for the run of `journal`; nothing is read or written yet."""
        self._settings, self._shared = settings, find_shared_dir(settings)
        self._journal, self._binding, self._state_dir = journal, binding, state_dir
        self._lost = lost
        self._notes: PurchaseNotes | None = None
        self._writer: NotesWriter | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._accepted: deque[SignedEvents] = deque()
        """What was accepted and is not noted yet."""
        self._writes = settings.state.remember_purchases > 0
        self._why = ""
        """Why no more is written, until that is reported."""
        self._earlier: SentByRuns | None = None
        self._own: SentByRuns | None = None
        self.recent_signs = RecentSigns() if self._writes else None
        """Signs of events that were read and not accepted yet; a decoder keeps them here."""
        self.warnings: list[str] = []
        """Warnings for a person, one sentence each."""

    def accepted(self, parts: Iterable[Packable]) -> None:
        """Take the purchases of events that were accepted, to note them."""
        if self._writes:
            try:
                self._accepted.append(self._open().sign(parts))
            except (OSError, StorageError) as error:
                self._give_up(error)

    def sync(self) -> None:
        """Note what was taken; called from another thread, before the journal notes that it was accepted."""
        while self._accepted:
            self.write(self._accepted.popleft())

    def write(self, signed: SignedEvents) -> None:
        """Note the purchases of events."""
        if self._writes and self._notes is not None and self._writer is not None:
            try:
                self._writer.append(self._notes.make(signed))
            except (OSError, StorageError) as error:
                self._give_up(error)

    def _give_up(self, error: OSError | StorageError) -> None:
        self._writes, self._why = False, _describe(error)
        if self._loop is not None:  # the observers are notified there, whatever thread this is
            self._loop.call_soon_threadsafe(self._report)

    def _report(self) -> None:
        """Say once that notes could not be written."""
        why, self._why = self._why, ""
        if why:
            self._lost(why)

    def _open(self) -> PurchaseNotes:
        if self._notes is None:
            self._loop = asyncio.get_running_loop()
            salt = take_salt(self._shared)
            receivers = receivers_of(self._binding.account)  # by now a token has named the account, if it can
            whose = Whose(
                journal=self._journal.id(),
                names=tuple(sorted({receivers.owner, receivers.name})),
                state_dir=str(self._state_dir.resolve()),
                at=self._binding.clock.wall().isoformat(timespec="seconds"),
            )
            self._writer = create_notes(self._shared, whose, salt, self._settings.state.remember_purchases)
            self._notes = PurchaseNotes(salt, self.recent_signs, pure_python=self._settings.source.pure_python)
        return self._notes

    @property
    def _again(self) -> bool:
        """Whether a person wants purchases to be sent again."""
        return self._binding.confirmations.again or bool(self._journal.notes(NoteKind.AGAIN))

    async def open_earlier(self) -> SentByRuns | None:
        """Return what other runs of the account have sent; None if there is nothing, or nothing to compare."""
        if self._earlier is None and not self._again:
            try:
                found = find_earlier(self._settings, self._binding.account, own=self._journal.id())
                if found is not None:
                    self._earlier, warnings = await open_earlier(found, self._state_dir, self._lost)
                    self.warnings.extend(warnings)
            except (OSError, StorageError) as error:
                self._lost(_describe(error))
        return self._earlier

    async def open_for(self, records: CopiedRecords) -> SentBefore:
        """Return what events are compared with; those of `records` are compared with what this run has sent, too."""
        others = await self.open_earlier()
        if records.copies and self._own is None and not self._again:
            self._own = await self._open_own()
        return SentBefore(others, self._own, records)

    async def _open_own(self) -> SentByRuns | None:
        try:
            found = find_own(self._settings, self._binding.account, self._journal.id())
            if found is None:
                return None
            own, _ = await open_earlier(found, self._state_dir, self._lost)
        except (OSError, StorageError) as error:
            self._lost(_describe(error))
            return None
        if found.unread or any(file.missing for file in found.files):
            self.warnings.append(_NOT_ALL_NOTED)
        return own

    def close(self) -> None:
        """Make the notes durable, and free the space of what was opened."""
        self.sync()
        self._report()  # the loop may have no further turn for that
        if self._writer is not None:
            self._writer.close()
        for opened in (self._earlier, self._own):
            if opened is not None:
                opened.close()


async def open_for_dry_run(
    settings: Settings, credentials: Credentials | None, directory: Path | None
) -> tuple[SentByRuns | None, list[str]]:
    """Return what runs have sent to the account of `credentials`, and warnings; None if there is nothing to compare.

    What the run in the settings' own state directory has sent is left out: it would not be sent twice.
    Warnings may be added while it is used.
    """
    warnings: list[str] = []
    if credentials is None:
        return None, warnings

    def lost(why: str) -> None:
        warnings.append(f"purchases that earlier runs sent cannot be looked up: {why}")

    sent, own = None, id_of_journal(settings.state.state_dir)
    try:
        if (found := find_earlier(settings, identify_account(settings, credentials), own=own)) is not None:
            sent, more_warnings = await open_earlier(found, directory, lost)
            warnings.extend(more_warnings)
    except (OSError, StorageError) as error:
        lost(_describe(error))
    return sent, warnings


def doubt_sent(settings: Settings, account: Account) -> Callable[[], None]:
    """Note that a revert may take back purchases of any run of the account; return what undoes that.

    What cannot be noted stays sure; there is nothing else to be done about it.
    """
    try:
        shared = find_shared_dir(settings)
        found, _ = list_notes(shared, read_salt(shared))
        files = [*_of_account(found, shared, account)]
        doubt_notes(files)
    except (OSError, StorageError):
        return lambda: None
    return lambda: _trust_again(files)


def _trust_again(files: Iterable[NotesFile]) -> None:
    with suppress(OSError):
        trust_notes(files)


def _describe(error: OSError | StorageError) -> str:
    if isinstance(error, StorageError):
        return f"{error}; {error.hint}"
    return error.strerror or str(error)
