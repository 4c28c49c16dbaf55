"""Send once: an account receives an export once from this machine, whatever the state directory, path or compression.

Before the first request, an export that begins like one that the account already has is compared with it to the end.
Equal content, a longer copy and a shorter one are refused; exports that only begin alike cause a warning. Just before
the first batch of an export leaves, it is noted that the account has it. What another process has noted meanwhile is
found then.

The state directory that has begun an export continues with it, also after it was moved. A copy of it while the original
is still there, or an older state of it, does not: it would send again what it does not know of. An older state knows
fewer lines of an export, or fewer requests: retries and batches that were sent again read no export.
"""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from masivo_stream.core.reading.fingerprint import ExportHead, Step, add_step, compare, describe_overlap
from masivo_stream.core.redact import named
from masivo_stream.edges.export.source import STDIN, Input
from masivo_stream.edges.journal import Journal
from masivo_stream.edges.secret import name_receiver
from masivo_stream.edges.shared_dir.sent_exports import NAME, SentExport, SentExportsFile, SentRun, open_sent
from masivo_stream.flow.identity.account_binding import AccountBinding, TokenSource, name_person
from masivo_stream.flow.identity.remembered import (
    advise,
    describe_sent,
    find_shared_dir,
    id_of_journal,
    pursue,
    read_export_head,
    receivers_of,
)
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.protocols import JournalPort
from masivo_stream.flow.sources import Source
from masivo_stream.model.account import NotedAccount
from masivo_stream.model.batch import Batch
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError, DeniedError, StorageError
from masivo_stream.model.notices import AccountUnguarded, ExportOverlaps
from masivo_stream.model.ports import Clock
from masivo_stream.model.progress import Progress
from masivo_stream.model.settings import Settings
from masivo_stream.model.states import BatchOutcome, BatchState, Note, NoteKind

Consumed = tuple[tuple[int, int, int, int], ...]
"""Source, plain bytes read, their CRC-32, and the line after them."""


class NotingJournal:
    """Passes everything to the journal, and calls the guard before or after it."""

    def __init__(
        self,
        journal: JournalPort,
        leave: Callable[[Batch], None],
        follow: Callable[[Kind, Consumed], None],
        count: Callable[[], None],
    ) -> None:
        """Call `leave` before a batch is noted as sending, and `follow` after the progress of reading was noted.

        `count` is called after a request was noted durably, and before its first byte.
        """
        self._journal, self._leave, self._follow, self._count = journal, leave, follow, count

    async def send(self, batch: Batch, progress: Progress, sync: Callable[[], None]) -> None:
        """Note that the next thing that happens is the batch's first byte."""
        self._leave(batch)
        await self._journal.send(batch, progress, sync)
        self._count()
        self._follow(batch.kind, progress.consumed)

    async def settle(
        self, kind: Kind, batch: str, outcome: BatchOutcome, progress: Progress, sync: Callable[[], None]
    ) -> None:
        """Note the outcome."""
        await self._journal.settle(kind, batch, outcome, progress, sync)
        self._follow(kind, progress.consumed)

    async def remove(self, kind: Kind, batch: str, progress: Progress, sync: Callable[[], None]) -> None:
        """Note that a batch was certainly not applied, and may be sent again."""
        await self._journal.remove(kind, batch, progress, sync)
        self._follow(kind, progress.consumed)

    async def note_found(self, batch: Batch, progress: Progress, sync: Callable[[], None], *, why: str) -> None:
        """Note that records are there."""
        await self._journal.note_found(batch, progress, sync, why=why)

    async def send_again(self, batch: str) -> None:
        """Note that the next thing that happens is the first byte of a batch that is in doubt."""
        await self._journal.send_again(batch)
        self._count()

    async def decide(
        self, kind: Kind, state: BatchState, note: Note, progress: Progress, sync: Callable[[], None]
    ) -> None:
        """Note what a person decided about the batch in doubt that `note` names."""
        await self._journal.decide(kind, state, note, progress, sync)

    async def note(self, kind: Kind, progress: Progress, sync: Callable[[], None]) -> None:
        """Note how far the kind has come."""
        await self._journal.note(kind, progress, sync)
        self._follow(kind, progress.consumed)

    async def learn_limit(self, max_body_bytes: int) -> None:
        """Note that the server takes no larger bodies."""
        await self._journal.learn_limit(max_body_bytes)


