"""Verify: read back what was accepted, a sample or all of it, and report what is confirmed, missing, or different.

Only reading calls are sent, under the account's general limit, and nothing of the run is changed. The exports are read
once more, at the speed of `validate`; memory does not grow with their size.

Exit codes: 0 if all that was read back is confirmed. Missing or different records are for a person to look at, as dead
letters are: 3. Records that do not show yet or could not be read can be looked at again later: 6.
"""

import random
from collections.abc import AsyncIterator
from contextlib import aclosing

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream
from msgspec import Struct

from masivo_stream.core.accounting.sampling import Sampling
from masivo_stream.edges.export.identity import decode_identity
from masivo_stream.edges.journal import JournalReader
from masivo_stream.edges.secret import Credentials
from masivo_stream.flow.identity.account_binding import Confirmations
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.outcome import summarise_kinds
from masivo_stream.flow.pipeline.accepted import AcceptedRecords, open_accepted_records
from masivo_stream.flow.readback.check import ReadBackCheck, find_span
from masivo_stream.flow.readback.compare import is_comparable
from masivo_stream.flow.readback.findings import Findings
from masivo_stream.flow.runtime import Runtime
from masivo_stream.flow.session import Session, open_session
from masivo_stream.flow.stop import StopControl, work_under
from masivo_stream.flow.work_progress import WorkMeter, measured_reading
from masivo_stream.model.attempt import Answer, Attempt
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import MasivoStreamError
from masivo_stream.model.results import Entry
from masivo_stream.model.settings import Settings
from masivo_stream.model.verification import Verification


class Sample(Struct, frozen=True, kw_only=True):
    """Which records to read back."""

    records: int = 20
    """Records of each kind, each as likely as any other. One wrong record in ten is found with a chance of 88 %."""
    seed: int = 1
    """The same seed draws the same records."""


SMALL_SAMPLE = Sample()


async def verify(
    settings: Settings,
    credentials: Credentials,
    *,
    sample: Sample | None = SMALL_SAMPLE,
    confirmations: Confirmations | None = None,
    observer: Observer | None = None,
    handle_signals: bool = False,
    runtime: Runtime | None = None,
) -> Verification:
    """Read back what a run has sent, and return what is confirmed, missing, or different.

    Args:
        settings: see `load_settings`; the exports are found at the paths that the run knows, or beside the state
            directory if that was moved with them.
        credentials: see `load_credentials`.
        sample: which records to read back; None for all of them.
        confirmations: what a person confirms: that two accounts are one, or where an export is now.
        observer: receives a notice of everything that happens.
        handle_signals: stop in an orderly way on SIGINT and SIGTERM. Only in the main thread.
        runtime: the clock; the default is right for a program.

    Returns:
        What was seen. If it ended early (an export is not what it was, the API does not let us read), `message` says
        why.

    Raises:
        ConfigurationError: there is no run, or its state directory cannot be used.
    """
    async with open_session(
        settings,
        credentials,
        needed_by="verify what was accepted",
        confirmations=confirmations,
        observer=observer,
        runtime=runtime,
    ) as session:
        await session.connect()
        work = VerifyWork(session, sample)
        await work_under(work.stop, work.go, observer=session.observer, handle_signals=handle_signals)
        session.proxies.explain(work.stop.cause)
        return work.findings.to_verification(work.stop.cause, left_out=_pipes(session.journal.read))


def _draw(sample: Sample, kind: Kind) -> Sampling[Entry]:
    return Sampling(sample.records, random.Random(f"{sample.seed} {kind}").random)  # noqa: S311 - a sample, no secret


def _pipes(journal: JournalReader) -> tuple[str, ...]:
    """Name the exports that cannot be read again."""
    return tuple(
        source.name
        for kind in Kind
        for source in journal.sources(kind)
        if not source.is_copy and decode_identity(source.identity).stream
    )


class VerifyWork:
    """The reading back of one run, until it is done or stopped."""

    def __init__(self, session: Session, sample: Sample | None) -> None:
        """Read back what `sample` draws of each kind; everything without a sample."""
        self._session, self._sample = session, sample
        self._settings = session.settings
        self.stop = StopControl(session.clock, drain_time=0)
        self.findings = Findings()
        self._meter: WorkMeter
        """Of the kind that is read back."""

    async def go(self) -> None:
        """Read back every kind."""
        session = self._session
        for kind in Kind:
            accepted = await open_accepted_records(
                session.journal.read, kind, self._settings, session.state.path, session.moved
            )
            span = find_span(session.journal.read, kind)
            if accepted is None or span is None:
                continue
            check = ReadBackCheck(
                kind, span, reader=session.reader, clock=session.clock, settings=self._settings.visible
            )
            chosen = self._all(accepted) if self._sample is None else self._drawn(accepted, _draw(self._sample, kind))
            self._begin_to_count(kind)
            with session.listening(self._hear):
                await self._read_back(check, chosen)
            self._meter.announce()

    def _hear(self, attempt: Attempt) -> None:
        self._meter.hinder("" if isinstance(attempt, Answer) else f"no answer: {attempt.cause}; it is tried again")

    def _begin_to_count(self, kind: Kind) -> None:
        """Count the records of a kind, of all that are read back, so that a person sees how many are left."""
        known, sample = summarise_kinds(self._session.journal.read), self._sample
        accepted = {each: known[each].accepted if each in known else 0 for each in Kind}
        chosen = [count if sample is None else min(count, sample.records) for count in accepted.values()]
        self._meter = WorkMeter(
            f"reading {kind} back",
            sum(chosen),
            "records",
            observer=self._session.observer,
            clock=self._session.clock,
            before=sum(chosen[: list(Kind).index(kind)]),
        )

    async def _drawn(self, accepted: AcceptedRecords, draw: Sampling[Entry]) -> AsyncIterator[Entry]:
        step, session = f"choosing {accepted.kind}", self._session
        with measured_reading(step, accepted.inputs, observer=session.observer, clock=session.clock):
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
                        self._meter.add(1)

    async def _read_back(self, check: ReadBackCheck, chosen: AsyncIterator[Entry]) -> None:
        """Read entries back, as many at a time as there are uploaders."""
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
                self.stop.begin(error)

    async def _work(self, check: ReadBackCheck, entries: MemoryObjectReceiveStream[Entry]) -> None:
        with entries:
            async for entry in entries:
                try:
                    self.findings.note(check, entry, await check.check(entry))
                    self._meter.add(1)
                except MasivoStreamError as error:
                    self.stop.begin(error)
