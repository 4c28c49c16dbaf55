"""One run over a state directory: the kinds in their order, a wait between them, and an end in an orderly way."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Protocol

import msgspec
from msgspec import UNSET

from masivo_stream.core.reading.hold_back import FindHeld
from masivo_stream.flow.levers import RunLevers
from masivo_stream.flow.outcome import agrees, count_requests, summarise, summarise_kinds
from masivo_stream.flow.pipeline.assemble import KindUploading, KindWatch, open_kind
from masivo_stream.flow.pipeline.budget_watch import watch_budget
from masivo_stream.flow.pipeline.canary import Canary, note_overruled
from masivo_stream.flow.pipeline.deliver import make_backoff
from masivo_stream.flow.pipeline.expect import expect, known_exports_of, recount
from masivo_stream.flow.pipeline.kind import KindPipeline
from masivo_stream.flow.pipeline.recorder import Recorder
from masivo_stream.flow.pipeline.resume import reread
from masivo_stream.flow.pipeline.wait_visible import AcceptedLast, wait_until_visible
from masivo_stream.flow.reporting.run_report import name_account
from masivo_stream.flow.sending_switch import WorkingClock
from masivo_stream.flow.session import Session
from masivo_stream.flow.sources import Extent, Source
from masivo_stream.flow.stop import SharedSignals, StopControl, work_under
from masivo_stream.flow.work_progress import measured_return
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import MasivoStreamError, StorageError
from masivo_stream.model.forecast import CountedExports, Expected
from masivo_stream.model.notices import Ahead, ExportsMeasured, RunStarted
from masivo_stream.model.progress import Resume
from masivo_stream.model.results import Entry
from masivo_stream.model.states import Visibility
from masivo_stream.model.summary import KindSummary, Summary


class Checks(Protocol):
    """What is checked before the first batch is sent."""

    async def make(self) -> None:
        """Check the exports of the run."""
        ...

    def held(self, kind: Kind) -> FindHeld | None:
        """Return the function that finds what is held back of a kind's exports; None if nothing is."""
        ...

    @property
    def counted(self) -> Mapping[Kind, CountedExports]:
        """What was counted meanwhile."""
        ...