FOLLOWED_EVERY = 5.0
"""Seconds between two notes of how far an export was read: so it is known about how far a killed run had come."""

_OPERATION = "check what the account already has"

Sources = Mapping[Kind, list[Source]]


class _Begun(Struct, frozen=True):
    """An export whose first batch has not left yet."""

    source: Source
    head: ExportHead


class SendOnce:
    """Keeps the exports of one run from being sent twice. Get it from `open_send_once`."""

    def __init__(
        self,
        file: SentExportsFile | None,
        journal: Journal,
        binding: AccountBinding,
        state_dir: Path,
        observer: Observer,
        clock: Clock,
        lost: Callable[[StorageError], None],
    ) -> None:
        """Note in `file`, or nowhere without one; `lost` is called when it fails."""
        self._file, self._journal, self._binding = file, journal, binding
        self._state_dir = str(state_dir.resolve())
        self._observer, self._clock, self._lost = observer, clock, lost
        self._begun: dict[tuple[Kind, int], _Begun] = {}
        self._allowed: set[tuple[str, str, int]] = set()
        """Journal, kind and source of exports that were compared already, or that a person has allowed."""
        self._walked: dict[tuple[Kind, int], tuple[tuple[Step, ...], int]] = {}
        """By kind and source: how far reading has come since the last note, and the line there."""
        self._followed_at = clock.now()
        self._sends: int | None = None
        """Requests that the journal knows durably; None until the state directory was found to be the newest."""
        self._counted = 0
        """How many of them are noted."""
        self._by_hand, self._at_once = False, True
        """Whether a person names what is sent, batch by batch, and whether the next request is noted at once."""
        self.warnings: list[str] = []
        """Warnings for a person, one sentence each."""

    async def check(self, sources: Sources, tokens: TokenSource) -> dict[Kind, list[Source]]:
        """Check that the account has none of the exports that were not begun here; return the sources to read.

        Raises:
            ConfigurationError: it already has one.
            StorageError: the journal cannot be written.
        """
        if self._file is None:
            return dict(sources)
        try:
            return await self._check(self._file, sources, tokens)
        except StorageError as error:
            self._lose(error)
            return dict(sources)

    async def check_place(self, *, by_hand: bool) -> None:
        """Check, before anything is changed, that this state directory has sent everything that is noted of its run.

        Args:
            by_hand: a person names what is sent, batch by batch: each request is noted at once.

        Raises:
            ConfigurationError: it is a copy, or an older state.
            StorageError: the journal cannot be written.
        """
        self._by_hand = by_hand
        if self._file is not None:
            try:
                await self._check_place(self._file, self._file.of_journal(self._journal.read.id()))
            except StorageError as error:
                self._lose(error)

    async def _check(self, file: SentExportsFile, sources: Sources, tokens: TokenSource) -> dict[Kind, list[Source]]:
        self._join(file)
        known = file.of_journal(self._journal.read.id())
        await self._check_place(file, known)
        noted = {(found.kind, found.source) for found in known}
        looked_at: dict[Kind, list[Source]] = {}
        for kind, found in sources.items():
            looked_at[kind] = [
                source if (kind, source.number) in noted else await self._begin(kind, source) for source in found
            ]
        if not self._binding.account.subject and any(
            self._find(file, kind, begun) for (kind, _), begun in self._begun.items()
        ):
            with suppress(DeniedError):  # the account has an export: that is reported, not a token call that fails
                await tokens.prepare()  # its tokens may name the account
        for (kind, number), begun in [*self._begun.items()]:
            if self._journal.read.has_sent_from(kind, number):
                self._note(file, kind, [number])  # begun by a version that did not note it
            else:
                await self._compare(file, kind, begun)
        return looked_at

    def _join(self, file: SentExportsFile) -> None:
        """Note that accounts which a person has confirmed to be one are one."""
        if said := self._binding.said_to_be_one:
            own = receivers_of(self._binding.account).name
            file.join([own, *(name for known in said for name in _names(known))])

    async def _begin(self, kind: Kind, source: Source) -> Source:
        """Read the head of an export. A retry's copy, or the new part of a grown export, is no export of its own."""
        if source.is_copy or source.begin.offset:
            return source
        found, head = await read_export_head(source.input)
        source = msgspec.structs.replace(source, input=found)
        if head is not None:
            self._begun[kind, source.number] = _Begun(source, head)
        return source

    def _find(self, file: SentExportsFile, kind: Kind, begun: _Begun) -> list[SentExport]:
        return file.find(receivers_of(self._binding.account), kind, begun.head)

    async def _compare(self, file: SentExportsFile, kind: Kind, begun: _Begun) -> None:
        for found in self._find(file, kind, begun):
            agreement, reach = await pursue(begun.source.input, begun.head, found)
            if agreement.relation == "different":
                continue
            if agreement.relation == "overlapping":
                self._warn(kind, begun.source.input, found, lines=agreement.lines, reach=reach)
            elif self._binding.confirmations.again:
                words = f"{begun.source.name}, which {found.state_dir} sent on {found.at}"
                await self._journal.take_note(Note(NoteKind.AGAIN, words, person=name_person()))
            else:
                raise self._refusal(begun.source.input, found, longer=agreement.longer)
            self._allowed.add((found.journal, found.kind, found.source))

    async def _check_place(self, file: SentExportsFile, known: list[SentExport]) -> None:
        """Check that this state directory has sent what is noted: that it is no copy, and no older state."""
        journal, run, sends = self._journal.read.id(), file.run(self._journal.read.id()), self._journal.read.sends()
        if run is not None and run.state_dir != self._state_dir:
            self._check_copy(run.state_dir)
            file.move(journal, self._state_dir)
        for what in [*self._lines_missed(known)] or [*_sends_missed(run, sends)]:
            if not self._binding.confirmations.again:
                raise ConfigurationError(
                    f"this state directory is older than what was sent from it: {what}",
                    operation=_OPERATION,
                    place=self._state_dir,
                    hint="restore the newest copy of the state directory; migrate --again would send again what was"
                    " sent in between",
                )
            await self._journal.take_note(Note(NoteKind.AGAIN, what, person=name_person()))
        if run is not None and run.sends > sends:
            file.count(journal, SentRun(state_dir=self._state_dir, sends=sends))  # confirmed by a person
        self._sends = self._counted = sends

    def _check_copy(self, elsewhere: str) -> None:
        """Check that the run is not in another state directory too.

        Raises:
            ConfigurationError: it is.
        """
        if id_of_journal(elsewhere) == self._journal.read.id() and not _is_one(elsewhere, self._state_dir):
            raise ConfigurationError(
                f"this state directory is a copy of {elsewhere}, which is still there",
                operation=_OPERATION,
                place=self._state_dir,
                hint=f"continue with one of the two: there, with --state-dir {shlex.quote(elsewhere)}; or here, after"
                " you move the other one away",
            )

    def _lines_missed(self, known: list[SentExport]) -> Iterator[str]:
        """Yield a sentence for each export of which more was read than the journal knows."""
        consumed = {kind: self._journal.read.consumed(Kind(kind)) for kind in {found.kind for found in known}}
        for found in known:
            read = consumed[found.kind].get(found.source, (0, 0, 1))
            if found.trail and found.trail[-1][0] > read[0] and found.lines >= read[2]:
                yield f"it knows {read[2] - 1:,} lines of {named(found.path)}, but {found.lines:,} were read"

    # While it is sent.

    def noting(self, journal: JournalPort) -> JournalPort:
        """Return a journal that also notes here which exports leave, and how far they were read."""
        return journal if self._file is None else NotingJournal(journal, self.leave, self.follow, self.count)

    def leave(self, batch: Batch) -> None:
        """Note the exports of a batch whose first byte is about to leave.

        Raises:
            ConfigurationError: meanwhile another run has begun to send one of them.
        """
        kind = batch.kind
        if self._file is None or not self._begun:
            return
        if new := sorted({part.source for part in batch.entries.parts if (kind, part.source) in self._begun}):
            try:
                self._note(self._file, kind, new)
            except StorageError as error:
                self._give_up(error)

    def _note(self, file: SentExportsFile, kind: Kind, numbers: Iterable[int]) -> None:
        at = self._clock.wall().isoformat(timespec="seconds")
        self._join(file)  # again: by now a token may have named the account
        receivers = receivers_of(self._binding.account)
        begun = {number: self._begun[kind, number] for number in numbers}
        sent = [
            SentExport(
                journal=self._journal.read.id(),
                kind=kind,
                source=number,
                receiver=receivers.name,
                head=each.head,
                path=_place(each.source.input),
                at=at,
                state_dir=self._state_dir,
            )
            for number, each in begun.items()
        ]

        def check(export: SentExport, found: list[SentExport]) -> None:
            for other in found:
                if other.journal == export.journal or (other.journal, other.kind, other.source) in self._allowed:
                    continue
                agreement = compare(export.head, other.head)
                if agreement.relation in {"same", "open"} and not self._journal.read.has_sent_from(kind, export.source):
                    raise self._refusal(begun[export.source].source.input, other, longer=agreement.longer)

        file.note(sent, receivers, check)
        for number in begun:
            del self._begun[kind, number]

    def follow(self, kind: Kind, consumed: tuple[tuple[int, int, int, int], ...]) -> None:
        """Note how far exports were read, every few seconds."""
        for source, length, crc, line in consumed:
            steps, _ = self._walked.get((kind, source), ((), 1))
            if length:
                self._walked[kind, source] = (add_step(steps, (length, crc)), line)
        if self._clock.now() - self._followed_at >= FOLLOWED_EVERY:
            self.flush()

    def count(self) -> None:
        """Count a request that the journal knows durably, and whose first byte is about to leave.

        The first one is noted at once, so that it is known that a killed run had continued; the following ones every
        few seconds. If a person sends batch by batch, each is noted at once.
        """
        if self._sends is not None:
            self._sends += 1
            if self._at_once:
                self._at_once = self._by_hand
                self.flush()

    def flush(self) -> None:
        """Note how far exports were read, and how many requests the journal knows."""
        self._followed_at = self._clock.now()
        if self._file is not None:
            try:
                self._file.follow(self._journal.read.id(), self._walked)
                if self._sends is not None and self._sends > self._counted:
                    self._file.count(self._journal.read.id(), SentRun(state_dir=self._state_dir, sends=self._sends))
                    self._counted = self._sends
            except StorageError as error:
                self._give_up(error)

    def _lose(self, error: StorageError) -> None:
        """Continue without this memory if it failed, and not the journal."""
        if error.place != NAME:
            raise error
        self._give_up(error)

    def _give_up(self, error: StorageError) -> None:
        self._file = None
        self._lost(error)

    # Messages.

    def _warn(self, kind: Kind, source: Input, found: SentExport, *, lines: int, reach: int) -> None:
        self._observer.notify(
            ExportOverlaps(kind=kind, file=source.name, other=named(found.path), lines=lines, bytes=reach)
        )
        self.warnings.append(describe_overlap(source.name, named(found.path), lines=lines, size=reach))

    def _refusal(self, source: Input, found: SentExport, *, longer: bool) -> ConfigurationError:
        return ConfigurationError(
            describe_sent(self._binding.noted.shown, found, own=self._journal.read.id()),
            operation=_OPERATION,
            place=source.name,
            hint=advise(found, own=self._journal.read.id(), longer=longer),
        )


