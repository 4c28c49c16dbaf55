"""Verify: read back what was accepted, a sample or all of it, and say what is confirmed, missing, or different.

Nothing is sent but questions, under the account's general limit, and nothing of the run is changed. The exports are
read once more, at the speed of `validate`; memory stays flat, whatever their size.

Exit codes: 0 where all that was looked at is confirmed. What is missing or different is for a person to look after, as
dead letters are: 3. What does not show yet, or could not be read, can be looked at again later: 6.
"""

import random
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing
from pathlib import Path

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from masivo_stream.core.accounting.sampling import Sampling
from masivo_stream.edges.clock import Clock, SystemClock
from masivo_stream.edges.export.identity import decode_identity
from masivo_stream.edges.journal import JournalReader
from masivo_stream.edges.secret import Credentials
from masivo_stream.flow.client import open_client
from masivo_stream.flow.identity.account_binding import AccountBinding, Confirmations
from masivo_stream.flow.identity.known_exports import NOT_MOVED, Moved, read_moved
from masivo_stream.flow.limiters import open_limiters
from masivo_stream.flow.observer import Observer, Observers
from masivo_stream.flow.pipeline.accepted import AcceptedRecords, open_accepted_records
from masivo_stream.flow.proxies import Proxies
from masivo_stream.flow.readback.check import ReadBackCheck, find_span
from masivo_stream.flow.readback.compare import is_comparable
from masivo_stream.flow.readback.findings import Findings
from masivo_stream.flow.readback.paced_reader import PacedReader
from masivo_stream.flow.session import check_key, open_known_run
from masivo_stream.flow.signals import work_under
from masivo_stream.flow.stop import StopControl
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import MasivoStreamError
from masivo_stream.model.ports import TransactionReader
from masivo_stream.model.results import Entry
from masivo_stream.model.settings import Settings
from masivo_stream.model.verification import Verification

SAMPLE = 20
"""Records of a kind that are looked at unless more are asked for: one wrong in ten is found with 88 %."""


async def verify(
    settings: Settings,
    *,
    credentials: Credentials,
    sample: int | None = SAMPLE,
    seed: int = 1,
    moved: Iterable[str] = (),
    observer: Observer | None = None,
    handle_signals: bool = False,
    clock: Clock | None = None,
    said: Confirmations | None = None,
) -> Verification:
    """Read back what the run of a state directory has sent, and tell what is seen of it.

    Args:
        settings: see `load_settings`; the exports are found where the run knows them, or beside the state directory
            where that was moved with them.
        credentials: see `load_credentials`.
        sample: records of each kind to look at, each as likely as any other; None for all of them.
        seed: the same seed looks at the same records.
        moved: exports that lie elsewhere now, each as `OLD=NEW`.
        observer: is told what happens.
        handle_signals: stop in order on SIGINT and SIGTERM. Only in the main thread.
        clock: where time comes from.
        said: what a person says explicitly: that two accounts are one.

    Returns:
        What is seen; where it ended early (an export is not what it was, the API does not let us read), why.

    Raises:
        ConfigurationError: there is no run, or its state directory cannot be used.
    """
    check_key(settings, credentials)
    clock, told = clock or SystemClock(), Observers([observer] if observer else [])
    belonging, proxies = AccountBinding(settings, credentials, clock, said), Proxies(settings.api, told)
    with (
        open_known_run(settings, clock, "verify what was accepted", belonging) as (state, journal),
        open_limiters(settings, credentials, [], told, clock) as limiters,
    ):
        async with open_client(
            settings.api, credentials, clock, limiters, admit=belonging.admit, note=proxies.note
        ) as sender:
            await belonging.prove(sender)
            reader = PacedReader(sender, limiters.general)
            work = VerifyWork(
                settings, journal.read, state.path, reader, clock, _drawing(sample, seed), read_moved(moved)
            )
            await work_under(work.stop, work.go, observer=told, handle_signals=handle_signals)
        proxies.explain(work.stop.cause)
        return work.findings.conclude(work.stop.cause, left_out=_pipes(journal.read))


def _drawing(sample: int | None, seed: int) -> Callable[[Kind], Sampling[Entry]] | None:
    if sample is None:
        return None
    return lambda kind: Sampling(sample, random.Random(f"{seed} {kind}").random)  # noqa: S311 - a sample, no secret


def _pipes(journal: JournalReader) -> tuple[str, ...]:
    """Name the exports that cannot be read again."""
    return tuple(
        source.name
        for kind in Kind
        for source in journal.sources(kind)
        if not source.letters and decode_identity(source.identity).stream
    )


class VerifyWork:
    """A look at one run, under the brake."""

    def __init__(
        self,
        settings: Settings,
        journal: JournalReader,
        state_dir: Path,
        reader: TransactionReader,
        clock: Clock,
        drawing: Callable[[Kind], Sampling[Entry]] | None,
        moved: Moved = NOT_MOVED,
    ) -> None:
        """Look at what `drawing` draws of each kind; at everything where it is None."""
        self._moved = moved
        self._settings, self._journal, self._state_dir = settings, journal, state_dir
        self._reader, self._clock, self._drawing = reader, clock, drawing
        self.stop = StopControl(clock, drain_time=0)
        self.findings = Findings()

    async def go(self) -> None:
        """Look at every kind."""
        for kind in Kind:
            accepted = await open_accepted_records(self._journal, kind, self._settings, self._state_dir, self._moved)
            span = find_span(self._journal, kind)
            if accepted is None or span is None:
                continue
            check = ReadBackCheck(kind, span, reader=self._reader, clock=self._clock, settings=self._settings.visible)
            chosen = self._all(accepted) if self._drawing is None else self._drawn(accepted, self._drawing(kind))
            await self._look_at(check, chosen)

    async def _drawn(self, accepted: AcceptedRecords, draw: Sampling[Entry]) -> AsyncIterator[Entry]:
        async with aclosing(accepted.blocks()) as blocks:
            async for entries in blocks:
                for index in draw.candidates(len(entries)):
                    part = accepted.part(entries[index])
                    if part is not None and is_comparable(accepted.kind, part):
                        draw.take(part)
        for entry in sorted(draw.drawn, key=lambda entry: entry.place):
            yield entry

    async def _all(self, accepted: AcceptedRecords) -> AsyncIterator[Entry]:
        async with aclosing(accepted.blocks()) as blocks:
            async for entries in blocks:
                for part in filter(None, map(accepted.part, entries)):
                    if is_comparable(accepted.kind, part):
                        yield part
                    else:
                        self.findings.note_incomparable(accepted.kind)

    async def _look_at(self, check: ReadBackCheck, chosen: AsyncIterator[Entry]) -> None:
        """Look at entries, as many at a time as there are uploaders."""
        give, take = anyio.create_memory_object_stream[Entry](self._settings.upload.hand_off)
        self.findings.begin(check)
        async with anyio.create_task_group() as tasks, give:
            with take:
                for _ in range(self._settings.upload.uploaders):
                    tasks.start_soon(self._work, check, take.clone())
            try:
                async for entry in chosen:
                    await give.send(entry)
            except MasivoStreamError as error:
                self.stop.pull(error)

    async def _work(self, check: ReadBackCheck, entries: MemoryObjectReceiveStream[Entry]) -> None:
        with entries:
            async for entry in entries:
                try:
                    self.findings.note(check, entry, await check.check(entry))
                except MasivoStreamError as error:
                    self.stop.pull(error)
