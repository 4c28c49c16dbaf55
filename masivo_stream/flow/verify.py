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

from masivo_stream.core.draw import Draw
from masivo_stream.edges.clock import Clock, SystemClock
from masivo_stream.edges.identity import decode_identity
from masivo_stream.edges.journal import JournalReader
from masivo_stream.edges.secret import Credentials
from masivo_stream.flow.accepted import Accepted, open_accepted
from masivo_stream.flow.belonging import Belonging, Said
from masivo_stream.flow.brake import Brake
from masivo_stream.flow.compare import can_be_told
from masivo_stream.flow.evidence import TransactionReader
from masivo_stream.flow.findings import Findings
from masivo_stream.flow.known import NOT_MOVED, Moved, read_moved
from masivo_stream.flow.observer import Observer, Observers
from masivo_stream.flow.opening import check_key, open_account, open_known_run
from masivo_stream.flow.proxies import Proxies
from masivo_stream.flow.reader import PacedReader
from masivo_stream.flow.sender import open_sender
from masivo_stream.flow.signals import work_under
from masivo_stream.flow.witness import Witness, find_span
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import MasivoStreamError
from masivo_stream.model.record import Entry
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
    said: Said | None = None,
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
    belonging, proxies = Belonging(settings, credentials, clock, said), Proxies(settings.api, told)
    with (
        open_known_run(settings, clock, "verify what was accepted", belonging) as (state, journal),
        open_account(settings, credentials, [], told, clock) as gates,
    ):
        async with open_sender(
            settings.api, credentials, clock, gates, admit=belonging.admit, note=proxies.note
        ) as sender:
            await belonging.prove(sender)
            reader = PacedReader(sender, gates.general)
            work = Work(settings, journal, state.path, reader, clock, _drawing(sample, seed), read_moved(moved))
            await work_under(work.brake, work.go, observer=told, handle_signals=handle_signals)
        proxies.explain(work.brake.cause)
        return work.findings.conclude(work.brake.cause, left_out=_pipes(journal))


def _drawing(sample: int | None, seed: int) -> Callable[[Kind], Draw[Entry]] | None:
    if sample is None:
        return None
    return lambda kind: Draw(sample, random.Random(f"{seed} {kind}").random)  # noqa: S311 - a sample, no secret


def _pipes(journal: JournalReader) -> tuple[str, ...]:
    """Name the exports that cannot be read again."""
    return tuple(
        source.name
        for kind in Kind
        for source in journal.sources(kind)
        if not source.letters and decode_identity(source.identity).stream
    )


class Work:
    """A look at one run, under the brake."""

    def __init__(
        self,
        settings: Settings,
        journal: JournalReader,
        state_dir: Path,
        reader: TransactionReader,
        clock: Clock,
        drawing: Callable[[Kind], Draw[Entry]] | None,
        moved: Moved = NOT_MOVED,
    ) -> None:
        """Look at what `drawing` draws of each kind; at everything where it is None."""
        self._moved = moved
        self._settings, self._journal, self._state_dir = settings, journal, state_dir
        self._reader, self._clock, self._drawing = reader, clock, drawing
        self.brake = Brake(clock, drain_time=0)
        self.findings = Findings()

    async def go(self) -> None:
        """Look at every kind."""
        for kind in Kind:
            accepted = await open_accepted(self._journal, kind, self._settings, self._state_dir, self._moved)
            span = find_span(self._journal, kind)
            if accepted is None or span is None:
                continue
            witness = Witness(kind, span, reader=self._reader, clock=self._clock, settings=self._settings.visible)
            chosen = self._all(accepted) if self._drawing is None else self._drawn(accepted, self._drawing(kind))
            await self._look_at(witness, chosen)

    async def _drawn(self, accepted: Accepted, draw: Draw[Entry]) -> AsyncIterator[Entry]:
        async with aclosing(accepted.blocks()) as blocks:
            async for entries in blocks:
                for index in draw.candidates(len(entries)):
                    part = accepted.part(entries[index])
                    if part is not None and can_be_told(accepted.kind, part):
                        draw.take(part)
        for entry in sorted(draw.drawn, key=lambda entry: entry.place):
            yield entry

    async def _all(self, accepted: Accepted) -> AsyncIterator[Entry]:
        async with aclosing(accepted.blocks()) as blocks:
            async for entries in blocks:
                for part in filter(None, map(accepted.part, entries)):
                    if can_be_told(accepted.kind, part):
                        yield part
                    else:
                        self.findings.leave(accepted.kind)

    async def _look_at(self, witness: Witness, chosen: AsyncIterator[Entry]) -> None:
        """Look at entries, as many at a time as there are uploaders."""
        give, take = anyio.create_memory_object_stream[Entry](self._settings.upload.hand_off)
        self.findings.begin(witness)
        async with anyio.create_task_group() as tasks, give:
            with take:
                for _ in range(self._settings.upload.uploaders):
                    tasks.start_soon(self._work, witness, take.clone())
            try:
                async for entry in chosen:
                    await give.send(entry)
            except MasivoStreamError as error:
                self.brake.pull(error)

    async def _work(self, witness: Witness, entries: MemoryObjectReceiveStream[Entry]) -> None:
        with entries:
            async for entry in entries:
                try:
                    self.findings.note(witness, entry, await witness.look(entry))
                except MasivoStreamError as error:
                    self.brake.pull(error)