@contextmanager
def open_send_once(
    settings: Settings,
    journal: Journal,
    binding: AccountBinding,
    state_dir: Path,
    observer: Observer,
    clock: Clock,
) -> Iterator[SendOnce]:
    """Open what this machine remembers of accounts. If that fails, notify the observer and note nothing."""

    def lost(error: OSError | StorageError) -> None:
        why = error.strerror if isinstance(error, OSError) else str(error)
        observer.notify(AccountUnguarded(shared_dir=str(shared), why=why or str(error)))

    shared, file = find_shared_dir(settings), None
    try:
        file = open_sent(shared)
    except (OSError, StorageError) as error:
        if shared.is_dir():  # else it is reported where exports are claimed
            lost(error)
    once = SendOnce(file, journal, binding, state_dir, observer, clock, lost)
    with nullcontext() if file is None else closing(file):
        try:
            yield once
        finally:
            once.flush()


def _names(known: NotedAccount) -> list[str]:
    return [name_receiver(known.origin, each) for each in (*known.subjects, *known.keys, *known.tokens)]


def _sends_missed(run: SentRun | None, sends: int) -> Iterator[str]:
    """Yield a sentence if a run has sent more requests than its journal knows."""
    if run is not None and run.sends > sends:
        yield f"it knows {sends:,} of {run.sends:,} requests"


def _is_one(one: str, other: str) -> bool:
    """Return whether two paths are one directory."""
    return Path(one).samefile(other)


def _place(source: Input) -> str:
    on_disk = source.path != STDIN and source.stored is None
    return str(Path(source.path).absolute()) if on_disk else source.path