class Run:
    """One migration under way."""

    def __init__(
        self,
        session: Session,
        sources: Mapping[Kind, list[Source]],
        checks: Checks | None = None,
        *,
        canary: bool = False,
    ) -> None:
        """Migrate `sources` in a session that is connected; `checks` find what of it is held back.

        With a `canary`, send one record of each kind first.
        """
        self._session, self._sources, self._checks = session, sources, checks
        self.canary = Canary(session, sources, self._held) if canary else None
        self._settings, self._journal, self._observer = session.settings, session.journal, session.observer
        self._stop = StopControl(session.clock, drain_time=session.settings.upload.drain_time)
        self._levers = RunLevers(session, in_flight=lambda: self._stop.in_flight)
        self._stop.levers = self._levers
        self._backoff = make_backoff(session.settings, session.runtime.chance)
        budgets = session.settings.validation.max_dead
        self._budget = watch_budget(budgets, session.journal.read, sources, self._stop)
        self._requests_before = count_requests(summarise_kinds(session.journal.read))
        self._recorders: dict[Kind, Recorder] = {}
        """What is kept of a kind when it is done; the ids that its decoder remembers are not kept."""

    async def go(self, *, handle_signals: bool | SharedSignals) -> None:
        """Work until done or stopped. Then no request is in flight: each was answered, or the drain time is over."""
        with measured_return(observer=self._observer, clock=self._session.clock):
            await work_under(self._stop, self._migrate_all, observer=self._observer, handle_signals=handle_signals)

    async def _migrate_all(self) -> None:
        kinds = list(self._sources)
        self._observer.notify(
            RunStarted(
                kinds=tuple(self._ahead()),
                options=self._session.runtime.reporting.invocation.options,
                state_dir=str(self._session.state.path),
                outage_limit=self._settings.retry.outage_limit,
                reads_back=self._settings.verify.sample > 0,
                **name_account(self._journal.read),
            )
        )
        self._budget.begin()
        expected = await expect(self._session.state, self._journal.read, self._sources, self._settings)
        self._levers.look_for_others()
        self._measured(expected)
        if self._checks is not None:
            await self._checks.make()
            if self._checks.counted:
                self._measured(recount(expected, self._checks.counted))
        if self.canary is not None:
            await self.canary.go(self._open)
        else:
            await note_overruled(self._journal)
        for kind, following in zip(kinds, [*kinds[1:], None], strict=True):
            resume = self._journal.resume(kind)
            async with self._open(kind, resume) as pipeline:
                self._recorders[kind] = pipeline.recorder
                await pipeline.run()
            if pipeline.input_error is not None:
                raise pipeline.input_error
            if following is not None and (pipeline.ledger.candidates.last or not resume.visible):
                await self._wait_until_visible(pipeline)

    def _measured(self, expected: Mapping[Kind, Expected]) -> None:
        """Note and announce what the exports hold in all, and what is used of the account's windows."""
        if expected:
            self._journal.note_expected(known_exports_of(self._sources, expected))
        for limiter in dict.fromkeys(self._session.limiters.kinds.values()):
            limiter.announce()
        self._observer.notify(ExportsMeasured(kinds=dict(expected)))

    @asynccontextmanager
    async def _open(self, kind: Kind, resume: Resume) -> AsyncIterator[KindPipeline]:
        """Open the pipeline of a kind, as part of this run."""
        opening = open_kind(
            self._session,
            kind,
            self._sources[kind],
            resume,
            stop=self._stop,
            backoff=self._backoff,
            watch=KindWatch(self._budget, self._held(kind)),
        )
        async with opening as pipeline:
            self._levers.uploading = KindUploading(pipeline, self._session)
            try:
                yield pipeline
            finally:
                self._levers.uploading = None

    def _held(self, kind: Kind) -> FindHeld | None:
        """Return the function that finds what is held back of a kind; None before the checks, or if nothing is."""
        return None if self._checks is None else self._checks.held(kind)

    def _ahead(self) -> Iterator[Ahead]:
        known_figures = summarise_kinds(self._journal.read)
        for kind, sources in self._sources.items():
            known, extent = self._journal.read.consumed(kind), Extent(sources)
            yield Ahead(
                kind=kind,
                files=len(sources),
                size=extent.size,
                bytes_read=sum(
                    known[source.number][0] - source.begin.offset for source in sources if source.number in known
                ),
                figures=known_figures.get(kind.value, KindSummary()),
            )

    async def _wait_until_visible(self, pipeline: KindPipeline) -> None:
        """Wait until what a kind has changed shows in the account: the next kind needs it."""
        kind, candidates = pipeline.kind, pipeline.ledger.candidates
        accepted, accepted_at = candidates.last, pipeline.recorder.accepted_at
        confirmed = False
        probes = self._settings.visible.visible_probes
        if not accepted and probes and (last := self._journal.read.last_accepted(kind)) is not None:
            references, accepted_at = last
            accepted = await reread(self._sources[kind], kind, references, self._settings.source.block_bytes)
        if accepted or not probes:
            confirmed = await wait_until_visible(
                kind,
                AcceptedLast(entries=accepted, at=accepted_at, unsure=candidates.unsure),
                reader=self._session.reader,
                clock=WorkingClock(self._session.clock, self._session.limiters.switch),
                settings=self._settings.visible,
                observer=self._observer,
            )
        await self._journal.mark_visible(kind, Visibility.SEEN if confirmed else Visibility.AWAITED)

    @property
    def cause(self) -> MasivoStreamError | None:
        """The error or signal that stopped the run, None if nothing did."""
        return self._stop.cause

    def samples(self) -> dict[Kind, list[Entry]]:
        """Return some of what was accepted, by kind; nothing if the run was stopped, or is paused."""
        if self._stop.cause is not None:
            return {}
        self._levers.look_for_pause()  # a person may have resumed the run since the last look
        if self._session.limiters.switch.off:
            return {}
        samples = {kind: recorder.ledger.candidates.sample for kind, recorder in self._recorders.items()}
        return {kind: drawn for kind, drawn in samples.items() if drawn}

    def summary(self, failure: MasivoStreamError | None = None) -> Summary:
        """Return the figures of every kind; `failure` is what went wrong after the work."""
        own: dict[str, KindSummary] = {kind.value: recorder.figures() for kind, recorder in self._recorders.items()}
        known = summarise_kinds(self._journal.read) | own  # an earlier process has reached kinds that this one has not
        kinds: dict[str, KindSummary] = {kind.value: known[kind.value] for kind in Kind if kind.value in known}
        closes = all(figures.closes for figures in kinds.values())
        if not isinstance(self._stop.cause, StorageError):  # a journal that could not be written is behind
            closes = closes and all(agrees(self._journal.read, Kind(kind), figures) for kind, figures in kinds.items())
        summary = summarise(kinds, self._stop.cause or failure, closes=closes)
        if self._requests_before == count_requests(kinds) != 0 and not summary.message:
            summary = msgspec.structs.replace(summary, message="nothing was sent this time: nothing was left to send")
        result = UNSET if self.canary is None else self.canary.result
        return msgspec.structs.replace(summary, canary=result)
